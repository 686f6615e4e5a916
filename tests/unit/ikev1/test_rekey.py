"""Rekeying, renewal and lifetimes."""


import pytest

from ikeview.core.facts import (
    Cause,
    ExchangeFinished,
    LifetimeNotified,
    OrderRefused,
    Phase1Deleted,
    Phase1Established,
    SaDeleted,
    SaInstalled,
    SaRekeying,
    SaReplaced,
    TunnelDown,
    TunnelUp,
)
from ikeview.core.inputs import BytesHard, BytesSoft
from ikeview.core.orders import RekeyPhase2, RenewPhase1
from ikeview.core.outputs import Direction
from ikeview.core.timers import Timer
from tests.support.ladder_dsl import QUICK_MODE, RENEWAL, Tap, swapped
from tests.support.laws import (
    assert_lawful,
    assert_nothing_left,
    bring_up,
    pass_packets,
    peer_of,
    tear_down,
    timers,
    tunnel_of,
)
from tests.support.link import Sent, Verdict
from tests.support.running import HOUR, busy, ends, up
from tests.support.scenes import DPD, link

# -- phase 2 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("initiator", ["left", "right"])
def test_a_manual_rekey_makes_the_new_sa_before_it_deletes_the_old(initiator: str) -> None:
    some, tap = up()
    one, other = ends(some, initiator)
    old = one.last(SaInstalled).spi_in
    some.do(one, RekeyPhase2(tunnel_of(one)))
    some.run(0.035)
    tap.expect(QUICK_MODE if initiator == "left" else swapped(QUICK_MODE))
    # message 3 is there: the responder sends on the new SA, the initiator still on the old one
    new = one.last(SaInstalled)
    assert other.carrying(tunnel_of(other)).spi == int(new.spi_in, 16)  # type: ignore[union-attr]
    assert f"{one.carrying(tunnel_of(one)).spi:08x}" != new.spi_out  # type: ignore[union-attr]
    pass_packets(some)
    # the peer's first packet proves that it has installed its side
    assert f"{one.carrying(tunnel_of(one)).spi:08x}" == new.spi_out  # type: ignore[union-attr]
    assert len(one.inbound) == len(other.inbound) == 2
    pass_packets(some)
    busy(some, 4)
    tap.expect("")
    busy(some, 2)
    tap.expect(f"{initiator} > * HASH D(ESP)")
    assert len(one.inbound) == len(other.inbound) == 1
    assert one.last(SaDeleted).spi_in == old
    assert [one.last(SaDeleted).by, other.last(SaDeleted).by] == ["us", "peer"]
    assert one.last(SaReplaced).new == new.spi_in
    assert new.generation == 2
    assert new.replaces == old
    assert one.last(SaRekeying).why == "operator"
    assert len(one.of(TunnelUp)) == len(other.of(TunnelUp)) == 1
    assert not one.of(TunnelDown)
    assert not other.of(TunnelDown)
    assert_lawful(some)
    tear_down(some)
    assert_nothing_left(some)


def test_without_traffic_the_initiator_of_a_rekey_moves_after_a_while() -> None:
    some, _ = up()
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    some.run(0.9)
    new = some.left.last(SaInstalled)
    assert f"{some.left.carrying(tunnel_of(some.left)).spi:08x}" != new.spi_out  # type: ignore[union-attr]
    some.run(0.3)
    assert f"{some.left.carrying(tunnel_of(some.left)).spi:08x}" == new.spi_out  # type: ignore[union-attr]
    # nothing proves that the peer has message 3, so the old SA stays for its lifetime
    some.run(600)
    assert len(some.left.inbound) == len(some.right.inbound) == 2
    pass_packets(some)
    some.run(4.9)
    assert len(some.left.inbound) == 2
    some.run(0.2)
    assert len(some.left.inbound) == len(some.right.inbound) == 1
    assert_lawful(some)


def test_without_traffic_the_old_sa_ends_with_its_lifetime() -> None:
    some, tap = up()
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    some.run(10)
    tap.skip()
    some.run(HOUR - 900)
    assert len(some.left.inbound) == len(some.right.inbound) == 2
    some.run(920)
    busy(some, 10)
    assert len(some.left.inbound) == len(some.right.inbound) == 1
    assert not some.left.of(TunnelDown)
    assert_lawful(some)


def losing(tap: Tap, *lines: str) -> None:
    """These messages are lost, each time they are sent."""
    inner = tap._fate
    tap._fate = lambda sent: [] if tap.lines[-1].removesuffix(" (again)") in lines else inner(sent)


def test_esp_on_the_new_sa_stands_in_for_message_3() -> None:
    some, tap = up()
    losing(tap, "left > * HASH")
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    for _ in range(60):
        some.run(1)
        pass_packets(some)
    # the initiator moves its traffic after a second, as ever
    again = "right > * HASH SA NONCE ID*2 (again)\nleft > * HASH (again)\n"
    tap.expect(QUICK_MODE + again * 2 + "left > * HASH D(ESP)")
    assert len(some.right.of(ExchangeFinished)) == len(some.left.of(ExchangeFinished)) == 3
    assert len(some.left.inbound) == len(some.right.inbound) == 1
    assert not some.right.of(TunnelDown)
    assert_lawful(some)


def test_a_responder_that_never_got_message_3_says_so_until_it_is_heard() -> None:
    """It has given up, and its Delete is lost too: the initiator would send into the void for an hour."""
    some, tap = up(peer={"keepalive": DPD})
    losing(tap, "left > * HASH")
    deletes: list[float] = []
    inner = tap._fate

    def fate(sent: Sent) -> Verdict:
        if tap.lines[-1] == "right > * HASH D(ESP)":
            deletes.append(some.now)
            return [] if len(deletes) == 1 else inner(sent)
        return inner(sent)

    tap._fate = fate
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    lost = some.left.carrying(tunnel_of(some.left))
    some.run(3)
    new = some.left.carrying(tunnel_of(some.left))
    assert new is not lost
    some.run(24)
    assert len(deletes) == 1
    assert some.left.carrying(tunnel_of(some.left)) is new
    some.run(12)
    assert len(deletes) == 2
    assert some.left.carrying(tunnel_of(some.left)) is lost
    # it is not said for ever, and the next attempt, which was begun at once, has all its messages
    tap._fate = lambda sent: [(0.01, sent.send.data)]
    busy(some, 120)
    assert not some.left.of(TunnelDown)
    assert not some.right.of(TunnelDown)
    assert len(some.left.inbound) == len(some.right.inbound) == 1
    assert_lawful(some)


def test_an_order_to_rekey_what_is_down_is_refused() -> None:
    some = link()
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    assert some.left.last(OrderRefused).why == "it is not up, so there is nothing to rekey"
    some.do(some.left, RekeyPhase2("right/none"))
    assert some.left.last(OrderRefused).why == "there is no tunnel right/none"
    some.do(some.left, RenewPhase1("nobody"))
    assert some.left.last(OrderRefused).why == "there is no peer nobody"


def test_rekey_by_time_is_begun_by_the_initiator_of_the_sa() -> None:
    some, tap = up()
    margin = some.left.last(SaInstalled)
    assert HOUR - 540 * 1.5 <= margin.rekeys_in <= HOUR - 540
    # counted from message 1, told at message 3
    assert some.right.last(SaInstalled).rekeys_in == pytest.approx(HOUR - 270, abs=0.1)
    busy(some, HOUR - 540, every=60)
    tap.expect(QUICK_MODE + "left > * HASH D(ESP)")
    assert some.left.last(SaReplaced).why == "time"
    assert_lawful(some)


def test_the_responder_rekeys_where_the_initiator_does_not() -> None:
    some, tap = up()
    for at, timer, key in some.left.endpoint.agenda():
        if timer is Timer.REKEY:
            peer_of(some.left)._context.timers.clear(timer, key)
            assert at < some.now + HOUR
    busy(some, HOUR - 200, every=30)
    tap.expect(swapped(QUICK_MODE) + "right > * HASH D(ESP)")
    assert_lawful(some)


@pytest.mark.parametrize("direction", list(Direction))
def test_rekey_by_bytes(direction: Direction) -> None:
    some, tap = up(child={"lifebytes": 1_000_000})
    installed = some.left.last(SaInstalled)
    assert installed.lifebytes == 1_000_000
    assert 800_000 <= installed.rekey_bytes <= 850_000
    assert some.right.last(SaInstalled).rekey_bytes == 950_000
    spi = int(installed.spi_in if direction is Direction.IN else installed.spi_out, 16)
    some.do(some.left, BytesSoft(spi, direction))
    some.run(0.1)
    busy(some, 6)
    tap.expect(QUICK_MODE + "left > * HASH D(ESP)")
    assert some.left.last(SaReplaced).why == "bytes"
    # the report about an SA that is gone, or replaced, does nothing
    some.do(some.left, BytesSoft(spi, direction))
    tap.expect("")
    assert_lawful(some)


def test_both_directions_reaching_their_soft_limit_make_one_rekey() -> None:
    some, tap = up(child={"lifebytes": 1_000_000})
    installed = some.left.last(SaInstalled)
    some.do(some.left, BytesSoft(int(installed.spi_in, 16), Direction.IN))
    some.do(some.left, BytesSoft(int(installed.spi_out, 16), Direction.OUT))
    busy(some, 10)
    tap.expect(QUICK_MODE + "left > * HASH D(ESP)")


def test_the_hard_byte_limit_ends_the_sa() -> None:
    some, tap = up(child={"lifebytes": 1_000_000})
    spi = some.left.carrying(tunnel_of(some.left)).spi  # type: ignore[union-attr]
    some.do(some.left, BytesHard(spi, Direction.OUT))
    assert some.left.last(TunnelDown).cause is Cause.LIFETIME
    some.run(1)
    tap.expect("left > * HASH D(ESP)")
    assert some.empty()
    # it is wanted, so it comes again
    some.run(10)
    assert len(some.left.of(TunnelUp)) == 2
    assert_lawful(some)


@pytest.mark.parametrize(("ours", "theirs"), [(HOUR, 1800.0), (1800.0, HOUR)])
def test_the_shorter_lifetime_counts_at_both_ends(ours: float, theirs: float) -> None:
    some, _ = up(left_child={"lifetime": ours}, right_child={"lifetime": theirs})
    assert some.left.last(SaInstalled).lifetime == some.right.last(SaInstalled).lifetime == 1800.0
    # the responder tells the initiator, if the initiator did not know
    told = [(fact.seconds, fact.octets) for fact in some.left.of(LifetimeNotified)]
    assert told == ([(1800.0, 0)] if theirs < ours else [])
    busy(some, 3 * HOUR, every=60)
    assert len(some.left.of(TunnelUp)) == 1
    assert not some.left.of(TunnelDown)
    assert_lawful(some)


def test_the_shorter_byte_lifetime_counts_at_both_ends() -> None:
    some, _ = up(left_child={"lifebytes": 5_000_000}, right_child={"lifebytes": 2_000_000})
    assert some.left.last(SaInstalled).lifebytes == some.right.last(SaInstalled).lifebytes == 2_000_000
    assert some.left.last(SaInstalled).rekey_bytes <= 1_700_000
    assert some.left.last(LifetimeNotified).octets == 2_000_000
    some, _ = up(left_child={"lifebytes": 5_000_000})
    assert some.left.last(SaInstalled).lifebytes == some.right.last(SaInstalled).lifebytes == 5_000_000
    some, _ = up(right_child={"lifebytes": 5_000_000})
    assert some.left.last(SaInstalled).lifebytes == some.right.last(SaInstalled).lifebytes == 5_000_000


def test_the_shorter_phase_1_lifetime_counts_at_both_ends() -> None:
    some, _ = up(left={"lifetime": 7200.0}, right={"lifetime": 3600.0})
    assert some.left.last(Phase1Established).lifetime == pytest.approx(3600.0)
    assert some.right.last(Phase1Established).lifetime == pytest.approx(3600.0)
    told = some.left.last(LifetimeNotified)
    assert (told.about, told.seconds) == (some.left.last(Phase1Established).cookies, 3600.0)
    assert not some.right.of(LifetimeNotified)
    some, _ = up(left={"lifetime": 3600.0}, right={"lifetime": 7200.0})
    assert some.right.last(Phase1Established).lifetime == pytest.approx(3600.0)
    assert not some.left.of(LifetimeNotified)


def test_a_lifetime_of_a_second_is_not_followed() -> None:
    some, _ = up(left_child={"lifetime": 1.0, "rekey_margin": 0.2})
    assert some.right.last(SaInstalled).lifetime == 60.0


def test_an_sa_that_cannot_be_rekeyed_ends_hard() -> None:
    some, _ = up()
    some.right.dead = True
    some.run(HOUR + 1)
    assert not some.left.inbound
    assert not some.left.outbound
    assert some.left.last(SaDeleted).cause is Cause.LIFETIME
    down = some.left.of(TunnelDown)[0]
    assert (down.cause, down.detail) == (Cause.LIFETIME, "the lifetime ended before a new SA was made")


# -- phase 1 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("initiator", ["left", "right"])
def test_renewing_phase_1_keeps_the_children(initiator: str) -> None:
    some, tap = up(tunnels=2)
    bring_up(some, number=2)
    tap.skip()
    one, other = ends(some, initiator)
    children = set(one.inbound)
    old = one.last(Phase1Established).cookies
    some.do(one, RenewPhase1(peer_of(one).spec.name))
    some.run(1)
    tap.expect(RENEWAL if initiator == "left" else swapped(RENEWAL))
    assert one.last(Phase1Established).replaces == old
    some.run(10)
    tap.expect(f"{initiator} > * HASH D(ISAKMP)")
    assert one.last(Phase1Deleted).cookies == other.last(Phase1Deleted).cookies == old
    assert set(one.inbound) == children
    assert not one.of(TunnelDown)
    # and rekeys run under the new one
    some.do(other, RekeyPhase2(tunnel_of(other)))
    busy(some, 10)
    assert_lawful(some)
    tear_down(some)
    assert_nothing_left(some)


def test_phase_1_is_renewed_in_time_by_its_initiator() -> None:
    some, tap = up(peer={"lifetime": HOUR}, child={"lifetime": 3 * HOUR})
    some.run(HOUR * 0.9 + 6)
    tap.expect(RENEWAL + "left > * HASH D(ISAKMP)")
    assert [fact.cause for fact in some.left.of(Phase1Deleted)] == [Cause.REPLACED]
    assert not some.left.of(TunnelDown)


def test_a_renewal_that_failed_is_tried_again() -> None:
    some, tap = up(peer={"lifetime": HOUR}, child={"lifetime": 3 * HOUR})
    some.run(HOUR * 0.84)
    inner = tap._fate
    tap._fate = lambda sent: []
    some.run_until(lambda: "RENEW" not in str([timer.name for timer in timers(some.left)]), within=HOUR)
    some.run(60)
    assert Timer.RENEW in timers(some.left)
    tap._fate = inner
    some.run(200)
    assert len(some.left.of(Phase1Established)) == 2
    assert_lawful(some)


def test_phase_1_ends_hard_where_nobody_renews_it_and_the_children_live_on() -> None:
    some, _ = up(peer={"lifetime": HOUR, "role": "responder"}, left={"role": "both"}, child={"lifetime": 3 * HOUR})
    some.right.dead = True
    some.run(HOUR + 60)
    assert Cause.LIFETIME in [fact.cause for fact in some.left.of(Phase1Deleted)]
    assert len(some.left.inbound) == 1
