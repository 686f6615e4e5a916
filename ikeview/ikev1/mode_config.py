"""What mode config says (draft-dukes-ike-mode-cfg-02, and Cisco Unity's attributes): an address of the server's pool,
and what goes with it. Nothing that a peer says here is taken for more than it may be: see ``read``."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import islice

from ikeview.core.specs import Address, ModeConfigSpec, Network
from ikeview.ikev1.transaction import attribute_name
from ikeview.wire.attributes import Attribute
from ikeview.wire.numbers import ConfigAttribute, ConfigMessage, UnityAttribute
from ikeview.wire.payloads import Attributes

_DNS_MOST, _SPLIT_MOST, _IGNORED_MOST, _TEXT_MOST = 8, 64, 16, 1024
"""A peer that says more is not listened to beyond that."""
_SPLIT_SIZE = 14
"""Address, mask, and protocol and two ports that nobody uses."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a client has been given. ``ignored`` says what else came, and why it is not used."""

    address: Address | None
    netmask: str = ""
    dns: tuple[str, ...] = ()
    domain: str = ""
    banner: str = ""
    split_include: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def question(identifier: int, version: int, wish: Address | None, *, unity: bool) -> Attributes:
    """The client asks for an address of that IP version: the one it had, if any."""
    if version == 4:
        kinds = [ConfigAttribute.INTERNAL_IP4_NETMASK, ConfigAttribute.INTERNAL_IP4_DNS]
        first = ConfigAttribute.INTERNAL_IP4_ADDRESS
    else:
        kinds, first = [ConfigAttribute.INTERNAL_IP6_DNS], ConfigAttribute.INTERNAL_IP6_ADDRESS
    extra = [UnityAttribute.SPLIT_INCLUDE, UnityAttribute.DEFAULT_DOMAIN, UnityAttribute.BANNER] if unity else []
    value = wish.packed if wish is not None and wish.version == version else b""
    attributes = [Attribute(first, value, False), *(Attribute(kind, b"", False) for kind in (*kinds, *extra))]
    return Attributes(ConfigMessage.REQUEST, identifier, tuple(attributes))


def wish(asked: Attributes) -> Address | None:
    """The address that the client would like to have."""
    for each in asked.attributes:
        if each.kind == ConfigAttribute.INTERNAL_IP4_ADDRESS and len(each.value) == 4 and any(each.value):
            return IPv4Address(each.value)
        if each.kind == ConfigAttribute.INTERNAL_IP6_ADDRESS and len(each.value) in (16, 17) and any(each.value):
            return IPv6Address(each.value[:16])
    return None


def wants_address(asked: Attributes) -> bool:
    """Whether the client asks for an address at all."""
    addresses = (ConfigAttribute.INTERNAL_IP4_ADDRESS, ConfigAttribute.INTERNAL_IP6_ADDRESS)
    return any(each.kind in addresses for each in asked.attributes)


def offer(
    kind: ConfigMessage, identifier: int, spec: ModeConfigSpec, address: Address | None, *, unity: bool,
    asked: Attributes | None = None,
) -> Attributes:
    """What the server gives: all it has (``asked`` None), or that of it which was asked for."""
    assert spec.pool is not None, "the settings have seen to it"
    given: list[Attribute] = []
    if address is not None and address.version == 4:
        given.append(Attribute(ConfigAttribute.INTERNAL_IP4_ADDRESS, address.packed, False))
        given.append(Attribute(ConfigAttribute.INTERNAL_IP4_NETMASK, spec.pool.netmask.packed, False))
    elif address is not None:
        given.append(Attribute(ConfigAttribute.INTERNAL_IP6_ADDRESS, address.packed, False))
    for server in spec.dns:
        number = ConfigAttribute.INTERNAL_IP4_DNS if server.version == 4 else ConfigAttribute.INTERNAL_IP6_DNS
        given.append(Attribute(number, server.packed, False))
    if unity:
        if spec.domain:
            given.append(Attribute(UnityAttribute.DEFAULT_DOMAIN, spec.domain.encode(), False))
        if spec.banner:
            given.append(Attribute(UnityAttribute.BANNER, spec.banner.encode(), False))
        split = b"".join(
            each.network_address.packed + each.netmask.packed + bytes(_SPLIT_SIZE - 8)
            for each in spec.split_include if each.version == 4
        )
        if split:
            given.append(Attribute(UnityAttribute.SPLIT_INCLUDE, split, False))
    if asked is not None:
        kinds = {each.kind for each in asked.attributes}
        given = [each for each in given if each.kind in kinds]
    return Attributes(kind, identifier, tuple(given))


def acknowledged(given: Attributes) -> Attributes:
    """The client has taken what it was given: the same attributes without values (section 2.2)."""
    return Attributes(
        ConfigMessage.ACK, given.identifier, tuple(Attribute(each.kind, b"", False) for each in given.attributes)
    )


def read(given: Attributes) -> Assignment:
    """What a server gives, as far as it makes sense: an address of one host, servers that can be reached, text of
    bounded length."""
    address: Address | None = None
    netmask = domain = banner = ""
    dns: list[str] = []
    split: list[str] = []
    ignored: list[str] = []
    for each in given.attributes:
        value = each.value
        match each.kind:
            case ConfigAttribute.INTERNAL_IP4_ADDRESS | ConfigAttribute.INTERNAL_IP6_ADDRESS if address is None:
                address = _host(value, 4 if each.kind == ConfigAttribute.INTERNAL_IP4_ADDRESS else 16)
                if address is None and value:
                    ignored.append(f"{attribute_name(each.kind)} {value[:20].hex()}: no address that a host can have")
            case ConfigAttribute.INTERNAL_IP4_NETMASK if len(value) == 4:
                netmask = str(IPv4Address(value))
            case ConfigAttribute.INTERNAL_IP4_DNS | ConfigAttribute.INTERNAL_IP6_DNS if value:
                server = _host(value, 4 if each.kind == ConfigAttribute.INTERNAL_IP4_DNS else 16)
                if server is not None and len(dns) < _DNS_MOST:
                    dns.append(str(server))
                else:
                    ignored.append(f"{attribute_name(each.kind)}: " + ("too many" if server else "no server's address"))
            case UnityAttribute.DEFAULT_DOMAIN:
                domain = _text(value)
            case UnityAttribute.BANNER:
                banner = _text(value)
            case UnityAttribute.SPLIT_INCLUDE:
                split += _networks(value, _SPLIT_MOST - len(split))
            case ConfigAttribute.INTERNAL_IP4_SUBNET if len(value) == 8:
                split += _networks(value + bytes(_SPLIT_SIZE - 8), _SPLIT_MOST - len(split))
            case _ if value:
                ignored.append(f"{attribute_name(each.kind)}: not used here")
    if len(ignored) > _IGNORED_MOST:
        ignored[_IGNORED_MOST:] = [f"{len(ignored) - _IGNORED_MOST} more"]
    return Assignment(address, netmask, tuple(dns), domain, banner, tuple(split), tuple(ignored))


def _host(value: bytes, size: int) -> Address | None:
    if len(value) not in (size, size + 1 if size == 16 else size):
        # an IPv6 address may come with its prefix length behind it
        return None
    address = ip_address(value[:size])
    if address.is_unspecified or address.is_multicast or address.is_loopback or str(address) == "255.255.255.255":
        return None
    return address


def _text(value: bytes) -> str:
    return value[:_TEXT_MOST].rstrip(b"\0").decode(errors="replace")


def _networks(value: bytes, most: int) -> list[str]:
    found: list[str] = []
    for start in range(0, len(value) - 7, _SPLIT_SIZE):
        if len(found) == most:
            break
        try:
            address, mask = IPv4Address(value[start : start + 4]), IPv4Address(value[start + 4 : start + 8])
            found.append(str(ip_network(f"{address}/{mask}", strict=False)))
        except ValueError:
            continue
    return found


_LEASES_LOOKED_AT = 65_536
"""Addresses of a pool that are looked at for a free one: no larger pool is ever used up."""


def lease(
    pool: Network, leases: dict[str, Address], in_use: Iterable[Address], who: str, wished: Address | None
) -> Address | None:
    """An address for ``who``: the one it had, the one it wishes, one that nobody has had, or one whose owner is not
    there; None if all are in use. ``leases`` is changed."""
    used = set(in_use)
    had = leases.get(who)
    if had is not None and had in pool and had not in used:
        return had
    taken = {address for other, address in leases.items() if other != who}
    candidates = [wished] if wished is not None and wished in pool else []
    free = next(
        (each for each in (*candidates, *_hosts(pool)) if each not in used and each not in taken), None
    )
    if free is None:
        # the longest unused first: a lease that is used moves to the end
        gone = next((name for name, each in leases.items() if each in pool and each not in used), None)
        if gone is None:
            return None
        free = leases.pop(gone)
    leases.pop(who, None)
    leases[who] = free
    return free


def _hosts(pool: Network) -> Iterable[Address]:
    yield from islice(pool.hosts(), _LEASES_LOOKED_AT)
