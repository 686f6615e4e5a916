"""Dead peer detection (RFC 3706): we ask when the peer is silent, answer always, and any authentic packet is a sign of
life. The other signs of a tunnel's life are beside it: echo requests (``echoes``) and what the counters say
(``stalls``)."""

from typing import TYPE_CHECKING

from ikeview.core.context import Context
from ikeview.core.facts import PeerSilent, ProbeAnswered, ProbeMissed, ProbeSent, ProbeTaken
from ikeview.core.lifecycle import Tunnel
from ikeview.core.timers import Timer
from ikeview.ikev1.echoes import Echoes
from ikeview.ikev1.isakmp_sa import IsakmpSa
from ikeview.ikev1.stalls import Stalls
from ikeview.wire.message import Chain
from ikeview.wire.numbers import NotifyType, ProtocolId
from ikeview.wire.payloads import Notify

if TYPE_CHECKING:
    from ikeview.ikev1.peer import Peer

_PROBES_KEPT = 32
_ASKED_KEPT = 8


class Keepalive:
    """One peer's."""

    def __init__(self, peer: "Peer", context: Context) -> None:
        self._peer = peer
        self._context = context
        self.heard_at = 0.0
        """When the last authentic packet of the peer came in, IKE or ESP."""
        self.ike_at = 0.0
        self.esp_at = 0.0
        self.sent_at = 0.0
        """When ESP of ours was last seen to leave."""
        self.silent = False
        """The peer is held for dead."""
        self.echoes = Echoes(peer, context, self)
        self.stalls = Stalls(peer, context, self)

    # -- signs of life -------------------------------------------------------------------------------------------------

    def begin(self, now: float, sa: IsakmpSa) -> None:
        """An ISAKMP SA is up: ask, if the peer has said that it answers (section 5.1)."""
        self.alive(now)
        spec = self._peer.spec.keepalive
        if spec.method == "dpd" and sa.dpd and spec.when != "on-demand":
            self._context.timers.set(Timer.PROBE, sa.key, now + spec.interval)
        self.echoes.begin(now)

    def alive(self, now: float) -> None:
        """An authentic IKE message came in."""
        self.ike_at = now
        self._heard(now)

    def esp_alive(self, now: float) -> None:
        """An authentic ESP packet came in."""
        self.esp_at = now
        self._heard(now)

    def _heard(self, now: float) -> None:
        self.heard_at = now
        if self.silent:
            self.silent = False
            for sa in self._peer.phase1.sas:
                sa.doubted = False

    def counted(self, now: float, tunnel: Tunnel, *, came_in: bool, went_out: bool) -> None:
        """The counters of a tunnel's SA pair have grown since they were last looked at."""
        spec = self._peer.spec.keepalive
        if came_in:
            self.esp_alive(now)
        if went_out:
            self.sent_at = now
            sa = self._peer.phase1.current
            if spec.method == "dpd" and spec.when == "on-demand" and sa is not None and sa.dpd:
                timers = self._context.timers
                if timers.get(Timer.PROBE, sa.key) is None:
                    timers.set(Timer.PROBE, sa.key, max(now, self.heard_at + spec.interval))
        self.stalls.counted(now, tunnel, came_in=came_in, went_out=went_out)

    def stale(self, sa: IsakmpSa, chain: Chain) -> bool:
        """Whether the message is an answer that we do not wait for: somebody may have held it back, so it is no sign of
        life (section 6.1)."""
        return any(
            notify.kind == NotifyType.R_U_THERE_ACK and _sequence(notify) not in sa.probes
            for notify in chain.all(Notify)
        )

    # -- asking --------------------------------------------------------------------------------------------------------

    def fire(self, now: float, sa: IsakmpSa) -> None:
        """Time for the next probe, or to hold the peer for dead."""
        if sa.superseded:
            return
        spec, timers = self._peer.spec.keepalive, self._context.timers
        due, dead_at = self.heard_at + spec.interval, self.heard_at + spec.timeout
        if spec.when == "on-demand" and sa.asking:
            # it may have been silent for long because there was nothing to say
            dead_at = max(dead_at, sa.asking_since + spec.timeout - spec.interval)
        if spec.when != "periodic" and now < due:
            # something came in: there is nothing to ask
            sa.asking, sa.missed = False, 0
            if spec.when == "idle" or self.sent_at > self.heard_at:
                timers.set(Timer.PROBE, sa.key, due)
            return
        if spec.when == "on-demand" and not sa.asking and self.sent_at <= self.heard_at:
            # until the counters say that we send
            return
        if sa.asking:
            sa.missed += 1
            self._context.emit(
                ProbeMissed(sa.peer, sa.next_probe, sa.missed, max(0.0, dead_at - now))
            )
            self._peer.whereabouts.missed(now, sa)
            if now >= dead_at and not self.silent:
                self.dead(now, now - self.heard_at)
                if sa not in self._peer.phase1.sas or sa.superseded:
                    return
        self.probe(now, sa)
        wait = self._context.policy.probe_wait(spec.interval, spec.timeout)
        if self.silent or sa.missed * wait > spec.timeout:
            # held for dead, or known to live by other signs: there is no hurry
            wait = spec.interval
        timers.set(Timer.PROBE, sa.key, min(now + wait, dead_at) if now < dead_at else now + wait)

    def dead(self, now: float, silence: float) -> None:
        """Nothing has come for too long."""
        self.silent = True
        self._context.emit(PeerSilent(self._peer.spec.name, silence))
        self._peer.silent(now)

    def hint(self, now: float) -> None:
        """Somebody who may lie says that the peer is not there: ask at once, but no more often than otherwise."""
        sa, spec = self._peer.phase1.current, self._peer.spec.keepalive
        if sa is None or spec.method != "dpd" or not sa.dpd or sa.asking:
            return
        if now >= max(self.heard_at, sa.probed_at) + self._context.policy.probe_hinted:
            self.probe(now, sa)
            wait = self._context.policy.probe_wait(spec.interval, spec.timeout)
            self._context.timers.set(Timer.PROBE, sa.key, now + wait)

    def probe(self, now: float, sa: IsakmpSa) -> None:
        """Send R-U-THERE (section 5.4): the sequence number grows with each, and after the last comes 0."""
        sa.next_probe = (sa.next_probe + 1) & 0xFFFFFFFF
        sa.probes[sa.next_probe] = sa.probed_at = now
        while len(sa.probes) > _PROBES_KEPT:
            del sa.probes[next(iter(sa.probes))]
        if not sa.asking:
            sa.asking, sa.asking_since = True, now
        sa.tell(self._context, [_notify(NotifyType.R_U_THERE, sa, sa.next_probe)])
        self._context.emit(ProbeSent(sa.peer, sa.next_probe))

    def answered(self, now: float, sa: IsakmpSa, notify: Notify) -> bool:
        """The peer answers; False if we do not wait for that.

        The RFC wants the answer to the last probe only (section 6.1); on a way that is slower than our patience that
        one never comes in time. So the answer to any probe still open is taken, once, and those before it are closed.
        The cookies in the SPI field are not looked at: some turn them round, and the SA it came under says it all."""
        sequence = _sequence(notify)
        if sequence is None or sequence not in sa.probes:
            return False
        sent = sa.probes[sequence]
        for earlier in list(sa.probes):
            del sa.probes[earlier]
            if earlier == sequence:
                break
        sa.asking, sa.missed = False, 0
        spec = self._peer.spec.keepalive
        asks = spec.method == "dpd" and spec.when != "on-demand"
        self._context.emit(ProbeAnswered(sa.peer, sequence, now - sent, spec.interval if asks else 0.0))
        if asks and not sa.superseded:
            self._context.timers.set(Timer.PROBE, sa.key, now + spec.interval)
        return True

    # -- being asked ---------------------------------------------------------------------------------------------------

    def asked(self, sa: IsakmpSa, notify: Notify) -> bool:
        """The peer asks: answer with its own sequence number (section 5.5). False if it has asked that too often: some
        do not count on while they have no answer, but whoever asks the same for ever gets none."""
        sequence = _sequence(notify)
        if sequence is None:
            return False
        times = sa.asked.pop(sequence, 0)
        sa.asked[sequence] = times + 1
        while len(sa.asked) > _ASKED_KEPT:
            del sa.asked[next(iter(sa.asked))]
        if times > self._context.policy.probe_repeats:
            return False
        sa.tell(self._context, [_notify(NotifyType.R_U_THERE_ACK, sa, sequence)])
        self._context.emit(ProbeTaken(sa.peer, sequence))
        return True


def _sequence(notify: Notify) -> int | None:
    return int.from_bytes(notify.data) if len(notify.data) == 4 else None


def _notify(kind: NotifyType, sa: IsakmpSa, sequence: int) -> Notify:
    return Notify.of(ProtocolId.ISAKMP, kind, sa.cookies.both, sequence.to_bytes(4))
