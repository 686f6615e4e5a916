"""What peers do with the lives of SAs: end them earlier than agreed, before time, without a phase 1, or not at all."""

from dataclasses import replace
from typing import Any

import pytest

from ikeview.core.facts import (
    Cause,
    DropReason,
    LifetimeNotified,
    MessageDropped,
    SaDeleted,
    SaInstalled,
    TunnelDown,
    TunnelUp,
)
from ikeview.core.orders import RekeyPhase2, RenewPhase1, Terminate
from ikeview.core.policy import Policy
from ikeview.core.timers import Timer
from ikeview.ikev1 import informational, lifetimes
from ikeview.ikev1.offers import Life
from ikeview.wire.header import HEADER_SIZE, VERSION, Header
from ikeview.wire.message import write_chain
from ikeview.wire.numbers import ExchangeType, Flag, NotifyType, ProtocolId
from ikeview.wire.payloads import Delete, HashPayload, Notify, Payload
from tests.support.laws import assert_lawful, assert_tidy, context_of, pass_packets, peer_of, tunnel_of
from tests.support.link import End, Link, Sent, Verdict
from tests.support.running import HOUR, busy, ends, up


def say(some: Link, sender: End, *payloads: Payload, message_id: int = 0x4711) -> None:
    """The end's own words to the other, under its phase 1, arriving at once."""
    other = some.right if sender is some.left else some.left
    sa = peer_of(sender).phase1.current
    some.inject(other, informational.seal(sa.keys, sa.last_block, sa.cookies, message_id, list(payloads)))


def due(end: End, timer: Timer) -> list[float]:
    return [at for at, each, _ in end.endpoint.agenda() if each is timer]


# -- RESPONDER-LIFETIME in an Informational message ------------------------------------------------------------------


def test_a_peer_that_ends_an_sa_earlier_says_so_later() -> None:
    some, tap = up()
    installed = some.left.last(SaInstalled)
    (notify,) = lifetimes.notice(ProtocolId.ESP, bytes.fromhex(installed.spi_out), Life(), Life(1200.0, 0))
    say(some, some.right, notify)
    told = some.left.last(LifetimeNotified)
    assert (told.peer, told.about, told.seconds) == ("right", installed.spi_out, 1200.0)
    (expires,), (rekeys,) = due(some.left, Timer.EXPIRE), due(some.left, Timer.REKEY)
    assert expires == pytest.approx(1000 + 1200, abs=1)
    assert 1000 + 1200 - 540 * 1.5 <= rekeys <= 1000 + 1200 - 540
    # a longer one, one of an SA that is not there, and one that cannot be read change nothing
    for spi, life in ((installed.spi_out, 2400.0), ("01020304", 300.0)):
        (notify,) = lifetimes.notice(ProtocolId.ESP, bytes.fromhex(spi), Life(), Life(life, 0))
        say(some, some.right, notify, message_id=int(life))
    say(some, some.right, Notify.of(3, NotifyType.RESPONDER_LIFETIME, bytes.fromhex(installed.spi_out), b"\x80"))
    assert due(some.left, Timer.EXPIRE) == [expires]
    assert len(some.left.of(LifetimeNotified)) == 2
    tap.skip()
    busy(some, 1200, every=20)
    assert some.left.last(SaInstalled).generation == 2
    assert not some.left.of(TunnelDown)


def test_a_lifetime_of_seconds_is_not_followed_below_the_least() -> None:
    some, _ = up()
    installed = some.left.last(SaInstalled)
    (notify,) = lifetimes.notice(ProtocolId.ESP, bytes.fromhex(installed.spi_out), Life(), Life(1.0, 0))
    say(some, some.right, notify)
    assert due(some.left, Timer.EXPIRE) == [pytest.approx(1060, abs=1)]


def test_a_peer_that_ends_phase_1_earlier() -> None:
    some, _ = up()
    sa = peer_of(some.left).phase1.current
    (notify,) = lifetimes.notice(ProtocolId.ISAKMP, sa.cookies.both, Life(), Life(1800.0, 0))
    say(some, some.right, notify)
    assert some.left.last(LifetimeNotified).about == str(sa.cookies)
    assert due(some.left, Timer.EXPIRE_PHASE1) == [pytest.approx(1000 + 1800, abs=1)]
    (renews,) = due(some.left, Timer.RENEW)
    assert 1000 + 0.85 * 1800 - 1 <= renews <= 1000 + 0.9 * 1800 + 1


# -- Quick Mode and what comes at the wrong time ---------------------------------------------------------------------


def delayed_last(some: Link, seconds: float | None) -> None:
    """The third message of the next Quick Mode comes late, or never."""
    inner, seen = some.fate, [0]

    def fate(sent: Sent) -> Verdict:
        usual = inner(sent)
        if sent.send.data[18] != ExchangeType.QUICK_MODE:
            return usual
        seen[0] += 1
        if seen[0] < 3 or (seconds is not None and seen[0] > 3):
            return usual
        if seconds is None:
            return [] if sent.sender == "left" else usual
        return [(seconds, sent.send.data)]

    some.fate = fate


def test_a_delete_of_the_old_sa_before_the_last_message_of_the_new_one() -> None:
    some, _ = up()
    old = some.left.last(SaInstalled)
    delayed_last(some, 0.4)
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    some.run(0.05)
    say(some, some.left, Delete.of(ProtocolId.ESP, bytes.fromhex(old.spi_in)))
    # the new one is used at once: the peer takes packets on it since the second message
    new = some.left.last(SaInstalled)
    half = some.right.carrying(tunnel_of(some.right))
    assert half is not None
    assert f"{half.spi:08x}" == new.spi_in
    some.run(1)
    assert not some.right.of(TunnelDown)
    assert len(some.right.of(TunnelUp)) == 1
    assert some.right.last(SaInstalled).generation == 2
    assert some.right.last(SaDeleted).by == "peer"


def test_a_delete_of_the_old_sa_and_a_last_message_that_never_comes() -> None:
    some, _ = up()
    old = some.left.last(SaInstalled)
    delayed_last(some, None)
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    some.run(0.05)
    say(some, some.left, Delete.of(ProtocolId.ESP, bytes.fromhex(old.spi_in)))
    some.run(40)
    assert len(some.right.of(TunnelDown)) == 1
    assert not some.right.inbound
    assert not some.right.outbound


@pytest.mark.parametrize("wrong", [False, True])
def test_a_delete_may_name_either_spi(wrong: bool) -> None:
    some, _ = up()
    installed = some.left.last(SaInstalled)
    say(some, some.right, Delete.of(ProtocolId.ESP, bytes.fromhex(installed.spi_in if wrong else installed.spi_out)))
    assert not some.left.inbound
    assert some.left.last(TunnelDown).cause is Cause.PEER_DELETED


def test_a_fourth_message_of_quick_mode_is_ignored() -> None:
    """Windows sends one, with INITIAL-CONTACT or CONNECTED in it."""
    some, _ = up()
    sa = peer_of(some.left).phase1.current
    quick = next(iter(sa.quick_modes.values()))
    notify = Notify.of(ProtocolId.ISAKMP, NotifyType.INITIAL_CONTACT, sa.cookies.both)
    body, _ = quick.run.channel.seal(write_chain([HashPayload(bytes(32)), notify]))
    header = Header(
        sa.cookies.initiator, sa.cookies.responder, 8, VERSION, ExchangeType.QUICK_MODE, Flag.ENCRYPTION,
        quick.run.message_id, HEADER_SIZE + len(body),
    )
    for end in (some.left, some.right):
        some.inject(end, header.write() + body)
        assert end.last(MessageDropped).reason is DropReason.NOT_EXPECTED
    pass_packets(some)
    assert_lawful(some)


# -- without a phase 1 -----------------------------------------------------------------------------------------------


def without_phase1(some: Link) -> None:
    """The ISAKMP SA ends at both ends; what it has made lives on."""
    for end in (some.left, some.right):
        for sa in list(peer_of(end).phase1.sas):
            peer_of(end).phase1.drop(some.now, sa, Cause.LIFETIME, tell=False)
        some._drain(end)


@pytest.mark.parametrize("initiator", ["left", "right"])
def test_a_rekey_brings_phase_1_up_on_demand(initiator: str) -> None:
    some, _ = up()
    without_phase1(some)
    pass_packets(some)
    one, _ = ends(some, initiator)
    some.do(one, RekeyPhase2(tunnel_of(one)))
    busy(some, 10)
    assert one.last(SaInstalled).generation == 2
    assert not one.of(TunnelDown)
    assert len(one.inbound) == 1
    assert_lawful(some)


def test_a_delete_waits_for_a_phase_1() -> None:
    some, _ = up(tunnels=2)
    without_phase1(some)
    some.do(some.left, Terminate(tunnel_of(some.left)))
    some.run(1)
    assert not some.left.inbound
    assert len(some.right.inbound) == 1
    # the other end rekeys, and learns of it
    some.do(some.right, RekeyPhase2(tunnel_of(some.right)))
    some.run(5)
    gone = [fact for fact in some.right.of(SaDeleted) if fact.by == "peer"]
    assert len(gone) == 1
    assert_lawful(some)


def test_where_only_the_peer_can_begin_what_is_overdue_is_rekeyed_when_it_does() -> None:
    some, _ = up(left={"role": "both"}, right={"role": "responder"})
    # the left end, which would rekey first, does not
    without_phase1(some)
    (pair,) = peer_of(some.left).tunnels["right/lan1"].pairs
    pair.rekeys_at += HOUR
    context_of(some.left).timers.clear(Timer.REKEY, ("right", pair.name))
    busy(some, HOUR - 200, every=50)
    assert not some.right.of(TunnelDown)
    assert some.right.last(SaInstalled).generation == 1
    assert peer_of(some.right).phase1.current is None
    some.do(some.left, RenewPhase1("right"))
    busy(some, 10)
    assert some.right.last(SaInstalled).generation == 2
    assert some.right.last(SaInstalled).role == "initiator"
    assert not some.right.of(TunnelDown)
    assert_lawful(some)


# -- phase 1 that crosses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.009, 0.012, 0.022, 0.032, 0.045, 0.052, 0.055, 0.061, 0.1, 2.0])
def test_of_two_phase_1s_that_crossed_one_stays_the_same_at_both_ends(delay: float) -> None:
    some, _ = up(seed=f"phase 1 {delay}")
    some.do(some.left, RenewPhase1("right"))
    some.run(delay)
    some.do(some.right, RenewPhase1("left"))
    some.run(40)
    (left,), (right,) = (peer_of(end).phase1.sas for end in (some.left, some.right))
    assert left.cookies == right.cookies
    assert not left.superseded
    assert not right.superseded
    assert Timer.RENEW in [timer for _, timer, _ in some.left.endpoint.agenda()]
    for end in (some.left, some.right):
        some.do(end, RekeyPhase2(tunnel_of(end)))
        busy(some, 40)
    assert_lawful(some)


def test_a_peer_may_be_gone_for_weeks() -> None:
    policy = Policy()
    assert policy.retry_wait(10**9, 0.0) == policy.retry_most
    assert [policy.retry_wait(count, 0.0) for count in (0, 1, 2, 3, 4, 5)] == [5.0, 5.0, 10.0, 20.0, 40.0, 60.0]


def test_lifetimes_are_values() -> None:
    life: Any = Life(1.0, 2)
    assert replace(life, octets=3) == Life(1.0, 3)


@pytest.mark.parametrize("order", ["down", "deletes"])
def test_a_tunnel_ends_while_a_pair_is_on_its_way_out(order: str) -> None:
    """After two rekeys that crossed, without traffic: one of the pairs has been told to go, and still takes packets."""
    some, _ = up(seed="on its way")
    for end in (some.left, some.right):
        some.do(end, RekeyPhase2(tunnel_of(end)))
    some.run(6.5)
    one = next(
        end for end in (some.left, some.right) if any(each.told for each in peer_of(end).tunnels[tunnel_of(end)].pairs)
    )
    other = some.right if one is some.left else some.left
    some.do(other if order == "deletes" else one, Terminate(tunnel_of(other if order == "deletes" else one)))
    some.run(1)
    assert len(one.of(TunnelDown)) == len(other.of(TunnelDown)) == 1
    for end in (one, other):
        assert not end.inbound
        assert not end.outbound
    assert_tidy(one)
    assert_tidy(other)
