"""Messages: a header and a chain of payloads (RFC 2408 section 3)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from ikeview.wire.numbers import PayloadType
from ikeview.wire.payloads import Payload, payload_name, payload_type, read_payload
from ikeview.wire.reader import Malformed, Reader, Span, octets

MAX_PAYLOADS = 50
_MOST: dict[int, int] = {
    PayloadType.SA: 1,
    PayloadType.KE: 1,
    PayloadType.ID: 2,
    PayloadType.HASH: 1,
    PayloadType.SIG: 1,
    PayloadType.NONCE: 1,
    PayloadType.NAT_OA: 2,
    PayloadType.NAT_OA_DRAFT: 2,
    PayloadType.CERT: 8,
    PayloadType.CERTREQ: 20,
    PayloadType.NOTIFY: 20,
    PayloadType.DELETE: 20,
    PayloadType.VENDOR_ID: 20,
    PayloadType.ATTRIBUTES: 1,
    PayloadType.FRAGMENT: 1,
    PayloadType.NAT_D: 10,
    PayloadType.NAT_D_DRAFT: 10,
}
"""How many of a kind one message may hold; a peer that sends more is broken or hostile."""
MAX_PADDING = 255
"""Octets after the last payload of an encrypted message; some stacks pad far beyond the block."""

P = TypeVar("P", bound=Payload)


@dataclass(frozen=True, slots=True)
class Carried:
    """A payload with its body as received and where its generic header began and its body ended."""

    payload: Payload
    body: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Chain:
    """The payloads of one message, and the octets they stood in."""

    carried: tuple[Carried, ...]
    data: bytes

    def __iter__(self) -> Iterator[Payload]:
        return (each.payload for each in self.carried)

    def all(self, kind: type[P]) -> list[P]:
        """Every payload of that class, in order."""
        return [each.payload for each in self.carried if isinstance(each.payload, kind)]

    def first(self, kind: type[P]) -> P | None:
        """The first payload of that class, if there is one."""
        return next((each.payload for each in self.carried if isinstance(each.payload, kind)), None)

    def body(self, kind: type[Payload], index: int = 0) -> bytes:
        """The body as received of the ``index``-th payload of that class; ``LookupError`` if it is not there."""
        return [each.body for each in self.carried if isinstance(each.payload, kind)][index]

    def after_first(self) -> bytes:
        """The octets after the first payload up to the end of the last one: what HASH(1) and HASH(2) run over."""
        return self.data[self.carried[0].end : self.carried[-1].end] if self.carried else b""

    def names(self) -> tuple[str, ...]:
        """Short names in order, repeated ones counted: ``SA``, ``VID*5``."""
        return chain_names(self)


def chain_names(payloads: Iterable[Payload]) -> tuple[str, ...]:
    """Short names in order of first appearance, repeated ones counted."""
    counts = Counter(payload_name(payload_type(each)) for each in payloads)
    return tuple(name if count == 1 else f"{name}*{count}" for name, count in counts.items())


def read_chain(
    first: int, data: bytes, start: int = 0, end: int | None = None, *, padded: bool = False,
    spans: list[Span] | None = None,
) -> Chain:
    """The payloads in ``data[start:end]``, the first of type ``first``.

    With ``padded`` some octets may follow the last payload (an encrypted message has them). Raises ``Malformed``.
    """
    r = Reader(data, "", start, end, spans)
    carried: list[Carried] = []
    counts: Counter[int] = Counter()
    kind = first
    while kind != PayloadType.NONE:
        name = f"payload[{len(carried)}]"
        if len(carried) == MAX_PAYLOADS:
            raise Malformed(name, f"more than {MAX_PAYLOADS} payloads")
        counts[kind] += 1
        if counts[kind] > _MOST.get(kind, MAX_PAYLOADS):
            raise Malformed(name, f"more than {_MOST[kind]} payloads of type {payload_name(kind)}")
        begin = r.at
        head = r.named(name)
        following = head.u8("next_payload")
        head.u8("reserved")
        length = head.u16("length")
        if length < 4:
            raise head.fail("length", f"is {length}, shorter than its own header")
        r.at = head.at
        body = r.part(name, length - 4)
        body_start = r.at - (length - 4)
        payload = read_payload(kind, body)
        carried.append(Carried(payload, data[body_start : r.at], begin, r.at))
        kind = following
    if r.left and (not padded or r.left > MAX_PADDING):
        raise Malformed("end", f"{octets(r.left)} after the last payload")
    if r.left and spans is not None:
        r.rest("padding")
    return Chain(tuple(carried), data)


def write_chain(payloads: Iterable[Payload]) -> bytes:
    """The payloads with their generic headers."""
    listed = list(payloads)
    out = bytearray()
    for index, payload in enumerate(listed):
        following = payload_type(listed[index + 1]) if index + 1 < len(listed) else PayloadType.NONE
        body = payload.write()
        out += bytes((following, 0)) + (len(body) + 4).to_bytes(2) + body
    return bytes(out)


def first_type(payloads: list[Payload]) -> int:
    """What the header's Next Payload has to say for these."""
    return payload_type(payloads[0]) if payloads else PayloadType.NONE
