"""IKE answers, but ESP does not arrive: noticed by the counters, and mended by a new SA, then by a new phase 1.

A tunnel may carry traffic one way only, and that looks the same; so what was tried without success is tried more and
more seldom.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ikeview.core.context import Context
from ikeview.core.facts import TrafficStalled
from ikeview.core.lifecycle import Tunnel
from ikeview.core.timers import Timer

if TYPE_CHECKING:
    from ikeview.ikev1.keepalive import Keepalive
    from ikeview.ikev1.peer import Peer

WHY = "ESP does not arrive"
_ACTIONS = {1: "a new Quick Mode", 2: "a new phase 1", 3: "nothing more is tried until some comes in"}
_MOST_DOUBLINGS = 6


@dataclass(slots=True)
class _Stall:
    """A tunnel in which we send and nothing comes."""

    since: float
    """When the first packet left that nothing has come after."""
    sent_at: float
    steps: int = 0
    """Which of the actions was the last."""


class Stalls:
    """One peer's, by tunnel. The timer stands under the tunnel's name."""

    def __init__(self, peer: "Peer", context: Context, keepalive: "Keepalive") -> None:
        self._peer = peer
        self._context = context
        self._keepalive = keepalive
        self._stalls: dict[str, _Stall] = {}
        self._vain: dict[str, int] = {}
        """How often everything was tried for a tunnel without success."""
        self._renewing: set[str] = set()
        """Tunnels that get a new SA when the new phase 1 is there."""

    def _key(self, tunnel: Tunnel) -> tuple[str, str]:
        return self._peer.spec.name, tunnel.name

    def _wait(self, tunnel: Tunnel, steps: int) -> float:
        doublings = steps + min(self._vain.get(tunnel.name, 0), _MOST_DOUBLINGS)
        spec = self._peer.spec.keepalive
        return self._context.policy.stalled_intervals * spec.interval * 2.0**doublings

    def counted(self, now: float, tunnel: Tunnel, *, came_in: bool, went_out: bool) -> None:
        """The tunnel's counters have grown."""
        if self._peer.spec.keepalive.method == "off":
            return
        if came_in:
            stall = self._stalls.pop(tunnel.name, None)
            if stall is not None:
                self._context.timers.clear(Timer.STALLED, self._key(tunnel))
            return
        if went_out:
            stall = self._stalls.setdefault(tunnel.name, _Stall(now, now))
            stall.sent_at = now
            if stall.steps < 3 and self._context.timers.get(Timer.STALLED, self._key(tunnel)) is None:
                self._context.timers.set(Timer.STALLED, self._key(tunnel), now + self._wait(tunnel, stall.steps))

    def fire(self, now: float, tunnel: Tunnel) -> None:
        """It has been like that for a while."""
        stall, spec = self._stalls.get(tunnel.name), self._peer.spec.keepalive
        if stall is None:
            return
        if tunnel.current is None:
            del self._stalls[tunnel.name]
            return
        if not stall.steps and stall.sent_at - stall.since < spec.interval:
            # a few packets that nobody had to answer
            del self._stalls[tunnel.name]
            return
        if now - self._keepalive.ike_at > self._context.policy.stalled_intervals * spec.interval:
            # IKE is silent too, or was not asked: that is for the keepalive to judge
            self._context.timers.set(Timer.STALLED, self._key(tunnel), now + spec.interval)
            return
        self._step(now, tunnel, stall)

    def dead(self, now: float, tunnel: Tunnel, seconds: float) -> None:
        """Echo requests say so."""
        stall = self._stalls.setdefault(tunnel.name, _Stall(now - seconds, now))
        stall.sent_at = now
        if not stall.steps:
            self._step(now, tunnel, stall)

    def _step(self, now: float, tunnel: Tunnel, stall: _Stall) -> None:
        stall.steps = 3 if stall.steps == 1 and not self._peer.spec.can_initiate else stall.steps + 1
        action = _ACTIONS[stall.steps]
        self._context.emit(TrafficStalled(tunnel.name, now - stall.since, action))
        match stall.steps:
            case 1:
                self._peer.phase2.rekey(now, tunnel, WHY)
            case 2:
                self._renewing.add(tunnel.name)
                self._peer.phase1.want(now, f"renew: {WHY}")
            case _:
                self._vain[tunnel.name] = self._vain.get(tunnel.name, 0) + 1

    def phase1_established(self, now: float) -> None:
        """A new phase 1 is there, for whatever reason."""
        for name in sorted(self._renewing):
            self._peer.phase2.rekey(now, self._peer.tunnels[name], WHY)
        self._renewing.clear()
