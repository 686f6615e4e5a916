"""Half-open negotiations: bounded, with places kept for peers whose address is known."""

from dataclasses import replace
from ipaddress import ip_address

from ikeview.core.facts import TunnelUp
from ikeview.core.orders import Initiate
from ikeview.core.outputs import Spot
from ikeview.core.policy import Policy
from tests.support.laws import context_of, tunnel_of
from tests.support.link import Link
from tests.support.messages import first_messages
from tests.support.scenes import side


def test_strangers_do_not_keep_a_known_peer_out() -> None:
    """Any number of strangers, from as many addresses as they like."""
    known, anybody = side(left=False), side(left=False, remote="any")
    stranger = replace(anybody.peers[0], name="road", tunnels=tuple(
        replace(each, peer="road") for each in anybody.peers[0].tunnels
    ))
    policy = Policy(half_open_total=40, half_open_reserved=10)
    some = Link(side(left=True), replace(known, peers=(known.peers[0], stranger)), policy=policy)
    for number, data in enumerate(first_messages(200)):
        some.inject(some.right, data, remote=Spot(ip_address(f"192.0.2.{number + 1}"), 500))
    assert context_of(some.right).half_open == 30
    # the oldest make room for newer ones, for nobody knows who is true
    road = some.right.endpoint._peers["road"]
    assert str(list(road.phase1.negotiations.values())[-1].remote.host) == "192.0.2.200"
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(2)
    assert some.left.of(TunnelUp)


def test_one_address_has_no_more_than_its_share() -> None:
    some = Link(side(left=True), side(left=False, remote="any"))
    for data in first_messages(50):
        some.inject(some.right, data, remote=Spot(ip_address("192.0.2.1"), 500))
    assert context_of(some.right).half_open == Policy().half_open_for_peer
    # it is not heard, but others are
    other = first_messages(1)[0]
    some.inject(some.right, other, remote=Spot(ip_address("192.0.2.2"), 500))
    assert context_of(some.right).half_open == Policy().half_open_for_peer + 1
