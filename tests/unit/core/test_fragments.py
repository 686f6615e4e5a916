"""Messages in pieces: cut, put together, and kept within limits (F01 to F04 of the catalogue of bad input)."""

import itertools
from contextlib import suppress
from ipaddress import ip_address
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeview.core.facts import DropReason
from ikeview.core.fragments import Fragmentation, Fragments, largest
from ikeview.core.policy import Policy
from ikeview.core.refusals import Discard
from ikeview.core.timers import Timer, Timers
from ikeview.wire.header import HEADER_SIZE, MAX_MESSAGE, Header
from ikeview.wire.message import read_chain, write_chain
from ikeview.wire.numbers import ExchangeType, PayloadType
from ikeview.wire.payloads import Fragment, VendorId
from ikeview.wire.reader import Malformed
from tests.support.wire_bytes import chain

POLICY = Policy()
FOUR, SIX = ip_address("192.0.2.1"), ip_address("2001:db8::1")
COOKIE = b"responde"


def whole(size: int, seed: int = 1) -> bytes:
    """A message of that size, encrypted as it seems."""
    header = Header(b"initiato", COOKIE, 8, 0x10, ExchangeType.QUICK_MODE, 1, 0x12345678, size)
    return header.write() + Random(seed).randbytes(size - HEADER_SIZE)


def cut(data: bytes, mode: str = "force", *, again: bool = False, floated: bool = False, **known: bool) -> list[bytes]:
    fragmentation = Fragmentation(mode, ExchangeType.MAIN_MODE, **known)
    return list(fragmentation.cut(data, FOUR, POLICY, floated=floated, again=again))


def piece(number: int, data: bytes, *, last: bool = False, identifier: int = 1) -> bytes:
    """A datagram with one piece."""
    return datagram(chain((132, identifier.to_bytes(2) + bytes((number, last)) + data)))


def datagram(body: bytes, *, flags: int = 0, kind: int = 132) -> bytes:
    header = Header(b"initiato", COOKIE, kind, 0x10, ExchangeType.MAIN_MODE, flags, 0, HEADER_SIZE + len(body))
    return header.write() + body


class Bench:
    def __init__(self, policy: Policy = POLICY) -> None:
        self.timers = Timers()
        self.fragments = Fragments(policy, self.timers)

    def take(self, data: bytes, now: float = 0.0, cookie: bytes = COOKIE) -> bytes | None:
        return self.fragments.take(now, cookie, Header.read(data), data)

    @property
    def kept(self) -> int:
        return sum(pieces.size for pieces in self.fragments._incomplete.values())


def refusal(bench: Bench, data: bytes) -> str:
    with pytest.raises(Discard) as refused:
        bench.take(data)
    assert refused.value.reason is DropReason.BAD_FRAGMENT
    return refused.value.detail


# -- going out -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("local", "floated", "size"), [(FOUR, False, 1252), (FOUR, True, 1248), (SIX, True, 1228)])
def test_the_largest_message_leaves_in_a_packet_of_1280_octets(local: object, floated: bool, size: int) -> None:
    assert largest(local, POLICY, floated=floated) == size  # type: ignore[arg-type]
    fragmentation = Fragmentation("force", ExchangeType.MAIN_MODE)
    for extra, count in ((0, 1), (1, 2)):
        pieces = fragmentation.cut(whole(size + extra), local, POLICY, floated=floated, again=False)  # type: ignore[arg-type]
        assert len(pieces) == count
        assert max(map(len, pieces)) == size


def test_known_octets_of_a_piece() -> None:
    data = whole(1300)
    first, second = cut(data)
    # the cookies, payload 132, version 1.0, Main Mode, no flags, message ID 0, own length; then identifier 1
    assert first[:HEADER_SIZE].hex() == "696e69746961746f" "726573706f6e6465" "84100200" "00000000" "000004e4"
    assert first[HEADER_SIZE : HEADER_SIZE + 8].hex() == "0000" "04c8" "0001" "01" "00"
    assert second[HEADER_SIZE : HEADER_SIZE + 8].hex() == "0000" "005c" "0001" "02" "01"
    assert first[HEADER_SIZE + 8 :] + second[HEADER_SIZE + 8 :] == data


@pytest.mark.parametrize(
    ("mode", "spoken", "proved", "again", "pieces"),
    [
        ("auto", True, False, False, 1), ("auto", True, False, True, 3), ("auto", True, True, False, 3),
        ("auto", False, False, True, 1), ("auto", False, True, True, 1), ("force", False, False, False, 3),
        ("off", True, True, True, 1),
    ],
)  # fmt: skip
def test_when_a_message_goes_in_pieces(mode: str, spoken: bool, proved: bool, again: bool, pieces: int) -> None:
    assert len(cut(whole(3000), mode, again=again, spoken=spoken, proved=proved)) == pieces
    assert len(cut(whole(1000), mode, again=again, spoken=spoken, proved=proved)) == 1


def test_first_messages_and_those_of_too_many_pieces_go_whole() -> None:
    first = whole(3000)[:8] + bytes(8) + whole(3000)[16:]
    assert cut(first) == [first]
    most = whole(16 * 1216)
    assert len(cut(most)) == 16
    assert cut(most + b"x") == [most + b"x"]


def test_every_message_has_an_identifier_of_its_own() -> None:
    fragmentation = Fragmentation("force", ExchangeType.MAIN_MODE)
    data, seen = whole(1300), []
    for skipped in (0, 0, 65_531, 0, 0):
        fragmentation._number += skipped
        piece_of = fragmentation.cut(data, FOUR, POLICY, floated=False, again=False)[0]
        seen.append(int.from_bytes(piece_of[HEADER_SIZE + 4 : HEADER_SIZE + 6]))
    assert seen == [1, 2, 65_534, 65_535, 1]


# -- coming in -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1300, 2500, 3600])
def test_pieces_in_any_order_and_more_than_once(size: int) -> None:
    data = whole(size)
    pieces = cut(data)
    for order in itertools.permutations(pieces):
        bench = Bench()
        for each in order[:-1]:
            assert bench.take(each) is None
            assert bench.take(each) is None
        assert bench.take(order[-1]) == data
        assert bench.kept == 0
        assert bench.timers.table() == []


def test_a_peer_that_gives_all_messages_one_identifier() -> None:
    bench = Bench()
    old, new = whole(3000, 1), whole(3000, 2)
    for number, each in ((1, old), (3, old), (1, new), (2, new), (3, new)):
        data = piece(number, each[(number - 1) * 1000 : number * 1000], last=number == 3)
        result = bench.take(data)
    assert result == new
    # the old one's last piece comes late: it spoils the next message, but not when that is sent again
    assert bench.take(piece(3, old[2000:], last=True)) is None
    results = [
        bench.take(piece(number, new[(number - 1) * 1000 : number * 1000], last=number == 3))
        for _ in range(2)
        for number in (1, 2, 3)
    ]
    assert results == [None, new[:2000] + old[2000:], None, None, new, None]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (piece(1, b"a"), piece(1, b"b")), (piece(1, b"a"), piece(2, b"b", identifier=2)),
        (piece(3, b"c", last=True), piece(4, b"d")), (piece(3, b"c", last=True), piece(2, b"b", last=True)),
        (piece(3, b"c"), piece(2, b"b", last=True)), (piece(3, b"c", last=True), piece(3, b"c")),
        (piece(3, b"c", last=True), piece(4, b"c", last=True)),
    ],
)  # fmt: skip
def test_f02_what_contradicts_begins_anew(first: bytes, second: bytes) -> None:
    bench = Bench()
    assert bench.take(first) is None
    assert bench.take(second) is None
    (pieces,) = bench.fragments._incomplete.values()
    assert len(pieces.by_number) == 1
    assert bench.kept == 1
    assert len(bench.timers.table()) == 1


def test_f03_limits_of_number_size_and_time() -> None:
    bench = Bench()
    assert refusal(bench, piece(17, b"x")) == "number 17, 16 are allowed"
    for number in range(1, 11):
        assert bench.take(piece(number, bytes(1000))) is None
    assert bench.kept == MAX_MESSAGE
    assert refusal(bench, piece(11, b"x", last=True)) == f"together more than {MAX_MESSAGE} octets"
    assert bench.kept == 0
    bench.take(piece(1, b"x"), now=5.0)
    assert bench.timers.next() == 35.0
    timer, (owner, subject) = bench.timers.pop_due(35.0)  # type: ignore[misc]
    assert (timer, owner) == (Timer.FRAGMENTS, "")
    bench.fragments.fire(subject)
    assert bench.kept == 0


def test_f03_pieces_without_end_that_never_complete_cost_no_memory_and_no_search() -> None:
    bench = Bench()
    for count in range(4_000):
        bench.take(piece(16 - count % 15, b"x" * 600, identifier=count // 15 % 7))
    assert bench.kept <= MAX_MESSAGE
    assert len(bench.timers.table()) == 1
    for number in range(1000):
        bench.take(piece(1, bytes(500)), cookie=number.to_bytes(8))
    assert len(bench.fragments._incomplete) == POLICY.fragmented_most
    assert len(bench.timers.table()) == POLICY.fragmented_most


@pytest.mark.parametrize(
    "data",
    [
        datagram(write_chain([Fragment(1, 1, 1, b"x"), VendorId(b"v")])),
        datagram(write_chain([VendorId(b"v"), Fragment(1, 1, 1, b"x")]), kind=13),
    ],
)
def test_a_piece_comes_alone(data: bytes) -> None:
    assert refusal(Bench(), data) == "it holds other payloads besides"


@pytest.mark.parametrize("body", [b"", b"\0", bytes(3), chain((132, b"")), chain((132, b"\0\1\0\1x"))])
def test_f01_what_is_no_piece_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        Bench().take(datagram(body))


def test_a_piece_that_claims_to_be_encrypted_is_taken() -> None:
    # racoon sets the bit, but the payload is in clear
    body = write_chain([Fragment(1, 1, 1, b"whole")])
    assert Bench().take(datagram(body, flags=1)) == b"whole"


pieces = st.builds(
    piece, st.integers(1, 20), st.binary(min_size=1, max_size=900), last=st.booleans(), identifier=st.integers(1, 3)
)


@given(st.lists(pieces, max_size=40))
def test_whatever_comes_stays_within_the_limits(listed: list[bytes]) -> None:
    bench = Bench()
    for data in listed:
        result = None
        with suppress(Discard):
            result = bench.take(data)
        assert result is None or 0 < len(result) <= MAX_MESSAGE
        assert bench.kept <= MAX_MESSAGE
        assert len(bench.timers.table()) == len(bench.fragments._incomplete) <= 1


@given(st.integers(1253, MAX_MESSAGE), st.randoms(use_true_random=False), st.integers(0, 20))
def test_what_is_cut_comes_together(size: int, random: Random, extra: int) -> None:
    data = whole(size)
    parts = cut(data)
    order = parts + random.choices(parts, k=extra)
    random.shuffle(order)
    bench = Bench()
    results = [result for each in order if (result := bench.take(each)) is not None]
    assert results
    assert set(results) == {data}


def test_the_type_of_the_payload() -> None:
    data = cut(whole(1300))[0]
    assert Header.read(data).next_payload == PayloadType.FRAGMENT
    assert read_chain(132, data, HEADER_SIZE).names() == ("FRAG",)
