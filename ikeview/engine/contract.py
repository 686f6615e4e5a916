"""What the engine drives: a protocol endpoint without clock or sockets."""

from typing import Protocol

from ikeview.core.facts import Fact
from ikeview.core.inputs import Input
from ikeview.core.outputs import Output


class Endpoint(Protocol):
    """One mutation (``start``, ``take`` or ``tick``), then ``drain`` until empty, then ``deadline``.

    ``now`` is the engine's clock in seconds (``engine.clock.now``).
    """

    def start(self, now: float) -> None:
        """Begin: protects, the configured tunnels, those that come up at boot."""
        ...

    def take(self, now: float, event: Input) -> None:
        """Something happened."""
        ...

    def tick(self, now: float) -> None:
        """``deadline`` has been reached."""
        ...

    def drain(self) -> list[Output | Fact]:
        """What came of it, in order."""
        ...

    def deadline(self) -> float | None:
        """When to ``tick`` next; None: never."""
        ...
