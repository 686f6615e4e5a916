"""Dead peer detection (RFC 3706), retries with back-off, and stopping."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from ikeview.core.facts import (
    Cause,
    DropReason,
    ExchangeFailed,
    ExchangeStarted,
    MessageDropped,
    OrderRefused,
    PeerConfigured,
    PeerSilent,
    Phase1Deleted,
    ProbeAnswered,
    ProbeMissed,
    ProbeSent,
    ProbeTaken,
    Sample,
    SaReplaced,
    TunnelDown,
    TunnelRetrying,
    TunnelTrying,
    TunnelUp,
)
from ikeview.core.inputs import Acquire, Counters, Traffic, UnknownSpi, Unreachable
from ikeview.core.orders import Initiate, Probe, RekeyPhase2, Terminate
from ikeview.core.outputs import SendKeepalive, Spot
from ikeview.core.policy import Policy
from ikeview.core.specs import Start
from ikeview.core.timers import Timer
from ikeview.ikev1 import informational
from ikeview.ikev1.vendor_ids import VendorIds
from ikeview.wire.numbers import NotifyType, ProtocolId
from ikeview.wire.payloads import Notify
from tests.support.ladder_dsl import Tap
from tests.support.laws import assert_lawful, assert_tidy, bring_up, pass_packets, peer_of, timers, tunnel_of
from tests.support.link import Link
from tests.support.scenes import DPD, link

PROBE = """
    left > * HASH N(R-U-THERE)
    right > * HASH N(R-U-THERE-ACK)
"""


def up(
    action: str = "restart", when: str = "idle", interval: float = 10.0, timeout: float = 30.0, **changes: Any
) -> tuple[Link, Tap]:
    """Only the left end asks."""
    spec = replace(DPD, action=action, when=when, interval=interval, timeout=timeout)
    some = link(left={"keepalive": spec}, **changes)
    tap = Tap(some)
    bring_up(some)
    tap.skip()
    return some, tap


def test_a_probe_is_answered_and_its_round_trip_known() -> None:
    some, tap = up()
    some.run(10.1)
    tap.expect(PROBE)
    sent, answered, taken = (
        some.left.last(ProbeSent), some.left.last(ProbeAnswered), some.right.last(ProbeTaken),
    )  # fmt: skip
    assert sent.sequence == answered.sequence == taken.sequence
    assert answered.rtt == pytest.approx(0.02)
    assert answered.next_in == 10.0
    some.run(20.1)
    tap.expect(PROBE + PROBE)
    assert some.left.last(ProbeSent).sequence == sent.sequence + 2
    assert not some.left.of(ProbeMissed)


def test_a_probe_by_order() -> None:
    some = link()
    some.do(some.left, Probe("right"))
    assert some.left.last(OrderRefused).why == "there is no phase 1 to send a keepalive in"
    tap = Tap(some)
    bring_up(some)
    tap.skip()
    some.do(some.left, Probe("right"))
    some.run(1)
    tap.expect(PROBE)
    assert some.left.last(ProbeAnswered).next_in == 0.0
    assert Timer.PROBE not in timers(some.left)


def test_lost_probes_are_sent_again_and_counted() -> None:
    some, tap = up()
    tap.lose(True, True)
    some.run(15)
    tap.expect("left > * HASH N(R-U-THERE)\nleft > * HASH N(R-U-THERE)" + PROBE)
    assert [fact.missed for fact in some.left.of(ProbeMissed)] == [1, 2]
    assert not some.left.of(PeerSilent)
    assert_lawful(some)


def test_any_authentic_packet_is_a_sign_of_life() -> None:
    some, tap = up(when="periodic")
    inner = tap._fate
    tap._fate = lambda sent: []
    (spi,) = some.left.inbound
    for _ in range(20):
        some.run(5)
        some.do(some.left, Traffic((spi,)))
    assert some.left.of(ProbeMissed)
    assert not some.left.of(PeerSilent)
    tap._fate = inner
    some.run(60)
    assert some.left.of(ProbeAnswered)
    assert_lawful(some)


def test_a_dead_peer_is_found_and_the_tunnel_comes_again_when_it_lives() -> None:
    some, _ = up()
    begun = some.now
    some.right.dead = True
    some.run_until(lambda: bool(some.left.of(PeerSilent)))
    assert 29.9 <= some.now - begun <= 30
    # what is there stays while a new phase 1 is tried beside it
    begun_anew = some.left.last(ExchangeStarted)
    assert (begun_anew.kind, begun_anew.why) == ("Main Mode", "rekey: peer is dead")
    assert some.left.inbound
    assert not some.left.of(TunnelDown)
    assert not some.left.of(Phase1Deleted)
    some.run_until(lambda: bool(some.left.of(TunnelDown)))
    assert some.left.last(TunnelDown).cause is Cause.PEER_SILENT
    assert some.left.last(Phase1Deleted).cause is Cause.PEER_SILENT
    assert not some.left.inbound
    assert_tidy(some.left)
    assert some.left.of(TunnelRetrying)
    some.right.dead = False
    some.run_until(lambda: len(some.left.of(TunnelUp)) == 2)
    for _ in range(70):
        some.run(1)
        pass_packets(some)
    assert_lawful(some)


def test_a_peer_that_was_only_cut_off_loses_nothing() -> None:
    some, tap = up()
    inner = tap._fate
    tap._fate = lambda sent: []
    some.run_until(lambda: bool(some.left.of(PeerSilent)))
    tap._fate = inner
    for _ in range(60):
        some.run(1)
        pass_packets(some)
    assert not some.left.of(TunnelDown)
    assert len(some.left.inbound) == 1
    assert_lawful(some)


def test_action_clear_leaves_the_tunnel_down() -> None:
    some, _ = up("clear", left_child={"start": Start.BOOT})
    some.right.dead = True
    some.run(300)
    down = some.left.last(TunnelDown)
    assert (down.cause, down.detail) == (Cause.PEER_SILENT, "the peer does not answer any more")
    assert not some.left.endpoint.agenda()
    assert not some.left.inbound
    some.do(some.left, Acquire("right/lan1"))
    assert len(some.left.of(TunnelTrying)) == 1
    assert_tidy(some.left)


def test_action_hold_waits_for_traffic() -> None:
    some, _ = up("hold")
    some.right.dead = True
    some.run(300)
    assert not some.left.endpoint.agenda()
    some.right.dead = False
    some.do(some.left, Acquire("right/lan1"))
    some.run(1)
    assert len(some.left.of(TunnelUp)) == 2
    # and an operator's down ends the waiting
    some.do(some.left, Terminate("right/lan1"))
    some.do(some.left, Acquire("right/lan1"))
    some.run(1)
    assert len(some.left.of(TunnelUp)) == 2


def test_traffic_brings_up_a_tunnel_that_waits_for_it_and_no_other() -> None:
    some = link(left_child={"start": Start.TRAFFIC})
    some.do(some.left, Acquire("right/lan1"))
    some.do(some.left, Acquire("right/none"))
    some.run(1)
    assert len(some.left.of(TunnelUp)) == 1
    some = link()
    some.do(some.left, Acquire("right/lan1"))
    assert not some.left.of(TunnelTrying)


def test_a_probe_is_not_sent_to_a_peer_that_does_not_know_them() -> None:
    some, _ = up()
    sa = peer_of(some.left).phase1.current
    sa.vendors = VendorIds()
    some.do(some.left, Probe("right"))
    assert some.left.last(OrderRefused).why == "the peer has not said that it answers keepalives (RFC 3706)"


@pytest.mark.parametrize("wrong", [b"\0\0\0\1", b"", b"\0\0\0\0\0\0\0\1"])
def test_an_answer_to_nothing_is_no_answer(wrong: bytes) -> None:
    some, _ = up()
    sa = peer_of(some.right).phase1.current
    notify = Notify.of(ProtocolId.ISAKMP, NotifyType.R_U_THERE_ACK, sa.cookies.both, wrong)
    some.inject(some.left, informational.seal(sa.keys, sa.last_block, sa.cookies, 0x99, [notify]))
    assert some.left.last(MessageDropped).reason is DropReason.PROBE_SEQUENCE
    assert not some.left.of(ProbeAnswered)


# -- retries -----------------------------------------------------------------------------------------------------------


def test_attempts_are_repeated_with_growing_waits_until_the_operator_ends_them() -> None:
    policy = Policy()
    some = link(policy=policy)
    some.left.entropy.fractions = {"retry": 0.0}
    some.right.dead = True
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(600)
    waits = [fact.after for fact in some.left.of(TunnelRetrying)]
    assert waits[:6] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    assert [fact.attempt for fact in some.left.of(TunnelTrying)] == list(range(1, len(some.left.of(TunnelTrying)) + 1))
    assert_tidy(some.left)
    some.do(some.left, Terminate(tunnel_of(some.left)))
    assert not some.left.endpoint.agenda()
    # a new order begins at once and counts anew
    some.do(some.left, Initiate(tunnel_of(some.left)))
    assert some.left.last(TunnelTrying).attempt == 1


def test_the_chance_part_of_a_wait_is_a_fifth_at_most() -> None:
    policy = Policy()
    assert policy.retry_wait(1, 0.0) == 5.0
    assert policy.retry_wait(1, 0.999) == pytest.approx(4.0, abs=0.01)
    assert policy.retry_wait(99, 0.0) == 60.0


def test_a_message_is_sent_again_with_growing_waits_and_not_for_ever() -> None:
    some = link()
    some.right.dead = True
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run_until(lambda: bool(some.left.of(TunnelDown)))
    times = [sent.at - some.wire[0].at for sent in some.wire]
    assert times == [0.0, 0.5, 1.5, 3.5, 6.0, 8.5, 11.0, 13.5, 16.0, 18.5, 21.0, 23.5]
    assert len({sent.send.data for sent in some.wire}) == 1
    assert some.now - some.wire[0].at == Policy().resend_total == 26.0


def test_a_responder_does_not_send_again_by_itself_in_main_mode() -> None:
    some = link()
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(0.015)
    some.left.dead = True
    some.run(60)
    assert [sent.sender for sent in some.wire].count("right") == 1
    assert_tidy(some.right)
    assert not some.right.endpoint.agenda()


def test_stopping_while_nothing_works_leaves_nothing() -> None:
    some = link(tunnels=2)
    some.right.dead = True
    for number in (1, 2):
        some.do(some.left, Initiate(tunnel_of(some.left, number)))
    some.run(50)
    some.stop(some.left)
    assert not some.left.endpoint.agenda()
    assert {fact.cause for fact in some.left.of(TunnelDown)[-2:]} <= {Cause.SHUTDOWN, Cause.NO_ANSWER}
    assert_tidy(some.left)


def test_nat_keepalives_go_on_while_we_are_behind_one() -> None:
    some = link()
    some.translate = lambda name, local: Spot(local.host, local.port + 20000) if name == "left" else local
    kept: list[SendKeepalive] = []
    inner = some._carry_out

    def carry_out(end: Any, item: Any) -> None:
        if isinstance(item, SendKeepalive):
            assert end is some.left
            kept.append(item)
        inner(end, item)

    some._carry_out = carry_out  # type: ignore[method-assign]
    bring_up(some)
    some.run(100)
    assert len(kept) in (4, 5)
    assert (kept[0].local.port, kept[0].remote.port) == (4500, 4500)
    some.do(some.left, Terminate(tunnel_of(some.left)))
    some.run(100)
    assert len(kept) in (4, 5)


# -- when to ask -------------------------------------------------------------------------------------------------------


def spi_of(some: Link) -> int:
    (spi,) = some.left.inbound
    return spi


def count(some: Link, *, inward: int = 0, outward: int = 0) -> None:
    """The left end's counters say so many packets."""
    (pair,) = peer_of(some.left).tunnels[tunnel_of(some.left)].pairs
    halves = (
        Sample(pair.name, inward * 100, inward, 0, 0), Sample(f"{pair.outbound.spi:08x}", 0, 0, outward * 100, outward)
    )
    some.do(some.left, Counters(halves))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "dpd after 10s of silence, dead after 30s, then restart"),
        ({"when": "periodic", "action": "hold"}, "dpd every 10s, dead after 30s, then hold"),
        ({"when": "on-demand"}, "dpd after 10s of unanswered traffic, dead after 30s, then restart"),
        (
            {"method": "icmp", "target": ip_address("10.2.1.9")},
            "icmp to 10.2.1.9 after 10s of silence, dead after 30s, then restart",
        ),
        ({"method": "off"}, "off"),
    ],
)
def test_how_a_peer_is_kept_alive_is_told(changes: dict[str, Any], words: str) -> None:
    assert link(left={"keepalive": replace(DPD, **changes)}).left.last(PeerConfigured).keepalive == words


def test_periodic_asks_whatever_comes_in() -> None:
    some, _ = up(when="periodic")
    for _ in range(60):
        some.run(1)
        some.do(some.left, Traffic((spi_of(some),)))
    assert len(some.left.of(ProbeSent)) == 5


def test_idle_asks_only_after_an_interval_of_silence() -> None:
    some, _ = up()
    for _ in range(60):
        some.run(1)
        some.do(some.left, Traffic((spi_of(some),)))
    assert not some.left.of(ProbeSent)
    some.run(9.9)
    assert not some.left.of(ProbeSent)
    some.run(0.2)
    assert len(some.left.of(ProbeSent)) == 1


def test_what_comes_in_while_a_probe_is_on_its_way_ends_the_asking() -> None:
    some, tap = up()
    tap._fate = lambda sent: []
    some.run(13)
    assert some.left.of(ProbeMissed)
    probes = len(some.left.of(ProbeSent))
    some.do(some.left, Traffic((spi_of(some),)))
    some.run(9)
    assert len(some.left.of(ProbeSent)) == probes
    some.run(2.1)
    assert some.left.last(ProbeMissed).missed == 1


def test_on_demand_asks_only_while_we_send_and_nothing_comes() -> None:
    some, _ = up(when="on-demand")
    some.run(100)
    assert not some.left.of(ProbeSent)
    assert Timer.PROBE not in timers(some.left), "an idle tunnel costs nothing"
    # both ways: no question
    for number in range(1, 31):
        some.run(1)
        count(some, inward=number, outward=number)
    assert not some.left.of(ProbeSent)
    some.run(100)
    assert not some.left.of(ProbeSent)
    # one way: after an interval
    count(some, inward=30, outward=31)
    some.run(0.1)
    assert len(some.left.of(ProbeSent)) == 1
    assert some.left.last(ProbeAnswered).next_in == 0.0
    some.run(100)
    assert len(some.left.of(ProbeSent)) == 1
    # and a dead peer is found in time from when the traffic began
    some.right.dead = True
    begun = some.now
    for number in range(32, 48):
        some.run(1)
        count(some, inward=30, outward=number)
    assert not some.left.of(PeerSilent), "the long silence before was nobody's fault"
    some.run(10)
    [silent] = [at for at, fact in some.left.stamped if isinstance(fact, PeerSilent)]
    assert 18 <= silent - begun <= 24


@pytest.mark.parametrize("esp", [True, False])
def test_a_hint_that_the_peer_is_gone_brings_the_question_forward_but_not_often(esp: bool) -> None:
    some, _ = up(interval=60.0, timeout=90.0)
    some.run(5)
    spot = Spot(some.right.address, 500)
    hint = UnknownSpi(spot) if esp else Unreachable(spot, "port unreachable")
    some.do(some.left, UnknownSpi(Spot(some.left.address, 500)))
    for _ in range(100):
        some.do(some.left, hint)
    assert not some.left.of(ProbeSent), "it was heard only just now"
    some.run(20)
    for _ in range(100):
        some.do(some.left, hint)
    some.run(1)
    assert len(some.left.of(ProbeSent)) == len(some.left.of(ProbeAnswered)) == 1
    for _ in range(95):
        some.run(0.1)
        some.do(some.left, hint)
    assert len(some.left.of(ProbeSent)) == 2
    # but only silence is a verdict
    some.right.dead = True
    some.run(20)
    some.do(some.left, hint)
    some.run(60)
    assert len(some.left.of(ProbeSent)) > 10
    assert not some.left.of(PeerSilent)


# -- sequence numbers --------------------------------------------------------------------------------------------------


def tell(some: Link, kind: NotifyType, data: bytes, message_id: int, spi: bytes | None = None) -> None:
    """The right end says that to the left one, as a peer of another make might."""
    sa = peer_of(some.right).phase1.current
    notify = Notify.of(ProtocolId.ISAKMP, kind, sa.cookies.both if spi is None else spi, data)
    some.inject(some.left, informational.seal(sa.keys, sa.last_block, sa.cookies, message_id, [notify]))


def test_a_question_that_repeats_its_number_is_answered_three_times_more() -> None:
    some, _ = up()
    for number in range(1, 11):
        tell(some, NotifyType.R_U_THERE, b"\0\0\0\7", number)
    assert len(some.left.of(ProbeTaken)) == 4
    assert some.left.last(MessageDropped).reason is DropReason.PROBE_SEQUENCE
    # the next number, an old one that was overtaken, and a new beginning are all answered
    for number, sequence in ((20, 8), (21, 6), (22, 0xFFFFFFFF), (23, 0)):
        tell(some, NotifyType.R_U_THERE, sequence.to_bytes(4), number)
        assert some.left.last(ProbeTaken).sequence == sequence


def test_the_same_datagram_is_answered_once_and_refreshes_nothing() -> None:
    some, tap = up()
    some.do(some.right, Probe("left"))
    some.run(1)
    [(sent, _, _)] = [each for each in tap.opened if each[0].sender == "right" and each[0].at > some.now - 1.5][-1:]
    taken = len(some.left.of(ProbeTaken))
    heard = peer_of(some.left).keepalive.heard_at
    some.run(5)
    for _ in range(100):
        some.inject(some.left, sent.send.data)
    assert len(some.left.of(ProbeTaken)) == taken == 1
    assert peer_of(some.left).keepalive.heard_at == heard


@pytest.mark.parametrize("spi", [b"", bytes(16), b"\1" * 16])
def test_wrong_cookies_in_a_question_or_an_answer_are_tolerated(spi: bytes) -> None:
    some, tap = up()
    tell(some, NotifyType.R_U_THERE, b"\0\0\0\7", 1, spi)
    assert some.left.last(ProbeTaken).sequence == 7
    inner = tap._fate
    tap._fate = lambda sent: [] if sent.sender == "right" else inner(sent)
    some.run(10.05)
    tell(some, NotifyType.R_U_THERE_ACK, some.left.last(ProbeSent).sequence.to_bytes(4), 2, spi)
    assert some.left.last(ProbeAnswered).sequence == some.left.last(ProbeSent).sequence


def test_numbers_go_on_after_the_last() -> None:
    some, _ = up()
    peer_of(some.left).phase1.current.next_probe = 0xFFFFFFFE
    some.run(35)
    assert [fact.sequence for fact in some.left.of(ProbeAnswered)] == [0xFFFFFFFF, 0, 1]


def test_an_answer_that_was_held_back_is_no_sign_of_life() -> None:
    """Whoever can hold back what the peer sent could make a dead one look alive for as long."""
    some, _ = up()
    some.run(10.1)
    old = some.left.last(ProbeAnswered).sequence
    heard = peer_of(some.left).keepalive.heard_at
    some.right.dead = True
    for number in range(60):
        some.run(1)
        if peer_of(some.left).phase1.current is None:
            break
        tell(some, NotifyType.R_U_THERE_ACK, old.to_bytes(4), 100 + number)
    assert some.left.of(PeerSilent)
    assert peer_of(some.left).keepalive.heard_at == heard


def test_an_answer_slower_than_our_patience_counts_once() -> None:
    some, tap = up()
    tap._fate = lambda sent: [(3.0 if sent.sender == "right" else 0.01, sent.send.data)]
    some.run(100)
    assert not some.left.of(PeerSilent)
    answered = [fact.sequence for fact in some.left.of(ProbeAnswered)]
    assert len(answered) == len(set(answered)) >= 7
    assert not [fact for fact in some.left.of(MessageDropped) if fact.reason is DropReason.PROBE_SEQUENCE]


def test_an_unprotected_question_is_not_answered() -> None:
    some, _ = up()
    sa = peer_of(some.left).phase1.current
    notify = Notify.of(ProtocolId.ISAKMP, NotifyType.R_U_THERE, sa.cookies.both, b"\0\0\0\7")
    some.inject(some.left, informational.clear(sa.cookies, 9, notify))
    assert some.left.last(MessageDropped).reason is DropReason.UNPROTECTED_NOTIFY
    assert not some.left.of(ProbeTaken)


# -- the verdict -------------------------------------------------------------------------------------------------------


def test_a_peer_heard_again_while_the_new_phase_1_fails_keeps_what_it_has() -> None:
    """Main Mode is blocked on the way, all else comes through again."""
    some, tap = up()
    inner = tap._fate
    tap._fate = lambda sent: []
    some.run_until(lambda: bool(some.left.of(PeerSilent)))
    some.run(3)
    tap._fate = lambda sent: [] if sent.send.data[18] == 2 else inner(sent)
    some.run(60)
    assert some.left.last(ExchangeFailed).cause is Cause.NO_ANSWER
    assert not some.left.of(TunnelDown)
    assert not some.left.of(Phase1Deleted)
    assert some.left.last(ProbeAnswered)
    assert_lawful(some)


def test_a_peer_that_was_only_cut_off_gets_a_new_phase_1_and_loses_no_packet() -> None:
    some, tap = up()
    inner = tap._fate
    tap._fate = lambda sent: []
    some.run_until(lambda: bool(some.left.of(PeerSilent)))
    some.run(10)
    assert peer_of(some.left).phase1.current is None, "nothing new begins under the one that is doubted"
    assert len(peer_of(some.left).phase1.sas) == 1
    tap._fate = inner
    for _ in range(60):
        some.run(1)
        pass_packets(some)
    assert not some.left.of(TunnelDown)
    assert not some.right.of(TunnelDown)
    assert len(peer_of(some.left).phase1.sas) == len(peer_of(some.right).phase1.sas) == 1
    assert not peer_of(some.left).phase1.sas[0].doubted
    assert_lawful(some)


def test_a_rekey_under_way_when_the_peer_dies_does_not_hold_up_the_new_phase_1() -> None:
    some, _ = up()
    some.right.dead = True
    some.run(25)
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    some.run_until(lambda: bool(some.left.of(PeerSilent)))
    some.right = some.restart(some.right)
    some.run(6)
    assert some.left.of(SaReplaced)
    assert not some.left.of(TunnelDown)
    for _ in range(60):
        some.run(1)
        pass_packets(some)
    assert_lawful(some)


def test_up_during_a_wait_begins_at_once_and_counts_anew() -> None:
    some = link()
    some.right.dead = True
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run_until(lambda: len(some.left.of(TunnelRetrying)) == 5, within=600)
    assert some.left.last(TunnelRetrying).after > 40
    some.run(1)
    sent = len(some.wire)
    some.right.dead = False
    some.do(some.left, Initiate(tunnel_of(some.left)))
    assert len(some.wire) == sent + 1
    assert some.left.last(TunnelTrying).attempt == 1
    some.run(1)
    assert some.left.of(TunnelUp)
    assert Timer.RETRY not in timers(some.left)


# -- suspend -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [1, 8, 100])
def test_after_a_suspend_it_is_up_again_within_seconds(hours: int) -> None:
    """The engine's clock runs on while the machine sleeps: everything is overdue when it wakes."""
    some = link(left={"keepalive": DPD}, right={"keepalive": replace(DPD, action="clear")}, child={"start": Start.BOOT})
    some.run(60)
    assert some.left.of(TunnelUp)
    some.left.dead = True
    some.run(hours * 3600)
    sent = len(some.wire)
    some.left.dead = False
    ups = len(some.left.of(TunnelUp)) + len(some.left.of(SaReplaced))
    some.run(5)
    assert len(some.left.of(TunnelUp)) + len(some.left.of(SaReplaced)) > ups
    assert len(some.wire) - sent < 30, "nothing is made up for"
    some.run(60)
    pass_packets(some)
    assert_lawful(some)


def test_a_peer_that_only_can_begin_itself_is_given_time_after_the_verdict() -> None:
    some = link(right={"keepalive": DPD, "role": "responder"})
    bring_up(some)
    some.run(1)
    inner, some.fate = some.fate, lambda sent: []
    some.run(50)
    assert len(some.right.of(PeerSilent)) == 1
    assert not some.right.of(TunnelDown)
    # the verdict was wrong
    some.fate = inner
    some.run(200)
    assert not some.right.of(TunnelDown)
    some.fate = lambda sent: []
    some.run(20 + Policy().abandon - 5)
    assert len(some.right.of(PeerSilent)) == 2
    assert not some.right.of(TunnelDown)
    # this time it is right
    some.run(30)
    assert some.right.last(TunnelDown).cause is Cause.PEER_SILENT
    assert not some.right.inbound
    assert not some.right.endpoint.agenda()
    assert_tidy(some.right)
