"""Inner packets: what they are, and which tunnel's selectors they match (RFC 4301 section 4.4.1.1)."""

from typing import NamedTuple

from ikeview.core.specs import Selector, TunnelSpec

ICMP, TCP, UDP, DCCP, ICMPV6, SCTP, UDP_LITE = 1, 6, 17, 33, 58, 132, 136
WITH_PORTS = frozenset((TCP, UDP, DCCP, SCTP, UDP_LITE))
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60
_EXTENSIONS = frozenset((_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION))
_MOST_EXTENSIONS = 8
"""RFC 8200 section 4.1 lets each occur once, destination options twice; a longer chain is an attack."""
UNKNOWN_PORT = -1
"""The packet shows no port: a later fragment, or cut short. Such a packet matches no selector that names one."""


class NotIp(Exception):
    """The octets are no whole IP packet."""


class Flow(NamedTuple):
    """What selectors look at; addresses as numbers, ``length`` the octets of the packet without TFC padding.

    For ICMP both ports hold type and code, as type * 256 + code (RFC 4301 section 4.4.1.1).
    """

    version: int
    source: int
    destination: int
    protocol: int
    source_port: int
    destination_port: int
    length: int


def read_flow(packet: bytes) -> Flow:
    """The flow that a packet belongs to. Raises ``NotIp``."""
    version = packet[0] >> 4 if packet else 0
    if version == 4:
        return _read_ipv4(packet)
    if version == 6:
        return _read_ipv6(packet)
    raise NotIp


def _read_ipv4(packet: bytes) -> Flow:
    if len(packet) < 20:
        raise NotIp
    start = (packet[0] & 15) * 4
    length = int.from_bytes(packet[2:4])
    if start < 20 or not start <= length <= len(packet):
        raise NotIp
    protocol = packet[9]
    later = int.from_bytes(packet[6:8]) & 0x1FFF
    ports = (UNKNOWN_PORT, UNKNOWN_PORT) if later else _ports(packet, protocol, start, length)
    return Flow(4, int.from_bytes(packet[12:16]), int.from_bytes(packet[16:20]), protocol, *ports, length)


def _read_ipv6(packet: bytes) -> Flow:
    if len(packet) < 40:
        raise NotIp
    length = 40 + int.from_bytes(packet[4:6])
    if length > len(packet):
        raise NotIp
    protocol, start, later = packet[6], 40, False
    for _ in range(_MOST_EXTENSIONS):
        if protocol not in _EXTENSIONS or later:
            break
        if start + 8 > length:
            raise NotIp
        if protocol == _FRAGMENT:
            later = bool(int.from_bytes(packet[start + 2 : start + 4]) >> 3)
            size = 8
        elif protocol == _AUTHENTICATION:
            size = (packet[start + 1] + 2) * 4
        else:
            size = (packet[start + 1] + 1) * 8
        protocol, start = packet[start], start + size
    else:
        if protocol in _EXTENSIONS:
            raise NotIp
    if start > length:
        raise NotIp
    ports = (UNKNOWN_PORT, UNKNOWN_PORT) if later else _ports(packet, protocol, start, length)
    return Flow(6, int.from_bytes(packet[8:24]), int.from_bytes(packet[24:40]), protocol, *ports, length)


def _ports(packet: bytes, protocol: int, start: int, length: int) -> tuple[int, int]:
    if protocol in WITH_PORTS and start + 4 <= length:
        return int.from_bytes(packet[start : start + 2]), int.from_bytes(packet[start + 2 : start + 4])
    if protocol in (ICMP, ICMPV6) and start + 2 <= length:
        kind = int.from_bytes(packet[start : start + 2])
        return kind, kind
    return UNKNOWN_PORT, UNKNOWN_PORT


class _End:
    """One selector, compiled to numbers."""

    __slots__ = ("mask", "network", "port", "protocol", "version")

    def __init__(self, selector: Selector) -> None:
        self.version = selector.network.version
        self.network = int(selector.network.network_address)
        self.mask = int(selector.network.netmask)
        self.protocol = selector.protocol
        self.port = selector.port

    def takes(self, version: int, address: int, protocol: int, port: int) -> bool:
        return (
            version == self.version
            and address & self.mask == self.network
            and self.protocol in (0, protocol)
            and self.port in (0, port)
        )


class Policy:
    """A tunnel's two selectors as a test on flows."""

    __slots__ = ("_local", "_remote", "name", "rank")

    def __init__(self, tunnel: TunnelSpec) -> None:
        self.name = tunnel.full_name
        self._local = _End(tunnel.local)
        self._remote = _End(tunnel.remote)
        local, remote = tunnel.local, tunnel.remote
        self.rank = (
            remote.network.prefixlen,
            bool(remote.protocol or local.protocol),
            bool(remote.port),
            bool(local.port),
            local.network.prefixlen,
        )
        """The policy with the greatest rank is the most specific: a packet that several match goes by that one."""

    def leaves_by(self, flow: Flow) -> bool:
        """Whether a packet of ours belongs into the tunnel."""
        version, source, destination, protocol, source_port, destination_port, _ = flow
        return self._remote.takes(version, destination, protocol, destination_port) and self._local.takes(
            version, source, protocol, source_port
        )

    def lets_in(self, flow: Flow) -> bool:
        """Whether the peer may send this packet through the tunnel (RFC 4301 section 5.2, step 4)."""
        version, source, destination, protocol, source_port, destination_port, _ = flow
        return self._remote.takes(version, source, protocol, source_port) and self._local.takes(
            version, destination, protocol, destination_port
        )
