"""The bus: facts are stamped, folded into the one model and handed to every subscriber.

The engine's thread publishes; subscribers live in any thread. Nobody waits for a subscriber: each has a bounded queue,
a slow one loses its oldest facts, knows how many, and takes a new snapshot if it minds.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable

from ikeview.core.facts import EngineFault, Fact, Stamped
from ikeview.engine.fault import describe
from ikeview.model import State, apply, clone

QUEUE = 4096
"""Facts that one subscriber may be behind: some minutes of a busy gateway, a few MB."""


class Subscription:
    """One reader of the bus: a snapshot, then the facts after it. Its methods may be called from any thread."""

    def __init__(self, bus: "Bus", wake: Callable[[], None], limit: int) -> None:
        self._bus = bus
        self._wake = wake
        self._queue: deque[Stamped] = deque()
        self._limit = limit
        self._woken = False
        self.lost = 0
        """Facts lost since the last snapshot, because they were not drained in time."""

    @property
    def gone(self) -> str:
        """Empty while facts can come, else why none will, in words."""
        return self._bus.gone

    def snapshot(self) -> State:
        """What is true now, a copy of the caller's own. What was queued before is in it and is dropped."""
        with self._bus.lock:
            self._queue.clear()
            self._woken = False
            self.lost = 0
            return clone(self._bus.state)

    def drain(self) -> list[Stamped]:
        """The facts since the last call (or the snapshot), oldest first. From now on ``wake`` may be called again."""
        with self._bus.lock:
            facts = list(self._queue)
            self._queue.clear()
            self._woken = False
        return facts

    def close(self) -> None:
        """No more facts and no more wake-ups."""
        self._bus.forget(self)

    def put(self, facts: list[Stamped]) -> Callable[[], None] | None:
        """For the bus, under its lock: queue them (none: something else is to be seen). Returns the wake-up to call
        after the lock, if none is pending."""
        self._queue.extend(facts)
        while len(self._queue) > self._limit:
            self._queue.popleft()
            self.lost += 1
        if self._woken:
            return None
        self._woken = True
        return self._wake


class Bus:
    """Stamps with ``now`` (the engine's clock) and ``wall`` (UTC); owns the model's one ``State``."""

    def __init__(self, now: Callable[[], float], wall: Callable[[], float], state: State | None = None) -> None:
        self.lock = threading.Lock()
        self.state = State() if state is None else state
        """Read it under ``lock``, or in the thread that publishes."""
        self.gone = ""
        self._now = now
        self._wall = wall
        self._seq = 0
        self._subscriptions: list[Subscription] = []
        self._broken: set[str] = set()

    def subscribe(self, wake: Callable[[], None], limit: int = QUEUE) -> Subscription:
        """A new subscriber. ``wake`` is called from the publishing thread, once until the next ``drain``; it must be
        quick. One that raises ends its subscription."""
        subscription = Subscription(self, wake, limit)
        with self.lock:
            self._subscriptions.append(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """End a subscription; twice is harmless."""
        with self.lock:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)

    def publish(self, *facts: Fact) -> None:
        """Stamp the facts with one instant and hand them on."""
        at, wall = self._now(), self._wall()
        with self.lock:
            stamped = [self._stamp(at, wall, fact) for fact in facts]
            broken = [self._stamp(at, wall, fault) for each in stamped if (fault := self._fold(each)) is not None]
            wakes = self._hand_on(stamped + broken)
        self._call(wakes)

    def relay(self, stamped: Iterable[Stamped]) -> None:
        """Hand on facts that another process's engine has stamped."""
        taken = list(stamped)
        with self.lock:
            for each in taken:
                self._fold(each)
                self._seq = max(self._seq, each.seq)
            wakes = self._hand_on(taken)
        self._call(wakes)

    def end(self, why: str) -> None:
        """No fact will come any more; the first reason stays."""
        with self.lock:
            if self.gone:
                return
            self.gone = why
            wakes = [(each, wake) for each in self._subscriptions if (wake := each.put([])) is not None]
        self._call(wakes)

    def _stamp(self, at: float, wall: float, fact: Fact) -> Stamped:
        self._seq += 1
        return Stamped(self._seq, at, wall, fact)

    def _fold(self, stamped: Stamped) -> EngineFault | None:
        """A model that trips over a fact must not stop the engine; it is told once for each kind of fact."""
        try:
            apply(self.state, stamped)
        except Exception as error:
            kind = type(stamped.fact).__name__
            if kind in self._broken:
                return None
            self._broken.add(kind)
            return EngineFault(f"keeping the books of {kind}", describe(error))
        return None

    def _hand_on(self, stamped: list[Stamped]) -> list[tuple[Subscription, Callable[[], None]]]:
        if not stamped:
            return []
        return [(each, wake) for each in self._subscriptions if (wake := each.put(stamped)) is not None]

    def _call(self, wakes: list[tuple[Subscription, Callable[[], None]]]) -> None:
        for subscription, wake in wakes:
            try:
                wake()
            except Exception:
                # its loop is gone: it will never drain again
                self.forget(subscription)
