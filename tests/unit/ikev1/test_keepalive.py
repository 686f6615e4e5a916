"""Dead peer detection (RFC 3706), retries with back-off, and stopping."""

from dataclasses import replace
from typing import Any

import pytest

from ikeview.core.facts import (
    Cause,
    DropReason,
    ExchangeStarted,
    MessageDropped,
    OrderRefused,
    PeerSilent,
    Phase1Deleted,
    ProbeAnswered,
    ProbeMissed,
    ProbeSent,
    ProbeTaken,
    TunnelDown,
    TunnelRetrying,
    TunnelTrying,
    TunnelUp,
)
from ikeview.core.inputs import Acquire, Traffic
from ikeview.core.orders import Initiate, Probe, Terminate
from ikeview.core.outputs import SendKeepalive, Spot
from ikeview.core.policy import Policy
from ikeview.core.specs import Start
from ikeview.core.timers import Timer
from ikeview.ikev1 import informational
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


def up(action: str = "restart", when: str = "idle", **changes: Any) -> tuple[Link, Tap]:
    """Only the left end asks."""
    some = link(left={"keepalive": replace(DPD, action=action, when=when)}, **changes)
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
    sa.dpd = False
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
