"""What the screen is handed instead of an engine: orders go in, facts come out.

The engine may run in another thread of this process or in another process. Both sides match these protocols
structurally; neither imports the other.
"""

from collections.abc import Callable
from typing import Protocol

from ikeview.core.facts import Stamped
from ikeview.core.orders import Order
from ikeview.model.state import State


class Subscription(Protocol):
    """A reader's own place in the stream of facts."""

    @property
    def lost(self) -> int:
        """How many facts since the last snapshot were dropped because they were not drained in time. A reader that lost
        some takes a new snapshot."""
        ...

    @property
    def gone(self) -> str:
        """Empty while the engine can be reached, else why it cannot, in words. ``wake`` is called when it changes."""
        ...

    def snapshot(self) -> State:
        """What is true now; ``drain`` goes on from here. The caller owns it."""
        ...

    def drain(self) -> list[Stamped]:
        """The facts since the snapshot or the last drain, oldest first; never blocks."""
        ...

    def close(self) -> None:
        """End the subscription; closing twice is allowed."""
        ...


class EngineClient(Protocol):
    """An engine, from afar."""

    @property
    def describe(self) -> str:
        """Where the engine runs: ``in this process``, ``attached to pid 812``."""
        ...

    def send(self, order: Order) -> None:
        """Hand an order over; never blocks. What comes of it arrives as facts."""
        ...

    def subscribe(self, wake: Callable[[], None]) -> Subscription:
        """Follow the facts. ``wake`` is called from another thread when there is something to drain, at most once until
        it has been drained."""
        ...

    def clock(self) -> float:
        """Now, in seconds, on the clock of ``Stamped.at``."""
        ...
