"""The pairs of IPsec SAs of one peer's tunnels: installed, switched to, replaced and dropped."""

from typing import TYPE_CHECKING

from ikeview.core.context import Context
from ikeview.core.facts import Cause, SaDeleted, SaInstalled, SaReplaced, TunnelDown, TunnelUp
from ikeview.core.lifecycle import Pair, Tunnel, limits
from ikeview.core.negotiation import Negotiation
from ikeview.core.outputs import Direction, HalfSa, Install, Remove, SendKeepalive, Spot
from ikeview.core.specs import Role, Start
from ikeview.core.timers import Timer
from ikeview.ikev1.isakmp_sa import IsakmpSa
from ikeview.ikev1.offers import Life
from ikeview.ikev1.quick_mode import Agreed
from ikeview.wire.numbers import ProtocolId
from ikeview.wire.payloads import Delete

if TYPE_CHECKING:
    from ikeview.ikev1.phase2 import Phase2s

PEER_IS_DEAD = "rekey: peer is dead"
"""Why a Quick Mode is wanted that decides whether a silent peer is really gone."""

_UNTOLD_MOST = 64
"""Pairs of which the peer is told later that they are gone."""
_OF_PAIRS = (Timer.REKEY, Timer.SWITCH, Timer.DROP_OLD, Timer.EXPIRE, Timer.NAT_KEEPALIVE)

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
        self._by_spi: dict[tuple[Direction, int], tuple[Tunnel, Pair]] = {}
        self._mapping: tuple[Spot, Spot] | None = None
        """Between which spots a NAT of ours must be kept from forgetting, while there is no phase 1 to do it."""
        self._doubtful: dict[int, tuple[int, float]] = {}
        """Inbound SPIs that the peer may still send on although we have told it that they are gone: how often and when
        last."""

    def _key(self, pair: Pair) -> tuple[str, str]:
        return pair.inbound.tunnel.peer, pair.name

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
        for direction, spi in ((Direction.IN, pair.inbound.spi), (Direction.OUT, pair.outbound.spi)):
            self._by_spi[direction, spi] = tunnel, pair
        context.spis_out[agreed.spi_out] = context.spis[pair.inbound.spi]
        context.emit(Install(pair.inbound))
        return pair

    def settle(self, now: float, sa: IsakmpSa, negotiation: Negotiation, pair: Pair) -> None:
        """All three messages have passed: the pair is real."""
        context, run = self._context, negotiation.run
        tunnel = self._phase2.tunnels[pair.inbound.tunnel.full_name]
        older = [each for each in tunnel.pairs if each is not pair and not each.superseded and each.sending]
        pair.settled_at = now
        settled = [each for each in tunnel.pairs if each.settled_at and not each.superseded]
        rival = next((each for each in reversed(settled) if each.outranks(pair)), None)
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
        if rival is not None:
            # it has crossed with one that both ends keep
            self._let_go(now, pair, rival)
        elif pair.sending:
            # since the peer has deleted all others
            pass
        elif not older:
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
        """Our traffic moves to the pair; those that it outranks are let go."""
        timers = self._context.timers
        older = [each for each in tunnel.pairs if each.settled_at and pair.outranks(each)]
        for old in older:
            if not old.sending and not old.superseded:
                # its own switch would come after that of a newer pair; what is installed last carries the traffic
                timers.clear(Timer.SWITCH, self._key(old))
                self._send_on(old)
        timers.clear(Timer.SWITCH, self._key(pair))
        self._send_on(pair)
        for old in older:
            if not old.superseded:
                self._let_go(now, old, pair)

    def _let_go(self, now: float, old: Pair, new: Pair) -> None:
        """``old`` takes packets a while longer, then goes."""
        context = self._context
        old.superseded = True
        context.timers.clear(Timer.REKEY, self._key(old))
        overlap = self._overlap(old, new)
        context.timers.set(Timer.DROP_OLD, self._key(old), now + overlap)
        for each in self._phase2.tunnels[old.inbound.tunnel.full_name].pairs:
            if each.superseded and context.timers.get(Timer.DROP_OLD, self._key(each)) is None:
                # one that stayed: now there is another to stay in its place
                context.timers.set(Timer.DROP_OLD, self._key(each), now + overlap)
        context.emit(
            SaReplaced(
                old.inbound.tunnel.full_name, old.name, new.name, new.why.removeprefix("rekey: "),
                now - new.installed_at, overlap,
            )
        )

    def _overlap(self, old: Pair, new: Pair) -> float:
        """How long the older one takes packets. The initiator of the new one is the first to delete; of two that have
        crossed, the initiator of the one that goes: it has the other's last message, so it knows that both ends have
        that one."""
        policy = self._context.policy
        first = old.role is Role.INITIATOR if old.crossed(new) else new.role is Role.INITIATOR
        return policy.old_sa_initiator if first else policy.old_sa_patience

    def _drop_old(self, now: float, tunnel: Tunnel, old: Pair) -> None:
        """The time of a replaced pair is over, unless the peer may still need it: while it has not sent on a newer one,
        it may never have got the last message of its Quick Mode. Then the old one stays until it ends by itself, which
        is time enough for the peer to make another.

        One more than that does not stay: where that message was the peer's, both ends have the newer one."""
        current = tunnel.current
        if any(each.used and each.heard_at >= old.heard_at and each.outranks(old) for each in tunnel.pairs):
            self.drop(now, tunnel, old, Cause.REPLACED)
        elif current is not None and current.role is Role.RESPONDER and current.outranks(old):
            spare = any(each.superseded and each.settled_at and each.outranks(old) for each in tunnel.pairs)
            if spare or old.crossed(current):
                self._retire(now, tunnel, old)

    def _retire(self, now: float, tunnel: Tunnel, old: Pair) -> None:
        """The peer may not have moved to the newer pair: it is told that this one goes, more than once, for nothing
        acknowledges that, and it stays for as long as the peer sends on it."""
        policy = self._context.policy
        if old.told == policy.delete_times:
            if old.heard_at < now - policy.delete_again:
                self.drop(now, tunnel, old, Cause.REPLACED, tell=False)
            else:
                self._context.timers.set(Timer.DROP_OLD, self._key(old), now + policy.delete_again)
            return
        old.told += 1
        self.tell_deleted(old)
        self._context.timers.set(Timer.DROP_OLD, self._key(old), now + policy.delete_again)

    def _drop_waiting(self, now: float, tunnel: Tunnel, new: Pair) -> None:
        """The peer sends on a newer pair: what stayed for its sake goes."""
        timers = self._context.timers
        for old in tunnel.pairs:
            stayed = old.superseded and old.settled_at and new.settled_at and new.outranks(old)
            if stayed and timers.get(Timer.DROP_OLD, self._key(old)) is None:
                timers.set(Timer.DROP_OLD, self._key(old), now + self._overlap(old, new))

    def keep_mapping(self, now: float, local: Spot, remote: Spot) -> None:
        """The last ISAKMP SA is gone, but ESP goes on, through a NAT in front of us (RFC 3948 section 4)."""
        self._mapping = local, remote
        pairs = (pair for tunnel in self._phase2.tunnels.values() for pair in tunnel.pairs)
        pair = next((each for each in pairs if each.outbound.encapsulated), None)
        if pair is not None:
            self._context.timers.set(Timer.NAT_KEEPALIVE, self._key(pair), now + self._phase2.nat_keepalive)

    def _keep_mapping(self, now: float) -> None:
        if self._mapping is not None and not self._phase2.phase1.sas:
            self._context.emit(SendKeepalive(*self._mapping))
            self.keep_mapping(now, *self._mapping)

    def remove(self, tunnel: Tunnel, pair: Pair) -> None:
        tunnel.pairs.remove(pair)
        context = self._context
        for direction, spi in ((Direction.IN, pair.inbound.spi), (Direction.OUT, pair.outbound.spi)):
            del self._by_spi[direction, spi]
        context.spis.pop(pair.inbound.spi, None)
        del context.spis_out[pair.outbound.spi.to_bytes(4)]
        kept_at = context.timers.get(Timer.NAT_KEEPALIVE, self._key(pair))
        context.timers.clear_all(self._key(pair))
        if kept_at is not None and self._mapping is not None:
            # another of them sees to it
            self.keep_mapping(kept_at - self._phase2.nat_keepalive, *self._mapping)
        context.emit(Remove(pair.inbound.spi, Direction.IN))
        if pair.sending:
            context.emit(Remove(pair.outbound.spi, Direction.OUT))

    def drop(
        self, now: float, tunnel: Tunnel, pair: Pair, cause: Cause, *, tell: bool = True, by: str = "us",
        detail: str = "",
    ) -> None:
        """A pair ends. If it was the tunnel's last, the tunnel is down."""
        if not any(each is pair for each in tunnel.pairs):
            # it went with the one before it
            return
        if tell:
            self.tell_deleted(pair, later=cause is not Cause.LIFETIME)
        self.remove(tunnel, pair)
        self._context.emit(SaDeleted(tunnel.name, pair.name, by, cause))
        if not pair.sending or self._carried_on(now, tunnel):
            return
        for rest in list(tunnel.pairs):
            # it is on its way out, and the peer knows it
            self.remove(tunnel, rest)
            self._context.emit(SaDeleted(tunnel.name, rest.name, by, cause))
        self._context.emit(TunnelDown(tunnel.name, cause, detail or DOWN_WORDS.get(cause, "")))
        if cause in (Cause.OPERATOR, Cause.SHUTDOWN):
            return
        if cause is Cause.PEER_DELETED and tunnel.spec.start is not Start.BOOT:
            # somebody took it down over there on purpose
            tunnel.wanted = False
        if not tunnel.pending and not self._phase2.busy(tunnel):
            self._phase2.retry(now, tunnel)

    def _carried_on(self, now: float, tunnel: Tunnel) -> bool:
        """Another pair carries the tunnel once one has gone; tells whether there is one."""
        best = tunnel.best
        if best is None:
            # a peer that deletes the old one before we have its last message has the new one nevertheless
            unsettled = [each for each in tunnel.pairs if not each.settled_at and each.role is Role.RESPONDER]
            coming = unsettled[-1] if unsettled else None
            if coming is not None:
                self._send_on(coming)
            return coming is not None
        if tunnel.current is None:
            self._revive(best)
        if not any(each.sending for each in tunnel.pairs):
            self._switch(now, tunnel, best)
        return True

    def tell_deleted(self, pair: Pair, *, later: bool = False) -> None:
        """The peer learns that a pair is gone: ``later``, when there is a phase 1 again, if there is none now."""
        sa, spi = self._phase2.phase1.current, pair.inbound.spi
        if sa is not None:
            sa.tell(self._context, [Delete.of(ProtocolId.ESP, spi.to_bytes(4))])
        elif later and len(self._doubtful) < _UNTOLD_MOST:
            self._doubtful[spi] = self._context.policy.delete_times - 1, float("-inf")

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
            number = int.from_bytes(spi)
            found = self.find(number, Direction.OUT) or self.find(number, Direction.IN)
            if found is not None:
                self.drop(now, *found, Cause.PEER_DELETED, tell=False, by="peer")

    def find(self, spi: int, direction: Direction) -> tuple[Tunnel, Pair] | None:
        """The pair of which that is a half, and its tunnel."""
        return self._by_spi.get((direction, spi))

    def bytes_soft(self, now: float, spi: int, direction: Direction) -> None:
        """A byte limit comes near."""
        found = self.find(spi, direction)
        if found is not None and found[1] is found[0].current:
            self._phase2.rekey(now, found[0], "bytes")

    def bytes_hard(self, now: float, spi: int, direction: Direction) -> None:
        """A byte limit is reached."""
        found = self.find(spi, direction)
        if found is not None:
            self.drop(now, *found, Cause.LIFETIME)

    def first_use(self, now: float, spi: int) -> None:
        """The peer sends on a new pair: it has installed it, so we can send there too."""
        found = self.find(spi, Direction.IN)
        if found is None:
            return
        tunnel, pair = found
        pair.used, pair.heard_at = True, now
        if self._context.timers.get(Timer.SWITCH, self._key(pair)) is not None:
            self._switch(now, tunnel, pair)
        self._drop_waiting(now, tunnel, pair)

    def traffic(self, now: float, spi: int) -> None:
        """The peer sends on a pair."""
        found = self.find(spi, Direction.IN)
        if found is None:
            return
        tunnel, pair = found
        pair.heard_at = now
        current = tunnel.current
        if pair.superseded and current is not None and pair.overlapped(current):
            self._follow(now, tunnel, pair, current)
        self._drop_waiting(now, tunnel, pair)

    def _follow(self, now: float, tunnel: Tunnel, pair: Pair, current: Pair) -> None:
        """The peer still sends on a pair that we hold for the older of two, though they were made at the same time: a
        late or lost message has made it see them cross and us not. Then one end has to move to the other's, and both
        know which."""
        patience = self._context.policy.old_sa_initiator
        if pair.told or now < current.settled_at + patience or not pair.precedes(current):
            return
        pair.settled_at = now
        pair.superseded = False
        self._context.timers.clear(Timer.DROP_OLD, self._key(pair))
        self._context.timers.set(Timer.REKEY, self._key(pair), pair.rekeys_at)
        self._switch(now, tunnel, pair)
        # what was installed last carries the traffic, and nothing is ever installed twice: its sequence numbers would
        # begin anew under the same keys
        for other in [each for each in tunnel.pairs if each.superseded and each.sending]:
            other.sending = False
            self._context.emit(Remove(other.outbound.spi, Direction.OUT))
            self._retire(now, tunnel, other)

    def shortened(self, now: float, spi: bytes, life: Life) -> bool:
        """The peer ends a pair earlier, and so do we (RFC 2407 section 4.6.3.1); tells whether it is one of ours. Its
        octets count only before the pair is installed: then the data plane has its limits."""
        number = int.from_bytes(spi)
        found = self.find(number, Direction.OUT) or self.find(number, Direction.IN)
        if found is None:
            return False
        tunnel, pair = found
        chance = self._context.entropy.fraction("rekey")
        new = limits(tunnel.spec, life.seconds, 0, pair.role, self._context.policy, chance)
        timers, key = self._context.timers, self._key(pair)
        if not pair.settled_at or pair.installed_at + new.lifetime >= pair.expires_at:
            return True
        pair.lifetime, pair.expires_at = new.lifetime, pair.installed_at + new.lifetime
        pair.rekeys_at = min(pair.rekeys_at, pair.installed_at + new.rekeys_in)
        timers.set(Timer.EXPIRE, key, pair.expires_at)
        if not pair.superseded:
            timers.set(Timer.REKEY, key, pair.rekeys_at)
        return True

    def fire(self, now: float, timer: Timer, subject: str) -> bool:
        """A timer of a pair ran out; tells whether it was one."""
        found = self.find(int(subject, 16), Direction.IN) if timer in _OF_PAIRS else None
        if found is None:
            return False
        tunnel, pair = found
        match timer:
            case Timer.REKEY:
                self._phase2.rekey(now, tunnel, "time")
            case Timer.SWITCH:
                self._switch(now, tunnel, pair)
            case Timer.DROP_OLD:
                self._drop_old(now, tunnel, pair)
            case Timer.NAT_KEEPALIVE:
                self._keep_mapping(now)
            case Timer.EXPIRE:
                self.drop(now, tunnel, pair, Cause.LIFETIME)
        return True
