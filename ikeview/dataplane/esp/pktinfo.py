"""Which local address a UDP datagram came to or leaves from: IP_PKTINFO (ip(7)), IPV6_PKTINFO (RFC 3542 section 6)."""

import contextlib
import socket
import struct
from ipaddress import IPv4Address, IPv6Address

from ikeview.core.specs import Address

IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)
"""From linux/in.h; Python has no name for it before 3.14."""

Ancillary = list[tuple[int, int, bytes]]

_IPV4 = struct.Struct("=i4s4s")
_IPV6 = struct.Struct("=16si")
ANCILLARY_SIZE = socket.CMSG_SPACE(_IPV4.size) + socket.CMSG_SPACE(_IPV6.size)


def switch_on(udp: socket.socket) -> None:
    """Have the kernel tell the local address of every datagram."""
    if udp.family == socket.AF_INET6:
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        udp.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)


def arrived_at(ancillary: Ancillary) -> Address | None:
    """The local address of a datagram."""
    for level, kind, data in ancillary:
        with contextlib.suppress(struct.error):
            if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
                return IPv4Address(_IPV4.unpack_from(data)[2])
            if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
                return IPv6Address(_IPV6.unpack_from(data)[0])
    return None


def send_from(local: Address) -> Ancillary:
    """What to send along so that a datagram leaves from that address; nothing if any will do."""
    if local.is_unspecified:
        return []
    if local.version == 4:
        return [(socket.IPPROTO_IP, IP_PKTINFO, _IPV4.pack(0, local.packed, bytes(4)))]
    return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _IPV6.pack(local.packed, 0))]
