"""An engine for the screen that plays recorded facts and writes down the orders; its clock stands still."""

from collections.abc import Callable, Iterable

from ikeview.core.facts import Fact, Stamped
from ikeview.core.orders import Order
from ikeview.model import State, apply, clone


class FakeSubscription:
    """What was pushed since the last drain."""

    def __init__(self, state: State, wake: Callable[[], None]) -> None:
        self.state = state
        self.wake = wake
        self.queue: list[Stamped] = []
        self.lost = 0
        self.gone = ""
        self.closed = False
        self.snapshots = 0
        self.drains = 0

    def snapshot(self) -> State:
        self.queue.clear()
        self.lost = 0
        self.snapshots += 1
        return clone(self.state)

    def drain(self) -> list[Stamped]:
        facts, self.queue = self.queue, []
        self.drains += 1
        return facts

    def close(self) -> None:
        self.closed = True


class FakeEngine:
    """``ui.client.EngineClient`` for tests."""

    describe = "in this test"

    def __init__(self, facts: Iterable[Stamped], now: float) -> None:
        self.state = State()
        for stamped in facts:
            apply(self.state, stamped)
        self.now = now
        self.orders: list[Order] = []
        self.subscriptions: list[FakeSubscription] = []

    def clock(self) -> float:
        return self.now

    def send(self, order: Order) -> None:
        self.orders.append(order)

    def subscribe(self, wake: Callable[[], None]) -> FakeSubscription:
        self.subscriptions.append(FakeSubscription(self.state, wake))
        return self.subscriptions[-1]

    def push(self, *facts: Fact) -> None:
        """They happen now."""
        for fact in facts:
            wall = self.state.wall + self.now - self.state.at
            stamped = Stamped(self.state.seq + 1, self.now, wall, fact)
            apply(self.state, stamped)
            for each in self.subscriptions:
                each.queue.append(stamped)
        for each in self.subscriptions:
            each.wake()
