"""Transport mode (RFC 4303 section 3.1.1): only what is behind the IP header goes into the ESP packet.

The device takes and gives whole IP packets, so the header is taken off on the way out and made anew on the way in, with
the two hosts of the tunnel's selectors. A NAT between them changes the outer addresses, so a checksum that covers
addresses may have been made for others than these: ESP has proved the octets, and it is made good (RFC 3948 section
3.1.2).
"""

from collections.abc import Callable

from ikeview.core.specs import Address
from ikeview.dataplane.esp.inner import ICMPV6, TCP, UDP, Flow, NotIp

_FRAGMENT = 44
_HOPS = 64
"""Time to live and hop limit; what the packet left with is not told."""
_LARGEST = 65535
_CHECKSUM_AT = {TCP: 16, UDP: 6, ICMPV6: 2}
"""Where the checksums stand that cover the addresses (RFC 9293 section 3.1, RFC 768, RFC 4443 section 2.3)."""
_UDP_HEADER = 8


def is_fragment(packet: bytes, version: int) -> bool:
    """Whether an IP packet is only a part of one."""
    return bool(int.from_bytes(packet[6:8]) & 0x3FFF) if version == 4 else packet[6] == _FRAGMENT


def strip(packet: bytes, version: int) -> tuple[bytes, int]:
    """What is behind the IP header, and its protocol. IPv6 extension headers stay; options of IPv4 do not."""
    return (packet[(packet[0] & 15) * 4 :], packet[9]) if version == 4 else (packet[40:], packet[6])


def _ones_sum(octets: bytes) -> int:
    """The sum of 16-bit words as RFC 1071 has it, 0 to 65534: 2^16 is 1 modulo 2^16 - 1."""
    return int.from_bytes(octets if len(octets) % 2 == 0 else octets + b"\0") % 65535


def rebuilder(source: Address, destination: Address) -> Callable[[bytes, int], bytes]:
    """What makes an IP packet from that host to that one out of a payload and its protocol; raises ``NotIp`` if none
    can be made of it."""
    ends = source.packed + destination.packed
    ends_sum = _ones_sum(ends)
    four = source.version == 4

    def rebuild(payload: bytes, protocol: int) -> bytes:
        payload = _mended(payload, protocol, ends_sum, may_be_zero=four)
        size = len(payload)
        if four:
            if size > _LARGEST - 20:
                raise NotIp
            # whole and not to be cut: with that, an identification is not needed (RFC 6864 section 4.1)
            head = b"\x45\0" + (size + 20).to_bytes(2) + b"\0\0\x40\0" + bytes((_HOPS, protocol))
            return head + (65535 - _ones_sum(head + ends)).to_bytes(2) + ends + payload
        if size > _LARGEST:
            raise NotIp
        return b"\x60\0\0\0" + size.to_bytes(2) + bytes((protocol, _HOPS)) + ends + payload

    return rebuild


def _mended(payload: bytes, protocol: int, ends_sum: int, *, may_be_zero: bool) -> bytes:
    """The payload with a checksum that is right for these addresses."""
    at = _CHECKSUM_AT.get(protocol)
    if at is None:
        return payload
    if protocol == UDP:
        if len(payload) < _UDP_HEADER:
            raise NotIp
        size = int.from_bytes(payload[4:6])
        if not _UDP_HEADER <= size <= len(payload):
            raise NotIp
        # the rest is padding that hides the size (RFC 4303 section 2.7)
        payload = payload[:size]
        if may_be_zero and payload[6:8] == b"\0\0":
            return payload
    elif len(payload) < at + 2:
        raise NotIp
    whole = ends_sum + len(payload) + protocol + _ones_sum(payload)
    if whole % 65535 == 0:
        return payload
    # never 0, which UDP has for "none"; 65535 means the same
    right = 65535 - (whole - int.from_bytes(payload[at : at + 2])) % 65535
    return payload[:at] + right.to_bytes(2) + payload[at + 2 :]


class Reassembly:
    """Puts the fragments of our own packets together again: transport mode takes whole packets only (RFC 4303 section
    3.3.4). They come from this system, in order or nearly so; what never gets whole makes room for what comes later."""

    MOST = 64

    def __init__(self) -> None:
        self._parts: dict[tuple[int, ...], dict[int, bytes]] = {}
        self._sizes: dict[tuple[int, ...], int] = {}
        self._protocols: dict[tuple[int, ...], int] = {}

    def add(self, packet: bytes, flow: Flow) -> bytes | None:
        """The whole packet, if this was its last missing fragment. Raises ``NotIp`` for what fits no packet."""
        if flow.version == 4:
            start, field = (packet[0] & 15) * 4, int.from_bytes(packet[6:8])
            offset, more = (field & 0x1FFF) * 8, bool(field & 0x2000)
            protocol, ident = packet[9], int.from_bytes(packet[4:6])
        else:
            if flow.length < 48:
                raise NotIp
            start, field = 48, int.from_bytes(packet[42:44])
            offset, more = field & 0xFFF8, bool(field & 1)
            protocol, ident = packet[40], int.from_bytes(packet[44:48])
        # the protocol is part of the name with IPv4 only (RFC 791 section 3.2, RFC 8200 section 4.5)
        key = (flow.version, flow.source, flow.destination, ident, protocol if flow.version == 4 else 0)
        body = packet[start : flow.length]
        if (more and len(body) % 8) or offset + len(body) > _LARGEST - 20:
            self._forget(key)
            raise NotIp
        parts = self._parts.get(key)
        if parts is None:
            if len(self._parts) >= self.MOST:
                self._forget(next(iter(self._parts)))
            parts = self._parts[key] = {}
        parts[offset] = body
        if not more:
            self._sizes[key] = offset + len(body)
        if not offset:
            self._protocols[key] = protocol
        return self._whole(key, flow)

    def _whole(self, key: tuple[int, ...], flow: Flow) -> bytes | None:
        size, protocol = self._sizes.get(key), self._protocols.get(key)
        parts = self._parts[key]
        if size is None or protocol is None or sum(map(len, parts.values())) < size:
            return None
        self._forget(key)
        payload = b""
        for offset in sorted(parts):
            if offset != len(payload):
                raise NotIp
            payload += parts[offset]
        ends_size = 4 if flow.version == 4 else 16
        ends = flow.source.to_bytes(ends_size) + flow.destination.to_bytes(ends_size)
        if flow.version == 4:
            head = b"\x45\0" + (size + 20).to_bytes(2) + b"\0\0\0\0" + bytes((_HOPS, protocol, 0, 0))
        else:
            head = b"\x60\0\0\0" + size.to_bytes(2) + bytes((protocol, _HOPS))
        return head + ends + payload

    def _forget(self, key: tuple[int, ...]) -> None:
        for table in (self._parts, self._sizes, self._protocols):
            table.pop(key, None)
