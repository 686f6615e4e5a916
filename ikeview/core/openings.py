"""How many negotiations of ours begin at once.

Were hundreds begun in one moment, each would wait for all the others, at both ends; the first answers would come when
their time is over, and what is sent again then makes the queue longer still.
"""

from collections.abc import Callable

from ikeview.core.policy import Policy
from ikeview.core.timers import Timer, Timers

_KEY = ("", "")


class Openings:
    """Places, by peer. One is free again when the peer's phase 1 has ended, either way, or has taken longer than
    ``opening_patience``: those that do not answer must not hold up the others."""

    def __init__(self, policy: Policy, timers: Timers) -> None:
        self._policy = policy
        self._timers = timers
        self._running: dict[str, float] = {}
        """Since when."""
        self._waiting: dict[str, Callable[[], None]] = {}

    def ask(self, now: float, peer: str, begin: Callable[[], None]) -> None:
        """``begin`` at once, or when a place is free."""
        self._waiting[peer] = begin
        self.tick(now)

    def over(self, now: float, peer: str) -> None:
        """The peer's phase 1 has ended."""
        if self._running.pop(peer, None) is not None:
            self.tick(now)

    def cancel(self, peer: str) -> None:
        """It is not to begin any more."""
        self._waiting.pop(peer, None)

    def tick(self, now: float) -> None:
        """Let in whom there is room for."""
        patience, most = self._policy.opening_patience, self._policy.openings
        if self._waiting and len(self._running) >= most:
            self._running = {peer: since for peer, since in self._running.items() if now < since + patience}
        while self._waiting and len(self._running) < most:
            peer = next(iter(self._waiting))
            self._running[peer] = now
            self._waiting.pop(peer)()
        if self._waiting:
            self._timers.set(Timer.OPENING, _KEY, min(self._running.values()) + patience)
        else:
            self._timers.clear(Timer.OPENING, _KEY)
