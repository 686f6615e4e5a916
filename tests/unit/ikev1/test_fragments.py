"""Large messages on a path that carries small packets only."""

from typing import Any

import pytest

from ikeview.core.facts import (
    DropReason,
    ExchangeFailed,
    MessageDropped,
    Phase1Established,
    RowResent,
    RowSent,
    SaInstalled,
)
from ikeview.core.orders import Initiate, RekeyPhase2
from ikeview.core.policy import Policy
from ikeview.core.timers import Timer
from ikeview.ikev1.vendor_ids import FRAGMENTATION
from ikeview.wire.header import NO_COOKIE, Header
from ikeview.wire.numbers import PayloadType
from ikeview.wire.payloads import Fragment, VendorId
from tests.support.laws import (
    assert_lawful,
    assert_nothing_left,
    bring_up,
    context_of,
    peer_of,
    tear_down,
    tunnel_of,
)
from tests.support.link import Link, Sent, Verdict, lossy
from tests.support.messages import message
from tests.support.running import busy
from tests.support.scenes import link

PACKET = 190
"""Larger IP packets do not get through, and messages are cut for that: certificates are not needed to have some."""


def narrow(*, strip: bool = False, left: Any = None, right: Any = None) -> Link:
    """The messages with KE and those of Quick Mode are too large for the path. ``strip``: the left end's vendor ID is
    lost, so to the right it does not speak of fragments."""
    some = link(left=left, right=right, policy=Policy(fragment_packet=PACKET))

    def fate(sent: Sent) -> Verdict:
        data = sent.send.data
        first = data[8:16] == NO_COOKIE
        if not first and len(data) + 28 > PACKET:
            return []
        if strip and sent.sender == "left":
            data = data.replace(FRAGMENTATION, bytes(len(FRAGMENTATION)))
        return [(some.latency, data)]

    some.fate = fate
    return some


def kinds(some: Link) -> list[tuple[str, bool]]:
    """Who has sent what of the large ones but for first messages: whole, or a piece."""
    read = [(sent, Header.read(sent.send.data)) for sent in some.wire]
    return [
        (sent.sender, header.next_payload == PayloadType.FRAGMENT)
        for sent, header in read
        if header.responder_cookie != NO_COOKIE
        and (header.length + 28 > PACKET or header.next_payload == PayloadType.FRAGMENT)
    ]


@pytest.mark.parametrize("initiator", ["left", "right"])
def test_a_message_that_is_sent_again_goes_in_fragments(initiator: str) -> None:
    some = narrow()
    one, other = (some.left, some.right) if initiator == "left" else (some.right, some.left)
    bring_up(some, one)
    assert_lawful(some)
    # each end has lost one whole message (KE), and from then on knows better
    whole = [sender for sender, piece in kinds(some) if not piece]
    assert whole.count(one.name) == whole.count(other.name) == 1
    resent = one.of(RowResent)
    assert [(fact.row, fact.fragments) for fact in resent] == [(3, 2), (3, 2)]
    assert other.last(RowResent).fragments == 2
    # message 3 came in pieces, so did all that is large after it
    for end in (one, other):
        (quick,) = [fact for fact in end.of(RowSent) if "SA" in fact.payloads and "HASH" in fact.payloads]
        assert quick.notes[-1] == "in 2 fragments"
    # under the cookies, in clear, as a message of phase 1: pieces of Quick Mode too
    for sent in some.wire:
        header = Header.read(sent.send.data)
        if header.next_payload == PayloadType.FRAGMENT:
            assert (header.exchange_type, header.flags, header.message_id) == (2, 0, 0)
            assert len(sent.send.data) + 28 <= PACKET
    some.do(other, RekeyPhase2(tunnel_of(other)))
    busy(some, 40)
    assert len(one.inbound) == 1
    assert one.last(SaInstalled).generation == 2
    assert_lawful(some)
    tear_down(some)
    assert_nothing_left(some)


def test_forced_fragments_from_the_first_message_that_has_an_addressee() -> None:
    some = narrow(left={"fragmentation": "force"}, right={"fragmentation": "force"})
    bring_up(some)
    assert not some.left.of(RowResent)
    assert not [piece for _, piece in kinds(some) if not piece]
    assert_lawful(some)


def test_without_loss_nothing_is_cut() -> None:
    some = link(policy=Policy(fragment_packet=PACKET))
    bring_up(some)
    assert not [piece for _, piece in kinds(some) if piece]
    assert all("fragments" not in note for end in (some.left, some.right) for f in end.of(RowSent) for note in f.notes)


def test_a_lost_small_message_is_not_cut() -> None:
    some = link(policy=Policy(fragment_packet=1280))
    some.fate = lambda sent: [(0.01, sent.send.data)] if len(some.wire) != 3 else []
    bring_up(some)
    assert [fact.fragments for fact in some.left.of(RowResent)] == [0]


def test_a_peer_that_does_not_speak_of_fragments_gets_none() -> None:
    some = narrow(strip=True)
    some.do(some.right, Initiate(tunnel_of(some.right)))
    some.run(60)
    assert some.right.of(ExchangeFailed)
    assert not [piece for sender, piece in kinds(some) if piece and sender == "right"]
    assert not some.left.of(Phase1Established)


@pytest.mark.parametrize("who", ["left", "right"])
def test_switched_off_none_is_sent_announced_or_taken(who: str) -> None:
    off: dict[str, Any] = {"fragmentation": "off"}
    force: dict[str, Any] = {"fragmentation": "force"}
    some = narrow(left=off if who == "left" else force, right=off if who == "right" else force)
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(40)
    first = next(sent for sent in some.wire if sent.sender == who)
    assert FRAGMENTATION not in first.send.data
    end = some.left if who == "left" else some.right
    assert not [piece for sender, piece in kinds(some) if piece and sender == who]
    if who == "right":
        assert {fact.reason for fact in end.of(MessageDropped)} == {DropReason.SWITCHED_OFF}
    assert not some.left.of(Phase1Established)


@pytest.mark.parametrize("seed", range(6))
def test_fragments_on_a_path_that_loses_copies_and_reorders(seed: int) -> None:
    force: dict[str, Any] = {"fragmentation": "force"}
    some = narrow(left=force, right=force)
    lossy(some, seed, 0.2, duplicate=0.2, jitter=0.3)
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run_until(lambda: some.left.carrying(tunnel_of(some.left)) is not None, within=200)
    some.fate = lambda sent: [(0.01, sent.send.data)]
    some.run(60)
    assert_lawful(some)
    tear_down(some)
    assert_nothing_left(some)


# -- what is no fragment of a message --------------------------------------------------------------------------------


def up() -> tuple[Link, tuple[bytes, bytes]]:
    some = link()
    bring_up(some)
    cookies = peer_of(some.left).phase1.current.cookies
    return some, (cookies.initiator, cookies.responder)


def dropped(some: Link, data: bytes) -> tuple[DropReason, str]:
    some.inject(some.right, data)
    fact = some.right.last(MessageDropped)
    return fact.reason, fact.detail


def test_p17_a_fragment_in_fragments_is_refused() -> None:
    some, cookies = up()
    inner = message(Fragment(2, 1, 1, b"x"), cookies=cookies)
    assert dropped(some, message(Fragment(1, 1, 1, inner), cookies=cookies)) == (
        DropReason.BAD_FRAGMENT, "a fragment in fragments",
    )  # fmt: skip
    assert_lawful(some)


def test_the_whole_message_is_judged_as_one_that_came_whole() -> None:
    some, cookies = up()

    def inside(data: bytes) -> tuple[DropReason, str]:
        return dropped(some, message(Fragment(1, 1, 1, data), cookies=cookies))

    vendor = VendorId(b"v")
    assert inside(message(vendor, cookies=(b"somebody", b"elsewhat"))) == (
        DropReason.BAD_FRAGMENT, "the whole message has other cookies than its fragments",
    )  # fmt: skip
    assert inside(message(vendor, cookies=(cookies[0], bytes(8))))[0] is DropReason.BAD_FRAGMENT
    assert inside(b"x" * 27)[0] is DropReason.TOO_SHORT
    assert inside(message(vendor, cookies=cookies, size=99))[0] is DropReason.BAD_LENGTH
    assert inside(message(vendor, cookies=cookies, version=0x20))[0] is DropReason.BAD_VERSION
    assert inside(message(vendor, cookies=cookies, exchange=99))[0] is DropReason.BAD_EXCHANGE
    assert inside(message(vendor, cookies=cookies, exchange=5))[0] is DropReason.UNPROTECTED_NOTIFY
    assert inside(message(vendor, cookies=cookies))[0] is DropReason.NOT_EXPECTED
    assert_lawful(some)


def test_f04_fragments_without_an_sa_are_refused() -> None:
    for responder, wanted in ((bytes(8), DropReason.BAD_FRAGMENT), (b"responde", DropReason.UNKNOWN_COOKIE)):
        some = link()
        reason, _ = dropped(some, message(Fragment(1, 1, 0, b"x"), cookies=(b"initiato", responder)))
        assert reason is wanted
        assert not some.right.endpoint._fragments._incomplete


def test_an_incomplete_message_is_forgotten() -> None:
    some, cookies = up()
    some.inject(some.right, message(Fragment(1, 1, 0, b"x"), cookies=cookies))
    incomplete = some.right.endpoint._fragments._incomplete
    assert list(incomplete) == [cookies[1]]
    assert Timer.FRAGMENTS in [timer for _, timer, _ in context_of(some.right).timers.table()]
    some.run(31)
    assert not incomplete
    assert not some.right.of(MessageDropped)
    assert_lawful(some)
