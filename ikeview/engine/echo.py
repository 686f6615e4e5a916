"""ICMP echo requests (RFC 792, RFC 4443 section 4.1) for the keepalive through a tunnel, and their replies.

The kernel's ping sockets where they are allowed (``net.ipv4.ping_group_range``), raw ones else. A reply counts only if
it comes from where the request went and carries the request's own octets of chance: nobody who has not seen the request
can make one.
"""

import asyncio
import errno
import os
import socket
import struct
import sys
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from ikeview.core.inputs import EchoAnswered
from ikeview.core.outputs import SendEcho
from ikeview.core.specs import Address

_TOKEN = 16
"""Octets of chance in each request."""
_HEAD = struct.Struct("!BBHHH")
"""Type, code, checksum, identifier, sequence number."""
_REQUEST = {4: 8, 6: 128}
_REPLY = {4: 0, 6: 129}
_KEPT = 16_384
"""Requests without a reply, over all peers; the oldest is forgotten."""
_READS_A_WAKE_UP = 64
_SOL_RAW, _ICMP_FILTER, _ICMP6_FILTER = 255, 1, 1
_ICMP4, _ICMP6 = socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6


class Echo:
    """Sends on the running loop. ``answered`` is called on it."""

    def __init__(self, answered: Callable[[EchoAnswered], None]) -> None:
        self._answered = answered
        self._loop = asyncio.get_running_loop()
        self._sockets: dict[tuple[Address | None, int], socket.socket] = {}
        self._waiting: dict[bytes, SendEcho] = {}
        self._identifier = int.from_bytes(os.urandom(2))

    def send(self, request: SendEcho) -> None:
        """Never raises: what is wrong is in ``EchoAnswered.problem``, in words."""
        version = request.target.version
        try:
            if request.source is not None and request.source.version != version:
                raise OSError(errno.EAFNOSUPPORT, f"{request.source} and {request.target} are of two families")
            sock = self._socket(request.source, version)
            token = os.urandom(_TOKEN)
            sock.sendto(self._message(version, request.sequence, token), _sockaddr(request.target))
        except BlockingIOError:
            # the buffer is full: as good as lost on the way
            return
        except OSError as error:
            self._answered(EchoAnswered(request.peer, request.sequence, _words(error, request)))
            return
        self._waiting[token] = request
        while len(self._waiting) > _KEPT:
            del self._waiting[next(iter(self._waiting))]

    def close(self) -> None:
        """Stop; twice is harmless."""
        for sock in self._sockets.values():
            if not self._loop.is_closed():
                self._loop.remove_reader(sock.fileno())
            sock.close()
        self._sockets.clear()

    def _socket(self, source: Address | None, version: int) -> socket.socket:
        key = (source, version)
        if key not in self._sockets:
            sock = _open(version)
            try:
                if source is not None:
                    sock.bind(_sockaddr(source))
            except BaseException:
                sock.close()
                raise
            self._sockets[key] = sock
            self._loop.add_reader(sock.fileno(), self._readable, sock, version)
        return self._sockets[key]

    def _message(self, version: int, sequence: int, token: bytes) -> bytes:
        # the kernel sets a ping socket's identifier and checksum, and the checksum of all ICMPv6
        head = _HEAD.pack(_REQUEST[version], 0, 0, self._identifier, sequence & 0xFFFF)
        if version == 6:
            return head + token
        total = _checksum(head + token)
        return _HEAD.pack(_REQUEST[version], 0, total, self._identifier, sequence & 0xFFFF) + token

    def _readable(self, sock: socket.socket, version: int) -> None:
        for _ in range(_READS_A_WAKE_UP):
            try:
                data, sender = sock.recvfrom(2048, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                # an ICMP error about a request: it has no reply, and that is found out anyway
                continue
            self._take(data, str(sender[0]), version, raw=sock.type == socket.SOCK_RAW)
            if sock.fileno() < 0:
                # taking it ended the engine
                return

    def _take(self, data: bytes, sender: str, version: int, *, raw: bool) -> None:
        if raw and version == 4:
            # with the IP header, whose length stands in it in words
            data = data[(data[0] & 0xF) * 4 :] if data else data
        if len(data) != _HEAD.size + _TOKEN or data[0] != _REPLY[version] or data[1]:
            return
        token = data[_HEAD.size :]
        waiting = self._waiting.get(token)
        if waiting is None or _host(sender) != waiting.target.packed:
            return
        del self._waiting[token]
        self._answered(EchoAnswered(waiting.peer, waiting.sequence))


def _open(version: int) -> socket.socket:
    """Raises ``OSError``."""
    family, protocol = (socket.AF_INET, _ICMP4) if version == 4 else (socket.AF_INET6, _ICMP6)
    flags = socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    try:
        return socket.socket(family, socket.SOCK_DGRAM | flags, protocol)
    except PermissionError:
        sock = socket.socket(family, socket.SOCK_RAW | flags, protocol)
    # of everything that comes to this machine the replies only: a bit set is a type that is kept out
    if version == 4:
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, (0xFFFFFFFF & ~(1 << _REPLY[4])).to_bytes(4, sys.byteorder))
    else:
        words = [0xFFFFFFFF] * 8
        words[_REPLY[6] >> 5] &= ~(1 << (_REPLY[6] & 31))
        sock.setsockopt(_ICMP6, _ICMP6_FILTER, struct.pack("=8I", *words))
    return sock


def _sockaddr(address: Address) -> tuple[object, ...]:
    if address.version == 4:
        return (str(address), 0)
    scope = address.scope_id if isinstance(address, IPv6Address) else None
    number = 0 if not scope else int(scope) if scope.isdigit() else socket.if_nametoindex(scope)
    return (str(address).partition("%")[0], 0, 0, number)


def _host(text: str) -> bytes:
    try:
        return ip_address(text.partition("%")[0]).packed
    except ValueError:
        return b""


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    return 0xFFFF - int.from_bytes(data + bytes(len(data) % 2)) % 0xFFFF


def _words(error: OSError, request: SendEcho) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{request.source} is not an address of this machine: correct keepalive.source"
    if error.errno in (errno.EPERM, errno.EACCES):
        return "ICMP sockets are not allowed: run as root or with CAP_NET_RAW, or set net.ipv4.ping_group_range"
    return f"an echo request to {request.target} cannot be sent: {error.strerror}"
