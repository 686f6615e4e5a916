"""Addresses that a peer has given us, on the TUN device (ip-address(8))."""

import contextlib
import socket
from ipaddress import IPv4Address

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg

from ikeview.core.specs import Address
from ikeview.dataplane.esp.netlink import Netlink
from ikeview.dataplane.plane import PlaneRefused

_NEW_ADDRESS, _DELETE_ADDRESS = 20, 21
_NO_DUPLICATE_CHECK = 0x02
"""IFA_F_NODAD: nobody on a TUN device could answer, and an address that is being checked cannot be used."""
_ANCHOR, _SCOPE_HOST = IPv4Address("192.0.0.8"), 254
"""With the last IPv4 address of a device the kernel takes away all routes through it, those of other tunnels too: one
always stays there, which means nothing (RFC 7600 section 4.8) and is chosen as a source of nothing."""


class Addresses:
    """What we have put on one device; with the device it goes away by itself."""

    def __init__(self, device: int) -> None:
        self._device = device
        self._given: set[Address] = set()
        self._anchored = False
        self._netlink = Netlink()

    def add(self, address: Address) -> None:
        """Put an address on the device, alone in its network. Raises ``PlaneRefused``."""
        if address in self._given:
            return
        try:
            if address.version == 4 and not self._anchored:
                self._netlink.create(_NEW_ADDRESS, self._message(_ANCHOR, _SCOPE_HOST))
                self._anchored = True
            self._netlink.create(_NEW_ADDRESS, self._message(address))
        except OSError as error:
            raise PlaneRefused(f"the address {address} that the peer gave cannot be used: {error.strerror}") from error
        self._given.add(address)

    def remove(self, address: Address) -> None:
        """Take it off again; unknown ones are ignored."""
        if address in self._given:
            self._given.discard(address)
            # somebody else may have removed it
            with contextlib.suppress(OSError):
                self._netlink.delete(_DELETE_ADDRESS, self._message(address))

    def close(self) -> None:
        """Undo everything."""
        for address in list(self._given):
            self.remove(address)
        self._netlink.close()

    def _message(self, address: Address, scope: int = 0) -> ifaddrmsg:
        message = ifaddrmsg()
        message["family"] = int(socket.AF_INET if address.version == 4 else socket.AF_INET6)
        message["prefixlen"] = address.max_prefixlen
        message["flags"] = _NO_DUPLICATE_CHECK if address.version == 6 else 0
        message["index"] = self._device
        message["scope"] = scope
        message["attrs"] = [("IFA_LOCAL", str(address)), ("IFA_ADDRESS", str(address))]
        return message
