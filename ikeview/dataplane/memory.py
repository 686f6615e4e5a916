"""The ``memory`` data plane: keeps what it is told and carries nothing; the reference for the other planes, and
``--dry-run``."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from ikeview.core.facts import Sample
from ikeview.core.inputs import (
    Acquire,
    BytesHard,
    BytesSoft,
    Counters,
    FirstUse,
    PeerSeen,
    PlaneEvent,
    Traffic,
    UnknownSpi,
)
from ikeview.core.outputs import Direction, HalfSa, Spot
from ikeview.core.specs import Address, TunnelSpec
from ikeview.dataplane.ledger import Ledger
from ikeview.dataplane.plane import IkeArrived


@dataclass
class _Use:
    """What has passed through a half SA."""

    octets: int = 0
    packets: int = 0
    soft_told: bool = False
    closed: bool = False


class MemoryPlane:
    """A plane without packets: ``carry`` and ``arrive`` say what packets would have done.

    It has no clock, so it reports every ``Traffic`` and ``Acquire``, not one a second.
    """

    name = "memory"
    needs_encapsulation = False
    takes_nat_sockets = False

    def __init__(self) -> None:
        self.inbound: dict[int, HalfSa] = {}
        """Installed inbound halves by SPI, in the order of installation."""
        self.outbound: dict[int, HalfSa] = {}
        """Installed outbound halves by SPI, in the order of installation."""
        self.addresses: set[Address] = set()
        """What was assigned to us."""
        self._ledger = Ledger()
        self._uses: dict[tuple[int, Direction], _Use] = {}
        self._report: Callable[[PlaneEvent], None] = lambda event: None

    @property
    def tunnels(self) -> dict[str, TunnelSpec]:
        """Protected tunnels by full name."""
        return self._ledger.tunnels

    async def start(
        self, report: Callable[[PlaneEvent], None], nat_sockets: list[socket.socket], ike_arrived: IkeArrived
    ) -> None:
        """Begin."""
        self._report = report

    async def restart(self) -> None:
        """Forget all half SAs."""
        self.inbound.clear()
        self.outbound.clear()
        self._uses.clear()
        self._ledger.clear_halves()

    def exempt(self, sockets: list[socket.socket]) -> None:
        """Nothing that is sent comes here."""

    async def stop(self) -> None:
        """Forget everything."""
        await self.restart()
        self.tunnels.clear()
        self.addresses.clear()

    def protect(self, tunnel: TunnelSpec) -> None:
        """Note a tunnel. Raises ``PlaneRefused``."""
        self._ledger.check_tunnel(tunnel)
        self.tunnels[tunnel.full_name] = tunnel

    def unprotect(self, tunnel: TunnelSpec) -> None:
        """Forget a tunnel."""
        self.tunnels.pop(tunnel.full_name, None)

    def install(self, half: HalfSa) -> None:
        """Note a half SA. Raises ``PlaneRefused``."""
        self._ledger.check_half(half)
        self._ledger.add_half(half)
        self._side(half.direction)[half.spi] = half
        self._uses[half.spi, half.direction] = _Use()

    def remove(self, spi: int, direction: Direction) -> None:
        """Forget a half SA; unknown ones are ignored."""
        self._ledger.drop_half(spi, direction)
        self._side(direction).pop(spi, None)
        self._uses.pop((spi, direction), None)

    def move(self, old: Spot, new: Spot) -> None:
        """Outbound halves towards ``old`` go to ``new``, and inbound ones are expected from there."""
        for side in (self.inbound, self.outbound):
            for spi, half in side.items():
                if half.remote == old:
                    side[spi] = replace(half, remote=new)

    def assign(self, address: Address) -> None:
        """Note an address."""
        self.addresses.add(address)

    def release(self, address: Address) -> None:
        """Forget an address."""
        self.addresses.discard(address)

    def sample(self) -> None:
        """Report the counters at once."""
        samples = []
        for (spi, direction), use in self._uses.items():
            passed = (use.octets, use.packets)
            inbound, outbound = (passed, (0, 0)) if direction is Direction.IN else ((0, 0), passed)
            samples.append(Sample(f"{spi:08x}", *inbound, *outbound))
        self._report(Counters(tuple(samples)))

    def carry(self, tunnel: str, octets: int) -> bool:
        """A packet of ours of that size wants the tunnel (``peer/name``); whether it passes."""
        if tunnel not in self.tunnels:
            return False
        halves = [half for half in self.outbound.values() if half.tunnel.full_name == tunnel]
        if not halves:
            self._report(Acquire(tunnel))
            return False
        return self._pass(halves[-1], octets)

    def arrive(self, spi: int, octets: int, remote: Spot | None = None) -> bool:
        """An authentic packet of that size comes in, from ``remote`` if not from where the half SA says; whether it
        passes."""
        half = self.inbound.get(spi)
        if half is None and remote is not None:
            self._report(UnknownSpi(remote))
        if half is None or self._uses[spi, Direction.IN].closed:
            return False
        if not self._uses[spi, Direction.IN].packets:
            self._report(FirstUse(spi))
        if remote is not None and remote != half.remote:
            self.inbound[spi] = replace(half, remote=remote)
            self._report(PeerSeen(spi, remote))
        self._report(Traffic((spi,)))
        return self._pass(half, octets)

    def _side(self, direction: Direction) -> dict[int, HalfSa]:
        return self.inbound if direction is Direction.IN else self.outbound

    def _pass(self, half: HalfSa, octets: int) -> bool:
        use = self._uses[half.spi, half.direction]
        fits = half.hard_bytes is None or use.octets + octets <= half.hard_bytes
        if fits and not use.closed:
            use.octets += octets
            use.packets += 1
            if half.soft_bytes is not None and use.octets >= half.soft_bytes and not use.soft_told:
                use.soft_told = True
                self._report(BytesSoft(half.spi, half.direction))
            if half.hard_bytes is None or use.octets < half.hard_bytes:
                return True
        elif use.closed:
            return False
        use.closed = True
        self._report(BytesHard(half.spi, half.direction))
        return fits
