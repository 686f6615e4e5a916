"""Both ends at the same moment, restarts, and a week."""


import pytest

from ikeview.core.facts import (
    Cause,
    DropReason,
    MessageDropped,
    Phase1Deleted,
    Phase1Established,
    SaInstalled,
    TunnelDown,
    TunnelUp,
)
from ikeview.core.orders import Initiate, RekeyPhase2, RenewPhase1
from ikeview.core.timers import Timer
from ikeview.ikev1 import informational
from ikeview.wire.numbers import NotifyType, ProtocolId
from ikeview.wire.payloads import Notify
from tests.support.laws import (
    assert_lawful,
    assert_nothing_left,
    bring_up,
    pass_packets,
    peer_of,
    soft_limit,
    tear_down,
    timers,
    tunnel_of,
)
from tests.support.running import HOUR, busy, up
from tests.support.scenes import link


def test_both_ends_bring_the_tunnel_up_at_once() -> None:
    some = link()
    for end in (some.left, some.right):
        some.do(end, Initiate(tunnel_of(end)))
    some.run(1)
    assert len(some.left.inbound) == len(some.right.inbound) == 2
    # both send on the same one of the two
    left, right = (end.carrying(tunnel_of(end)) for end in (some.left, some.right))
    assert left is not None
    assert right is not None
    pairs = [{pair.inbound.spi, pair.outbound.spi} for pair in peer_of(some.left).tunnels["right/lan1"].pairs]
    assert {left.spi, right.spi} in pairs
    busy(some, 120)
    for end in (some.left, some.right):
        assert len(end.of(TunnelUp)) == 1
        assert not end.of(TunnelDown)
        assert peer_of(end).phase1.current is not None
        assert len(end.inbound) == 1
    assert_lawful(some)
    # the next rekey and renewal leave one of each
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    some.do(some.left, RenewPhase1("right"))
    busy(some, 60)
    for end in (some.left, some.right):
        assert len(end.inbound) == 1
        assert len(peer_of(end).phase1.sas) == 1
        assert not end.of(TunnelDown)
    assert_lawful(some)
    tear_down(some)
    assert_nothing_left(some)


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.012, 0.018, 0.022, 0.028, 0.035, 0.1, 2.0])
@pytest.mark.parametrize("traffic", [True, False])
def test_both_ends_rekey_at_once(delay: float, traffic: bool) -> None:
    some, _ = up()
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    some.run(delay)
    some.do(some.right, RekeyPhase2(tunnel_of(some.right)))
    for _ in range(120):
        some.run(1)
        if traffic:
            pass_packets(some)
    for end in (some.left, some.right):
        assert not end.of(TunnelDown)
        # without traffic nothing proves that the peer has the newest one, so the one before stays
        assert len(end.inbound) == (1 if traffic else 2)
        assert end.carrying(tunnel_of(end)) is not None
    assert_lawful(some)
    some.do(some.right, RekeyPhase2(tunnel_of(some.right)))
    busy(some, 100)
    for end in (some.left, some.right):
        assert len(end.inbound) == 1
        assert not end.of(TunnelDown)
    assert_lawful(some)


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.012, 0.022, 0.032, 0.045, 0.055, 0.1, 2.0])
def test_both_ends_renew_at_once(delay: float) -> None:
    some, _ = up()
    some.do(some.left, RenewPhase1("right"))
    some.run(delay)
    some.do(some.right, RenewPhase1("left"))
    some.run(60)
    for end in (some.left, some.right):
        assert peer_of(end).phase1.current is not None
        assert not end.of(TunnelDown)
    assert_lawful(some)
    for end in (some.left, some.right):
        some.do(end, RekeyPhase2(tunnel_of(end)))
        busy(some, 10)
    some.do(some.left, RenewPhase1("right"))
    some.run(30)
    assert len(peer_of(some.left).phase1.sas) == len(peer_of(some.right).phase1.sas) == 1
    assert_lawful(some)


def test_an_attempt_that_waits_is_overtaken_by_the_peers() -> None:
    some = link()
    some.right.dead = True
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(30)
    some.right.dead = False
    some.do(some.right, Initiate(tunnel_of(some.right)))
    some.run(100)
    assert len(some.left.of(TunnelUp)) == 1
    assert not peer_of(some.left).tunnels["right/lan1"].pending
    assert Timer.RETRY not in timers(some.left)
    assert_lawful(some)


# -- restarts ----------------------------------------------------------------------------------------------------------


def test_a_peer_that_starts_anew_gets_its_tunnel_and_the_old_sas_go() -> None:
    some, _ = up()
    some.replace_end("left", some.left.settings)
    some.left.used.clear()
    bring_up(some)
    busy(some, 60)
    assert len(some.right.inbound) == 1
    # it has said so, and what the other end had with it was of no more use
    [down] = some.right.of(TunnelDown)
    assert down.cause is Cause.PEER_RESTARTED
    assert len(some.right.of(TunnelUp)) == 2
    assert_lawful(some)


def test_initial_contact_drops_what_was_before_and_nothing_else() -> None:
    some, _ = up()
    old = peer_of(some.right).phase1.current
    some.do(some.left, RenewPhase1("right"))
    some.run(0.5)
    sa = peer_of(some.left).phase1.current
    assert sa.cookies != old.cookies
    notify = Notify.of(ProtocolId.ISAKMP, NotifyType.INITIAL_CONTACT, sa.cookies.both)
    some.inject(some.right, informational.seal(sa.keys, sa.last_block, sa.cookies, 0x4711, [notify]))
    assert some.right.last(Phase1Deleted).cookies == str(old.cookies)
    assert some.right.last(Phase1Deleted).cause is Cause.PEER_RESTARTED
    assert some.right.last(TunnelDown).detail == "the peer started anew"
    assert not some.right.inbound
    assert [str(each.cookies) for each in peer_of(some.right).phase1.sas] == [str(sa.cookies)]


def test_an_unprotected_initial_contact_or_delete_is_ignored() -> None:
    some, _ = up()
    sa = peer_of(some.left).phase1.current
    notify = Notify.of(ProtocolId.ISAKMP, NotifyType.INITIAL_CONTACT, sa.cookies.both)
    some.inject(some.right, informational.clear(sa.cookies, 0x4711, notify))
    assert some.right.last(MessageDropped).reason is DropReason.UNPROTECTED_NOTIFY
    assert len(some.right.inbound) == 1
    assert_lawful(some)


# -- a week ------------------------------------------------------------------------------------------------------------


def test_a_week_of_one_tunnel() -> None:
    some, _ = up(peer={"lifetime": 8 * HOUR})
    for _ in range(7 * 24 * 4):
        busy(some, 900, every=180)
        assert len(some.left.inbound) <= 2
        assert len(some.right.inbound) <= 2
        assert_lawful(some)
    assert len(some.left.of(SaInstalled)) > 7 * 24
    assert len(some.left.of(Phase1Established)) >= 7 * 3
    for end in (some.left, some.right):
        assert len(end.of(TunnelUp)) == 1
        assert not end.of(TunnelDown)
    assert_lawful(some)


def test_a_day_without_traffic_and_without_jitter() -> None:
    some = link(tunnels=2)
    for end in (some.left, some.right):
        end.entropy.fractions = {"rekey": 0.0, "renew": 0.0}
    for end, number in ((some.left, 1), (some.right, 2)):
        bring_up(some, end, number)
    for _ in range(24):
        some.run(HOUR)
        for end in (some.left, some.right):
            for tunnel in peer_of(end).tunnels.values():
                assert len(tunnel.pairs) <= 3
                assert not end.of(TunnelDown)
        assert_lawful(some)
    soft_limit(some, some.left)
    some.run(60)
    assert_lawful(some)
