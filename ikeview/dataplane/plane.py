"""The interface of every data plane.

All methods are called on the engine's loop and must not block it. A plane reports through the callback that ``start``
was given, on the same loop.
"""

import socket
from collections.abc import Callable
from typing import Protocol

from ikeview.core.inputs import PlaneEvent
from ikeview.core.outputs import Direction, HalfSa, Spot
from ikeview.core.specs import Address, TunnelSpec


class PlaneRefused(Exception):
    """The plane cannot do what was asked; the text says in plain words why, and what to do."""


IkeArrived = Callable[[bytes, Spot, Spot], None]
"""Called with an IKE datagram of the NAT port (marker taken off), our end, the peer's end."""


class Plane(Protocol):
    """A data plane."""

    name: str
    needs_encapsulation: bool
    """Whether it can only do ESP in UDP, so that a NAT must be claimed where there is none."""
    takes_nat_sockets: bool
    """Whether it reads the NAT-port sockets itself and hands on the IKE datagrams among what it reads."""

    async def start(
        self, report: Callable[[PlaneEvent], None], nat_sockets: list[socket.socket], ike_arrived: IkeArrived
    ) -> None:
        """Begin. Raises ``PlaneRefused``. The engine keeps sending on ``nat_sockets`` itself."""
        ...

    async def restart(self) -> None:
        """After a fatal ``PlaneTrouble``: begin anew, with the protected tunnels and without any half SA. Raises
        ``PlaneRefused``."""
        ...

    def exempt(self, sockets: list[socket.socket]) -> None:
        """Keep what these sockets send out of every tunnel: IKE itself. Raises ``PlaneRefused``."""
        ...

    def protect(self, tunnel: TunnelSpec) -> None:
        """Take over a tunnel's traffic, with these selectors instead of those that a tunnel of that name had before.
        Raises ``PlaneRefused``."""
        ...

    def unprotect(self, tunnel: TunnelSpec) -> None:
        """Give a tunnel's traffic back to the system."""
        ...

    def install(self, half: HalfSa) -> None:
        """Put a half SA in; an outbound one carries its tunnel's traffic at once. Raises ``PlaneRefused``."""
        ...

    def remove(self, spi: int, direction: Direction) -> None:
        """Take a half SA out; if an older outbound half of the tunnel is there, that carries the traffic again."""
        ...

    def move(self, old: Spot, new: Spot) -> None:
        """Outbound halves towards ``old`` go to ``new``."""
        ...

    def assign(self, address: Address) -> None:
        """The system gets the address, until ``release`` or ``stop``; before a tunnel that has it for its local
        selector is protected. Raises ``PlaneRefused``."""
        ...

    def release(self, address: Address) -> None:
        """Take an assigned address away; unknown ones are ignored."""
        ...

    def sample(self) -> None:
        """Ask for counters; the answer is a ``Counters`` report."""
        ...

    async def stop(self) -> None:
        """End, and undo every change to the system."""
        ...
