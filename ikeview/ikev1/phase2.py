"""One peer's phase 2: its tunnels, the Quick Modes that make their SAs, rekeying and deletion."""

from typing import TYPE_CHECKING

from ikeview.core.context import Context
from ikeview.core.facts import (
    Cause,
    DropReason,
    NotifySent,
    SaRekeying,
    TunnelDown,
    TunnelRetrying,
    TunnelTrying,
    TunnelWanted,
)
from ikeview.core.inputs import Arrival
from ikeview.core.lifecycle import Tunnel
from ikeview.core.negotiation import Negotiation
from ikeview.core.refusals import Abort, Discard
from ikeview.core.runner import Run
from ikeview.core.specs import Role
from ikeview.core.timers import Timer
from ikeview.crypto.suites import EspSuite
from ikeview.ikev1 import lifetimes
from ikeview.ikev1.isakmp_sa import IsakmpSa
from ikeview.ikev1.pairs import DOWN_WORDS, PEER_IS_DEAD, Pairs
from ikeview.ikev1.quick_mode import (
    QUICK_MODE,
    Agreed,
    Asked,
    Confirmed,
    Ground,
    Open,
    Wanted,
    suites_by_group,
)
from ikeview.wire.header import Header
from ikeview.wire.numbers import ProtocolId
from ikeview.wire.payloads import Notify

if TYPE_CHECKING:
    from ikeview.ikev1.peer import Peer
    from ikeview.ikev1.phase1 import Phase1s

_NONCE_SIZE = 32


class Phase2s:
    """``tunnels`` by full name. Timers: a tunnel's under its name, a pair's under its inbound SPI."""

    def __init__(self, peer: "Peer", context: Context) -> None:
        self._peer = peer
        self._context = context
        self.tunnels: dict[str, Tunnel] = {spec.full_name: Tunnel(spec) for spec in peer.spec.tunnels}
        self.pairs = Pairs(self, context)

    @property
    def phase1(self) -> "Phase1s":
        """What the Quick Modes run under."""
        return self._peer.phase1

    @property
    def remote_nat_port(self) -> int:
        """Where the peer takes ESP in UDP."""
        return self._peer.remote_nat_port

    @property
    def nat_keepalive(self) -> float:
        """Seconds from one to the next."""
        return self._peer.spec.nat_keepalive

    def _key(self, subject: str) -> tuple[str, str]:
        return self._peer.spec.name, subject

    # -- attempts ----------------------------------------------------------------------------------------------------

    def want(self, now: float, tunnel: Tunnel, why: str) -> None:
        """The tunnel shall be up."""
        tunnel.wanted, tunnel.held = True, False
        self._context.emit(TunnelWanted(tunnel.name, why))
        tunnel.failures = 0
        self._context.timers.clear(Timer.RETRY, self._key(tunnel.name))
        if tunnel.current is None:
            self.attempt(now, tunnel, "initiate")

    def attempt(self, now: float, tunnel: Tunnel, why: str) -> None:
        """Make an SA for the tunnel, with a phase 1 before it if there is none."""
        if tunnel.pending:
            return
        tunnel.pending = why
        tunnel.since = now
        if tunnel.current is None:
            self._context.emit(TunnelTrying(tunnel.name, tunnel.failures + 1))
        sa = self.phase1.current
        if sa is None:
            self.phase1.want(now, "initiate" if tunnel.current is None else why)
        else:
            self._begin(now, sa, tunnel)

    def resume(self, now: float, sa: IsakmpSa) -> None:
        """Phase 1 is up, or a place for a Quick Mode is free: begin what waits for it."""
        if sa.doubted:
            # what waits, waits for another one
            return
        for tunnel in self.tunnels.values():
            if tunnel.pending and not self.negotiating(tunnel):
                self._begin(now, sa, tunnel)

    def phase1_established(self, now: float, sa: IsakmpSa) -> None:
        """What waited for it goes on, and what should have been rekeyed while there was none: only the peer may have
        been able to begin it."""
        self.resume(now, sa)
        for tunnel in self.tunnels.values():
            current = tunnel.current
            waits = self._context.timers.get(Timer.RETRY, self._key(tunnel.name)) is not None
            if current is not None and current.rekeys_at <= now < current.expires_at and not waits:
                self.attempt(now, tunnel, "rekey: time")

    def failed(self, now: float, tunnel: Tunnel, cause: Cause, detail: str) -> None:
        """An attempt came to nothing: tell, and try again later if the tunnel shall be up."""
        why, tunnel.pending = tunnel.pending, ""
        tunnel.failures += 1
        if why == PEER_IS_DEAD and tunnel.pairs:
            if not self._peer.keepalive.silent:
                # it has been heard again meanwhile
                return
            # the peer was held for dead, and it is: what was kept in case it was not goes now
            for pair in list(tunnel.pairs):
                self.pairs.drop(now, tunnel, pair, Cause.PEER_SILENT, tell=False)
            return
        if tunnel.current is None:
            self._context.emit(TunnelDown(tunnel.name, cause, detail))
        self.retry(now, tunnel)

    def retry(self, now: float, tunnel: Tunnel) -> None:
        """Try again after a while, if the tunnel shall be up and we may begin."""
        if not (tunnel.wanted or tunnel.current) or not self._peer.spec.can_initiate:
            return
        policy, context = self._context.policy, self._context
        after = policy.retry_wait(tunnel.failures, context.entropy.fraction("retry"))
        context.timers.set(Timer.RETRY, self._key(tunnel.name), now + after)
        context.emit(TunnelRetrying(tunnel.name, after, tunnel.failures + 1))

    def retry_now(self, now: float) -> None:
        """There is news: what waits to be tried again is tried at once."""
        for tunnel in self.tunnels.values():
            if self._context.timers.get(Timer.RETRY, self._key(tunnel.name)) is not None:
                self._context.timers.clear(Timer.RETRY, self._key(tunnel.name))
                self.attempt(now, tunnel, "initiate" if tunnel.current is None else "rekey: time")

    def phase1_failed(self, now: float, cause: Cause, detail: str) -> None:
        """No phase 1, so none of the attempts that waited for it."""
        for tunnel in self.tunnels.values():
            if tunnel.pending and not self.negotiating(tunnel):
                self.failed(now, tunnel, cause, detail)

    @property
    def pending(self) -> bool:
        """Whether a tunnel waits for a Quick Mode or has one."""
        return any(tunnel.pending for tunnel in self.tunnels.values())

    def doubt(self, now: float) -> None:
        """The peer is held for dead, and with it every ISAKMP SA: what runs under those is given up, and all that is up
        or waits gets a new SA under a new one."""
        for sa in self.phase1.sas:
            for quick in [each for each in sa.quick_modes.values() if not each.over]:
                self.end(now, sa, quick, cause=Cause.PEER_SILENT)
        for tunnel in self.tunnels.values():
            if tunnel.pairs and tunnel.current is not None:
                self._context.timers.clear(Timer.RETRY, self._key(tunnel.name))
                self.attempt(now, tunnel, PEER_IS_DEAD)
        self.retry_now(now)

    def negotiating(self, tunnel: Tunnel) -> bool:
        """Whether a Quick Mode of ours runs for the tunnel."""
        for sa in self.phase1.sas:
            for each in sa.quick_modes.values():
                if not each.over and each.tunnel == tunnel.name and each.run.role is Role.INITIATOR:
                    return True
        return False

    # -- Quick Mode, as initiator ------------------------------------------------------------------------------------

    def _begin(self, now: float, sa: IsakmpSa, tunnel: Tunnel) -> None:
        context = self._context
        if sa.running >= context.policy.quick_modes:
            return
        if context.force_encapsulation and not sa.nat.found:
            self.failed(now, tunnel, Cause.DATAPLANE, _NO_ENCAPSULATION)
            return
        if tunnel.current is not None:
            context.emit(SaRekeying(tunnel.name, tunnel.current.name, tunnel.pending.removeprefix("rekey: ")))
        choices = suites_by_group(tunnel.spec)
        suites = choices[tunnel.offer % len(choices)]
        message_id = context.new_message_id(sa.used)
        ground = self._ground(sa, message_id)
        channel = sa.keys.message_channel(sa.last_block, message_id)
        run = Run(
            context.new_exchange(), QUICK_MODE, Role.INITIATOR, (sa.cookies.initiator, sa.cookies.responder),
            message_id, Wanted(ground, tunnel.spec, suites), now=now, policy=context.policy, channel=channel,
        )
        negotiation = Negotiation(
            context, self._peer.spec.name, tunnel.name, run, sa.local, sa.remote, floated=sa.floated,
            why=tunnel.pending, attempt=tunnel.failures + 1, offered=_offers(suites, tunnel.spec.mode),
            asked=f"{tunnel.spec.local} === {tunnel.spec.remote}", fragmentation=sa.fragmentation,
        )
        sa.quick_modes[message_id] = negotiation
        negotiation.announce()
        negotiation.speak(now)

    def _ground(self, sa: IsakmpSa, message_id: int) -> Ground:
        context = self._context
        return Ground(
            sa.keys, message_id, context.new_spi(self._peer).to_bytes(4),
            context.entropy.octets("nonce", _NONCE_SIZE), context.key_pair, sa.local.host, sa.remote.host,
            sa.nat.found, sa.nat.draft, context.spis_out,
        )

    # -- Quick Mode, both roles --------------------------------------------------------------------------------------

    def take(self, now: float, sa: IsakmpSa, arrival: Arrival, header: Header) -> None:
        """A message of Quick Mode. Raises ``Discard``."""
        negotiation = sa.quick_modes.get(header.message_id)
        if negotiation is None:
            self._asked(now, sa, arrival, header)
            return
        if negotiation.again(arrival.data):
            return
        if negotiation.over:
            raise Discard(DropReason.NOT_EXPECTED, "Quick Mode is over")
        try:
            took = negotiation.listen(now, header, arrival.data)
        except Abort as abort:
            self._abort(now, sa, negotiation, abort)
            return
        self._peer.authentic(now, sa, arrival)
        stage = negotiation.run.stage
        if took.row.number == 2:
            assert isinstance(stage, Agreed)
            if stage.notified is not None:
                self._context.emit(lifetimes.told(sa.peer, stage.ground.spi.hex(), stage.notified))
            pair = self.pairs.install(now, sa, negotiation, stage)
            negotiation.speak(now)
            self.pairs.settle(now, sa, negotiation, pair)
        else:
            assert isinstance(stage, Confirmed)
            tunnel = self.tunnels[stage.agreed.tunnel.full_name]
            made = [each for each in tunnel.pairs if each.exchange == negotiation.run.ident]
            if made:
                self.pairs.settle(now, sa, negotiation, made[0])
            else:
                # deleted while its Quick Mode ran
                self.end(now, sa, negotiation, cause=Cause.PEER_DELETED)

    def _asked(self, now: float, sa: IsakmpSa, arrival: Arrival, header: Header) -> None:
        """The peer begins a Quick Mode."""
        context, name = self._context, self._peer.spec.name
        if not header.message_id:
            raise Discard(DropReason.BAD_MESSAGE_ID, "Quick Mode has one of its own")
        if header.message_id in sa.used:
            raise Discard(DropReason.USED_MESSAGE_ID)
        if sa.running >= context.policy.quick_modes:
            raise Discard(DropReason.HALF_OPEN_LIMIT, f"{sa.running} Quick Modes at once")
        ground = self._ground(sa, header.message_id)
        run = Run(
            context.new_exchange(), QUICK_MODE, Role.RESPONDER, (sa.cookies.initiator, sa.cookies.responder),
            header.message_id, Open(ground, tuple(tunnel.spec for tunnel in self.tunnels.values())), now=now,
            policy=context.policy, channel=sa.keys.message_channel(sa.last_block, header.message_id),
        )
        negotiation = Negotiation(
            context, name, "", run, sa.local, sa.remote, floated=sa.floated, why="peer", tunnel_of=_asked_tunnel,
            fragmentation=sa.fragmentation,
        )
        spi = int.from_bytes(ground.spi)
        try:
            negotiation.listen(now, header, arrival.data)
        except Abort as abort:
            sa.used.add(header.message_id)
            del context.spis[spi]
            run.refuse(arrival.data, self._tell_refusal(sa, abort))
            negotiation.announce()
            negotiation.fail(now, abort)
            sa.quick_modes[header.message_id] = negotiation
            context.timers.set(Timer.FORGET, negotiation.key, now + context.policy.answers_kept)
            return
        except Exception:
            del context.spis[spi]
            raise
        sa.used.add(header.message_id)
        sa.quick_modes[header.message_id] = negotiation
        self._peer.authentic(now, sa, arrival)
        stage = run.stage
        assert isinstance(stage, Asked)
        self.pairs.install(now, sa, negotiation, stage.agreed)
        negotiation.speak(now)

    def _abort(self, now: float, sa: IsakmpSa, negotiation: Negotiation, abort: Abort) -> None:
        self._tell_refusal(sa, abort)
        self.end(now, sa, negotiation, abort=abort)

    def _tell_refusal(self, sa: IsakmpSa, abort: Abort) -> bytes:
        data = sa.tell(self._context, [Notify.of(ProtocolId.ESP, abort.notify)])
        self._context.emit(NotifySent(sa.peer, str(sa.remote), abort.notify.label))
        return data

    def end(
        self, now: float, sa: IsakmpSa, negotiation: Negotiation, abort: Abort | None = None,
        cause: Cause = Cause.NO_ANSWER, detail: str = "",
    ) -> None:
        """A Quick Mode is over without an SA."""
        self.lost(now, negotiation, cause, abort, detail)
        self._context.timers.set(Timer.FORGET, negotiation.key, now + self._context.policy.answers_kept)
        if sa in self.phase1.sas:
            self.resume(now, sa)

    def lost(
        self, now: float, negotiation: Negotiation, cause: Cause, abort: Abort | None = None, detail: str = ""
    ) -> None:
        """A Quick Mode has failed, or its ISAKMP SA is gone: nothing of it stays."""
        verdict = negotiation.fail(now, abort, cause, detail or f"Quick Mode ended: {cause}")
        tunnel = self.tunnels.get(negotiation.tunnel)
        if tunnel is None:
            return
        for pair in [each for each in tunnel.pairs if each.exchange == negotiation.run.ident]:
            if negotiation.run.role is Role.RESPONDER and cause in _OURS:
                # the peer may have sent its last message and hold the pair for good
                self.pairs.tell_until_heard(now, pair)
            if pair.sending:
                # it carries the tunnel already
                self.pairs.drop(now, tunnel, pair, cause, tell=False)
            else:
                self.pairs.remove(tunnel, pair)
        self._context.spis.pop(_our_spi(negotiation.run), None)
        if negotiation.run.role is Role.RESPONDER or cause in (Cause.OPERATOR, Cause.SHUTDOWN):
            return
        choices = len(suites_by_group(tunnel.spec))
        if verdict.cause is Cause.NO_PROPOSAL and (tunnel.offer + 1) % choices:
            # the peer takes none with this PFS group: offer those with the next one, at once
            why, tunnel.pending = tunnel.pending, ""
            tunnel.offer += 1
            self.attempt(now, tunnel, why)
            return
        tunnel.offer = 0
        self.failed(now, tunnel, verdict.cause, verdict.sentence)

    def busy(self, tunnel: Tunnel) -> bool:
        """Whether a Quick Mode of either end runs for the tunnel."""
        return any(
            not each.over and each.tunnel == tunnel.name for sa in self.phase1.sas for each in sa.quick_modes.values()
        )

    def terminate(self, now: float, tunnel: Tunnel, cause: Cause) -> None:
        """Take a tunnel down and keep it down."""
        tunnel.wanted = tunnel.held = False
        self._context.timers.clear(Timer.RETRY, self._key(tunnel.name))
        was_up, was_trying = bool(tunnel.pairs), bool(tunnel.pending)
        for sa in self.phase1.sas:
            for each in [each for each in sa.quick_modes.values() if not each.over and each.tunnel == tunnel.name]:
                self.end(now, sa, each, cause=cause)
        tunnel.pending, tunnel.failures, tunnel.offer = "", 0, 0
        for pair in list(tunnel.pairs):
            self.pairs.drop(now, tunnel, pair, cause)
        if was_trying and not was_up:
            self._context.emit(TunnelDown(tunnel.name, cause, DOWN_WORDS.get(cause, "")))

    @property
    def idle(self) -> bool:
        """Whether no tunnel is up or on its way."""
        return not any(tunnel.pairs or tunnel.pending for tunnel in self.tunnels.values())

    # -- what the peer and the data plane say ------------------------------------------------------------------------

    def rekey(self, now: float, tunnel: Tunnel, why: str) -> None:
        """Make a successor for the tunnel's SA."""
        if tunnel.current is not None:
            self.attempt(now, tunnel, f"rekey: {why}")

    def plane_failed(self, now: float, tunnel: Tunnel, text: str) -> None:
        """The data plane does not carry the tunnel: the peer is told, and the next attempt comes later."""
        for sa in self.phase1.sas:
            for each in [each for each in sa.quick_modes.values() if not each.over and each.tunnel == tunnel.name]:
                self.end(now, sa, each, cause=Cause.DATAPLANE, detail=text)
        for pair in list(tunnel.pairs):
            self.pairs.drop(now, tunnel, pair, Cause.DATAPLANE, detail=text)

    def refused(self, now: float, sa: IsakmpSa, notify: Notify, label: str) -> str:
        """An authenticated error notify under the SA: it ends the Quick Mode it names, or the oldest of ours. Gives
        that one's exchange, or nothing."""
        ours = [each for each in sa.quick_modes.values() if not each.over and each.run.role is Role.INITIATOR]
        named = [each for each in ours if notify.spi and _our_spi(each.run) == int.from_bytes(notify.spi[:4])]
        target = next(iter(named or ours), None)
        if target is None:
            return ""
        target.refused(now, label, authenticated=True)
        self.end(now, sa, target)
        return target.run.ident

    def fire(self, now: float, timer: Timer, subject: str) -> bool:
        """A timer of a tunnel, a pair or a Quick Mode ran out; tells whether it was one of ours."""
        tunnel = self.tunnels.get(subject)
        if tunnel is not None:
            self.attempt(now, tunnel, "initiate" if tunnel.current is None else "rekey: time")
            return True
        for sa in self.phase1.sas:
            for message_id, quick in sa.quick_modes.items():
                if quick.run.ident == subject:
                    if timer is Timer.FORGET:
                        del sa.quick_modes[message_id]
                    elif timer is Timer.RESEND and self._confirmed(now, sa, quick):
                        pass
                    elif timer is not Timer.RESEND or not quick.resend(now):
                        self.end(now, sa, quick)
                    return True
        return self.pairs.fire(now, timer, subject)


    def _confirmed(self, now: float, sa: IsakmpSa, quick: Negotiation) -> bool:
        """Message 3 has not come, but ESP on the new SA has: only who has taken message 2 has its keys, so that proves
        what HASH(3) would (RFC 2409 section 5.5)."""
        tunnel = self.tunnels.get(quick.tunnel)
        if tunnel is None or quick.run.role is Role.INITIATOR:
            return False
        for pair in tunnel.pairs:
            if pair.exchange == quick.run.ident and pair.used:
                self.pairs.settle(now, sa, quick, pair)
                return True
        return False


_NO_ENCAPSULATION = (
    "the peer does not speak NAT traversal (RFC 3947), and the userspace data plane carries ESP only in UDP"
)

_OURS = (Cause.NO_ANSWER, Cause.OPERATOR, Cause.SHUTDOWN, Cause.DATAPLANE)
"""Causes that the peer does not know of unless it is told."""

def _asked_tunnel(stage: object) -> str:
    return stage.agreed.tunnel.full_name if isinstance(stage, Asked) else ""


def _our_spi(run: Run) -> int:
    """The inbound SPI that the exchange brought along."""
    stage = run.stage
    for name in ("wanted", "agreed"):
        stage = getattr(stage, name, stage)
    return int.from_bytes(stage.ground.spi)


def _offers(suites: tuple[EspSuite, ...], mode: str) -> tuple[str, ...]:
    """What we offer, in words; that it is tunnel mode goes without saying."""
    return tuple(str(suite) if mode == "tunnel" else f"{suite} {mode}" for suite in suites)
