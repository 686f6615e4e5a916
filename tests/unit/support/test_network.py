"""The simulated network does what it says, and ikeview lives with it."""

import itertools
from ipaddress import IPv4Address, ip_address
from random import Random
from typing import Any

import pytest

from ikeview.core.facts import NatFound, PeerMoved, TunnelDown, TunnelUp
from ikeview.core.identity import Identity, IdentityPattern
from ikeview.core.orders import Initiate, Probe
from ikeview.core.outputs import Spot
from ikeview.core.specs import Settings
from tests.support.laws import assert_tidy, peer_of
from tests.support.nat_box import NatBox
from tests.support.network import End, Network
from tests.support.scenes import DPD
from tests.support.specs import world
from tests.support.weather import Bursts, Weather

HUB, SPOKE = IPv4Address("198.51.100.1"), IPv4Address("198.51.100.11")
PRIVATE, PUBLIC = IPv4Address("192.168.1.10"), IPv4Address("203.0.113.5")


def star(count: int, **changes: Any) -> tuple[Network, End, list[End]]:
    """A hub with spokes s1, s2 ..."""
    some = Network(seed="star")
    at = {f"s{number}": str(IPv4Address(int(SPOKE) - 1 + number)) for number in range(1, count + 1)}
    hub = some.add("hub", HUB, world(peers=at, here="hub", hub=True, **changes))
    spokes = [some.add(name, IPv4Address(there), spoke(name, **changes)) for name, there in at.items()]
    return some, hub, spokes


def spoke(name: str, **changes: Any) -> Settings:
    return world(peers={"hub": str(HUB)}, here=name, hub=False, **changes)


def behind_nat(box: NatBox) -> tuple[Network, End, End]:
    """A spoke behind the box, with its inner address as identity."""
    some = Network(seed="nat")
    proved = IdentityPattern.of(Identity.of_address(PRIVATE))
    hub = some.add("hub", HUB, world(peers={"s1": str(box.public)}, here="hub", hub=True, remote_id=proved))
    return some, hub, some.add("s1", PRIVATE, spoke("s1"), box=box)


def ping(some: Network, end: End, tunnel: str) -> bool:
    """A packet there and back."""
    before = end.packets["taken"]
    some.packet(end, tunnel, asks=True)
    some.run(1)
    return end.packets["taken"] == before + 1


def test_a_hub_and_its_spokes() -> None:
    some, hub, spokes = star(12)
    for end in spokes[:6]:
        some.do(end, Initiate("hub/lan"))
    for end in spokes[6:]:
        some.do(hub, Initiate(f"{end.name}/lan"))
    some.run(1)
    assert len(hub.of(TunnelUp)) == 12
    assert len(hub.inbound) == 12
    for end in spokes:
        assert ping(some, end, "hub/lan")
        assert ping(some, hub, f"{end.name}/lan")
        assert_tidy(end)
    assert_tidy(hub)


def test_packets_that_do_not_pass_are_counted() -> None:
    some, hub, (one,) = star(1)
    assert not some.packet(one, "hub/lan")
    assert one.packets == {"blocked": 1}
    some.do(one, Initiate("hub/lan"))
    some.run(1)
    new = some.restart(hub)
    assert some.packet(one, "hub/lan")
    some.run(1)
    assert new.packets == {"no SA": 1}
    some.weather.loss = 1.0
    some.packet(one, "hub/lan")
    assert one.packets == {"blocked": 1, "sent": 2, "weather": 1}


def test_a_partition_ends() -> None:
    some, hub, (one,) = star(1, keepalive=DPD)
    some.do(one, Initiate("hub/lan"))
    some.run(1)
    some.partition(hub, one, 15)
    assert not ping(some, one, "hub/lan")
    some.run(60)
    assert ping(some, one, "hub/lan")
    assert not one.of(TunnelDown)


def test_a_mapping_of_a_nat_box() -> None:
    box = NatBox(PUBLIC, life=30)
    inner, other, world_ = Spot(PRIVATE, 500), Spot(PRIVATE, 4500), Spot(HUB, 500)
    first = box.outward(0, inner, world_)
    assert first.host == PUBLIC
    assert box.outward(10, inner, world_) == first
    assert box.outward(10, other, world_) != first
    assert box.inward(20, first, world_) == inner
    assert box.inward(20, first, Spot(SPOKE, 500)) is None
    # what goes out keeps it alive, what comes in does not
    assert box.inward(39, first, world_) == inner
    assert box.inward(41, first, world_) is None
    assert box.outward(42, inner, world_) != first
    box.rebind()
    assert box.inward(42, box.outward(42, inner, world_), world_) == inner
    each = NatBox(PUBLIC, by_destination=True)
    assert each.outward(0, inner, world_) != each.outward(0, inner, Spot(SPOKE, 500))


@pytest.mark.parametrize("how", ["rebind", "renumber"])
def test_a_peer_behind_a_nat_box_that_changes(how: str) -> None:
    box = NatBox(PUBLIC)
    some, hub, inner = behind_nat(box)
    some.do(inner, Initiate("hub/lan"))
    some.run(1)
    assert inner.last(NatFound).here
    assert hub.last(NatFound).there
    assert ping(some, inner, "hub/lan")
    assert ping(some, hub, "s1/lan")
    if how == "rebind":
        box.rebind()
    else:
        box.renumber(ip_address("203.0.113.77"))
    some.do(inner, Probe("hub"))
    some.run(1)
    assert hub.of(PeerMoved)
    assert ping(some, hub, "s1/lan")
    assert ping(some, inner, "hub/lan")


def test_the_weather_is_what_was_asked_for() -> None:
    weather = Weather(loss=0.2, duplicate=0.1, chance=Random(1))
    copies = [len(weather.delays(0.0, 100)) for _ in range(20_000)]
    assert 0.19 < copies.count(0) / 20_000 < 0.21
    assert 0.07 < copies.count(2) / 20_000 < 0.09
    bursts = Weather(bursts=Bursts(), chance=Random(2))
    lost = [not bursts.delays(number / 10, 100) for number in range(100_000)]
    assert 0.18 < sum(lost) / 100_000 < 0.22
    both = sum(one and other for one, other in itertools.pairwise(lost))
    # far more pairs than chance alone would make of so few losses
    assert both / sum(lost) > 0.6
    small = Weather(mtu=1400)
    assert small.delays(0.0, 1372)
    assert not small.delays(0.0, 1373)


def test_the_same_seed_gives_the_same_story() -> None:
    def story() -> list[tuple[float, bytes]]:
        some, _, spokes = star(2)
        some.weather.loss = some.weather.jitter = 0.3
        for end in spokes:
            some.do(end, Initiate("hub/lan"))
        some.run(50)
        return [(sent.at, sent.send.data) for sent in some.wire]

    assert story() == story()


def test_the_attacker_replays_and_changes_what_it_saw() -> None:
    some, hub, (one,) = star(1)
    some.do(one, Initiate("hub/lan"))
    some.run(1)
    before = set(hub.inbound), set(one.inbound), len(peer_of(hub).phase1.sas)
    chance = Random(3)
    for sent in list(some.wire):
        receiver, source = (hub, SPOKE) if sent.sender == "s1" else (one, HUB)
        changed = bytearray(sent.send.data)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        for data in (sent.send.data, bytes(changed)):
            some.inject(receiver, data, remote=Spot(source, 500))
            some.inject(receiver, data, remote=Spot(ip_address("198.51.100.66"), 500))
    some.run(100)
    assert (set(hub.inbound), set(one.inbound), len(peer_of(hub).phase1.sas)) == before
    assert ping(some, one, "hub/lan")
