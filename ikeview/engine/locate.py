"""Where a peer is, and from which address of ours it is reached: the answer to ``Locate``.

A name is looked up in a thread of its own, so that a resolver that hangs holds up neither the other tunnels nor the end
of the program.
"""

import asyncio
import errno
import fcntl
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from ikeview.core.inputs import Located
from ikeview.core.outputs import Locate, Spot
from ikeview.core.specs import Address
from ikeview.engine.names import Found, look_up
from ikeview.engine.threads import in_thread

LOOKUP_SECONDS = 5.0
"""A resolver that has not answered by then is asked again at the next attempt."""
LOOKUPS = 8
"""At once; more wait their turn."""

_SIOCGIFADDR = 0x8915
_IF_INET6 = Path("/proc/net/if_inet6")
_GLOBAL_SCOPE = 0

TTL_LEAST = 1.0
"""Seconds: 0 would say that there is no name."""

Lookup = Callable[[str], Found]
"""A name to its addresses; blocks; raises ``OSError``, and ``ValueError`` for what is no name."""


class _Unlocated(Exception):
    """There is no answer; the text says why."""


class Locator:
    """Answers ``Locate`` on the running loop. ``listening`` is what the IKE sockets are bound to."""

    def __init__(
        self, listening: Sequence[Spot], lookup: Lookup = look_up, timeout: float = LOOKUP_SECONDS
    ) -> None:
        self._listening = listening
        self._lookup = lookup
        self._timeout = timeout
        self._turns = asyncio.Semaphore(LOOKUPS)

    async def locate(self, request: Locate) -> Located:
        """Never raises: what is wrong is in ``Located.problem``, in words."""
        try:
            found = await self._found(request.remote)
        except _Unlocated as error:
            return Located(request.peer, None, None, str(error))
        # sorting keeps the order of those that are neither
        candidates = sorted(found.addresses, key=lambda each: (each == request.avoid, each != request.prefer))
        try:
            local, remote = self._pair(request, candidates)
        except _Unlocated as error:
            return Located(request.peer, None, candidates[0], str(error), found.ttl, tuple(candidates[1:]))
        others = tuple(each for each in candidates if each != remote)
        return Located(request.peer, local, remote, ttl=found.ttl, others=others)

    async def _found(self, remote: str) -> Found:
        with suppress(ValueError):
            return Found((ip_address(remote),), 0.0)
        async with self._turns:
            try:
                async with asyncio.timeout(self._timeout):
                    found = await in_thread(lambda: self._lookup(remote), "ikeview-lookup")
            except TimeoutError as error:
                raise _Unlocated(
                    f"the name {remote} was not resolved within {self._timeout:.0f} s: check the DNS servers"
                ) from error
            except OSError as error:
                raise _Unlocated(f"the name {remote} cannot be resolved: {_resolver_words(error)}") from error
            except ValueError as error:
                # the idna codec refuses some names (empty label, label over 63 octets)
                raise _Unlocated(f"{remote} is no name that can be looked up") from error
        if not found.addresses:
            raise _Unlocated(f"the name {remote} has no address")
        return Found(found.addresses, max(found.ttl, TTL_LEAST))

    def _pair(self, request: Locate, candidates: list[Address]) -> tuple[Address, Address]:
        """The first address that there is a way to; else the first one's problem."""
        problem: _Unlocated | None = None
        for remote in candidates:
            try:
                return self._local_for(request.local, remote), remote
            except _Unlocated as error:
                problem = problem or error
        raise problem or _Unlocated(f"{request.remote} has no address")

    def _local_for(self, wish: str, remote: Address) -> Address:
        heard = [spot.host for spot in self._listening if spot.host.version == remote.version]
        if not heard:
            raise _Unlocated(
                f"{remote} is IPv{remote.version}, and the engine does not listen on IPv{remote.version}:"
                " see engine.listen"
            )
        if wish == "any":
            local = _source_towards(remote)
            if any(each.is_unspecified for each in heard) or local in heard:
                return local
            return heard[0]
        local = _wished(wish, remote)
        if local not in heard and not any(each.is_unspecified for each in heard):
            raise _Unlocated(f"the engine does not listen on {local}: add it to engine.listen")
        return local


def _source_towards(remote: Address, bind_to: Address | None = None) -> Address:
    """The source address that the system chooses towards ``remote``: connecting a UDP socket sends nothing."""
    family = socket.AF_INET if remote.version == 4 else socket.AF_INET6
    scope = remote.scope_id if isinstance(remote, IPv6Address) else None
    try:
        with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            if bind_to is not None:
                sock.bind((str(bind_to), 0))
            # the discard port; a port is needed, and nothing is sent to it
            host = str(remote).partition("%")[0]
            sock.connect((host, 9) if remote.version == 4 else (host, 9, 0, _scope_number(scope)))
            return ip_address(str(sock.getsockname()[0]).partition("%")[0])
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL and bind_to is not None:
            raise _Unlocated(f"{bind_to} is not an address of this machine: correct local of the peer") from error
        if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL):
            raise _Unlocated(f"this machine has no route to {remote}") from error
        raise _Unlocated(f"{remote} cannot be reached: {error.strerror}") from error


def _scope_number(scope: str | None) -> int:
    if not scope:
        return 0
    return int(scope) if scope.isdigit() else socket.if_nametoindex(scope)


def _wished(wish: str, remote: Address) -> Address:
    """The peer's configured ``local``: an address, or the name of an interface."""
    try:
        address = ip_address(wish)
    except ValueError:
        address = _address_of_interface(wish, remote.version)
    if address.version != remote.version:
        raise _Unlocated(f"local is {address}, but {remote} is IPv{remote.version}")
    return _source_towards(remote, bind_to=address)


def _address_of_interface(name: str, version: int) -> Address:
    try:
        socket.if_nametoindex(name)
    except (OSError, ValueError) as error:
        raise _Unlocated(f"there is no interface {name}: correct local of the peer") from error
    found = _first_ipv4(name) if version == 4 else _first_ipv6(name)
    if found is None:
        raise _Unlocated(f"interface {name} has no IPv{version} address")
    return found


def _first_ipv4(name: str) -> IPv4Address | None:
    # struct ifreq: 16 octets of name, then a sockaddr_in, whose address stands at octet 4
    request = struct.pack("=16s24x", name.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            return IPv4Address(fcntl.ioctl(sock, _SIOCGIFADDR, request)[20:24])
        except OSError:
            return None


def _first_ipv6(name: str) -> IPv6Address | None:
    """Columns of /proc/net/if_inet6: address, index, prefix length, scope, flags, name."""
    try:
        rows = [line.split() for line in _IF_INET6.read_text().splitlines()]
    except OSError:
        return None
    ours = [row for row in rows if len(row) == 6 and row[5] == name]
    # a link-local address reaches no peer behind a router
    ours.sort(key=lambda row: int(row[3], 16) != _GLOBAL_SCOPE)
    return IPv6Address(bytes.fromhex(ours[0][0])) if ours else None


def _resolver_words(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_NONAME:
            return "there is no such name"
        if error.errno == socket.EAI_AGAIN:
            return "no DNS server answers"
    return error.strerror or "the resolver failed"
