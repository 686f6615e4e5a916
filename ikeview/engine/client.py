"""The engine as the screen of the same process sees it (``ui.client.EngineClient``, matched structurally)."""

from collections.abc import Callable

from ikeview.core.orders import Order
from ikeview.engine import clock
from ikeview.engine.bus import Subscription
from ikeview.engine.engine import Engine


class LocalClient:
    """Orders to an engine in this process, facts from it."""

    describe = "in this process"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def send(self, order: Order) -> None:
        """Hand an order over; never blocks."""
        self._engine.send(order)

    def subscribe(self, wake: Callable[[], None]) -> Subscription:
        """Follow the facts; ``wake`` is called from the engine's thread."""
        return self._engine.bus.subscribe(wake)

    def clock(self) -> float:
        """Now, on the clock of ``Stamped.at``."""
        return clock.now()
