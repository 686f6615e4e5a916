"""A DNS name to its addresses, and for how long that holds. Blocks, so it is for a thread.

The hosts file comes first and has no TTL. Then the DNS by ourselves, with the servers and the search list of
``/etc/resolv.conf``, for the system's resolver keeps the TTL to itself; and last the system's resolver, for what is in
neither (multicast DNS and the like).
"""

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from ikeview.core.specs import Address

QUERY_SECONDS = 2.0
"""For each family of addresses, over all servers: together less than the locator waits."""
UNKNOWN_TTL = 60.0
"""For what has none of its own."""
_HOSTS = Path("/etc/hosts")
_MOST_ADDRESSES = 16


@dataclass(frozen=True, slots=True)
class Found:
    """The addresses of a name, the preferred first, and how many seconds that holds."""

    addresses: tuple[Address, ...]
    ttl: float


def look_up(name: str) -> Found:
    """Raises ``OSError``, and ``ValueError`` for what can be no name."""
    if _in_hosts_file(name):
        return Found(system_lookup(name), UNKNOWN_TTL)
    found = _ask_dns(name)
    return found if found is not None else Found(system_lookup(name), UNKNOWN_TTL)


def system_lookup(name: str) -> tuple[Address, ...]:
    """The system's resolver: hosts file, DNS and whatever else it is set up for."""
    found: list[Address] = []
    for _, _, _, _, address in socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM):
        each = ip_address(str(address[0]).partition("%")[0])
        if each not in found:
            found.append(each)
    return tuple(found[:_MOST_ADDRESSES])


def _in_hosts_file(name: str) -> bool:
    """hosts(5): an address, then names, then perhaps a comment."""
    try:
        lines = _HOSTS.read_text(errors="replace").splitlines()
    except OSError:
        return False
    wanted = name.rstrip(".").lower()
    return any(wanted in line.partition("#")[0].lower().split()[1:] for line in lines)


def _ask_dns(name: str) -> Found | None:
    """None if the DNS does not know the name or does not answer: the system's resolver will say so, or knows better."""
    import dns.exception
    import dns.resolver

    found: list[Address] = []
    ttls: list[int] = []
    try:
        resolver = dns.resolver.Resolver()
    except dns.exception.DNSException:
        # no /etc/resolv.conf, or nothing in it that could be understood
        return None
    # IPv6 first, as RFC 6724 section 2.1 has it; the locator takes the first that there is a way to
    for kind in ("AAAA", "A"):
        try:
            answer = resolver.resolve(name, kind, search=True, lifetime=QUERY_SECONDS)
        except (dns.exception.DNSException, OSError):
            continue
        found += [ip_address(each.to_text()) for each in answer]
        # that of the shortest record on the way, aliases too
        ttls.append(answer.chaining_result.minimum_ttl)
    if not found:
        return None
    return Found(tuple(found[:_MOST_ADDRESSES]), float(min(ttls)))
