"""The error queue of a UDP socket (ip(7) IP_RECVERR): which of our datagrams did not arrive, and what ICMP said."""

import errno
import os
import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from ikeview.core.outputs import Spot

IP_RECVERR = 11
IPV6_RECVERR = 25
_ORIGIN_LOCAL, _ORIGIN_ICMP, _ORIGIN_ICMP6 = 1, 2, 3
_EXTENDED_ERROR = struct.Struct("=IBBBxII")
_MOST = 64
"""Errors read at one wake-up."""

# what the operator reads; the system's own words for the rest
_WORDS = {
    errno.ECONNREFUSED: "port unreachable",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.EACCES: "forbidden by a firewall on the way",
    errno.ENOPROTOOPT: "protocol unreachable",
}
# destination unreachable, administratively prohibited (RFC 792, RFC 1812 section 5.2.7.1, RFC 4443 section 3.1)
_PROHIBITED_V4, _PROHIBITED_V6 = {(3, 9), (3, 10), (3, 13)}, {(1, 1)}


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """A datagram to ``remote`` did not arrive, in words why."""

    remote: Spot
    detail: str


def enable(sock: socket.socket) -> None:
    """Have the kernel keep ICMP errors of an unconnected socket."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)


def read_errors(sock: socket.socket) -> list[NotDelivered]:
    """Take what waits in the error queue, at most 64 entries; this also clears the error that would otherwise fail the
    next, innocent send. Duplicates are told once."""
    found: list[NotDelivered] = []
    for _ in range(_MOST):
        try:
            # the start of our own datagram comes back as data: not wanted
            _, ancillary, _, address = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
        except OSError:
            break
        for level, kind, data in ancillary:
            if (level, kind) in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
                each = _read(data, address)
                if each is not None and each not in found:
                    found.append(each)
    return found


def _read(data: bytes, address: tuple[str, int]) -> NotDelivered | None:
    if len(data) < _EXTENDED_ERROR.size or not address:
        return None
    number, origin, kind, code, _, _ = _EXTENDED_ERROR.unpack_from(data)
    if origin not in (_ORIGIN_LOCAL, _ORIGIN_ICMP, _ORIGIN_ICMP6) or number == errno.EMSGSIZE:
        # a path MTU was learnt: the kernel fragments from now on
        return None
    prohibited = (kind, code) in (_PROHIBITED_V6 if origin == _ORIGIN_ICMP6 else _PROHIBITED_V4)
    words = _WORDS[errno.EACCES] if prohibited else _WORDS.get(number, os.strerror(number))
    return NotDelivered(Spot(ip_address(address[0]), address[1]), words)
