"""A simulated NAT box between one or more ends and the world."""

import itertools
from dataclasses import dataclass, field

from ikeview.core.outputs import Spot
from ikeview.core.specs import Address

FIRST_PORT = 20_001


@dataclass
class _Mapping:
    inner: Spot
    towards: Spot | None
    used_at: float


@dataclass
class NatBox:
    """Maps (inner address, port) to a port of ``public``; with ``by_destination`` each destination gets another one.

    A mapping dies ``life`` seconds after the last datagram that went out through it. ``closed``: only whom a mapping
    has sent to may answer through it."""

    public: Address
    life: float = 120.0
    by_destination: bool = False
    closed: bool = True
    _mappings: dict[int, _Mapping] = field(default_factory=dict)
    _spoken_to: dict[int, set[Spot]] = field(default_factory=dict)
    _ports: "itertools.count[int]" = field(default_factory=lambda: itertools.count(FIRST_PORT))

    def outward(self, now: float, source: Spot, destination: Spot) -> Spot:
        """Where a datagram from inside comes from as the world sees it."""
        self._expire(now)
        towards = destination if self.by_destination else None
        port = next(
            (port for port, each in self._mappings.items() if (each.inner, each.towards) == (source, towards)), 0
        ) or next(self._ports)
        if port not in self._mappings:
            self._mappings[port], self._spoken_to[port] = _Mapping(source, towards, now), set()
        self._mappings[port].used_at = now
        self._spoken_to[port].add(destination)
        return Spot(self.public, port)

    def inward(self, now: float, arrived: Spot, source: Spot) -> Spot | None:
        """Who inside gets a datagram that came to ``arrived``; None: nobody."""
        self._expire(now)
        mapping = self._mappings.get(arrived.port) if arrived.host == self.public else None
        if mapping is None or (self.closed and source not in self._spoken_to[arrived.port]):
            return None
        return mapping.inner

    def rebind(self) -> None:
        """All mappings are forgotten, as by a restart: what goes out next gets other ports."""
        self._mappings.clear()
        self._spoken_to.clear()

    def renumber(self, public: Address) -> None:
        """The provider gives the box another address; its mappings stay."""
        self.public = public

    def _expire(self, now: float) -> None:
        for port in [port for port, each in self._mappings.items() if now - each.used_at > self.life]:
            del self._mappings[port], self._spoken_to[port]
