"""The endpoint's other inputs: counters, the plane's troubles, a peer that moves; IPv6; and that no secret shows."""

from ipaddress import ip_address
from typing import Any

from ikeview.core.facts import (
    Cause,
    CountersSampled,
    OrderTaken,
    PeerConfigured,
    PeerMoved,
    Phase1Established,
    PlaneProblem,
    Sample,
    TunnelConfigured,
    TunnelDown,
    TunnelRetrying,
    TunnelUp,
    fact_to_dict,
)
from ikeview.core.inputs import Arrival, Counters, PeerSeen, PlaneTrouble
from ikeview.core.orders import Initiate, Probe, RekeyPhase2, RenewPhase1, Terminate
from ikeview.core.outputs import Move, Spot
from tests.support.laws import assert_lawful, assert_tidy, bring_up, peer_of, tear_down, tunnel_of
from tests.support.link import Link
from tests.support.scenes import link, side
from tests.support.specs import RIGHT, SECRET


def test_what_is_configured_is_told_at_start() -> None:
    some = link(tunnels=2)
    assert some.left.last(PeerConfigured).peer == "right"
    assert some.left.last(PeerConfigured).keepalive == "off"
    assert [fact.tunnel for fact in some.left.of(TunnelConfigured)] == ["right/lan1", "right/lan2"]
    assert some.left.protected == ["right/lan1", "right/lan2"]
    assert some.left.endpoint.agenda() == []


def test_orders_are_told_with_the_command_that_repeats_them() -> None:
    some = link()
    orders = [
        (Initiate("right/lan1", "me"), "ikeview up right/lan1"),
        (RekeyPhase2("right/lan1"), "ikeview rekey right/lan1"),
        (RenewPhase1("right"), "ikeview rekey right --phase 1"), (Terminate("right/lan1"), "ikeview down right/lan1"),
        (Probe("right"), ""),
    ]  # fmt: skip
    for order, command in orders:
        some.do(some.left, order)
        assert some.left.last(OrderTaken).command == command
    assert some.left.of(OrderTaken)[0].by == "me"


def test_counters_of_the_halves_are_joined_and_told_when_they_change() -> None:
    some = link()
    bring_up(some)
    (inbound,), (outbound,) = some.left.inbound, some.left.outbound
    name = f"{inbound:08x}"
    samples = (Sample(name, 100, 1, 0, 0, 2, 3), Sample(f"{outbound:08x}", 0, 0, 50, 1))
    some.do(some.left, Counters(samples))
    assert some.left.last(CountersSampled).samples == (Sample(name, 100, 1, 50, 1, 2, 3),)
    some.do(some.left, Counters(samples))
    assert len(some.left.of(CountersSampled)) == 1
    # a report may be one of several
    some.do(some.left, Counters((Sample(f"{outbound:08x}", 0, 0, 90, 2),)))
    assert some.left.last(CountersSampled).samples == (Sample(name, 100, 1, 90, 2, 2, 3),)
    tear_down(some)
    some.do(some.left, Counters(samples))
    assert len(some.left.of(CountersSampled)) == 2


def test_what_the_plane_refuses_takes_the_tunnel_down_and_is_tried_again() -> None:
    some = link(tunnels=2)
    bring_up(some, number=1)
    bring_up(some, number=2)
    some.do(some.left, PlaneTrouble("no such device", tunnel="right/lan1"))
    assert some.left.last(PlaneProblem) == PlaneProblem("right/lan1", "no such device")
    down = some.left.last(TunnelDown)
    assert (down.tunnel, down.cause, down.detail) == ("right/lan1", Cause.DATAPLANE, "no such device")
    assert some.left.last(TunnelRetrying).tunnel == "right/lan1"
    some.run(1)
    assert len(some.right.inbound) == 1
    assert_lawful(some)
    some.run(10)
    assert len(some.right.inbound) == 2
    some.do(some.left, PlaneTrouble("gone", fatal=True))
    assert not some.left.inbound
    some.run(1)
    assert some.empty()
    assert_tidy(some.left)


def test_trouble_while_the_quick_mode_runs() -> None:
    some = link()
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(0.065)
    some.do(some.left, PlaneTrouble("no such device", tunnel="right/lan1"))
    assert_tidy(some.left)
    some.run(60)
    assert some.left.of(TunnelUp)
    assert_lawful(some)


def natted() -> tuple[Link, list[Move]]:
    some = link()
    some.translate = lambda name, local: Spot(local.host, local.port + 20000) if name == "left" else local
    moves: list[Move] = []
    inner = some._carry_out

    def carry_out(end: Any, item: Any) -> None:
        if isinstance(item, Move):
            assert end is some.right
            moves.append(item)
        inner(end, item)

    some._carry_out = carry_out  # type: ignore[method-assign]
    bring_up(some)
    return some, moves


def test_a_peer_that_moves_behind_its_nat_is_followed() -> None:
    some, moves = natted()
    some.translate = lambda name, local: Spot(local.host, local.port + 30000) if name == "left" else local
    some.do(some.left, Probe("right"))
    some.run(1.1)
    assert some.right.last(PeerMoved).new.endswith(":34500")
    assert [(move.old.port, move.new.port) for move in moves] == [(24500, 34500)]
    assert some.wire[-1].send.remote.port == 34500
    # the same by an ESP packet
    (spi,) = some.right.inbound
    some.do(some.right, PeerSeen(spi, Spot(some.left.address, 44500)))
    assert moves[-1].new.port == 44500
    assert_lawful(some)


def test_a_peer_that_moves_all_the_time_is_followed_once_a_second() -> None:
    some, moves = natted()
    (spi,) = some.right.inbound
    some.run(2)
    for number in range(100):
        some.do(some.right, PeerSeen(spi, Spot(some.left.address, 40000 + number)))
        some.run(0.05)
    assert 5 <= len(moves) <= 6
    some.run(1)
    # where it was seen last it is followed to in the end
    assert moves[-1].new.port == 40099
    assert some.right.last(PeerMoved).new.endswith(":40099")
    assert_lawful(some)


def test_an_end_behind_nat_does_not_follow_a_peer_that_is_not() -> None:
    some = link()
    some.translate = lambda name, local: Spot(local.host, local.port + 20000) if name == "left" else local
    bring_up(some)
    some.run(2)
    (spi,) = some.left.inbound
    some.do(some.left, PeerSeen(spi, Spot(ip_address("198.51.100.66"), 4500)))
    some.run(2)
    assert not some.left.of(PeerMoved)
    assert_lawful(some)


def test_a_forged_message_moves_nobody() -> None:
    some, moves = natted()
    for sent in some.wire:
        if sent.sender == "left":
            thief = Spot(ip_address("198.51.100.66"), 666)
            some.do(some.right, Arrival(Spot(RIGHT, 4500), thief, sent.send.data, sent.send.floated))
    assert not moves
    assert not some.right.of(PeerMoved)


def test_gateways_on_ipv6() -> None:
    left, right = "2001:db8::1", "2001:db8::2"
    some = Link(
        side(left=True, remote=right), side(left=False, remote=left), addresses=(ip_address(left), ip_address(right))
    )
    bring_up(some)
    assert some.left.last(Phase1Established).remote == "[2001:db8::2]:500"
    assert some.left.last(Phase1Established).remote_id == "2001:db8::2"
    assert_lawful(some)


def test_no_secret_is_in_a_fact_or_a_repr() -> None:
    some = link(peer={"nat_traversal": "force"})
    bring_up(some)
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    some.run(10)
    keys = peer_of(some.left).phase1.current.keys
    secrets = [SECRET, keys.skeyid, keys.d, keys.a, keys.encryption]
    for half in some.left.inbound.values():
        secrets += [half.keys.encryption, half.keys.salt]
    told = "".join(str(fact_to_dict(fact)) for end in (some.left, some.right) for fact in end.facts)
    shown = told + repr(peer_of(some.left).spec) + repr(keys) + repr(some.left.inbound)
    for sa in peer_of(some.left).phase1.sas:
        shown += repr(sa) + repr(sa.phase1.run.stage)
        for quick in sa.quick_modes.values():
            shown += repr(quick.run.stage) + repr(quick.run.channel)
    for secret in secrets:
        value = secret.reveal()
        for form in (value.hex(), repr(value)[2:-1], value.decode("latin-1")):
            assert form not in shown
