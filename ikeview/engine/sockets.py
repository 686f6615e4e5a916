"""The UDP sockets: IKE on its port, IKE and ESP in UDP on the NAT port (RFC 3947 section 4, RFC 3948 section 2).

One socket for each listen address and port. The local address of each datagram is known (packet info), and answers
leave from it. ICMP errors are read from the error queue and told; they never fail a send to somebody else.
"""

import asyncio
import errno
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from ikeview.core.outputs import Spot
from ikeview.core.specs import Address, EngineSpec
from ikeview.engine import icmp
from ikeview.engine.port_holder import port_holder
from ikeview.engine.refused import EngineRefused

NON_ESP_MARKER = bytes(4)
READS_A_WAKE_UP = 64
"""Datagrams read before timers and orders get their turn: a flood cannot starve them."""
RECEIVE_BUFFER = 1 << 20
"""Octets of socket buffer: a burst of a few hundred datagrams while a Diffie-Hellman value is computed."""

_IP_PKTINFO = 8
_SO_RCVBUFFORCE = 33
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT = 10, 23, 0
_PKTINFO4 = struct.Struct("=i4s4s")
_PKTINFO6 = struct.Struct("=16si")
_ANY4, _ANY6 = IPv4Address("0.0.0.0"), IPv6Address("::")

Arrived = Callable[[Spot, Spot, bytes, bool], None]
"""Called with our end, the peer's end, the datagram without marker, and whether it came on the NAT port."""


@dataclass(slots=True)
class Bound:
    """A bound socket; ``spot`` is what it is bound to, ``floated`` whether that is the NAT port."""

    sock: socket.socket
    spot: Spot
    floated: bool

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.spot.host.version


class UdpSockets:
    """All sockets of an engine. Made by ``open``; ``close`` ends them."""

    def __init__(self, bound: list[Bound]) -> None:
        self._bound = bound
        self._loop: asyncio.AbstractEventLoop | None = None
        self._errors: select.epoll | None = None
        self._buffer = bytearray(1 << 16)

    @classmethod
    def open(cls, spec: EngineSpec) -> "UdpSockets":
        """Bind all; port 0 lets the system choose. Raises ``EngineRefused``."""
        bound: list[Bound] = []
        try:
            for address in spec.listen:
                for port, floated in ((spec.port, False), (spec.nat_port, True)):
                    try:
                        bound.append(_bind(address, port, floated))
                    except OSError as error:
                        no_family = error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
                        if no_family and address == _ANY6 and spec.listen == EngineSpec().listen:
                            continue
                        raise EngineRefused(_bind_problem(error, address, port, floated)) from error
        except EngineRefused:
            for each in bound:
                each.sock.close()
            raise
        return cls(bound)

    @property
    def all(self) -> list[socket.socket]:
        """The sockets of both ports."""
        return [each.sock for each in self._bound]

    @property
    def nat_sockets(self) -> list[socket.socket]:
        """The sockets on the NAT port, for a plane that reads them itself."""
        return [each.sock for each in self._bound if each.floated]

    @property
    def listening(self) -> tuple[Spot, ...]:
        """What the IKE sockets are bound to."""
        return tuple(each.spot for each in self._bound if not each.floated)

    def port(self, floated: bool) -> int:
        """The IKE or NAT port as bound."""
        return next(each.spot.port for each in self._bound if each.floated == floated)

    def listen(
        self,
        arrived: Arrived,
        not_delivered: Callable[[icmp.NotDelivered], None],
        *,
        nat_too: bool,
    ) -> None:
        """Read on the running loop. Without ``nat_too`` somebody else reads the NAT sockets' datagrams, and only their
        ICMP errors are read here."""
        self._loop = asyncio.get_running_loop()
        # asyncio knows no "errors only": an epoll of its own does, and is itself readable when it has something
        self._errors = select.epoll()
        by_fd = {}
        for each in self._bound:
            if each.floated and not nat_too:
                self._errors.register(each.sock.fileno(), 0)
                by_fd[each.sock.fileno()] = each.sock
            else:
                self._loop.add_reader(each.sock.fileno(), self._readable, each, arrived, not_delivered)
        self._loop.add_reader(self._errors.fileno(), self._errors_only, by_fd, not_delivered)

    def send(self, local: Spot, remote: Spot, data: bytes, floated: bool) -> list[icmp.NotDelivered]:
        """Send a datagram from ``local.host`` (unspecified: the system chooses). Returns older errors of other
        datagrams that were found on the way. Raises ``OSError`` if this one cannot leave."""
        return self._transmit([NON_ESP_MARKER, data] if floated else [data], local, remote, floated)

    def send_keepalive(self, local: Spot, remote: Spot) -> list[icmp.NotDelivered]:
        """One octet 0xFF from the NAT port (RFC 3948 section 2.3). Returns and raises as ``send``."""
        return self._transmit([b"\xff"], local, remote, True)

    def _transmit(self, parts: list[bytes], local: Spot, remote: Spot, floated: bool) -> list[icmp.NotDelivered]:
        each = self._socket_for(local.host, remote.host.version, floated)
        destination, ancillary = _addresses(each, local.host, remote)
        older: list[icmp.NotDelivered] = []
        for attempt in (1, 2):
            try:
                each.sock.sendmsg(parts, ancillary, socket.MSG_DONTWAIT, destination)
            except BlockingIOError:
                # the buffer is full: as good as lost on the way, and IKE resends
                break
            except OSError:
                if attempt == 2:
                    raise
                # perhaps the error of an earlier datagram, to another peer: reading it clears it
                older = icmp.read_errors(each.sock)
            else:
                break
        return older

    def close(self) -> None:
        """Stop reading and close; twice is harmless."""
        if self._loop is not None and not self._loop.is_closed():
            for each in self._bound:
                self._loop.remove_reader(each.sock.fileno())
            if self._errors is not None:
                self._loop.remove_reader(self._errors.fileno())
        if self._errors is not None:
            self._errors.close()
            self._errors = None
        for each in self._bound:
            each.sock.close()
        self._bound.clear()

    def _socket_for(self, host: Address, version: int, floated: bool) -> Bound:
        fitting = [each for each in self._bound if each.floated == floated and each.version == version]
        for each in fitting:
            if each.spot.host == host:
                return each
        for each in fitting:
            if each.spot.host.is_unspecified or host.is_unspecified:
                return each
        if not fitting:
            raise OSError(errno.EAFNOSUPPORT, f"the engine does not listen on IPv{version}: see engine.listen")
        raise OSError(errno.EADDRNOTAVAIL, f"the engine does not listen on {host}: see engine.listen")

    def _readable(
        self, each: Bound, arrived: Arrived, not_delivered: Callable[[icmp.NotDelivered], None]
    ) -> None:
        view = memoryview(self._buffer)
        for _ in range(READS_A_WAKE_UP):
            try:
                size, ancillary, _, address = each.sock.recvmsg_into([view], 256, socket.MSG_DONTWAIT)
            except BlockingIOError:
                # nothing left to read; what woke us may have been an error
                self._tell(each.sock, not_delivered)
                return
            except OSError:
                self._tell(each.sock, not_delivered)
                continue
            data = bytes(view[:size])
            if each.floated:
                # keepalives, and ESP that no plane is there to read
                if data[:4] != NON_ESP_MARKER:
                    continue
                data = data[4:]
            arrived(_local(each, ancillary), _spot(address), data, each.floated)
            if each.sock.fileno() < 0:
                # taking it ended the engine
                return

    def _errors_only(
        self, by_fd: dict[int, socket.socket], not_delivered: Callable[[icmp.NotDelivered], None]
    ) -> None:
        if self._errors is None:
            return
        for fd, _ in self._errors.poll(0):
            self._tell(by_fd[fd], not_delivered)

    def _tell(self, sock: socket.socket, not_delivered: Callable[[icmp.NotDelivered], None]) -> None:
        for each in icmp.read_errors(sock):
            not_delivered(each)


def _bind(address: Address, port: int, floated: bool) -> Bound:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        # IKE fragments where it must; nobody on the way should have to refuse a datagram of ours for its size
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
            sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)
        icmp.enable(sock)
        _enlarge(sock)
        sock.bind(_sockaddr(Spot(address, port)))
    except BaseException:
        sock.close()
        raise
    return Bound(sock, _spot(sock.getsockname()), floated)


def _enlarge(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except PermissionError:
        # without CAP_NET_ADMIN as much as the system allows
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def _bind_problem(error: OSError, address: Address, port: int, floated: bool) -> str:
    key = "engine.nat_port" if floated else "engine.port"
    where = f"UDP port {port} on {address}"
    if error.errno == errno.EADDRINUSE:
        holder = port_holder(port) or "another process"
        return f"{where} is taken by {holder}: stop it, or choose another {key} in ikeview.toml"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{where} needs more rights: run as root or with CAP_NET_BIND_SERVICE, or choose {key} above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is not an address of this machine: correct engine.listen in ikeview.toml"
    if error.errno == errno.EAFNOSUPPORT:
        return f"this machine has no IPv{address.version}: take {address} out of engine.listen in ikeview.toml"
    return f"{where} cannot be opened: {error.strerror}"


def _addresses(each: Bound, source: Address, remote: Spot) -> tuple[tuple[object, ...], list[tuple[int, int, bytes]]]:
    """The destination, and the packet info that sets the source where the socket itself does not."""
    destination = _sockaddr(remote)
    if source.is_unspecified or not each.spot.host.is_unspecified or source.version != each.version:
        return destination, []
    if isinstance(source, IPv4Address):
        return destination, [(socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO4.pack(0, source.packed, bytes(4)))]
    return destination, [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _PKTINFO6.pack(source.packed, 0))]


def _sockaddr(spot: Spot) -> tuple[object, ...]:
    if isinstance(spot.host, IPv4Address):
        return (str(spot.host), spot.port)
    scope = spot.host.scope_id or "0"
    number = int(scope) if scope.isdigit() else socket.if_nametoindex(scope)
    return (str(IPv6Address(spot.host.packed)), spot.port, 0, number)


def _spot(address: tuple[object, ...]) -> Spot:
    """From a socket address; a link-local one keeps its interface, without which it cannot be answered."""
    host, port = str(address[0]).partition("%")[0], address[1]
    assert isinstance(port, int)
    scope = address[3] if len(address) > 3 else 0
    parsed = ip_address(host)
    if scope and parsed.is_link_local:
        parsed = ip_address(f"{host}%{scope}")
    return Spot(parsed, port)


def _local(each: Bound, ancillary: list[tuple[int, int, bytes]]) -> Spot:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO) and len(data) >= _PKTINFO4.size:
            return Spot(IPv4Address(_PKTINFO4.unpack_from(data)[1]), each.spot.port)
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO) and len(data) >= _PKTINFO6.size:
            return Spot(IPv6Address(_PKTINFO6.unpack_from(data)[0]), each.spot.port)
    return each.spot
