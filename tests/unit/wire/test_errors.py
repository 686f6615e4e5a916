"""What an error says: which field, what it wants, where."""

import pytest

from ikeview.wire.header import Header
from ikeview.wire.message import read_chain
from ikeview.wire.reader import Malformed, Reader
from tests.support.wire_bytes import chain, decode, generic, message, proposal, sa, transform


def _refusal(data: bytes) -> str:
    with pytest.raises(Malformed) as refusal:
        decode(data)
    return str(refusal.value)


def test_field_of_the_third_payload() -> None:
    data = bytes(24) + chain((13, b""), (13, b""), (5, b"\1\0\0"))
    with pytest.raises(Malformed) as refusal:
        read_chain(13, data, 24)
    assert str(refusal.value) == "payload[2].port: wants 2 octets at offset 38, 1 left"
    assert refusal.value.where == "payload[2].port"
    assert refusal.value.why == "wants 2 octets at offset 38, 1 left"


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (1, b"", "payload[0].doi: wants 4 octets at offset 32, 0 left"),
        (1, b"\0\0\0\1\0\0", "payload[0].situation: wants 4 octets at offset 36, 2 left"),
        (1, sa(), "payload[0].proposal[0].next_payload: wants 1 octet at offset 40, 0 left"),
        (1, sa(b"\0\0"), "payload[0].proposal[0].length: wants 2 octets at offset 42, 0 left"),
        (1, sa(generic(7, b"")), "payload[0].proposal[0].next_payload: is 7, wants 2 or 0"),
        (1, sa(generic(0, b"", length=3)), "payload[0].proposal[0].length: is 3, shorter than its own header"),
        (1, sa(generic(0, b"", length=9)), "payload[0].proposal[0]: wants 5 octets at offset 44, 0 left"),
        (1, sa(proposal(transform())) + b"\0", "payload[0].end: 1 octet too many at offset 56"),
        (
            1,
            sa(proposal(generic(2, bytes(4)))),
            "payload[0].proposal[0].transform[0].next_payload: is 2, wants 3 or 0",
        ),
        (
            1,
            sa(proposal(transform(bytes.fromhex("000c00041234")))),
            "payload[0].proposal[0].transform[0].attribute[0].value: wants 4 octets at offset 60, 2 left",
        ),
        (
            1,
            sa(proposal(transform(), count=2)),
            "payload[0].proposal[0].transform_count: says 2, but there are 1",
        ),
        (5, b"\1\0\0\0\1\2\3", "payload[0].data: has 3 octets, an ID of type IPV4_ADDR has 4"),
        (5, b"\6\0\0\0" + bytes(31), "payload[0].data: has 31 octets, an ID of type IPV6_ADDR_SUBNET has 32"),
        (5, b"\2\0\0\0", "payload[0].data: is empty"),
        (6, b"", "payload[0].encoding: wants 1 octet at offset 32, 0 left"),
        (10, bytes(7), "payload[0].data: has 7 octets, a nonce has 8 to 256"),
        (10, bytes(257), "payload[0].data: has 257 octets, a nonce has 8 to 256"),
        (11, bytes.fromhex("00000001 03ff000e 0102"), "payload[0].spi: wants 255 octets at offset 40, 2 left"),
        (12, bytes.fromhex("00000001 03040002 01020304 05"), "payload[0].spi[1]: wants 4 octets at offset 44, 1 left"),
        (12, bytes.fromhex("00000001 03040000"), "payload[0].spi_count: names no SPI"),
        (12, bytes.fromhex("00000001 03000001"), "payload[0].spi_count: names no SPI"),
        (12, bytes.fromhex("00000001 0304ffff"), "payload[0].spi_count: is 65535, more than 1024"),
        (12, bytes.fromhex("00000001 03040001 01020304 0506"), "payload[0].end: 2 octets too many at offset 44"),
        (14, b"\1\0\0", "payload[0].identifier: wants 2 octets at offset 34, 1 left"),
        (14, b"\1\0\0\1\x40\x88\0\5root", "payload[0].attribute[0].value: wants 5 octets at offset 40, 4 left"),
        (132, b"\0", "payload[0].identifier: wants 2 octets at offset 32, 1 left"),
        (132, b"\0\1\1\1", "payload[0].data: is empty"),
        (131, b"\1\0\0\0\1\2\3", "payload[0].address: wants 4 octets at offset 36, 3 left"),
        (21, b"\2\0\0\0gw", "payload[0].kind: is 2, wants an address"),
        (21, b"\1\0\0\0\1\2\3", "payload[0].address: wants 4 octets at offset 36, 3 left"),
        (21, b"\1\0\0\0\1\2\3\4\5", "payload[0].end: 1 octet too many at offset 40"),
    ],
)
def test_texts(kind: int, body: bytes, text: str) -> None:
    assert _refusal(message(kind, generic(0, body))) == text


@pytest.mark.parametrize(
    ("payloads", "text"),
    [
        (b"\0", "payload[0].reserved: wants 1 octet at offset 29, 0 left"),
        (generic(0, b"", length=0), "payload[0].length: is 0, shorter than its own header"),
        (generic(0, b"x", length=6), "payload[0]: wants 2 octets at offset 32, 1 left"),
        (generic(13, b""), "payload[1].next_payload: wants 1 octet at offset 32, 0 left"),
        (generic(0, b"") + b"xyz", "end: 3 octets after the last payload"),
    ],
)
def test_texts_of_the_chain(payloads: bytes, text: str) -> None:
    assert _refusal(message(13, payloads)) == text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "header.initiator_cookie: wants 8 octets at offset 0, 0 left"),
        (bytes(27), "header.length: wants 4 octets at offset 24, 3 left"),
        (bytes(28), "header.length: 0, shorter than the header itself"),
        (bytes(24) + (27).to_bytes(4), "header.length: 27, shorter than the header itself"),
    ],
)
def test_texts_of_the_header(data: bytes, text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        Header.read(data)
    assert str(refusal.value) == text


def test_reader_stays_within_its_part() -> None:
    r = Reader(b"abcdefgh", "outer")
    part = r.part("inner", 3)
    assert part.rest("all") == b"abc"
    assert (r.left, r.at) == (5, 3)
    with pytest.raises(Malformed, match=r"^outer\.inner\.more: wants 1 octet at offset 3, 0 left$"):
        part.u8("more")
    r.octets("some", 4)
    with pytest.raises(Malformed, match=r"^outer\.end: 1 octet too many at offset 7$"):
        r.done()
