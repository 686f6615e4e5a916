"""From the engine's facts to the screen's own state: woken from another thread, drained on the screen's loop."""

import time
from collections.abc import Callable

from ikeview.core.facts import Stamped
from ikeview.model import State, apply
from ikeview.ui.client import EngineClient

DRAIN_EVERY = 0.25
"""Seconds between two drains: faster than anybody reads, slow enough for a serial line."""


class Bridge:
    """Owns the screen's copy of the state. All methods but ``woken`` belong to the screen's loop."""

    def __init__(
        self, client: EngineClient, post: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._post = post
        self._clock = clock
        self._pending = False
        self._drained_at = float("-inf")
        self._subscription = client.subscribe(self.woken)
        self.state: State = self._subscription.snapshot()

    @property
    def gone(self) -> str:
        """Why the engine cannot be reached any more, else empty."""
        return self._subscription.gone

    def woken(self) -> None:
        """Called from the engine's thread. One message to the screen at a time."""
        if not self._pending:
            self._pending = True
            self._post()

    def due_in(self) -> float:
        """Seconds until the next drain is allowed."""
        return max(0.0, self._drained_at + DRAIN_EVERY - self._clock())

    def drain(self) -> list[Stamped]:
        """Fold what has come into ``state`` and return it. After a loss the state is taken anew, and nothing is
        returned."""
        self._drained_at = self._clock()
        # before the drain: what comes after it wakes again
        self._pending = False
        facts = self._subscription.drain()
        if self._subscription.lost:
            self.state = self._subscription.snapshot()
            return []
        for stamped in facts:
            apply(self.state, stamped)
        return facts

    def close(self) -> None:
        """No more wake-ups."""
        self._subscription.close()
