"""First messages that are bad, odd or hostile, row by row: what each gets, and that none costs the state of what is up,
answers more than its due, or stops the true message after it."""

import pytest

from ikeview.core.facts import MessageDropped, NotifySent, TunnelUp
from ikeview.core.outputs import Spot
from tests.support.laws import assert_lawful, assert_tidy, bring_up, context_of, peer_of
from tests.support.messages import STRANGER
from tests.support.scenes import link
from tests.support.specs import LEFT

COOKIE = b"initiato"
SA, KE, ID, NONCE, VENDOR = 1, 4, 5, 10, 13


def attribute(kind: int, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return kind.to_bytes(2) + len(value).to_bytes(2) + value
    return (kind | 0x8000).to_bytes(2) + value.to_bytes(2)


GOOD = (attribute(1, 7), attribute(14, 128), attribute(2, 4), attribute(3, 1), attribute(4, 31))
"""AES, 128 bits, SHA-256, pre-shared key, x25519."""
LIFE = (attribute(11, 1), attribute(12, (3600).to_bytes(4)))


def transform(*attributes: bytes, ident: int = 1, number: int = 1, more: int = 0, size: int | None = None) -> bytes:
    body = b"".join(attributes)
    length = 8 + len(body) if size is None else size
    return bytes((more, 0)) + length.to_bytes(2) + bytes((number, ident, 0, 0)) + body


def proposal(
    *transforms: bytes, protocol: int = 1, spi: bytes = b"", count: int | None = None, spi_size: int | None = None,
    more: int = 0, size: int | None = None,
) -> bytes:
    body = spi + b"".join(transforms)
    length = 8 + len(body) if size is None else size
    head = bytes((1, protocol, len(spi) if spi_size is None else spi_size, len(transforms) if count is None else count))
    return bytes((more, 0)) + length.to_bytes(2) + head + body


def offer(*proposals: bytes, doi: int = 1, situation: int = 1) -> bytes:
    return doi.to_bytes(4) + situation.to_bytes(4) + b"".join(proposals)


def of(*attributes: bytes, **more: int) -> bytes:
    """An offer of one transform with these attributes."""
    return offer(proposal(transform(*attributes, **more)))


def message(
    *payloads: tuple[int, bytes], first: int | None = None, version: int = 0x10, exchange: int = 2, flags: int = 0,
    message_id: int = 0, length: int | None = None, cookies: bytes = COOKIE + bytes(8), reserved: int = 0,
    sizes: int | None = None, last: int = 0, tail: bytes = b"",
) -> bytes:  # fmt: skip
    """A datagram, with whatever is asked to be wrong: ``sizes`` is every payload's length field, ``last`` the type
    after the last one."""
    body = b""
    for number, (_, data) in enumerate(payloads):
        following = payloads[number + 1][0] if number + 1 < len(payloads) else last
        size = 4 + len(data) if sizes is None else sizes
        body += bytes((following, reserved)) + size.to_bytes(2) + data
    kind = first if first is not None else (payloads[0][0] if payloads else 0)
    total = 28 + len(body) if length is None else length
    head = cookies + bytes((kind, version, exchange, flags)) + message_id.to_bytes(4) + total.to_bytes(4)
    return head + body + tail


TRUE = of(*GOOD, *LIFE)
PLAIN = len(message((SA, TRUE)))
SILENT, REFUSED, TAKEN = "silent", "refused", "taken"
"""Nothing comes back | a notify that is no longer | message 2, at most half as long again."""

ROWS: list[tuple[str, bytes, str]] = [
    ("H01 empty", b"", SILENT),
    ("H02 keepalive", b"\xff", SILENT),
    *((f"H03 {size} octets", message((SA, TRUE))[:size], SILENT) for size in (2, 8, 16, 27)),
    ("H04 header alone", message(), SILENT),
    ("H05 no body", message(first=SA), SILENT),
    *((f"H06 length {length}", message((SA, TRUE), length=length), SILENT)
      for length in (0, 27, PLAIN - 1, PLAIN + 1, 0xFFFFFFFF)),
    ("H07 junk behind", message((SA, TRUE), tail=bytes(100)), SILENT),
    *((f"H08 major {major}", message((SA, TRUE), version=major << 4), SILENT) for major in (0, 2, 3, 15)),
    *((f"H09 exchange {kind} of version 2", message((SA, TRUE), exchange=kind), SILENT) for kind in (34, 35, 36, 37)),
    *((f"H10 minor {minor}", message((SA, TRUE), version=0x10 + minor), TAKEN) for minor in (1, 15)),
    *((f"H11 exchange {kind}", message((SA, TRUE), exchange=kind), SILENT) for kind in (0, 1, 3, 240)),
    ("H12 all flags", message((SA, TRUE), flags=0xFF), SILENT),
    ("H12 encrypted", message((SA, TRUE), flags=1), SILENT),
    ("H12 commit", message((SA, TRUE), flags=2), TAKEN),
    ("H13 message ID", message((SA, TRUE), message_id=1), SILENT),
    ("H14 no cookie", message((SA, TRUE), cookies=bytes(16)), SILENT),
    ("H15 unknown cookie", message((SA, TRUE), cookies=COOKIE + b"responde"), SILENT),
    ("H18 marker", bytes(4) + message((SA, TRUE)), SILENT),
    ("H19 four zeros", bytes(4), SILENT),
    ("H23 64 KiB", message((SA, TRUE), tail=bytes(65_000)), SILENT),
    *((f"P01 payload length {size}", message((SA, TRUE), sizes=size), SILENT) for size in range(4)),
    *((f"P02 payload length {size}", message((SA, TRUE), sizes=size), SILENT) for size in (len(TRUE) + 5, 65_535)),
    *((f"P03 proposal length {size}", message((SA, offer(proposal(transform(*GOOD), size=size)))), SILENT)
      for size in (0, 7, 65_535)),
    *((f"P03 transform length {size}", message((SA, of(*GOOD, size=size))), SILENT) for size in (0, 7, 65_535)),
    ("P04 no bytes left", message((SA, TRUE), last=KE), SILENT),
    ("P05 twenty SAs", message(*[(SA, TRUE)] * 20), SILENT),
    ("P06 a thousand vendor IDs", message((SA, TRUE), *[(VENDOR, b"")] * 1000), SILENT),
    ("P07 unknown payloads", message((SA, TRUE), (99, b"what"), (200, b"is this")), TAKEN),
    ("P09 reserved", message((SA, TRUE), reserved=0xFF), TAKEN),
    ("P10 SPI size", message((SA, offer(proposal(transform(*GOOD), spi=b"1234", spi_size=255)))), SILENT),
    ("P11 SPI of 16 octets", message((SA, offer(proposal(transform(*GOOD), spi=bytes(16))))), TAKEN),
    *((f"P12 count {count}", message((SA, offer(proposal(transform(*GOOD), count=count)))), SILENT)
      for count in (0, 255)),
    ("P13 255 transforms", message((SA, offer(proposal(*[transform(*GOOD, more=3)] * 254, transform(*GOOD))))), TAKEN),
    ("P14 no SA", message((NONCE, bytes(20))), SILENT),
    ("P15 two SAs", message((SA, TRUE), (SA, TRUE)), SILENT),
    ("P16 SA last", message((VENDOR, b"someone"), (SA, TRUE)), TAKEN),
    ("A01 attribute length", message((SA, of(*GOOD, b"\x00\x0c\xff\xff\x00\x00\x00\x01"))), SILENT),
    ("A01 attribute cut", message((SA, of(*GOOD, b"\x80"))), SILENT),
    ("A02 basic as variable", message((SA, of(attribute(1, b"\0\x07"), *GOOD[1:]))), TAKEN),
    *((f"A03 life of {len(value)} octets", message((SA, of(*GOOD, LIFE[0], attribute(12, value)))), TAKEN)
      for value in (b"\x64", b"\x0e\x10", b"\x01\x00\x00", b"\0\0\x0e\x10", b"\0\0\0\0\0\0\x0e\x10")),
    ("A03 life as basic", message((SA, of(*GOOD, LIFE[0], attribute(12, 65_535)))), TAKEN),
    ("A04 life of 0", message((SA, of(*GOOD, LIFE[0], attribute(12, bytes(4))))), TAKEN),
    ("A05 life without end", message((SA, of(*GOOD, LIFE[0], attribute(12, b"\xff" * 8)))), TAKEN),
    # names no lifetime that anybody could follow, and so is none
    ("A06 life without its type", message((SA, of(*GOOD, LIFE[1]))), TAKEN),
    ("A07 key length 0", message((SA, of(GOOD[0], attribute(14, 0), *GOOD[2:]))), REFUSED),
    *((f"A08 key length {bits}", message((SA, of(GOOD[0], attribute(14, bits), *GOOD[2:]))), REFUSED)
      for bits in (129, 65_535)),
    ("A08 key length of 3DES", message((SA, of(attribute(1, 5), *GOOD[1:]))), REFUSED),
    ("A09 two ciphers", message((SA, of(attribute(1, 5), *GOOD))), REFUSED),
    ("A09 the cipher twice", message((SA, of(GOOD[0], *GOOD))), REFUSED),
    *((f"A10 group {group}", message((SA, of(*GOOD[:4], attribute(4, group)))), REFUSED)
      for group in (0, 1025, 65_535)),
    *((f"A11 method {kind}", message((SA, of(*GOOD[:3], attribute(3, kind), GOOD[4]))), REFUSED)
      for kind in (3, 4, 5, 64_221, 65_001)),
    *((f"A12 DOI {doi}", message((SA, offer(proposal(transform(*GOOD)), doi=doi))), REFUSED) for doi in (0, 255)),
    *((f"A12 situation {bits}", message((SA, offer(proposal(transform(*GOOD)), situation=bits))), REFUSED)
      for bits in (0, 255)),
    *((f"A13 protocol {protocol}", message((SA, offer(proposal(transform(*GOOD), protocol=protocol)))), REFUSED)
      for protocol in (0, 3, 255)),
    ("A13 transform 255", message((SA, of(*GOOD, ident=255))), REFUSED),
    ("A14 no attributes", message((SA, of())), REFUSED),
]


@pytest.mark.parametrize(("data", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_first_message(data: bytes, expected: str) -> None:
    for known in (True, False):
        some = link(right={"role": "responder"})
        bring_up(some)
        up = len(some.right.of(TunnelUp)), set(some.right.inbound), set(some.right.outbound)
        sent, told = len(some.wire), len(some.right.facts)
        some.inject(some.right, data, remote=Spot(LEFT, 500) if known else STRANGER)
        replies = [each.send.data for each in some.wire[sent:]]
        assert len(replies) <= 1, "one answer at most"
        assert sum(map(len, replies)) <= (1.5 if expected == TAKEN else 1.0) * len(data)
        if not known:
            # a stranger gets a refusal for what is well formed, else nothing
            assert not context_of(some.right).half_open
        elif expected == TAKEN:
            assert context_of(some.right).half_open == 1
        else:
            facts = some.right.facts[told:]
            assert bool(replies) is (expected == REFUSED), facts
            assert any(isinstance(fact, NotifySent if expected == REFUSED else MessageDropped) for fact in facts), facts
            assert not context_of(some.right).half_open
        # a responder never says anything again by itself, and what is up stays up
        some.run(40)
        assert len(some.wire) == sent + len(replies)
        assert up == (len(some.right.of(TunnelUp)), set(some.right.inbound), set(some.right.outbound))
        assert not context_of(some.right).half_open
        assert_lawful(some)


@pytest.mark.parametrize("data", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_true_message_after_it_is_taken(data: bytes) -> None:
    some = link()
    some.inject(some.right, data)
    bring_up(some)
    assert len(some.right.of(TunnelUp)) == 1
    assert peer_of(some.right).phase1.current is not None
    some.run(40)
    assert_tidy(some.right)


def test_every_row_has_a_name_of_its_own() -> None:
    assert len({row[0] for row in ROWS}) == len(ROWS)
