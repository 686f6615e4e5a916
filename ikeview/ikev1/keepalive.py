"""Dead peer detection (RFC 3706): we ask at an interval, answer always, and any authentic packet is a sign of life."""

from typing import TYPE_CHECKING

from ikeview.core.context import Context
from ikeview.core.facts import PeerSilent, ProbeAnswered, ProbeMissed, ProbeSent, ProbeTaken
from ikeview.core.timers import Timer
from ikeview.ikev1.isakmp_sa import IsakmpSa
from ikeview.wire.numbers import NotifyType, ProtocolId
from ikeview.wire.payloads import Notify

if TYPE_CHECKING:
    from ikeview.ikev1.peer import Peer

_PROBES_KEPT = 32


class Keepalive:
    """One peer's. ``heard_at`` is when the last authentic packet of the peer came in."""

    def __init__(self, peer: "Peer", context: Context) -> None:
        self._peer = peer
        self._context = context
        self.heard_at = 0.0
        self._silent = False

    def begin(self, now: float, sa: IsakmpSa) -> None:
        """An ISAKMP SA is up: ask at the interval, if the peer has said that it answers (section 5.1)."""
        self.alive(now)
        spec = self._peer.spec.keepalive
        if spec.method == "dpd" and sa.dpd:
            self._context.timers.set(Timer.PROBE, sa.key, now + spec.interval)

    def alive(self, now: float) -> None:
        """An authentic packet of the peer came in."""
        self.heard_at = now
        self._silent = False

    def fire(self, now: float, sa: IsakmpSa) -> None:
        """Time for the next probe, or to hold the peer for dead."""
        if sa.superseded:
            return
        spec, policy = self._peer.spec.keepalive, self._context.policy
        if sa.probes:
            sa.missed += 1
            silence = now - self.heard_at
            newest = max(sa.probes, key=lambda sequence: sa.probes[sequence])
            dead_in = max(0.0, spec.timeout - silence)
            self._context.emit(ProbeMissed(sa.peer, newest, sa.missed, dead_in))
            if silence >= spec.timeout and not self._silent:
                self._silent = True
                self._context.emit(PeerSilent(sa.peer, silence))
                self._peer.silent(now)
                if sa not in self._peer.phase1.sas:
                    return
        self.probe(now, sa)
        self._context.timers.set(Timer.PROBE, sa.key, now + min(policy.probe_resend, spec.interval))

    def probe(self, now: float, sa: IsakmpSa) -> None:
        """Send R-U-THERE (section 5.4): the sequence number grows with each."""
        sa.next_probe = (sa.next_probe + 1) & 0xFFFFFFFF
        sa.probes[sa.next_probe] = now
        while len(sa.probes) > _PROBES_KEPT:
            del sa.probes[next(iter(sa.probes))]
        sa.tell(self._context, [_notify(NotifyType.R_U_THERE, sa, sa.next_probe)])
        self._context.emit(ProbeSent(sa.peer, sa.next_probe))

    def asked(self, sa: IsakmpSa, notify: Notify) -> None:
        """The peer asks: answer with its own sequence number (section 5.5)."""
        if len(notify.data) != 4:
            return
        sequence = int.from_bytes(notify.data)
        sa.tell(self._context, [_notify(NotifyType.R_U_THERE_ACK, sa, sequence)])
        self._context.emit(ProbeTaken(sa.peer, sequence))

    def answered(self, now: float, sa: IsakmpSa, notify: Notify) -> bool:
        """The peer answers; False if we have not asked that."""
        sequence = int.from_bytes(notify.data)
        sent = sa.probes.get(sequence) if len(notify.data) == 4 else None
        if sent is None:
            return False
        spec = self._peer.spec.keepalive
        sa.probes.clear()
        sa.missed = 0
        periodic = spec.method == "dpd"
        self._context.emit(ProbeAnswered(sa.peer, sequence, now - sent, spec.interval if periodic else 0.0))
        if periodic:
            self._context.timers.set(Timer.PROBE, sa.key, now + spec.interval)
        return True


def _notify(kind: NotifyType, sa: IsakmpSa, sequence: int) -> Notify:
    return Notify.of(ProtocolId.ISAKMP, kind, sa.cookies.both, sequence.to_bytes(4))
