"""Inner packets and selectors."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeview.dataplane.esp.inner import UNKNOWN_PORT, Flow, NotIp, Policy, read_flow
from tests.support.halves import tunnel
from tests.support.packets import ipv4, ipv6, ports

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58


def extension(next_header: int, octets: int = 8) -> bytes:
    return bytes((next_header, octets // 8 - 1)) + bytes(octets - 2)


def fragment(next_header: int, offset: int) -> bytes:
    return bytes((next_header, 0)) + (offset << 3).to_bytes(2) + bytes(4)


def test_ipv4_flow() -> None:
    flow = read_flow(ipv4("10.1.0.1", "10.2.0.2", protocol=TCP, payload=ports(1234, 22)))
    assert flow == Flow(4, 0x0A010001, 0x0A020002, TCP, 1234, 22, 28)


def test_later_ipv4_fragment_has_no_ports() -> None:
    packet = bytearray(ipv4("10.1.0.1", "10.2.0.2", protocol=UDP, payload=ports(1234, 53)))
    packet[7] = 5
    assert read_flow(bytes(packet))[4:6] == (UNKNOWN_PORT, UNKNOWN_PORT)


def test_icmp_type_and_code_stand_for_ports() -> None:
    assert read_flow(ipv4("10.1.0.1", "10.2.0.2", protocol=ICMP, payload=b"\x08\x00\0\0"))[4:6] == (0x800, 0x800)
    assert read_flow(ipv6("fd01::1", "fd02::1", protocol=ICMPV6, payload=b"\x80\x00\0\0"))[4:6] == (0x8000, 0x8000)


def test_ipv6_extension_headers_are_walked() -> None:
    chain = extension(43) + extension(44, 16) + fragment(60, 0) + extension(UDP) + ports(5, 53)
    flow = read_flow(ipv6("fd01::1", "fd02::1", protocol=0, payload=chain))
    assert (flow.protocol, flow.source_port, flow.destination_port) == (UDP, 5, 53)


def test_later_ipv6_fragment_has_no_ports() -> None:
    flow = read_flow(ipv6("fd01::1", "fd02::1", protocol=44, payload=fragment(UDP, 9) + ports(5, 53)))
    assert flow[3:6] == (UDP, UNKNOWN_PORT, UNKNOWN_PORT)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x45",
        b"\x05" + ipv4("10.1.0.1", "10.2.0.2")[1:],
        b"\x50" + ipv4("10.1.0.1", "10.2.0.2")[1:],
        b"\xf5" + ipv4("10.1.0.1", "10.2.0.2")[1:],
        b"\x44" + ipv4("10.1.0.1", "10.2.0.2")[1:],
        b"\x4f" + ipv4("10.1.0.1", "10.2.0.2")[1:],
        ipv4("10.1.0.1", "10.2.0.2", 9)[:-1],
        ipv6("fd01::1", "fd02::1", 9)[:-1],
        ipv6("fd01::1", "fd02::1")[:39],
        ipv6("fd01::1", "fd02::1", protocol=0, payload=extension(6)[:4]),
        ipv6("fd01::1", "fd02::1", protocol=0, payload=b"\x06\xff" + bytes(6)),
        ipv6("fd01::1", "fd02::1", protocol=0, payload=extension(0) * 9),
    ],
)
def test_no_whole_ip_packet(packet: bytes) -> None:
    with pytest.raises(NotIp):
        read_flow(packet)


@given(st.binary(max_size=120))
def test_any_octets_are_a_flow_or_refused(octets: bytes) -> None:
    with contextlib.suppress(NotIp):
        assert read_flow(octets).length <= len(octets)


@given(st.sampled_from([0x45, 0x46, 0x60]), st.binary(min_size=60, max_size=120))
def test_nearly_ip_is_a_flow_or_refused(first: int, octets: bytes) -> None:
    with contextlib.suppress(NotIp):
        assert read_flow(bytes((first, 0, 0, 50, 0, 40)) + octets).length <= len(octets) + 6


def test_policy_takes_both_directions_and_no_other() -> None:
    policy = Policy(tunnel(local="10.1.0.0/24", remote="10.2.0.0/24"))
    out = read_flow(ipv4("10.1.0.9", "10.2.0.9"))
    back = read_flow(ipv4("10.2.0.9", "10.1.0.9"))
    assert policy.leaves_by(out)
    assert policy.lets_in(back)
    assert not policy.lets_in(out)
    assert not policy.leaves_by(back)
    assert not policy.leaves_by(read_flow(ipv4("10.1.1.9", "10.2.0.9")))
    assert not policy.lets_in(read_flow(ipv4("10.3.0.9", "10.1.0.9")))


def test_policy_with_protocol_and_port() -> None:
    policy = Policy(tunnel(local="10.1.0.0/24 6", remote="10.2.0.0/24 6 22"))
    assert policy.leaves_by(read_flow(ipv4("10.1.0.9", "10.2.0.9", protocol=TCP, payload=ports(999, 22))))
    assert policy.lets_in(read_flow(ipv4("10.2.0.9", "10.1.0.9", protocol=TCP, payload=ports(22, 999))))
    assert not policy.leaves_by(read_flow(ipv4("10.1.0.9", "10.2.0.9", protocol=TCP, payload=ports(22, 999))))
    assert not policy.leaves_by(read_flow(ipv4("10.1.0.9", "10.2.0.9", protocol=UDP, payload=ports(999, 22))))
    cut_short = read_flow(ipv4("10.1.0.9", "10.2.0.9", protocol=TCP, payload=b"\x03"))
    assert not policy.leaves_by(cut_short)


def test_an_ipv4_policy_takes_no_ipv6() -> None:
    policy = Policy(tunnel(local="0.0.0.0/0", remote="0.0.0.0/0"))
    assert policy.leaves_by(read_flow(ipv4("8.8.8.8", "9.9.9.9")))
    assert not policy.leaves_by(read_flow(ipv6("::", "::")))
