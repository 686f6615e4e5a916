"""Whether the packets of a tunnel pass between two ends: not tried now and then, but known at every instant, because it
can only change when one of the two data planes does."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ikeview.core.outputs import HalfSa
from tests.support.network import End, Network


@dataclass
class Outage:
    """In one direction nothing passed for a while. ``why``: no SA here, no SA there, in flight (an SA was removed while
    packets on it were still on their way)."""

    sender: str
    since: float
    until: float
    why: str

    @property
    def seconds(self) -> float:
        return self.until - self.since


@dataclass
class _Direction:
    up: bool = False
    """It has passed packets before: until then nothing is missed."""
    since: float | None = None
    why: str = ""
    carried: dict[int, float] = field(default_factory=dict)
    """When the sender stopped carrying traffic on an SPI; those of which it has not are not in it."""
    current: int = 0


class Passage:
    """Watches the tunnel that ``one`` calls ``names[0]`` and ``other`` calls ``names[1]``."""

    def __init__(self, network: Network, one: str, other: str, names: tuple[str, str]) -> None:
        self._network = network
        self._ends = (one, other)
        self._names = names
        self._directions = (_Direction(), _Direction())
        self._halves: tuple[set[int], set[int]] = (set(), set())
        """The inbound SPIs that there were."""
        self._alone: dict[tuple[int, int], float] = {}
        self.outages: list[Outage] = []
        self.alone: list[tuple[float, int, float]] = []
        """Half SAs that had no counterpart: since when, SPI, for how long."""
        self.most = 0
        """Inbound SAs that one end held at once."""
        network.on_plane = self.look

    def look(self, changed: End) -> None:
        """A data plane has changed."""
        ends = [self._network.ends[name] for name in self._ends]
        for number in (0, 1):
            self._look_at(number, ends[number], ends[1 - number])
        self._pair_up(ends)

    def _look_at(self, number: int, sender: End, receiver: End) -> None:
        now, direction = self._network.now, self._directions[number]
        half = None if sender.dead else sender.carrying(self._names[number])
        spi = half.spi if half else 0
        if spi != direction.current:
            direction.carried[direction.current] = now
            direction.carried.pop(spi, None)
            direction.current = spi
        self._in_flight(number, direction, sender, receiver)
        why = self._why(half, receiver)
        if not why:
            direction.up = True
            if direction.since is not None:
                self._told(Outage(sender.name, direction.since, now, direction.why))
                direction.since = None
        elif direction.up and direction.since is None:
            direction.since, direction.why = now, why

    def _why(self, half: HalfSa | None, receiver: End) -> str:
        if half is None:
            return "no SA here"
        there = receiver.inbound.get(half.spi)
        if there is None or there.keys != half.keys:
            return "no SA there"
        return ""

    def _in_flight(self, number: int, direction: _Direction, sender: End, receiver: End) -> None:
        now, before = self._network.now, self._halves[number]
        for spi in [each for each in before if each not in receiver.inbound]:
            before.discard(spi)
            left = direction.carried.pop(spi, None)
            flying = self._network.weather.longest
            if left is not None and not receiver.dead and now - left < flying:
                self._told(Outage(sender.name, now, left + flying, "in flight"))
        before.update(receiver.inbound)
        self.most = max(self.most, len(receiver.inbound))

    def _told(self, outage: Outage) -> None:
        if outage.seconds > 0:
            self.outages.append(outage)

    def _pair_up(self, ends: list[End]) -> None:
        now = self._network.now
        lonely: set[tuple[int, int]] = set()
        for number in (0, 1):
            taking, sending = ends[number].inbound.keys(), ends[1 - number].outbound.keys()
            lonely |= {(number, spi) for spi in taking ^ sending}
        for key in [key for key in self._alone if key not in lonely]:
            self._end_alone(key)
        for key in lonely:
            self._alone.setdefault(key, now)

    def _end_alone(self, key: tuple[int, int]) -> None:
        since = self._alone.pop(key)
        self.alone.append((since, key[1], self._network.now - since))

    def close(self) -> None:
        """The story is over: what is still open ends now."""
        for number, direction in enumerate(self._directions):
            if direction.since is not None:
                self._told(Outage(self._ends[number], direction.since, self._network.now, direction.why))
        for key in list(self._alone):
            self._end_alone(key)

    def __iter__(self) -> Iterator[Outage]:
        return iter(self.outages)
