"""Hostile octets: whatever comes, decoding raises ``Malformed`` or reads what is there."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ikeview.wire.header import Header
from ikeview.wire.message import read_chain
from ikeview.wire.reader import Malformed, Span
from tests.support.vectors import VECTORS
from tests.support.wire_bytes import decode, refusal_of

CLEAR = [
    pytest.param(data, id=f"{vector.name}-{index}")
    for vector in VECTORS
    for index, data in enumerate(vector.clear)
]


def _attempt(data: bytes) -> None:
    """Decodes faithfully or raises ``Malformed`` with a place and a reason; anything else leaves."""
    refusal = refusal_of(data)
    assert refusal is None or (refusal.where and refusal.why)


@pytest.mark.parametrize("data", CLEAR)
def test_every_truncation_is_refused(data: bytes) -> None:
    for size in range(len(data)):
        with pytest.raises(Malformed):
            decode(data[:size])


@pytest.mark.parametrize("data", CLEAR)
def test_every_octet_changed(data: bytes) -> None:
    spans: list[Span] = []
    decode(data, spans)
    changed = bytearray(data)
    for span in spans:
        opaque = isinstance(span.value, bytes) and span.end - span.start > 4
        # one key, nonce or hash is as good as another, and so are its octets: some of each will do
        for at in range(span.start, span.end, 16 if opaque else 1):
            true = data[at]
            values = {0, 255, true ^ 1}
            if not opaque:
                values |= {1, 2, 3, 4, 5, 13, 127, 128, true ^ 128, (true + 1) % 256}
            for value in values - {true}:
                changed[at] = value
                _attempt(bytes(changed))
            changed[at] = true


@given(st.binary(max_size=600))
@example(b"")
@example(bytes(28))
@example(b"\xff" * 28)
def test_random_octets(data: bytes) -> None:
    _attempt(data)


@given(st.integers(0, 255), st.binary(max_size=600), st.booleans())
def test_random_chain(first: int, data: bytes, padded: bool) -> None:
    try:
        chain = read_chain(first, data, padded=padded)
    except Malformed:
        return
    assert sum(each.end - each.start for each in chain.carried) <= len(data)


@given(st.sampled_from([data for vector in VECTORS for data in vector.clear]), st.data())
def test_several_octets_changed(data: bytes, chosen: st.DataObject) -> None:
    changed = bytearray(data)
    for at in chosen.draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=6)):
        changed[at] = chosen.draw(st.integers(0, 255))
    _attempt(bytes(changed))


@given(st.binary(max_size=40) | st.binary(min_size=28, max_size=28).map(lambda data: data[:24] + b"\0\0\0" + data[27:]))
def test_header_alone(data: bytes) -> None:
    if len(data) >= 28 and int.from_bytes(data[24:28]) >= 28:
        assert Header.read(data).write() == data[:28]
    else:
        with pytest.raises(Malformed, match=r"^header\."):
            Header.read(data)
