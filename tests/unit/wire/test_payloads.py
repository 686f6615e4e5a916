"""Every payload class: known octets, and round trips both ways."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeview.wire.attributes import Attribute
from ikeview.wire.header import Header
from ikeview.wire.message import chain_names, first_type, read_chain, write_chain
from ikeview.wire.numbers import IdType, NotifyType, PayloadType, is_error, notify_label
from ikeview.wire.payloads import (
    PAYLOADS,
    Attributes,
    Certificate,
    CertificateRequest,
    Delete,
    Fragment,
    HashPayload,
    Identification,
    KeyExchange,
    NatDetection,
    NatOriginalAddress,
    Nonce,
    Notify,
    Payload,
    Signature,
    Unknown,
    VendorId,
    payload_name,
    payload_type,
    read_payload,
)
from ikeview.wire.reader import Reader
from ikeview.wire.sa import Proposal, SecurityAssociation, Transform
from tests.support import wire_bytes

KNOWN: list[tuple[int, str, Payload]] = [
    (
        1,
        "00000001 00000001"
        "02000020 01010001 00000018 01010000 80010007 800e0100 000c0004 00015180"
        "0000001c 02030402 c0ffee01 03000008 010c0000 00000008 02030000",
        SecurityAssociation(
            1,
            1,
            (
                Proposal(
                    1,
                    1,
                    b"",
                    (
                        Transform(
                            1,
                            1,
                            (
                                Attribute(1, b"\0\7", True),
                                Attribute(14, b"\1\0", True),
                                Attribute(12, (86400).to_bytes(4), False),
                            ),
                        ),
                    ),
                ),
                Proposal(2, 3, bytes.fromhex("c0ffee01"), (Transform(1, 12, ()), Transform(2, 3, ()))),
            ),
        ),
    ),
    (4, "0102030405", KeyExchange(bytes(range(1, 6)))),
    (5, "01 11 01f4 c0000201", Identification(IdType.IPV4_ADDR, 17, 500, bytes((192, 0, 2, 1)))),
    (5, "04 00 0000 0a010000 ffff0000", Identification(4, 0, 0, bytes.fromhex("0a010000ffff0000"))),
    (5, "02 00 0000 67772e6578616d706c65", Identification(IdType.FQDN, 0, 0, b"gw.example")),
    (6, "04 3082", Certificate(4, b"\x30\x82")),
    (7, "04", CertificateRequest(4, b"")),
    (8, "00112233", HashPayload(bytes.fromhex("00112233"))),
    (9, "445566", Signature(bytes.fromhex("445566"))),
    (10, "0001020304050607", Nonce(bytes(range(8)))),
    (11, "00000001 03 04 000e deadbeef 0102", Notify(1, 3, 14, bytes.fromhex("deadbeef"), b"\1\2")),
    (11, "00000001 01 00 6002", Notify.of(1, NotifyType.INITIAL_CONTACT)),
    (12, "00000001 03 04 0002 deadbeef c0ffee00", Delete.of(3, b"\xde\xad\xbe\xef", b"\xc0\xff\xee\x00")),
    (13, "afcad71368a1f1c96b8696fc77570100", VendorId(bytes.fromhex("afcad71368a1f1c96b8696fc77570100"))),
    (20, "54a6c402", NatDetection(bytes.fromhex("54a6c402"))),
    (21, "01000000 c0000201", NatOriginalAddress(IPv4Address("192.0.2.1"))),
    (21, "05000000 20010db8000000000000000000000001", NatOriginalAddress(IPv6Address("2001:db8::1"))),
    (14, "01 00 1234", Attributes(1, 0x1234, ())),
    (
        14,
        "02 00 0001 c0880000 4089 0003 627562",
        Attributes(2, 1, (Attribute(16520, b"\0\0", True), Attribute(16521, b"bub", False))),
    ),
    (14, "04 00 ffff 0001 0001 61 000000", Attributes(4, 65535, (Attribute(1, b"a", False),), bytes(3))),
    (132, "0001 01 00 cafe", Fragment(1, 1, 0, b"\xca\xfe")),
    (132, "ffff ff 01 00", Fragment(0xFFFF, 255, 1, b"\0")),
    (130, "cafe", NatDetection(b"\xca\xfe", draft=True)),
    (131, "01000000 c0000201", NatOriginalAddress(IPv4Address("192.0.2.1"), draft=True)),
    (99, "cafe", Unknown(99, b"\xca\xfe")),
    (15, "cafe", Unknown(15, b"\xca\xfe")),
]


@pytest.mark.parametrize(("kind", "octets", "payload"), KNOWN, ids=lambda each: str(each)[:24])
def test_known_octets(kind: int, octets: str, payload: Payload) -> None:
    body = bytes.fromhex(octets)
    assert read_payload(kind, Reader(body)) == payload
    assert payload.write() == body
    assert payload_type(payload) == kind


def test_every_class_has_known_octets() -> None:
    assert {type(payload) for _, _, payload in KNOWN} == {*PAYLOADS.values(), Unknown}


octet = st.integers(0, 255)
two_octets = st.integers(0, 0xFFFF)
four_octets = st.integers(0, 0xFFFFFFFF)
some = st.binary(max_size=300)

attributes = st.one_of(
    st.builds(Attribute, st.integers(0, 0x7FFF), st.binary(min_size=2, max_size=2), st.just(True)),
    st.builds(Attribute, st.integers(0, 0x7FFF), st.binary(max_size=40), st.just(False)),
)
transforms = st.builds(Transform, octet, octet, st.lists(attributes, max_size=9).map(tuple))
proposals = st.builds(
    Proposal, octet, octet, st.binary(max_size=16), st.lists(transforms, min_size=1, max_size=4).map(tuple)
)
ID_SIZES = {1: 4, 4: 8, 5: 16, 6: 32, 7: 8, 8: 32}
ids = octet.flatmap(
    lambda kind: st.builds(
        Identification,
        st.just(kind),
        octet,
        two_octets,
        st.binary(min_size=ID_SIZES.get(kind, 1), max_size=ID_SIZES.get(kind, 300)),
    )
)
deletes = st.integers(1, 16).flatmap(
    lambda size: st.builds(
        Delete,
        four_octets,
        octet,
        st.lists(st.binary(min_size=size, max_size=size), min_size=1, max_size=20).map(tuple),
    )
)
payloads: st.SearchStrategy[Payload] = st.one_of(
    st.builds(
        SecurityAssociation, four_octets, four_octets, st.lists(proposals, min_size=1, max_size=4).map(tuple)
    ),
    st.builds(KeyExchange, some),
    ids,
    st.builds(Certificate, octet, some),
    st.builds(CertificateRequest, octet, some),
    st.builds(HashPayload, some),
    st.builds(Signature, some),
    st.builds(Nonce, st.binary(min_size=8, max_size=256)),
    st.builds(Notify, four_octets, octet, two_octets, st.binary(max_size=255), some),
    deletes,
    st.builds(VendorId, some),
    st.builds(NatDetection, some, st.booleans()),
    st.builds(NatOriginalAddress, st.ip_addresses(), st.booleans()),
    st.builds(
        Attributes, octet, two_octets, st.lists(attributes, max_size=9).map(tuple), st.integers(0, 3).map(bytes)
    ),
    st.builds(Fragment, two_octets, st.integers(1, 255), octet, st.binary(min_size=1, max_size=300)),
    st.builds(Unknown, octet.filter(lambda kind: kind and kind not in {*PAYLOADS, 130, 131}), some),
)


@given(payloads)
def test_read_of_write_is_the_same_value(payload: Payload) -> None:
    assert read_payload(payload_type(payload), Reader(payload.write())) == payload


@given(st.lists(payloads, max_size=8, unique_by=payload_type))
def test_chain_of_write_is_the_same_values(listed: list[Payload]) -> None:
    data = b"header" + write_chain(listed)
    chain = read_chain(first_type(listed), data, 6)
    assert list(chain) == listed
    assert [each.body for each in chain.carried] == [payload.write() for payload in listed]
    assert [data[each.start + 4 : each.end] for each in chain.carried] == [each.body for each in chain.carried]


@given(st.sampled_from(sorted({*PAYLOADS, 2, 3, 15, 99, 130, 131, 255})), st.binary(max_size=200))
def test_any_body_is_refused_or_written_back_as_it_came(kind: int, body: bytes) -> None:
    refusal = wire_bytes.refusal_of(wire_bytes.message(kind, wire_bytes.generic(0, body)))
    assert refusal is None or refusal.where.startswith("payload[0]")


headers = st.builds(
    Header,
    st.binary(min_size=8, max_size=8),
    st.binary(min_size=8, max_size=8),
    octet,
    octet,
    octet,
    octet,
    four_octets,
    st.integers(28, 0xFFFFFFFF),
)


@given(headers)
def test_header_of_write_is_the_same_value(header: Header) -> None:
    data = header.write()
    assert len(data) == 28
    assert Header.read(data) == header
    assert Header.read(data + b"more").write() == data


def test_header_known_octets() -> None:
    data = bytes.fromhex("0102030405060708 1112131415161718 08 10 20 01 deadbeef 0000005c")
    header = Header(data[:8], data[8:16], 8, 0x10, 32, 1, 0xDEADBEEF, 92)
    assert Header.read(data) == header
    assert header.write() == data
    assert header.major == 1


@pytest.mark.parametrize(("version", "major"), [(0x10, 1), (0x1F, 1), (0x20, 2), (0x00, 0), (0xF0, 15)])
def test_major_version_does_not_look_at_the_minor_one(version: int, major: int) -> None:
    assert Header(bytes(8), bytes(8), 0, version, 2, 0, 0, 28).major == major


def test_what_hash_1_and_2_run_over_ends_with_the_last_payload() -> None:
    nonce, vendor = Nonce(bytes(16)), VendorId(b"vid")
    written = write_chain([HashPayload(bytes(20)), nonce, vendor])
    chain = read_chain(PayloadType.HASH, bytes(28) + written + bytes(7), 28, padded=True)
    assert chain.after_first() == written[24:]
    assert chain.first(Nonce) == nonce
    assert chain.first(KeyExchange) is None
    assert chain.all(VendorId) == [vendor]
    assert chain.body(Nonce) == bytes(16)
    assert chain.names() == ("HASH", "NONCE", "VID")
    with pytest.raises(LookupError):
        chain.body(VendorId, 1)


def test_after_first_of_an_empty_chain_is_empty() -> None:
    assert read_chain(0, b"").after_first() == b""
    assert first_type([]) == PayloadType.NONE


def test_names_count_what_is_repeated() -> None:
    assert chain_names([VendorId(b"1"), KeyExchange(b""), VendorId(b"2"), Unknown(77, b"")]) == ("VID*2", "KE", "#77")
    assert [payload_name(kind) for kind in (1, 11, 12, 14, 20, 21, 130, 132)] == [
        "SA", "N", "D", "ATTR", "NAT-D", "NAT-OA", "NAT-D", "FRAG",
    ]  # fmt: skip


def test_notify_names() -> None:
    assert notify_label(14) == "NO-PROPOSAL-CHOSEN"
    assert notify_label(40000) == "notify 40000"
    assert [is_error(kind) for kind in (0, 1, 16383, 16384, 24578)] == [False, True, True, False, False]
