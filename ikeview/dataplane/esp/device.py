"""Where inner packets come from and go to."""

import socket
from typing import Protocol

from ikeview.core.specs import Address, TunnelSpec
from ikeview.dataplane.plane import PlaneRefused


class DeviceTaken(PlaneRefused):
    """The device is in use; it may be by the child of a run that was just killed and is about to end."""


class Device(Protocol):
    """A source and sink of whole inner IP packets, one for each ``read`` and ``write`` on its file descriptor."""

    kind: str
    """``tun``: must not end; ``pipe``: the other side may close it."""
    mark: int | None
    """The SO_MARK by which a socket's packets are kept out of the device; None if they cannot get there."""

    def open(self) -> int:
        """The file descriptor, which stays ours. Raises ``PlaneRefused``, of which ``DeviceTaken`` may pass."""
        ...

    def carry(self, tunnel: TunnelSpec) -> None:
        """From now on the tunnel's traffic comes to us. Raises ``PlaneRefused``."""
        ...

    def release(self, tunnel: TunnelSpec) -> None:
        """Leave its traffic to the system again; ignored if we do not have it."""
        ...

    def add_address(self, address: Address) -> None:
        """The system gets the address; ignored if it has it from us already. Raises ``PlaneRefused``."""
        ...

    def remove_address(self, address: Address) -> None:
        """Take it away again; ignored if we did not give it."""
        ...

    def close(self) -> None:
        """Undo everything."""
        ...


class PipeDevice:
    """One end of a SOCK_SEQPACKET or SOCK_DGRAM pair, whose other end stands for the protected network: for tests and
    for the demo, without root."""

    kind = "pipe"
    mark: int | None = None

    def __init__(self, end: socket.socket) -> None:
        """Takes ``end`` over."""
        self._end = end

    def open(self) -> int:
        """The file descriptor."""
        # several packets may wait for each other in one burst of the other side; the kernel cuts it to its own limit
        self._end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        return self._end.fileno()

    def carry(self, tunnel: TunnelSpec) -> None:
        """Whatever is written to the other end is tunnel traffic."""

    def release(self, tunnel: TunnelSpec) -> None:
        """Nothing to do."""

    def add_address(self, address: Address) -> None:
        """The other end has whatever address it likes."""

    def remove_address(self, address: Address) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Close our end."""
        self._end.close()
