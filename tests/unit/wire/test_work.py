"""The work of decoding is linear in the octets, whatever they are (counted, not timed)."""

from dataclasses import dataclass

import pytest

from ikeview.wire.header import MAX_MESSAGE
from ikeview.wire.reader import Malformed, Reader
from tests.support.wire_bytes import chain, decode, generic, message, proposal, sa, transform

LEVELS = 5
"""An octet is taken at most once for each of: payload, proposal, transform, attribute, field."""


@dataclass
class Work:
    """Fields read and octets taken."""

    reads: int = 0
    octets: int = 0


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    counted = Work()
    take = Reader._take

    def counting(self: Reader, name: str, count: int) -> bytes:
        taken = take(self, name, count)
        counted.reads += 1
        counted.octets += len(taken)
        return taken

    monkeypatch.setattr(Reader, "_take", counting)
    return counted


ROOM = MAX_MESSAGE - 28 - 4 - 8
TINY_TRANSFORM = len(transform())


def _proposals_of_transforms(each: int) -> bytes:
    count = ROOM // (8 + each * TINY_TRANSFORM)
    block = [transform(last=index == each - 1) for index in range(each)]
    return sa(*[proposal(*block, last=index == count - 1) for index in range(count)])


WORST = {
    "empty payloads of one kind": message(13, chain(*[(13, b"")] * ((MAX_MESSAGE - 28) // 4))),
    "empty payloads of unknown kinds": message(200, chain(*[(200, b"")] * ((MAX_MESSAGE - 28) // 4))),
    "tiny proposals": message(1, generic(0, _proposals_of_transforms(1))),
    "proposals of 20 tiny transforms": message(1, generic(0, _proposals_of_transforms(20))),
    "one proposal of all tiny transforms": message(1, generic(0, _proposals_of_transforms(ROOM // 8 - 1))),
    "proposals of 255 tiny transforms": message(1, generic(0, _proposals_of_transforms(255))),
    "attributes in one transform": message(1, generic(0, sa(proposal(transform(b"\x80\x01\0\7" * (ROOM // 4 - 4)))))),
    "empty attributes in one transform": message(1, generic(0, sa(proposal(transform(bytes(4) * (ROOM // 4 - 4)))))),
    "64 attributes in each transform": message(
        1,
        generic(
            0,
            sa(proposal(*[transform(b"\x80\x01\0\7" * 64, last=index == 36) for index in range(37)])),
        ),
    ),
    "SPIs of one octet": message(12, generic(0, bytes.fromhex("00000001 03012000") + bytes(8192))),
    "as many SPIs as there may be": message(12, generic(0, bytes.fromhex("00000001 03040400") + bytes(4096))),
    "50 payloads of 195 octets": message(200, chain(*[(200 + index % 50, bytes(195)) for index in range(50)])),
    "attributes of mode config": message(14, generic(0, bytes(4) + b"\x40\x88\0\0" * (ROOM // 4))),
    "one fragment": message(132, generic(0, b"\0\1\1\1" + bytes(ROOM))),
    "one payload": message(13, generic(0, bytes(MAX_MESSAGE - 32))),
}
REFUSED = {
    "empty payloads of one kind",
    "empty payloads of unknown kinds",
    "tiny proposals",
    "one proposal of all tiny transforms",
    "attributes in one transform",
    "empty attributes in one transform",
    "SPIs of one octet",
    "attributes of mode config",
}


@pytest.mark.parametrize("name", WORST)
def test_worst_cases(name: str, work: Work) -> None:
    data = WORST[name]
    assert len(data) <= MAX_MESSAGE
    refused = False
    try:
        decode(data)
    except Malformed:
        refused = True
    assert refused == (name in REFUSED)
    assert work.octets <= LEVELS * len(data)
    assert work.reads <= len(data)
    assert work.reads > 8


def test_a_refused_flood_is_read_no_further_than_the_limit(work: Work) -> None:
    with pytest.raises(Malformed):
        decode(WORST["empty payloads of one kind"])
    # the header, then the generic header's three fields, the part and its data for each of 20
    assert work.reads == 8 + 20 * 5
