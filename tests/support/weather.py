"""What a simulated network does to datagrams by chance."""

from dataclasses import dataclass, field
from random import Random

HEADERS = 28
"""IPv4 and UDP."""


@dataclass
class Bursts:
    """Loss that comes in bursts (Gilbert and Elliott): a good and a bad state, each with a loss of its own, that last
    for so many seconds on the average."""

    good_for: float = 6.0
    bad_for: float = 2.0
    good: float = 0.02
    bad: float = 0.75
    _is_bad: bool = True
    _until: float = 0.0

    def lost(self, now: float, chance: Random) -> bool:
        """One datagram."""
        while now >= self._until:
            self._is_bad = not self._is_bad
            begun = self._until or now
            self._until = begun + chance.expovariate(1 / (self.bad_for if self._is_bad else self.good_for))
        return chance.random() < (self.bad if self._is_bad else self.good)


@dataclass
class Weather:
    """Seconds and shares of 1. ``reorder`` is the chance of ``late`` seconds more; ``jitter`` is drawn for each."""

    latency: float = 0.01
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    late: float = 0.3
    mtu: int = 0
    """Larger datagrams are lost, as where fragments of IP are; 0: none is too large."""
    bursts: Bursts | None = None
    chance: Random = field(default_factory=lambda: Random(0))

    @property
    def longest(self) -> float:
        """No datagram travels longer."""
        return self.latency + self.jitter + (self.late if self.reorder else 0.0)

    def delays(self, now: float, size: int) -> list[float]:
        """When the copies of a datagram arrive, from now; none: it is lost."""
        chance = self.chance
        if self.mtu and size + HEADERS > self.mtu:
            return []
        if self.loss and chance.random() < self.loss:
            return []
        if self.bursts is not None and self.bursts.lost(now, chance):
            return []
        copies = 2 if self.duplicate and chance.random() < self.duplicate else 1
        return [self._delay() for _ in range(copies)]

    def _delay(self) -> float:
        chance, delay = self.chance, self.latency
        if self.jitter:
            delay += chance.random() * self.jitter
        if self.reorder and chance.random() < self.reorder:
            delay += self.late
        return delay
