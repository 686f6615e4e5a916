"""The end of tunnels: by order, by the peer, while they are tried."""


import pytest

from ikeview.core.facts import (
    Cause,
    SaInstalled,
    TunnelDown,
    TunnelRetrying,
    TunnelUp,
)
from ikeview.core.orders import Initiate, RekeyPhase2, Terminate
from ikeview.core.specs import Start
from ikeview.ikev1 import informational
from ikeview.wire.numbers import ProtocolId
from ikeview.wire.payloads import Delete
from tests.support.ladder_dsl import Tap
from tests.support.laws import (
    assert_lawful,
    assert_nothing_left,
    bring_up,
    peer_of,
    tunnel_of,
)
from tests.support.running import busy, ends, up
from tests.support.scenes import link


@pytest.mark.parametrize("who", ["left", "right"])
def test_terminate_deletes_at_both_ends(who: str) -> None:
    some, tap = up()
    one, other = ends(some, who)
    some.do(one, Terminate(tunnel_of(one)))
    some.run(1)
    tap.expect(f"{who} > * HASH D(ESP)\n{who} > * HASH D(ISAKMP)")
    assert some.empty()
    assert (one.last(TunnelDown).cause, one.last(TunnelDown).detail) == (Cause.OPERATOR, "taken down by the operator")
    down = other.last(TunnelDown)
    assert (down.cause, down.detail) == (Cause.PEER_DELETED, "the peer deleted the SA")
    assert_nothing_left(some)
    some.run(300)
    assert_nothing_left(some)


def test_a_tunnel_that_starts_at_boot_comes_again_when_the_peer_deletes_it() -> None:
    some = link(left_child={"start": Start.BOOT})
    some.run(1)
    assert len(some.left.of(TunnelUp)) == 1
    some.do(some.right, Terminate(tunnel_of(some.right)))
    some.run(1)
    assert some.empty()
    assert some.left.last(TunnelRetrying).attempt == 1
    some.run(10)
    assert len(some.left.of(TunnelUp)) == 2
    assert_lawful(some)


def test_phase_1_stays_while_another_tunnel_is_up() -> None:
    some, tap = up(tunnels=2)
    bring_up(some, number=2)
    tap.skip()
    some.do(some.left, Terminate(tunnel_of(some.left, 1)))
    some.run(1)
    tap.expect("left > * HASH D(ESP)")
    assert len(some.left.inbound) == 1
    assert_lawful(some)


def test_terminate_while_it_is_tried_leaves_nothing() -> None:
    for after in (0.0, 0.005, 0.015, 0.025, 0.035, 0.045, 0.055, 0.065, 0.075, 0.085):
        some = link()
        some.do(some.left, Initiate(tunnel_of(some.left)))
        some.run(after)
        some.do(some.left, Terminate(tunnel_of(some.left)))
        assert peer_of(some.left).phase2.idle
        some.run(120)
        assert some.empty(), after
        assert not some.left.endpoint.agenda(), after
        assert_lawful(some)


def test_stop_tells_the_peer_and_leaves_nothing() -> None:
    some, tap = up(tunnels=2)
    bring_up(some, number=2)
    tap.skip()
    some.stop(some.left)
    some.run(1)
    tap.expect("left > * HASH D(ESP)\nleft > * HASH D(ESP)\nleft > * HASH D(ISAKMP)")
    assert {fact.cause for fact in some.left.of(TunnelDown)} == {Cause.SHUTDOWN}
    assert_nothing_left(some)


def test_a_delete_of_an_sa_whose_quick_mode_is_not_complete_ends_it() -> None:
    some = link()
    tap = Tap(some)
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run_until(lambda: bool(some.right.inbound))
    sa = peer_of(some.left).phase1.current
    (half,) = some.right.inbound.values()
    outbound = next(iter(peer_of(some.right).tunnels["left/lan1"].pairs)).outbound.spi
    delete = [Delete.of(ProtocolId.ESP, outbound.to_bytes(4))]
    some.inject(some.right, informational.seal(sa.keys, sa.last_block, sa.cookies, 0x1234, delete))
    assert half.spi not in some.right.inbound
    some.run(1)
    assert not some.right.inbound
    assert not some.right.outbound
    assert tap.lines[-1] == "left > * HASH"


def test_terminate_while_the_peers_quick_mode_runs_is_told_to_the_peer() -> None:
    some, tap = up(tunnels=2)
    some.do(some.left, Initiate(tunnel_of(some.left, 2)))
    some.run(0.015)
    some.do(some.right, Terminate(tunnel_of(some.right, 2)))
    some.run(1)
    # message 3 is on its way when the Delete is: the initiator would hold the pair for good
    tap.expect(
        """
        left > * HASH SA NONCE ID*2
        right > * HASH SA NONCE ID*2
        right > * HASH D(ESP)
        left > * HASH
        """
    )
    assert len(some.left.inbound) == 1
    assert_lawful(some)


def test_a_switch_that_waits_does_not_come_after_a_newer_sa() -> None:
    some, _ = up()
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    some.run(0.1)
    some.do(some.right, RekeyPhase2(tunnel_of(some.right)))
    some.run(3)
    newest = some.left.last(SaInstalled)
    assert newest.role == "responder"
    assert f"{some.left.carrying(tunnel_of(some.left)).spi:08x}" == newest.spi_out  # type: ignore[union-attr]
    busy(some, 60)
    assert len(some.left.inbound) == 1
    assert_lawful(some)
