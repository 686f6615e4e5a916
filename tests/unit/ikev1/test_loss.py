"""Properties under loss, duplication and reordering: both ends finish, agreeing or failed, in bounded time and with a
bounded number of datagrams."""

from collections import Counter

import pytest

from ikeview.core.facts import ExchangeFailed, ExchangeFinished, ExchangeStarted, RowResent, TunnelDown, TunnelUp
from ikeview.core.orders import Initiate, RekeyPhase2
from ikeview.core.policy import Policy
from tests.support.ladder_dsl import MAIN_MODE, QUICK_MODE, Tap
from tests.support.laws import assert_lawful, assert_tidy, bring_up, pass_packets, peer_of, tunnel_of
from tests.support.link import Link, lossy
from tests.support.scenes import link

POLICY = Policy()
MOST = 2 * 9 * (POLICY.resend_limit + 1 + POLICY.answered_duplicates)
"""Datagrams of one attempt at both phases: each of nine messages, sent, resent and given again as an answer."""


def negotiate(some: Link, *, both: bool = False) -> None:
    some.do(some.left, Initiate(tunnel_of(some.left)))
    if both:
        some.do(some.right, Initiate(tunnel_of(some.right)))
    some.run(130)


def assert_finished(some: Link) -> None:
    """Every exchange that began has ended, one way or the other."""
    for end in (some.left, some.right):
        ended = {fact.exchange for fact in [*end.of(ExchangeFinished), *end.of(ExchangeFailed)]}
        running = {fact.exchange for fact in end.of(ExchangeStarted)} - ended
        young = {each.run.ident for each in peer_of(end).phase1.negotiations.values()}
        young |= {
            each.run.ident for sa in peer_of(end).phase1.sas for each in sa.quick_modes.values() if not each.over
        }
        assert running == young, end.name
        assert_tidy(end)


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("loss", [0.1, 0.3, 0.5])
def test_under_loss_both_ends_agree_or_have_failed(loss: float, seed: int) -> None:
    some = link(seed=str(seed))
    lossy(some, seed, loss, duplicate=0.2, jitter=0.8)
    negotiate(some)
    assert_finished(some)
    attempts = len([fact for fact in some.left.of(ExchangeStarted) if fact.kind == "Main Mode"])
    assert len(some.wire) <= MOST * attempts
    # whatever was lost: once the link is good again, the tunnel is there and packets pass
    some.fate = lambda sent: [(0.01, sent.send.data)]
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(250)
    pass_packets(some)
    for _ in range(60):
        some.run(1)
        pass_packets(some)
    assert some.left.of(TunnelUp)
    assert some.right.of(TunnelUp)
    assert_lawful(some)


@pytest.mark.parametrize("seed", range(12))
def test_under_loss_with_both_ends_at_once(seed: int) -> None:
    some = link(seed=str(seed))
    lossy(some, seed, 0.3, duplicate=0.2, jitter=0.5)
    negotiate(some, both=True)
    assert_finished(some)
    some.fate = lambda sent: [(0.01, sent.send.data)]
    for _ in range(150):
        some.run(1)
        pass_packets(some)
    assert_lawful(some)
    assert some.left.carrying(tunnel_of(some.left)) is not None


@pytest.mark.parametrize("seed", range(12))
def test_rekeying_under_loss_takes_no_tunnel_down(seed: int) -> None:
    some = link(seed=str(seed))
    bring_up(some)
    some.run(1)
    pass_packets(some)
    lossy(some, seed, 0.2, duplicate=0.2, jitter=0.3)
    for end in (some.left, some.right):
        some.do(end, RekeyPhase2(tunnel_of(end)))
        for _ in range(20):
            some.run(1)
    some.fate = lambda sent: [(0.01, sent.send.data)]
    some.run(60)
    for _ in range(60):
        some.run(1)
        pass_packets(some)
    assert not some.left.of(TunnelDown)
    assert not some.right.of(TunnelDown)


@pytest.mark.parametrize("number", range(9))
def test_each_message_lost_once_is_sent_again_and_no_more(number: int) -> None:
    some = link()
    tap = Tap(some)
    tap.lose(*[index == number for index in range(9)])
    negotiate(some)
    wanted = [" ".join(line.split()) for line in (MAIN_MODE + QUICK_MODE).splitlines() if line.strip()]
    assert [line for line in tap.lines if "again" not in line] == wanted
    again = [line for line in tap.lines if "again" in line]
    lost = wanted[number]
    resent = {line.removesuffix(" (again)") for line in again}
    # the initiator asks again, and is given the same answer; in Quick Mode the responder asks for message 3
    assert lost in resent
    assert len(again) <= 4
    assert_lawful(some)


@pytest.mark.parametrize("number", range(9))
def test_every_message_twice_changes_nothing(number: int) -> None:
    some = link()
    tap = Tap(some)
    count = 0
    inner = tap._fate

    def twice(sent):  # type: ignore[no-untyped-def]
        nonlocal count
        count += 1
        return inner(sent) + ([(0.013, sent.send.data)] if count == number + 1 else [])

    tap._fate = twice
    negotiate(some)
    # a copy travels along behind the true messages at most, and stops with the last row of its exchange
    again = [line for line in tap.lines if "again" in line]
    assert len(set(again)) == len(again) <= (5 if number < 6 else 8) - number
    assert len(tap.lines) == 9 + len(again)
    assert_lawful(some)


def test_an_old_message_is_not_answered_once_the_answer_is_known_to_have_arrived() -> None:
    some = link()
    tap = Tap(some)
    bring_up(some)
    tap.skip()
    for number in (0, 1, 2, 3, 6):
        some.inject(some.right if some.wire[number].sender == "left" else some.left, some.wire[number].send.data)
    tap.expect("")


def test_duplicates_of_everything_do_not_go_on_for_ever() -> None:
    some = link()
    tap = Tap(some)
    inner = tap._fate
    tap._fate = lambda sent: [*inner(sent), (0.02, sent.send.data), (0.03, sent.send.data)]
    negotiate(some)
    assert Counter(line.split(" (")[0] for line in tap.lines).most_common(1)[0][1] <= 1 + POLICY.answered_duplicates
    assert len(tap.lines) <= 9 * (1 + POLICY.answered_duplicates)
    assert some.wire[-1].at < 1010
    assert_lawful(some)


@pytest.mark.parametrize("number", range(9))
def test_a_replayed_datagram_is_answered_a_bounded_number_of_times(number: int) -> None:
    some = link()
    tap = Tap(some)
    bring_up(some)
    some.run(1)
    sent = some.wire[number]
    receiver = some.right if sent.sender == "left" else some.left
    tap.skip()
    for _ in range(50):
        some.inject(receiver, sent.send.data)
    # only what was sent in reply to it
    replies = {each.send.data for each in some.wire[9:]}
    following = some.wire[number + 1].send.data if number < 8 else b""
    assert replies <= {following}
    assert len(tap.lines) <= POLICY.answered_duplicates
    some.run(200)
    for _ in range(50):
        some.inject(receiver, sent.send.data)
    some.run(60)
    assert_tidy(some.left)
    assert len(some.left.inbound) == 1


def test_a_resent_answer_names_its_row() -> None:
    some = link()
    bring_up(some)
    for number, receiver, row, exchange in ((4, some.right, 6, "x1"), (7, some.left, 3, "x2")):
        some.inject(receiver, some.wire[number].send.data)
        fact = receiver.last(RowResent)
        assert (fact.exchange, fact.row, fact.size) == (exchange, row, len(some.wire[number + 1].send.data))


def test_message_3_of_quick_mode_lost_for_ever_leaves_nothing_behind() -> None:
    some = link()
    tap = Tap(some)
    inner = tap._fate

    def fate(sent):  # type: ignore[no-untyped-def]
        return [] if tap.lines[-1].startswith("left > * HASH") and "SA" not in tap.lines[-1] else inner(sent)

    tap._fate = fate
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(1)
    assert some.left.inbound
    assert not some.right.outbound
    some.run(39)
    # the responder gives up and tells the initiator, which holds the pair for good
    assert some.empty()
    assert tap.lines[-1] == "right > * HASH D(ESP)"
