"""What must not grow with the number of peers, tunnels and messages."""

from ipaddress import IPv4Address
from random import Random
from typing import Any

import pytest

from ikeview.core.facts import CountersSampled, ExchangeFailed, Sample, TunnelUp
from ikeview.core.inputs import BytesHard, BytesSoft, Counters
from ikeview.core.orders import Initiate
from ikeview.core.outputs import Direction
from ikeview.ikev1.used_ids import UsedIds
from tests.support.laws import assert_tidy
from tests.support.network import End, Network
from tests.support.specs import world

HUB = IPv4Address("198.51.100.1")


def star(count: int, begin: bool = True) -> tuple[Network, End, list[End]]:
    some = Network(seed="scale")
    at = {f"s{number}": str(HUB + number) for number in range(1, count + 1)}
    hub = some.add("hub", HUB, world(peers=at, here="hub", hub=True))
    spokes = [
        some.add(name, IPv4Address(there), world(peers={"hub": str(HUB)}, here=name, hub=False))
        for name, there in at.items()
    ]
    for end in spokes if begin else []:
        some.do(end, Initiate("hub/lan"))
    some.run(1)
    return some, hub, spokes


def test_used_message_ids_are_a_set() -> None:
    random = Random(5)
    ids, truth = UsedIds(), set()
    for _ in range(3000):
        number = random.choice((random.randrange(2**32), random.randrange(50), 0, 2**32 - 1))
        assert (number in ids) is (number in truth)
        ids.add(number)
        truth.add(number)
    assert len(ids) == len(truth)
    assert sorted(truth) == list(ids)


class Counted(dict[Any, Any]):
    """A dictionary that does not like to be walked through."""

    walks = 0

    def values(self) -> Any:
        Counted.walks += 1
        return super().values()

    def items(self) -> Any:
        Counted.walks += 1
        return super().items()


@pytest.mark.parametrize("direction", list(Direction))
def test_what_the_plane_says_reaches_its_peer_without_a_look_at_the_others(direction: Direction) -> None:
    some, hub, _ = star(5)
    hub.endpoint._peers = Counted(hub.endpoint._peers)
    Counted.walks = 0
    (half,) = [each for each in (hub.inbound if direction is Direction.IN else hub.outbound).values()
               if each.tunnel.peer == "s3"]
    some.do(hub, BytesSoft(half.spi, direction))
    some.run(0.5)
    assert len([each for each in hub.inbound.values() if each.tunnel.peer == "s3"]) == 2
    some.do(hub, BytesHard(half.spi, direction))
    assert not Counted.walks
    assert len([each for each in hub.inbound.values() if each.tunnel.peer == "s3"]) == 1
    some.run(0)
    assert_tidy(hub)


def test_a_report_of_counters_costs_what_is_in_it() -> None:
    some, hub, _ = star(5)
    hub.endpoint._peers = Counted(hub.endpoint._peers)
    Counted.walks = 0
    inward = {each.tunnel.peer: f"{each.spi:08x}" for each in hub.inbound.values()}
    outward = {each.tunnel.peer: f"{each.spi:08x}" for each in hub.outbound.values()}
    some.do(hub, Counters((Sample(inward["s2"], 300, 3, 0, 0), Sample(outward["s2"], 0, 0, 100, 1))))
    assert hub.last(CountersSampled).samples == (Sample(inward["s2"], 300, 3, 100, 1),)
    # what has not changed, is not known or has seen nothing is not told
    same, unknown, unused = (
        Sample(inward["s2"], 300, 3, 0, 0), Sample("00000123", 1, 1, 0, 0), Sample(outward["s4"], 0, 0, 0, 0)
    )
    some.do(hub, Counters((same, unknown, unused)))
    assert len(hub.of(CountersSampled)) == 1
    some.do(hub, Counters((Sample(outward["s2"], 0, 0, 200, 2),)))
    assert hub.last(CountersSampled).samples == (Sample(inward["s2"], 300, 3, 200, 2),)
    assert not Counted.walks


def test_a_peer_that_chooses_the_spi_of_another_is_refused() -> None:
    some, hub, spokes = star(2, begin=False)
    for end in spokes:
        end.entropy.forced["spi"] = [bytes.fromhex("12345678")]
    some.do(spokes[0], Initiate("hub/lan"))
    some.run(1)
    some.do(spokes[1], Initiate("hub/lan"))
    some.run(1)
    assert [fact.tunnel for fact in hub.of(TunnelUp)] == ["s1/lan"]
    assert spokes[1].of(ExchangeFailed)
    (half,) = hub.outbound.values()
    assert half.tunnel.peer == "s1"
    # with one of its own it comes through
    some.run(30)
    assert {fact.tunnel for fact in hub.of(TunnelUp)} == {"s1/lan", "s2/lan"}
    assert_tidy(hub)
