"""Attributes in both forms (RFC 2408 section 3.3; rows A01 to A03 and A05 of the catalogue of bad input)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeview.wire.attributes import MAX_ATTRIBUTES, Attribute, read_attributes
from ikeview.wire.numbers import Phase1Attribute
from ikeview.wire.reader import Malformed, Reader


@pytest.mark.parametrize(
    ("octets", "number"),
    [
        ("8001 0007", 7),
        ("800c ffff", 65535),
        ("000c 0001 3c", 60),
        ("000c 0002 0007", 7),
        ("000c 0003 015180", 86400),
        ("000c 0004 00015180", 86400),
        ("000c 0004 ffffffff", 0xFFFFFFFF),
        ("000c 0005 0000015180", 86400),
        ("000c 0006 000000015180", 86400),
        ("000c 0007 00000000015180", 86400),
        ("000c 0008 ffffffffffffffff", 0xFFFFFFFFFFFFFFFF),
        ("000c 0000", None),
        ("000c 0009 000000000000000001", None),
    ],
)
def test_number_whatever_the_form(octets: str, number: int | None) -> None:
    data = bytes.fromhex(octets)
    attribute = Attribute.read(Reader(data))
    assert attribute.number == number
    assert attribute.write() == data


@pytest.mark.parametrize(
    ("number", "octets"),
    [
        (0, "800c0000"),
        (65535, "800cffff"),
        (65536, "000c000400010000"),
        (0xFFFFFFFF, "000c0004ffffffff"),
        (0x1_0000_0000, "000c00050100000000"),
    ],
)
def test_of_takes_the_shortest_form(number: int, octets: str) -> None:
    attribute = Attribute.of(Phase1Attribute.LIFE_DURATION, number)
    assert attribute.write().hex() == octets
    assert attribute.number == number


@given(st.integers(0, 0x7FFF), st.integers(0, 2**64 - 1))
def test_of_comes_back(kind: int, number: int) -> None:
    again = Attribute.read(Reader(Attribute.of(kind, number).write()))
    assert (again.kind, again.number) == (kind, number)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("80", "attribute[0].type: wants 2 octets at offset 0, 1 left"),
        ("8001 00", "attribute[0].value: wants 2 octets at offset 2, 1 left"),
        ("000c 00", "attribute[0].length: wants 2 octets at offset 2, 1 left"),
        ("000c ffff 00", "attribute[0].value: wants 65535 octets at offset 4, 1 left"),
        ("8001 0007 000c 0001", "attribute[1].value: wants 1 octet at offset 8, 0 left"),
    ],
)
def test_cut_attributes(octets: str, text: str) -> None:
    with pytest.raises(Malformed) as refusal:
        read_attributes(Reader(bytes.fromhex(octets)))
    assert str(refusal.value) == text


def test_no_more_than_the_limit() -> None:
    one = bytes.fromhex("80010007")
    assert len(read_attributes(Reader(one * MAX_ATTRIBUTES))) == MAX_ATTRIBUTES
    with pytest.raises(Malformed, match=r"^attribute\[64\]: more than 64 attributes$"):
        read_attributes(Reader(one * (MAX_ATTRIBUTES + 1)))


def test_none_at_all() -> None:
    assert read_attributes(Reader(b"")) == ()
