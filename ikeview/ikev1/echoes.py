"""ICMP echo requests through a tunnel, to an address behind the peer: the keepalive that also tries ESP.

Only what comes in by ESP counts as an answer. If nothing does while IKE still answers, the tunnel is mended
(``stalls``); if IKE is silent too, the peer is dead.
"""

from typing import TYPE_CHECKING

from ikeview.core.context import Context
from ikeview.core.facts import EngineProblem, ProbeAnswered, ProbeMissed, ProbeSent
from ikeview.core.inputs import EchoAnswered
from ikeview.core.lifecycle import Tunnel
from ikeview.core.outputs import SendEcho
from ikeview.core.timers import Timer

if TYPE_CHECKING:
    from ikeview.ikev1.keepalive import Keepalive
    from ikeview.ikev1.peer import Peer

_KEPT = 32


class Echoes:
    """One peer's. The timer stands under the peer's own name."""

    def __init__(self, peer: "Peer", context: Context, keepalive: "Keepalive") -> None:
        self._peer = peer
        self._context = context
        self._keepalive = keepalive
        self._sequence = 0
        self._waiting: dict[int, float] = {}
        """Requests without a reply, and when they left."""
        self._asking = self._judged = False
        self._missed = 0
        self._problem = ""

    @property
    def _key(self) -> tuple[str, str]:
        return self._peer.spec.name, self._peer.spec.name

    def begin(self, now: float) -> None:
        """A phase 1 is up; the tunnel soon is."""
        spec, timers = self._peer.spec.keepalive, self._context.timers
        if spec.method == "icmp" and spec.target is not None and timers.get(Timer.ECHO, self._key) is None:
            timers.set(Timer.ECHO, self._key, now + spec.interval)

    def _tunnel(self) -> Tunnel | None:
        """The tunnel that the target is behind, if it is up."""
        target = self._peer.spec.keepalive.target
        for tunnel in self._peer.tunnels.values():
            pair = tunnel.current
            if pair is not None and pair.sending and target in pair.outbound.tunnel.remote.network:
                return tunnel
        return None

    def fire(self, now: float) -> None:
        """Time for the next request, or to judge that none is answered."""
        spec, timers, peer = self._peer.spec.keepalive, self._context.timers, self._peer
        tunnel = self._tunnel()
        if tunnel is None or tunnel.current is None:
            self._rest()
            if peer.phase1.sas or peer.phase1.busy:
                timers.set(Timer.ECHO, self._key, now + spec.interval)
            return
        heard = max(self._keepalive.esp_at, min(pair.settled_at for pair in tunnel.pairs if pair.sending))
        quiet = spec.when == "on-demand" and not self._asking and self._keepalive.sent_at <= heard
        if spec.when != "periodic" and (now < heard + spec.interval or quiet):
            self._rest()
            timers.set(Timer.ECHO, self._key, max(heard, now) + spec.interval if quiet else heard + spec.interval)
            return
        dead_at = heard + spec.timeout
        if self._asking:
            self._miss(now, tunnel, dead_at)
        self._send(now)
        wait = spec.interval if now >= dead_at else self._context.policy.probe_wait(spec.interval, spec.timeout)
        timers.set(Timer.ECHO, self._key, min(now + wait, dead_at) if now < dead_at else now + wait)

    def _miss(self, now: float, tunnel: Tunnel, dead_at: float) -> None:
        self._missed += 1
        name, keepalive, sa = self._peer.spec.name, self._keepalive, self._peer.phase1.current
        self._context.emit(ProbeMissed(name, self._sequence, self._missed, max(0.0, dead_at - now), "icmp"))
        if sa is not None and sa.dpd:
            # whether IKE lives decides what is to be done about it
            keepalive.probe(now, sa)
            self._peer.whereabouts.missed(now, sa)
        if now < dead_at or self._judged:
            return
        self._judged = True
        spec = self._peer.spec.keepalive
        if now < keepalive.ike_at + spec.timeout:
            keepalive.stalls.dead(now, tunnel, now - dead_at + spec.timeout)
        elif not keepalive.silent:
            keepalive.dead(now, now - keepalive.heard_at)

    def _send(self, now: float) -> None:
        spec = self._peer.spec.keepalive
        assert spec.target is not None
        self._sequence += 1
        self._waiting[self._sequence] = now
        while len(self._waiting) > _KEPT:
            del self._waiting[next(iter(self._waiting))]
        self._asking = True
        self._context.emit(SendEcho(self._peer.spec.name, spec.source, spec.target, self._sequence))
        self._context.emit(ProbeSent(self._peer.spec.name, self._sequence, "icmp"))

    def _rest(self) -> None:
        self._asking = self._judged = False
        self._missed = 0

    def answered(self, now: float, event: EchoAnswered) -> None:
        """A reply, or why a request did not leave: then the silence proves nothing."""
        sent = self._waiting.pop(event.sequence, None)
        if sent is None:
            return
        spec = self._peer.spec.keepalive
        self._rest()
        if event.problem:
            if event.problem != self._problem:
                self._context.emit(EngineProblem(f"keepalive of {self._peer.spec.name}: {event.problem}"))
            self._problem = event.problem
            self._context.timers.set(Timer.ECHO, self._key, now + max(spec.interval, self._context.policy.retry_most))
            return
        self._problem = ""
        self._keepalive.esp_alive(now)
        self._context.emit(ProbeAnswered(self._peer.spec.name, event.sequence, now - sent, spec.interval, "icmp"))
        self._context.timers.set(Timer.ECHO, self._key, now + spec.interval)
