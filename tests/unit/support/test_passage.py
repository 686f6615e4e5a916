"""The judge of whether packets pass is awake."""

from dataclasses import replace

from tests.support.laws import bring_up
from tests.support.link import End, Link
from tests.support.passage import Passage
from tests.support.scenes import link


def watched() -> tuple[Link, Passage]:
    some = link()
    passage = Passage(some, "left", "right", ("right/lan1", "left/lan1"))
    bring_up(some)
    some.run(10)
    assert not passage.outages
    return some, passage


def change(some: Link, end: End) -> None:
    some.on_plane(end)


def test_a_missing_sa_is_an_outage_from_its_end_to_its_return() -> None:
    some, passage = watched()
    (spi, half), = some.left.outbound.items()
    del some.left.outbound[spi]
    change(some, some.left)
    some.run(7)
    some.left.outbound[spi] = half
    change(some, some.left)
    (outage,) = passage.outages
    assert (outage.sender, outage.seconds, outage.why) == ("left", 7, "no SA here")
    # the half at the other end was alone for as long
    assert max(seconds for _, _, seconds in passage.alone) == 7


def test_an_sa_that_the_receiver_has_not_is_an_outage() -> None:
    some, passage = watched()
    some.left.inbound.clear()
    change(some, some.left)
    some.run(3)
    passage.close()
    assert [(each.sender, each.seconds, each.why) for each in passage.outages][-1] == ("right", 3, "no SA there")


def test_an_sa_that_goes_while_packets_are_on_their_way_is_an_outage() -> None:
    some, passage = watched()
    (half,) = some.left.outbound.values()
    # the sender moves to a newer SA, and the receiver drops the old one before the last packet on it is there
    new = replace(half, spi=half.spi + 1)
    some.left.outbound[new.spi] = new
    some.right.inbound[new.spi] = new
    change(some, some.left)
    some.now += some.weather.longest / 2
    del some.right.inbound[half.spi]
    change(some, some.right)
    assert [(each.sender, each.why) for each in passage.outages] == [("left", "in flight")]
    assert 0 < passage.outages[0].seconds < some.weather.longest


def test_an_sa_that_goes_later_is_none() -> None:
    some, passage = watched()
    (half,) = some.left.outbound.values()
    new = replace(half, spi=half.spi + 1)
    some.left.outbound[new.spi] = new
    some.right.inbound[new.spi] = new
    change(some, some.left)
    some.now += 2 * some.weather.longest
    del some.right.inbound[half.spi]
    change(some, some.right)
    assert not passage.outages
