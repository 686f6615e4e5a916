"""ISAKMP octets put together by hand, without the code under test, and what every decoder must hold."""

from collections.abc import Iterable

from ikeview.wire.header import HEADER_SIZE, Header
from ikeview.wire.message import Chain, read_chain, write_chain
from ikeview.wire.reader import Malformed, Span


def generic(next_payload: int, body: bytes, *, reserved: int = 0, length: int | None = None) -> bytes:
    """A payload with its generic header (RFC 2408 section 3.2); ``length`` may lie."""
    return bytes((next_payload, reserved)) + (len(body) + 4 if length is None else length).to_bytes(2) + body


def chain(*payloads: tuple[int, bytes]) -> bytes:
    """Payloads of (type, body), each announcing the next."""
    kinds = [*[kind for kind, _ in payloads][1:], 0]
    return b"".join(generic(following, body) for following, (_, body) in zip(kinds, payloads, strict=True))


def transform(attributes: bytes = b"", *, number: int = 1, transform_id: int = 1, last: bool = True) -> bytes:
    """A transform with its generic header (RFC 2408 section 3.6)."""
    return generic(0 if last else 3, bytes((number, transform_id, 0, 0)) + attributes)


def proposal(*transforms: bytes, spi: bytes = b"", count: int | None = None, last: bool = True) -> bytes:
    """An ISAKMP proposal with its generic header (RFC 2408 section 3.5); ``count`` may lie."""
    head = bytes((1, 1, len(spi), len(transforms) & 0xFF if count is None else count))
    return generic(0 if last else 2, head + spi + b"".join(transforms))


def sa(*proposals: bytes, doi: int = 1, situation: int = 1) -> bytes:
    """The body of an SA payload (RFC 2408 section 3.4)."""
    return doi.to_bytes(4) + situation.to_bytes(4) + b"".join(proposals)


def message(first: int, payloads: bytes, *, exchange_type: int = 2, flags: int = 0) -> bytes:
    """A whole message with true length."""
    return (
        b"initiato" + bytes(8) + bytes((first, 0x10, exchange_type, flags)) + bytes(4)
        + (HEADER_SIZE + len(payloads)).to_bytes(4) + payloads
    )  # fmt: skip


def decode(data: bytes, spans: list[Span] | None = None) -> tuple[Header, Chain]:
    """A cleartext message. Raises ``Malformed``."""
    header = Header.read(data, spans)
    return header, read_chain(header.next_payload, data, HEADER_SIZE, spans=spans)


def assert_tiles(spans: Iterable[Span], data: bytes, start: int = 0) -> None:
    """Every octet from ``start`` is covered by one span, in order, and each span's value is what stands there."""
    at = start
    for span in spans:
        assert span.start == at, f"{span.path} begins at {span.start}, the one before ended at {at}"
        assert span.end > span.start, f"{span.path} is empty"
        stands = data[span.start : span.end]
        assert span.value in (stands, int.from_bytes(stands)), span.path
        at = span.end
    assert at == len(data)


def assert_faithful(data: bytes) -> None:
    """A cleartext message that decodes has spans that tile it and is written back as it came, but for the reserved
    octets, which are written as zero. Raises ``Malformed`` if it does not decode."""
    spans: list[Span] = []
    header, payloads = decode(data, spans)
    assert_tiles(spans, data)
    wanted = bytearray(data)
    for span in spans:
        if span.path.rpartition(".")[2] in ("reserved", "reserved2"):
            wanted[span.start : span.end] = bytes(span.end - span.start)
    assert header.write() + write_chain(payloads) == bytes(wanted)


def refusal_of(data: bytes) -> Malformed | None:
    """Why a cleartext message does not decode; None if it does, and then faithfully."""
    try:
        assert_faithful(data)
    except Malformed as refusal:
        return refusal
    return None
