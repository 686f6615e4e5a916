"""The TUN device (Linux, Documentation/networking/tuntap) and the routes into it."""

import contextlib
import errno
import fcntl
import os
import socket
import struct
from pathlib import Path

from ikeview.core.specs import Address, TunnelSpec
from ikeview.dataplane.esp.addresses import Addresses
from ikeview.dataplane.esp.device import DeviceTaken
from ikeview.dataplane.esp.routes import BYPASS_MARK, Routes
from ikeview.dataplane.plane import PlaneRefused

# What fits into an outer packet of 1500 octets with the largest overhead of any suite we have, CBC with SHA-512 over
# IPv6: 1500 - 40 (IPv6) - 8 (UDP) - 8 (SPI, sequence) - 16 (IV) - 32 (ICV) = 1396, which is 1392 in whole cipher blocks
# of 16, of which pad length and next header take 2.
TUN_MTU = 1390

_CLONE_DEVICE = "/dev/net/tun"
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFMTU = 0x8913, 0x8914, 0x8922
_IFF_UP = 0x1
_LONGEST_NAME = 15


class TunDevice:
    """A TUN device of our own, which goes away with the program, however that ends."""

    kind = "tun"
    mark: int | None = BYPASS_MARK

    def __init__(self, name: str = "ikeview0") -> None:
        self.name = name
        self._fd: int | None = None
        self._routes: Routes | None = None
        self._addresses: Addresses | None = None

    def open(self) -> int:
        """Make the device and set it up. Raises ``PlaneRefused``."""
        if self._fd is None:
            self._fd = self._create()
            try:
                self._set_up()
                index = socket.if_nametoindex(self.name)
                self._routes = Routes(index)
                self._addresses = Addresses(index)
            except OSError as error:
                self.close()
                raise PlaneRefused(f"the TUN device {self.name} cannot be set up: {error.strerror}") from error
            except PlaneRefused:
                self.close()
                raise
        return self._fd

    def carry(self, tunnel: TunnelSpec) -> None:
        """Route the tunnel's traffic into the device. Raises ``PlaneRefused``."""
        if self._routes is not None:
            self._routes.take(tunnel)

    def release(self, tunnel: TunnelSpec) -> None:
        """Take the routes away again."""
        if self._routes is not None:
            self._routes.drop(tunnel)

    def add_address(self, address: Address) -> None:
        """Give the system an address. Raises ``PlaneRefused``."""
        if self._addresses is not None and self._routes is not None:
            self._addresses.add(address)
            self._routes.refresh(address)

    def remove_address(self, address: Address) -> None:
        """Take it away again."""
        if self._addresses is not None and self._routes is not None:
            self._addresses.remove(address)
            # a tunnel that has lost its way is blocked
            with contextlib.suppress(PlaneRefused):
                self._routes.refresh(address)

    def close(self) -> None:
        """Undo routes and rules, then addresses and the device."""
        if self._routes is not None:
            self._routes.close()
            self._routes = None
        if self._addresses is not None:
            self._addresses.close()
            self._addresses = None
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _create(self) -> int:
        if not self.name.isascii() or not 0 < len(self.name) <= _LONGEST_NAME or "/" in self.name:
            raise PlaneRefused(f"{self.name!r} cannot name a network device: 1 to {_LONGEST_NAME} ASCII characters")
        with contextlib.suppress(OSError):
            # an existing persistent device would be joined instead of refused
            socket.if_nametoindex(self.name)
            raise DeviceTaken(
                f"a network device named {self.name} exists already: does another ikeview run? If not, remove it with"
                f" `ip link delete {self.name}`"
            )
        try:
            fd = os.open(_CLONE_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise PlaneRefused(f"{_CLONE_DEVICE} does not exist: load the kernel module with `modprobe tun`") from error
        except OSError as error:
            raise PlaneRefused(f"{_CLONE_DEVICE} cannot be opened: {error.strerror}") from error
        try:
            fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", self.name.encode(), _IFF_TUN | _IFF_NO_PI))
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.EPERM, errno.EACCES):
                raise PlaneRefused("a TUN device needs root or the capability CAP_NET_ADMIN") from error
            kind = DeviceTaken if error.errno == errno.EBUSY else PlaneRefused
            raise kind(f"the TUN device {self.name} cannot be made: {error.strerror}") from error
        return fd

    def _set_up(self) -> None:
        with contextlib.suppress(OSError):
            # no link-local address, so that the kernel sends no router solicitations into the tunnels
            Path(f"/proc/sys/net/ipv6/conf/{self.name}/addr_gen_mode").write_text("1")
        name = self.name.encode()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, _SIOCSIFMTU, struct.pack("16si20x", name, TUN_MTU))
            answer = fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16s24x", name))
            flags = struct.unpack_from("16sH", answer)[1]
            fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", name, flags | _IFF_UP))
