"""Forged, mutated and truncated datagrams at both ends, before and after there are keys."""

from random import Random
from typing import Any

import pytest

from ikeview.core.facts import Cause, DropReason, ExchangeFailed, Fact, MessageDropped, NotifySent, TunnelUp
from ikeview.core.orders import Initiate
from ikeview.wire.header import HEADER_SIZE
from tests.support.laws import assert_lawful, assert_tidy, bring_up, context_of, peer_of, tunnel_of
from tests.support.link import End, Link
from tests.support.scenes import link

ROWS = 9
ID_AND_HASH = 12 + 36
"""Octets of an address's ID and a SHA-256 HASH with their headers: whole blocks."""


def snapshot(end: End) -> Any:
    """All of an end's protocol state that a message may move."""
    context, peer = context_of(end), peer_of(end)
    runs = [each.run for each in peer.phase1.negotiations.values()]
    runs += [each.run for sa in peer.phase1.sas for each in sa.quick_modes.values()]
    return (
        [(run.ident, run.position, id(run.stage), run.channel, run.responder_cookie) for run in runs],
        [(str(sa.cookies), sa.last_block, frozenset(sa.used), sa.remote) for sa in peer.phase1.sas],
        [(pair.name, pair.sending) for tunnel in peer.tunnels.values() for pair in tunnel.pairs],
        set(context.cookies), set(context.spis), context.half_open, set(end.inbound), set(end.outbound),
    )  # fmt: skip


def before_row(number: int) -> tuple[Link, End, bytes]:
    """A link on which message ``number`` (from 0) of Main Mode and Quick Mode is about to arrive: it is held back."""
    some = link()
    held: list[bytes] = []

    def fate(sent: Any) -> list[tuple[float, bytes]]:
        if len(some.wire) == number + 1:
            held.append(sent.send.data)
            return []
        return [(0.01, sent.send.data)]

    some.fate = fate
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run_until(lambda: bool(held))
    receiver = some.right if some.wire[number].sender == "left" else some.left
    return some, receiver, held[0]


def finish(some: Link, receiver: End, true: bytes) -> None:
    """The true message follows, and all ends well."""
    some.inject(receiver, true)
    some.run(5)
    assert len(some.left.of(TunnelUp)) == len(some.right.of(TunnelUp)) == 1
    assert not some.left.of(ExchangeFailed)
    assert_lawful(some)


def refused(some: Link, receiver: End, data: bytes) -> DropReason:
    """The datagram changes nothing and is dropped with one reason."""
    before = snapshot(receiver)
    known = len(receiver.facts)
    some.inject(receiver, data)
    assert snapshot(receiver) == before, data.hex()
    if len(receiver.facts) == known:
        # one of many from a stranger, told with the others of its second
        receiver.endpoint._tell_drops()
        some._drain(receiver)
    told: list[Fact] = receiver.facts[known:]
    assert all(isinstance(fact, MessageDropped | NotifySent) for fact in told), told
    drops = [fact for fact in told if isinstance(fact, MessageDropped)]
    assert len(drops) == 1, told
    assert drops[0].size == len(data)
    return drops[0].reason


@pytest.mark.parametrize("number", range(ROWS))
def test_every_truncation_is_dropped_and_the_true_message_still_counts(number: int) -> None:
    some, receiver, true = before_row(number)
    for size in range(len(true)):
        refused(some, receiver, true[:size])
        if size >= HEADER_SIZE:
            # once more with a length field that fits
            shorter = true[:24] + size.to_bytes(4) + true[28:size]
            refused(some, receiver, shorter)
    finish(some, receiver, true)


@pytest.mark.parametrize("number", range(ROWS))
def test_octets_behind_the_end_are_dropped(number: int) -> None:
    some, receiver, true = before_row(number)
    assert refused(some, receiver, true + b"\0") is DropReason.BAD_LENGTH
    longer = true[:24] + (len(true) + 300).to_bytes(4) + true[28:] + bytes(300)
    refused(some, receiver, longer)
    finish(some, receiver, true)


@pytest.mark.parametrize("number", range(4, ROWS))
def test_every_changed_octet_of_an_encrypted_message_is_dropped(number: int) -> None:
    some, receiver, true = before_row(number)
    reasons = set()
    for index in range(len(true)):
        for change in (1, 0x80, 0xFF):
            mutated = bytearray(true)
            mutated[index] ^= change
            if (index, change) == (17, 1) or (index == 19 and change & 1 == 0):
                # the minor version and the flags other than Encryption are not looked at
                continue
            if number == 4 and index >= HEADER_SIZE + ID_AND_HASH:
                # HASH_I is over the identity alone (RFC 2409 section 5): what rides behind it is only as safe as CBC
                continue
            reasons.add(refused(some, receiver, bytes(mutated)))
    assert reasons & {DropReason.UNDECRYPTABLE, DropReason.BAD_HASH}
    finish(some, receiver, true)


@pytest.mark.parametrize("number", range(4))
def test_a_changed_octet_of_a_clear_message_is_dropped_or_costs_one_attempt(number: int) -> None:
    """Nobody can tell a changed nonce from a true one before HASH_I; but what is not well formed is dropped at once,
    nothing is ever agreed with it, and the next attempt is not hindered."""
    _, _, sample = before_row(number)
    dropped = taken = 0
    for index in range(0, len(sample), 1 if number < 2 else 3):
        some, receiver, true = before_row(number)
        mutated = bytearray(true)
        mutated[index] ^= 0x21
        before = snapshot(receiver)
        some.inject(receiver, bytes(mutated))
        if snapshot(receiver) == before:
            dropped += 1
            finish(some, receiver, true)
            continue
        taken += 1
        some.inject(receiver, true)
        some.fate = lambda sent: [(0.01, sent.send.data)]
        some.run(150)
        assert_lawful(some)
        one, other = peer_of(some.left).phase1.current, peer_of(some.right).phase1.current
        if one.nat.found == other.nat.found:
            assert len(some.left.inbound) == 1
        else:
            # NAT-D is not under any hash (RFC 3947 section 8): the ends disagree about encapsulation and say so
            assert some.left.last(ExchangeFailed).cause is Cause.NO_PROPOSAL
            assert some.empty()
    assert dropped > 10
    assert taken > 5


def test_recorded_messages_with_other_cookies_are_dropped() -> None:
    some = link()
    bring_up(some)
    for sent in some.wire[1:]:
        receiver = some.right if sent.sender == "left" else some.left
        data = bytearray(sent.send.data)
        data[:16] = bytes(range(1, 17))
        assert refused(some, receiver, bytes(data)) is DropReason.UNKNOWN_COOKIE


@pytest.mark.parametrize("floated", [False, True])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", DropReason.EMPTY),
        (b"\xff", DropReason.TOO_SHORT),
        (bytes(27), DropReason.TOO_SHORT),
        (bytes(65_507), DropReason.TOO_LONG),
        (b"\xa5" * 65_507, DropReason.TOO_LONG),
        (b"\xa5" * 28, DropReason.BAD_VERSION),
        (bytes(28), DropReason.MALFORMED),
    ],
)
def test_odd_datagrams(data: bytes, reason: DropReason, floated: bool) -> None:
    for some in (link(), link()):
        bring_up(some)
        before = snapshot(some.right)
        some.inject(some.right, data, floated=floated)
        assert snapshot(some.right) == before
        assert some.right.last(MessageDropped).reason is reason
        assert_tidy(some.right)


def test_random_datagrams_with_true_cookies_are_dropped() -> None:
    random = Random(7)
    some = link()
    bring_up(some)
    cookies = some.wire[-1].send.data[:16]
    for _ in range(400):
        size = random.randrange(28, 200)
        head = cookies + bytes((random.randrange(16), 0x10, random.choice((2, 5, 32)), random.randrange(2)))
        data = head + random.randbytes(4) + size.to_bytes(4) + random.randbytes(size - 28)
        refused(some, some.right, data)
        refused(some, some.left, data)
    assert_lawful(some)
