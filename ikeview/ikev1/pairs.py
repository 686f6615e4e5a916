"""The pairs of IPsec SAs of one peer's tunnels: installed, switched to, replaced and dropped."""

from typing import TYPE_CHECKING

from ikeview.core.context import Context
from ikeview.core.facts import Cause, SaDeleted, SaInstalled, SaReplaced, TunnelDown, TunnelUp
from ikeview.core.lifecycle import Pair, Tunnel, limits
from ikeview.core.negotiation import Negotiation
from ikeview.core.outputs import Direction, HalfSa, Install, Remove, Spot
from ikeview.core.specs import Role, Start
from ikeview.core.timers import Timer
from ikeview.ikev1.isakmp_sa import IsakmpSa
from ikeview.ikev1.quick_mode import Agreed
from ikeview.wire.numbers import ProtocolId
from ikeview.wire.payloads import Delete

if TYPE_CHECKING:
    from ikeview.ikev1.phase2 import Phase2s

PEER_IS_DEAD = "rekey: peer is dead"
"""Why a Quick Mode is wanted that decides whether a silent peer is really gone."""

DOWN_WORDS = {
    Cause.OPERATOR: "taken down by the operator",
    Cause.PEER_DELETED: "the peer deleted the SA",
    Cause.PEER_RESTARTED: "the peer started anew",
    Cause.PEER_SILENT: "the peer does not answer any more",
    Cause.LIFETIME: "the lifetime ended before a new SA was made",
    Cause.SHUTDOWN: "the engine was stopped",
}


class Pairs:
    """A pair's timers stand under its inbound SPI; the pairs themselves are kept by their tunnels."""

    def __init__(self, phase2: "Phase2s", context: Context) -> None:
        self._phase2 = phase2
        self._context = context
        self._doubtful: dict[int, tuple[int, float]] = {}
        """Inbound SPIs that the peer may still send on although we have told it that they are gone: how often and when
        last."""

    def _key(self, pair: Pair) -> tuple[str, str]:
        return pair.inbound.tunnel.peer, pair.name

    @property
    def spis_out(self) -> frozenset[bytes]:
        """The peer's SPIs that are in use."""
        return frozenset(
            pair.outbound.spi.to_bytes(4) for tunnel in self._phase2.tunnels.values() for pair in tunnel.pairs
        )

    def install(self, now: float, sa: IsakmpSa, negotiation: Negotiation, agreed: Agreed) -> Pair:
        """The inbound half goes in before our message leaves, so that the peer's first packet finds it."""
        context, tunnel = self._context, self._phase2.tunnels[agreed.tunnel.full_name]
        role = negotiation.run.role
        life = limits(
            tunnel.spec, agreed.life.seconds, agreed.life.octets, role, context.policy,
            context.entropy.fraction("rekey"),
        )
        encapsulated = sa.nat.found
        local = Spot(sa.local.host, context.nat_port if encapsulated else 0)
        remote = Spot(sa.remote.host, 0)
        if encapsulated:
            # a peer that has not moved to its NAT port takes ESP there nevertheless
            remote = sa.remote if sa.floated else Spot(sa.remote.host, self._phase2.remote_nat_port)

        def half(direction: Direction) -> HalfSa:
            inward = direction is Direction.IN
            return HalfSa(
                direction,
                int.from_bytes(agreed.ground.spi if inward else agreed.spi_out),
                tunnel.spec, agreed.suite, agreed.keys_in if inward else agreed.keys_out, local, remote, encapsulated,
                life.soft_bytes, life.hard_bytes, originals=agreed.originals if inward else None,
            )

        tunnel.generation += 1
        pair = Pair(
            half(Direction.IN), half(Direction.OUT), role, negotiation.run.ident, negotiation.run.begun, now,
            now + life.rekeys_in,
            now + life.lifetime, life.lifetime, tunnel.generation, negotiation.why,
        )
        tunnel.pairs.append(pair)
        context.emit(Install(pair.inbound))
        return pair

    def settle(self, now: float, sa: IsakmpSa, negotiation: Negotiation, pair: Pair) -> None:
        """All three messages have passed: the pair is real."""
        context, run = self._context, negotiation.run
        tunnel = self._phase2.tunnels[pair.inbound.tunnel.full_name]
        older = [each for each in tunnel.pairs if each is not pair and not each.superseded and each.sending]
        pair.settled_at = now
        negotiation.finish(now, f"{pair.inbound.suite}, SPI in {pair.name} out {pair.outbound.spi:08x}")
        context.timers.set(Timer.FORGET, negotiation.key, now + context.policy.answers_kept)
        context.timers.set(Timer.REKEY, self._key(pair), pair.rekeys_at)
        context.timers.set(Timer.EXPIRE, self._key(pair), pair.expires_at)
        half = pair.inbound
        context.emit(
            SaInstalled(
                tunnel.name, pair.name, f"{pair.outbound.spi:08x}", run.ident, str(run.role), str(half.suite),
                tunnel.spec.mode, str(half.local), str(half.remote), half.encapsulated, str(tunnel.spec.local),
                str(tunnel.spec.remote), pair.lifetime, pair.rekeys_at - now, half.hard_bytes or 0,
                half.soft_bytes or 0, pair.generation, older[-1].name if older else "",
            )
        )
        if run.role is Role.INITIATOR or not self._phase2.negotiating(tunnel):
            # an attempt that only waits for its turn has been overtaken by the peer's
            tunnel.pending, tunnel.offer = "", 0
        tunnel.failures = 0
        context.timers.clear(Timer.RETRY, (tunnel.spec.peer, tunnel.name))
        if not older:
            self._send_on(pair)
            if len([each for each in tunnel.pairs if each.sending]) == 1:
                context.emit(TunnelUp(tunnel.name, now - (tunnel.since if tunnel.since else run.begun)))
        elif run.role is Role.RESPONDER or negotiation.why == PEER_IS_DEAD:
            # the second: what answered is a peer that has none of the older ones any more
            self._switch(now, tunnel, pair)
        else:
            # the peer may not have installed its side yet: it does when our last message arrives
            context.timers.set(Timer.SWITCH, self._key(pair), now + context.policy.switch_after)
        tunnel.since = 0.0
        if sa in self._phase2.phase1.sas:
            self._phase2.resume(now, sa)

    def _send_on(self, pair: Pair) -> None:
        if not pair.sending:
            pair.sending = True
            self._context.emit(Install(pair.outbound))

    def _switch(self, now: float, tunnel: Tunnel, pair: Pair) -> None:
        """Our traffic moves to the pair; older ones are let go."""
        timers = self._context.timers
        older = [each for each in tunnel.pairs if each is not pair and each.settled_at]
        for old in older:
            if not old.sending and not old.crossed(pair):
                # its own switch would come after that of a newer pair; what is installed last carries the traffic
                timers.clear(Timer.SWITCH, self._key(old))
                self._send_on(old)
        timers.clear(Timer.SWITCH, self._key(pair))
        self._send_on(pair)
        for old in older:
            if old.sending and timers.get(Timer.DROP_OLD, self._key(old)) is None:
                self._let_go(now, old, pair)

    def _let_go(self, now: float, old: Pair, new: Pair) -> None:
        """``old`` takes packets a while longer, then goes; the initiator of ``new`` is the one to delete it first.

        If the two have crossed, each end may hold the other's for the newer: both stay until the next rekey, for were
        each end to delete what is old to it, nothing would be left."""
        context = self._context
        was_superseded, old.superseded = old.superseded, True
        context.timers.clear(Timer.REKEY, self._key(old))
        if old.crossed(new):
            overlap = old.expires_at - now
        else:
            overlap = self._overlap(new)
            context.timers.set(Timer.DROP_OLD, self._key(old), now + overlap)
        if was_superseded:
            return
        context.emit(
            SaReplaced(
                old.inbound.tunnel.full_name, old.name, new.name, new.why.removeprefix("rekey: "),
                now - new.installed_at, overlap,
            )
        )

    def _overlap(self, new: Pair) -> float:
        """How long the older ones take packets once the peer has the new one; its initiator is the first to delete."""
        policy = self._context.policy
        return policy.old_sa_initiator if new.role is Role.INITIATOR else policy.old_sa_patience

    def _drop_old(self, now: float, tunnel: Tunnel, old: Pair) -> None:
        """The time of a replaced pair is over, unless the peer may still need it: while it has not sent on the new one,
        it may never have got the last message of its Quick Mode. Then the old one stays until it ends by itself, which
        is time enough for the peer to make another."""
        newer = [each for each in tunnel.pairs if each.generation > old.generation]
        if not newer or any(each.used for each in newer):
            self.drop(now, tunnel, old, Cause.REPLACED)

    def _drop_waiting(self, now: float, tunnel: Tunnel, new: Pair) -> None:
        """The peer sends on a newer pair: what stayed for its sake goes."""
        timers = self._context.timers
        for old in tunnel.pairs:
            stayed = old.superseded and old.generation < new.generation and not old.crossed(new)
            if stayed and timers.get(Timer.DROP_OLD, self._key(old)) is None:
                timers.set(Timer.DROP_OLD, self._key(old), now + self._overlap(new))

    def remove(self, tunnel: Tunnel, pair: Pair) -> None:
        tunnel.pairs.remove(pair)
        context = self._context
        context.spis.pop(pair.inbound.spi, None)
        context.timers.clear_all(self._key(pair))
        context.emit(Remove(pair.inbound.spi, Direction.IN))
        if pair.sending:
            context.emit(Remove(pair.outbound.spi, Direction.OUT))

    def drop(
        self, now: float, tunnel: Tunnel, pair: Pair, cause: Cause, *, tell: bool = True, by: str = "us",
        detail: str = "",
    ) -> None:
        """A pair ends. If it was the tunnel's last, the tunnel is down."""
        if tell:
            self.tell_deleted(pair)
        self.remove(tunnel, pair)
        self._context.emit(SaDeleted(tunnel.name, pair.name, by, cause))
        if not pair.sending:
            return
        left = [each for each in tunnel.pairs if each.sending]
        if left:
            if tunnel.current is None:
                self._revive(left[-1])
            return
        for each in tunnel.pairs:
            if self._context.timers.get(Timer.SWITCH, self._key(each)) is not None:
                self._switch(now, tunnel, each)
                return
        self._context.emit(TunnelDown(tunnel.name, cause, detail or DOWN_WORDS.get(cause, "")))
        if cause in (Cause.OPERATOR, Cause.SHUTDOWN):
            return
        if cause is Cause.PEER_DELETED and tunnel.spec.start is not Start.BOOT:
            # somebody took it down over there on purpose
            tunnel.wanted = False
        if not tunnel.pending and not self._phase2.busy(tunnel):
            self._phase2.retry(now, tunnel)

    def tell_deleted(self, pair: Pair) -> None:
        sa = self._phase2.phase1.current
        if sa is not None:
            sa.tell(self._context, [Delete.of(ProtocolId.ESP, pair.inbound.spi.to_bytes(4))])

    def tell_until_heard(self, now: float, pair: Pair) -> None:
        """As ``tell_deleted``, for a pair that the peer holds for good while we have never had it: nothing acknowledges
        a Delete (RFC 2408 section 3.15), and were it lost, the peer would send into the void for a whole lifetime."""
        self.tell_deleted(pair)
        self._doubtful[pair.inbound.spi] = 1, now

    def heard(self, now: float) -> None:
        """The peer has just proved that it is there: what it may have missed is said again."""
        policy, sa = self._context.policy, self._phase2.phase1.current
        for spi, (times, at) in list(self._doubtful.items()):
            if times >= policy.delete_times or spi in self._context.spis:
                del self._doubtful[spi]
            elif sa is not None and now - at >= policy.delete_again:
                self._doubtful[spi] = times + 1, now
                sa.tell(self._context, [Delete.of(ProtocolId.ESP, spi.to_bytes(4))])

    def _revive(self, pair: Pair) -> None:
        """The pair that took over from it is gone: it carries the tunnel again."""
        pair.superseded = False
        timers, key = self._context.timers, self._key(pair)
        timers.clear(Timer.DROP_OLD, key)
        timers.set(Timer.REKEY, key, pair.rekeys_at)

    def forget(self, now: float, cause: Cause, before: float | None = None) -> None:
        """The peer has none of these SAs any more: those settled by ``before``, or all."""
        for tunnel in self._phase2.tunnels.values():
            for pair in list(tunnel.pairs):
                if before is None or (pair.settled_at and pair.settled_at <= before):
                    self.drop(now, tunnel, pair, cause, tell=False)

    # -- what the peer and the data plane say ------------------------------------------------------------------------

    def deleted(self, now: float, spis: tuple[bytes, ...]) -> None:
        """The peer has dropped SAs, named by its inbound SPIs; some stacks name ours."""
        for spi in spis:
            found = self._pair(int.from_bytes(spi), outbound=True) or self._pair(int.from_bytes(spi))
            if found is not None:
                self.drop(now, *found, Cause.PEER_DELETED, tell=False, by="peer")

    def _pair(self, spi: int, *, outbound: bool = False) -> tuple[Tunnel, Pair] | None:
        for tunnel in self._phase2.tunnels.values():
            for pair in tunnel.pairs:
                if (pair.outbound.spi if outbound else pair.inbound.spi) == spi:
                    return tunnel, pair
        return None

    def bytes_soft(self, now: float, spi: int, direction: Direction) -> None:
        """A byte limit comes near."""
        found = self._pair(spi, outbound=direction is Direction.OUT)
        if found is not None and found[1] is found[0].current:
            self._phase2.rekey(now, found[0], "bytes")

    def bytes_hard(self, now: float, spi: int, direction: Direction) -> None:
        """A byte limit is reached."""
        found = self._pair(spi, outbound=direction is Direction.OUT)
        if found is not None:
            self.drop(now, *found, Cause.LIFETIME)

    def first_use(self, now: float, spi: int) -> None:
        """The peer sends on a new pair: it has installed it, so we can send there too."""
        found = self._pair(spi)
        if found is None:
            return
        tunnel, pair = found
        pair.used = True
        if self._context.timers.get(Timer.SWITCH, self._key(pair)) is not None:
            self._switch(now, tunnel, pair)
        self._drop_waiting(now, tunnel, pair)

    def fire(self, now: float, timer: Timer, subject: str) -> bool:
        """A timer of a pair ran out; tells whether it was one."""
        for tunnel in self._phase2.tunnels.values():
            for pair in tunnel.pairs:
                if pair.name != subject:
                    continue
                match timer:
                    case Timer.REKEY:
                        self._phase2.rekey(now, tunnel, "time")
                    case Timer.SWITCH:
                        self._switch(now, tunnel, pair)
                    case Timer.DROP_OLD:
                        self._drop_old(now, tunnel, pair)
                    case Timer.EXPIRE:
                        self.drop(now, tunnel, pair, Cause.LIFETIME)
                    case _:
                        return False
                return True
        return False
