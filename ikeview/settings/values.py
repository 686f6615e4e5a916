"""Single values of the configuration, text in, value out: names, addresses, peers' addresses, selectors, pools.

Every function raises ``BadValue``.
"""

import re
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from ikeview.core.specs import Address, Network, Selector
from ikeview.settings.problems import BadValue, quoted

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_INTERFACE = re.compile(r"[A-Za-z0-9._@+-]{1,15}")
"""Linux takes 15 octets (IFNAMSIZ less the closing zero), and more characters than anybody uses."""
_NUMERIC = re.compile(r"[0-9.]+")

_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "icmp6": 58, "sctp": 132}
_WITH_PORTS = {6, 17, 132}


POOL_SHORTEST = {4: 8, 6: 64}
"""The shortest prefix of a pool: a shorter one is a slip, and no gateway has so many clients."""
_BANNER_MOST = 500
"""Octets: with what else mode config tells, it must fit a message that need not be fragmented."""
_USER_MOST = 255


class Traffic(NamedTuple):
    """One end of a tunnel's traffic; ``dynamic``: the address is known only once the tunnel comes up, and the network
    says nothing but the IP version that the protocol demands, if any."""

    selector: Selector
    dynamic: bool = False

    @property
    def version(self) -> int | None:
        """The IP version, as far as the text tells it."""
        if not self.dynamic:
            return self.selector.network.version
        return {1: 4, 58: 6}.get(self.selector.protocol)


class Remote(NamedTuple):
    """Where a peer is: its text, and what it means. A DNS name and ``any`` are neither address nor network."""

    text: str
    address: Address | None = None
    network: Network | None = None

    @property
    def is_one_place(self) -> bool:
        """Whether a first message can be sent there."""
        return self.text != "any" and self.network is None


def parse_name(text: str) -> str:
    """A peer's, tunnel's or theme's name: 1 to 64 letters, digits, ``.``, ``_``, ``-``. Not first: a dot, by which
    editors and shells hide files, or a dash, by which a command knows its options."""
    if not _NAME.fullmatch(text):
        raise BadValue(
            f"{quoted(text)} cannot be a name",
            "use 1 to 64 letters, digits, dots, dashes and underscores, the first no dot or dash",
        )
    return text


def parse_address(text: str) -> Address:
    """An IPv4 or IPv6 address without a scope."""
    try:
        address = ip_address(text)
    except ValueError:
        raise BadValue(f"{quoted(text)} is no address", "write for example 192.0.2.1 or 2001:db8::1") from None
    if "%" in text:
        raise BadValue(f"{quoted(text)} names a scope, which cannot be used here", "leave out % and what follows")
    return address


def parse_network(text: str) -> Network:
    """An IPv4 or IPv6 network with no bits set behind the prefix; an address alone is a network of one."""
    wrong = BadValue(f"{quoted(text)} is no network", "write for example 10.1.0.0/24 or 2001:db8:1::/64")
    if "%" in text:
        raise wrong
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise wrong from None
    raise BadValue(f"{quoted(text)} has bits set behind its prefix", f"did you mean {network}?")


def parse_unicast(text: str) -> Address:
    """An address that one host can have: not unspecified, not multicast, not broadcast."""
    address = parse_address(text)
    if address.is_unspecified:
        raise BadValue(f"{quoted(text)} is nobody's address", "did you mean any?")
    if address.is_multicast or str(address) == "255.255.255.255":
        raise BadValue(f"{quoted(text)} is the address of a group, not of a host", "write the gateway's own address")
    return address


def parse_remote(text: str) -> Remote:
    """``any``, an address, a network or a DNS name (RFC 1123 section 2.1)."""
    if text == "any":
        return Remote(text)
    if "/" in text:
        return Remote(text, network=parse_network(text))
    if ":" in text or _NUMERIC.fullmatch(text):
        return Remote(text, address=parse_unicast(text))
    if not _is_domain(text):
        raise BadValue(
            f"{quoted(text)} is no address, DNS name or network", "write for example 203.0.113.9, gw.example.net or any"
        )
    return Remote(text)


def _is_domain(text: str) -> bool:
    """RFC 1123 section 2.1."""
    labels = text.removesuffix(".").split(".")
    return len(text) <= 253 and not labels[-1].isdigit() and all(_LABEL.fullmatch(label) for label in labels)


def parse_domain(text: str) -> str:
    """A DNS domain."""
    if not _is_domain(text):
        raise BadValue(f"{quoted(text)} is no domain", "write for example example.net")
    return text


def parse_folder(text: str) -> str:
    """A folder by its whole path."""
    if not text.startswith("/") or "\0" in text:
        raise BadValue(f"{quoted(text)} is no whole path", "write for example /var/lib/ikeview")
    return text


def parse_user(text: str) -> str:
    """A user's name for XAUTH."""
    if not text or not text.isprintable() or text != text.strip() or len(text.encode()) > _USER_MOST:
        raise BadValue(
            f"{quoted(text)} cannot be a user's name",
            f"use 1 to {_USER_MOST} octets of text, without control characters, no space first or last",
        )
    return text


def parse_banner(text: str) -> str:
    """What a client shows its user: text, also of several lines."""
    if len(text.encode()) > _BANNER_MOST:
        raise BadValue(f"is longer than {_BANNER_MOST} octets", "shorten it")
    if not text.replace("\n", "").isprintable():
        raise BadValue("holds a control character", "only line ends may stand in it")
    return text


def parse_pool(text: str) -> Network:
    """Addresses to be given to clients."""
    network = parse_network(text)
    if network.is_multicast or network.is_loopback or network.is_link_local or network.is_unspecified:
        raise BadValue(f"{quoted(text)} holds no addresses for clients", "write for example 10.3.0.0/24")
    if network.prefixlen < POOL_SHORTEST[network.version]:
        raise BadValue(
            f"{quoted(text)} is too large for a pool", f"write a prefix of {POOL_SHORTEST[network.version]} or longer"
        )
    return network


def parse_ipv4_network(text: str) -> Network:
    """A network for the attribute UNITY_SPLIT_INCLUDE, which has no room for IPv6."""
    network = parse_network(text)
    if network.version != 4:
        raise BadValue(f"{quoted(text)} is IPv6, which this attribute cannot carry", "take it out")
    return network


def parse_local(text: str) -> str:
    """``any``, an address of this machine, or the name of a network interface."""
    if ":" in text or _NUMERIC.fullmatch(text):
        return str(parse_unicast(text))
    if not _INTERFACE.fullmatch(text):
        raise BadValue(f"{quoted(text)} is no address or interface name", "write for example 192.0.2.1, eth0 or any")
    return text


def parse_selector(text: str) -> Selector:
    """``10.1.0.0/24``, ``10.1.0.5 tcp/22``, ``10.1.0.0/24 icmp``, ``2001:db8::/64 47``; takes ``str(Selector)``."""
    words = text.split()
    if not 1 <= len(words) <= 2:
        raise BadValue(f"{quoted(text)} is no selector", 'write for example "10.1.0.0/24" or "10.1.0.5 tcp/22"')
    network = parse_network(words[0])
    if len(words) == 1:
        return Selector(network)
    protocol_word, slash, port_word = words[1].lower().partition("/")
    protocol = _parse_protocol(protocol_word)
    if (protocol, network.version) in ((1, 6), (58, 4)):
        text = f"{quoted(text)} mixes {protocol_word} and IPv{network.version}"
        raise BadValue(text, "icmp goes with IPv4, icmp6 with IPv6")
    if not slash or port_word == "any":
        return Selector(network, protocol)
    if protocol not in _WITH_PORTS:
        raise BadValue(f"{quoted(text)} names a port, which only tcp, udp and sctp have", "leave it out")
    if not (port_word.isascii() and port_word.isdigit() and len(port_word) <= 5 and 1 <= int(port_word) <= 65535):
        raise BadValue(f"{quoted(port_word)} is no port", "write a number from 1 to 65535, or any")
    return Selector(network, protocol, int(port_word))


def parse_traffic(text: str) -> Traffic:
    """``dynamic`` or ``dynamic tcp/22``, else as ``parse_selector``."""
    first, _, rest = text.strip().partition(" ")
    if first != "dynamic":
        return Traffic(parse_selector(text))
    anywhere = "::/128" if rest.strip().lower() in ("icmp6", "58") else "0.0.0.0/32"
    return Traffic(parse_selector(f"{anywhere} {rest}"), dynamic=True)


def _parse_protocol(word: str) -> int:
    if word in _PROTOCOLS:
        return _PROTOCOLS[word]
    if word.isascii() and word.isdigit() and len(word) <= 3 and 1 <= int(word) <= 255:
        return int(word)
    raise BadValue(f"unknown protocol {quoted(word)}", f"known are {', '.join(_PROTOCOLS)} and the numbers 1 to 255")
