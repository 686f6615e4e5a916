"""Transport mode: headers taken off and made anew, checksums made good, fragments put together."""

import struct
from ipaddress import ip_address
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeview.core.inputs import Acquire
from ikeview.core.outputs import Direction, Spot
from ikeview.dataplane.esp.database import Database, Drop
from ikeview.dataplane.esp.inner import NotIp, read_flow
from ikeview.dataplane.esp.packet import Sealer
from ikeview.dataplane.esp.transport import Reassembly, is_fragment, rebuilder, strip
from tests.support.halves import HERE, THERE, half, mirrored, tunnel
from tests.support.packets import ipv4, ipv6

IN, OUT = Direction.IN, Direction.OUT
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
LEFT, RIGHT = "192.0.2.1", "198.51.100.2"
LEFT6, RIGHT6 = "2001:db8::1", "2001:db8::2"


def checksum(octets: bytes) -> int:
    """RFC 1071 in the plainest words; 0 for octets that hold a right checksum."""
    total = 0
    for (word,) in struct.iter_unpack("!H", octets + bytes(len(octets) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def pseudo(source: str, destination: str, protocol: int, body: bytes) -> bytes:
    """The pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1), and the body."""
    ends = ip_address(source).packed + ip_address(destination).packed
    if len(ends) == 8:
        return ends + struct.pack("!BBH", 0, protocol, len(body)) + body
    return ends + struct.pack("!IHBB", len(body), 0, 0, protocol) + body


def upper(source: str, destination: str, protocol: int, data: bytes = b"some data") -> bytes:
    """A TCP, UDP or ICMPv6 packet with the right checksum for these addresses."""
    head, at = {
        TCP: (struct.pack("!HHIIBBHHH", 1701, 22, 1, 2, 0x50, 0x18, 100, 0, 0), 16),
        UDP: (struct.pack("!HHHH", 1701, 1701, 8 + len(data), 0), 6),
        ICMPV6: (struct.pack("!BBHHH", 128, 0, 0, 1, 2), 2),
    }[protocol]
    body = head + data
    right = checksum(pseudo(source, destination, protocol, body)) or 0xFFFF
    return body[:at] + right.to_bytes(2) + body[at + 2 :]


def right(source: str, destination: str, protocol: int, body: bytes) -> bool:
    return checksum(pseudo(source, destination, protocol, body)) == 0


def rebuild(source: str, destination: str, body: bytes, protocol: int) -> bytes:
    return rebuilder(ip_address(source), ip_address(destination))(body, protocol)


@pytest.mark.parametrize("data", [b"", b"x", b"odd", b"even", bytes(1000)])
@pytest.mark.parametrize(
    ("source", "destination", "protocol"),
    [(LEFT, RIGHT, TCP), (LEFT, RIGHT, UDP), (LEFT6, RIGHT6, TCP), (LEFT6, RIGHT6, UDP), (LEFT6, RIGHT6, ICMPV6)],
)
def test_round_trip(source: str, destination: str, protocol: int, data: bytes) -> None:
    body = upper(source, destination, protocol, data)
    make = ipv4 if "." in source else ipv6
    packet = make(source, destination, protocol=protocol, payload=body)
    version = packet[0] >> 4
    assert strip(packet, version) == (body, protocol)
    again = rebuild(source, destination, body, protocol)
    assert strip(again, version) == (body, protocol)
    flow = read_flow(again)
    assert flow == read_flow(packet)
    assert flow.length == len(again)
    if version == 4:
        assert checksum(again[:20]) == 0
        assert not is_fragment(again, 4)


@pytest.mark.parametrize("protocol", [TCP, UDP])
@pytest.mark.parametrize("data", [b"", b"odd", bytes(700)])
def test_a_checksum_from_before_the_nat_is_made_good(protocol: int, data: bytes) -> None:
    body = upper("10.0.0.5", RIGHT, protocol, data)
    assert not right(LEFT, RIGHT, protocol, body)
    again = rebuild(LEFT, RIGHT, body, protocol)
    assert right(LEFT, RIGHT, protocol, again[20:])
    at = 16 if protocol == TCP else 6
    assert again[20 : 20 + at] + again[22 + at :] == body[:at] + body[at + 2 :]


@given(st.binary(max_size=40), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.sampled_from([TCP, UDP]))
def test_any_checksum_is_made_good(data: bytes, source: int, other: int, protocol: int) -> None:
    here, there = str(ip_address(source)), str(ip_address(other))
    again = rebuild(here, RIGHT, upper(there, RIGHT, protocol, data), protocol)
    assert right(here, RIGHT, protocol, again[20:])
    assert checksum(again[:20]) == 0
    assert protocol == TCP or again[26:28] != b"\0\0"


def test_no_checksum_stays_none_where_that_is_allowed() -> None:
    body = struct.pack("!HHHH", 1701, 1701, 12, 0) + b"data"
    assert rebuild(LEFT, RIGHT, body, UDP)[20:] == body
    again = rebuild(LEFT6, RIGHT6, body, UDP)
    assert right(LEFT6, RIGHT6, UDP, again[40:])


def test_padding_behind_udp_is_cut() -> None:
    body = upper(LEFT, RIGHT, UDP)
    assert rebuild(LEFT, RIGHT, body + b"\xaa" * 200, UDP)[20:] == body


def test_what_has_no_checksum_over_addresses_is_left_alone() -> None:
    for protocol in (ICMP, 47, 132, 253):
        assert rebuild(LEFT, RIGHT, b"\1\2\3", protocol)[20:] == b"\1\2\3"


@pytest.mark.parametrize(
    ("source", "protocol", "body"),
    [
        (LEFT, TCP, bytes(17)),
        (LEFT, UDP, bytes(7)),
        (LEFT, UDP, bytes(8)),
        (LEFT, UDP, struct.pack("!HHHH", 1, 2, 7, 0)),
        (LEFT, UDP, struct.pack("!HHHH", 1, 2, 9, 0)),
        (LEFT6, ICMPV6, bytes(3)),
        (LEFT, 253, bytes(65516)),
        (LEFT6, 253, bytes(65536)),
    ],
)
def test_what_no_packet_can_be_made_of(source: str, protocol: int, body: bytes) -> None:
    with pytest.raises(NotIp):
        rebuild(source, RIGHT if "." in source else RIGHT6, body, protocol)


@given(st.binary(max_size=80), st.integers(0, 255), st.booleans())
def test_an_authentic_peer_can_send_anything(body: bytes, protocol: int, six: bool) -> None:
    ends = (LEFT6, RIGHT6) if six else (LEFT, RIGHT)
    try:
        packet = rebuild(*ends, body, protocol)
        flow = read_flow(packet)
    except NotIp:
        return
    assert flow.length == len(packet)
    assert (flow.source, flow.destination) == tuple(int(ip_address(end)) for end in ends)


def test_options_of_ipv4_are_not_carried_and_extensions_of_ipv6_are() -> None:
    packet = bytearray(ipv4(LEFT, RIGHT, payload=b"data"))
    packet[0:1], packet[2:4] = b"\x46", (28).to_bytes(2)
    packet[20:20] = b"\1\1\1\1"
    assert strip(bytes(packet), 4) == (b"data", 253)
    options = b"\x11\0\1\4\0\0\0\0"
    assert strip(ipv6(LEFT6, RIGHT6, protocol=60, payload=options + b"udp"), 6) == (options + b"udp", 60)


# -- fragments ---------------------------------------------------------------------------------------------------------


def fragments4(body: bytes, size: int, protocol: int = UDP, ident: int = 7) -> list[bytes]:
    made = []
    for offset in range(0, len(body), size):
        packet = bytearray(ipv4(LEFT, RIGHT, protocol=protocol, payload=body[offset : offset + size]))
        more = 0x2000 if offset + size < len(body) else 0
        packet[4:8] = ident.to_bytes(2) + (more | offset // 8).to_bytes(2)
        made.append(bytes(packet))
    return made


def fragments6(body: bytes, size: int, protocol: int = UDP, ident: int = 7) -> list[bytes]:
    made = []
    for offset in range(0, len(body), size):
        more = int(offset + size < len(body))
        head = bytes((protocol, 0)) + (offset | more).to_bytes(2) + ident.to_bytes(4)
        made.append(ipv6(LEFT6, RIGHT6, protocol=44, payload=head + body[offset : offset + size]))
    return made


def add(reassembly: Reassembly, packet: bytes) -> bytes | None:
    assert is_fragment(packet, packet[0] >> 4)
    return reassembly.add(packet, read_flow(packet))


@pytest.mark.parametrize("fragments", [fragments4, fragments6])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_fragments_in_any_order(fragments, order: tuple[int, ...]) -> None:
    body = bytes(range(256)) * 11
    parts = fragments(body, 1040)
    assert len(parts) == 3
    reassembly = Reassembly()
    assert [add(reassembly, parts[number]) for number in order[:-1]] == [None, None]
    whole = add(reassembly, parts[order[-1]])
    assert whole is not None
    assert strip(whole, whole[0] >> 4) == (body, UDP)
    assert not is_fragment(whole, whole[0] >> 4)
    assert not reassembly._parts
    assert not reassembly._sizes
    assert not reassembly._protocols


def test_fragments_of_different_packets_do_not_mix() -> None:
    reassembly = Reassembly()
    one, other = fragments4(b"a" * 2000, 1000, ident=1), fragments4(b"b" * 2000, 1000, ident=2)
    assert add(reassembly, one[0]) is None
    assert add(reassembly, other[1]) is None
    first, second = add(reassembly, one[1]), add(reassembly, other[0])
    assert first is not None
    assert second is not None
    assert (first[20:], second[20:]) == (b"a" * 2000, b"b" * 2000)


def test_what_never_gets_whole_is_bounded() -> None:
    reassembly = Reassembly()
    for ident in range(1000):
        assert add(reassembly, fragments4(bytes(2000), 1000, ident=ident)[ident % 2]) is None
    assert len(reassembly._parts) == Reassembly.MOST
    assert len(reassembly._sizes) + len(reassembly._protocols) <= 2 * Reassembly.MOST


def test_fragments_that_fit_no_packet() -> None:
    reassembly = Reassembly()
    uneven, beyond = bytearray(fragments4(bytes(2000), 1000)[0]), bytearray(fragments4(bytes(2000), 1000)[1])
    uneven[2:4] = (1019).to_bytes(2)
    beyond[6:8] = (0x1FFF).to_bytes(2)
    for packet in (bytes(uneven[:-1]), bytes(beyond)):
        with pytest.raises(NotIp):
            add(reassembly, packet)
    overlapping = fragments4(bytes(3000), 1000)
    shifted = bytearray(overlapping[1])
    shifted[6:8] = (0x2000 | 120).to_bytes(2)
    assert add(reassembly, overlapping[0]) is None
    assert add(reassembly, bytes(shifted)) is None
    with pytest.raises(NotIp):
        add(reassembly, overlapping[2])
    assert not reassembly._parts


# -- in the database ---------------------------------------------------------------------------------------------------

HOSTS = tunnel("hosts", f"{LEFT}/32", f"{RIGHT}/32", mode="transport")
L2TP = tunnel("l2tp", f"{LEFT}/32 17 1701", f"{RIGHT}/32 17 1701", mode="transport")


def pair(spec, suite: str = "aes128gcm16", behind_nat: str = "") -> tuple[Database, Database]:
    """The two ends of a tunnel; the one to the right knows the other by ``LEFT`` even if that is ``behind_nat``."""
    left, right_ = Database(lambda event: None), Database(lambda event: None)
    ours = tunnel(spec.name, f"{behind_nat}/32", f"{RIGHT}/32", mode="transport") if behind_nat else spec
    for database, own, spi_in, spi_out in ((left, ours, 0x201, 0x101), (right_, mirrored(spec), 0x101, 0x201)):
        database.protect(own)
        database.install(half(IN, spi_in, own, suite, seed=spi_in))
        database.install(half(OUT, spi_out, own, suite, seed=spi_out))
    return left, right_


def carry(one: Database, other: Database, packet: bytes) -> bytes | None:
    sealed = one.outbound(packet, 0.0)
    return other.inbound(sealed[0], HERE, 0.0) if sealed else None


@pytest.mark.parametrize("suite", ["aes128gcm16", "aes256-sha256_96-esn", "null-sha1"])
def test_a_packet_between_the_hosts(suite: str) -> None:
    left, right_ = pair(HOSTS, suite)
    body = upper(LEFT, RIGHT, TCP)
    packet = ipv4(LEFT, RIGHT, protocol=TCP, payload=body)
    got = carry(left, right_, packet)
    assert got is not None
    assert got[20:] == body
    assert read_flow(got) == read_flow(packet)
    assert left.samples()[1].bytes_out == right_.samples()[0].bytes_in == len(packet)
    assert not left.drops
    assert not right_.drops


def test_the_ip_header_stays_outside() -> None:
    left, _ = pair(HOSTS, "null-sha1")
    body = upper(LEFT, RIGHT, UDP)
    sealed = left.outbound(ipv4(LEFT, RIGHT, protocol=UDP, payload=body), 0.0)
    assert sealed is not None
    assert sealed[0][8 : 8 + len(body)] == body
    assert sealed[0][-13] == UDP, "the next header, before the ICV"


def test_through_a_nat() -> None:
    inside = "10.0.0.5"
    left, right_ = pair(HOSTS, behind_nat=inside)
    got = carry(left, right_, ipv4(inside, RIGHT, protocol=UDP, payload=upper(inside, RIGHT, UDP)))
    assert got is not None
    assert right(LEFT, RIGHT, UDP, got[20:])
    back = carry(right_, left, ipv4(RIGHT, LEFT, protocol=TCP, payload=upper(RIGHT, LEFT, TCP)))
    assert back is not None
    assert ip_address(back[16:20]) == ip_address(inside)
    assert right(RIGHT, inside, TCP, back[20:])


def test_the_peer_that_moved_keeps_its_address_inside() -> None:
    left, right_ = pair(HOSTS)
    right_.move(THERE, Spot(ip_address("203.0.113.77"), 1025))
    got = carry(left, right_, ipv4(LEFT, RIGHT, protocol=TCP, payload=upper(LEFT, RIGHT, TCP)))
    assert got is not None
    assert ip_address(got[12:16]) == ip_address(LEFT)


def test_only_the_selected_protocol_and_port() -> None:
    left, right_ = pair(L2TP)
    assert carry(left, right_, ipv4(LEFT, RIGHT, protocol=UDP, payload=upper(LEFT, RIGHT, UDP))) is not None
    assert left.outbound(ipv4(LEFT, RIGHT, protocol=TCP, payload=upper(LEFT, RIGHT, TCP)), 0.0) is None
    assert left.drops == {Drop.NO_POLICY: 1}
    sealer = Sealer(0x101, *(getattr(half(OUT, 0x101, L2TP, seed=0x101), part) for part in ("suite", "keys")))
    other_port = upper(LEFT, RIGHT, UDP).replace(struct.pack("!HH", 1701, 1701), struct.pack("!HH", 53, 1701))
    for number, (body, protocol) in enumerate(((upper(LEFT, RIGHT, TCP), TCP), (other_port, UDP)), 10):
        assert right_.inbound(sealer.seal(number, body, protocol), HERE, 0.0) is None
    assert right_.inbound(sealer.seal(20, bytes(4), UDP), HERE, 0.0) is None
    assert right_.inbound(sealer.seal(21, bytes(4), 59), HERE, 0.0) is None
    assert right_.drops == {Drop.OUTSIDE: 2, Drop.NOT_IP: 1, Drop.DUMMY: 1}


def test_a_whole_packet_from_a_peer_in_tunnel_mode_does_not_come_out_as_one() -> None:
    _, right_ = pair(L2TP)
    sealer = Sealer(0x101, *(getattr(half(OUT, 0x101, L2TP, seed=0x101), part) for part in ("suite", "keys")))
    inner = ipv4(LEFT, RIGHT, protocol=UDP, payload=upper(LEFT, RIGHT, UDP))
    assert right_.inbound(sealer.seal(1, inner, 4), HERE, 0.0) is None
    assert right_.drops == {Drop.OUTSIDE: 1}


def test_fragments_go_out_as_one() -> None:
    left, right_ = pair(L2TP)
    body = upper(LEFT, RIGHT, UDP, bytes(3000))
    *first, last = fragments4(body, 1368)
    assert [left.outbound(part, 0.0) for part in first] == [None, None]
    got = carry(left, right_, last)
    assert got is not None
    assert got[20:] == body
    assert not left.drops
    left.unprotect(L2TP.full_name)
    assert left.outbound(first[0], 0.0) is None
    assert left.drops == {Drop.NO_POLICY: 1}


def test_fragments_for_a_tunnel_stay_fragments() -> None:
    events: list[object] = []
    database = Database(events.append)
    database.protect(HOSTS)
    wide = tunnel("wide", "10.1.0.0/24", "10.2.0.0/24")
    database.protect(wide)
    database.install(half(OUT, 0x301, wide))
    part = bytearray(ipv4("10.1.0.1", "10.2.0.1", 64))
    part[6:8] = b"\x20\0"
    assert database.outbound(bytes(part), 0.0) is not None
    assert database.outbound(ipv4(LEFT, RIGHT, 64), 0.0) is None
    assert events == [Acquire("peer/hosts")]
