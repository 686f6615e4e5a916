"""How many negotiations begin at once."""

from ipaddress import IPv4Address

from ikeview.core.facts import ExchangeStarted, TunnelUp
from ikeview.core.openings import Openings
from ikeview.core.orders import Initiate, Terminate
from ikeview.core.policy import Policy
from ikeview.core.timers import Timer, Timers
from tests.support.laws import assert_tidy
from tests.support.network import End, Network
from tests.support.specs import world

HUB = IPv4Address("198.51.100.1")


def test_as_many_as_there_are_places_begin_and_the_next_when_one_is_over() -> None:
    timers, begun = Timers(), []
    some = Openings(Policy(openings=2, opening_patience=0.5), timers)
    for name in "abcde":
        some.ask(10.0, name, lambda name=name: begun.append(name))  # type: ignore[misc]
    assert begun == ["a", "b"]
    some.over(10.1, "x")
    assert begun == ["a", "b"]
    some.over(10.1, "b")
    assert begun == ["a", "b", "c"]
    some.cancel("d")
    # a does not answer: its place is free after the patience, and c's a little later
    assert timers.next() == 10.5
    some.tick(10.5)
    assert begun == ["a", "b", "c", "e"]
    assert timers.get(Timer.OPENING, ("", "")) is None


def hub(count: int, policy: Policy, dead: int = 0) -> tuple[Network, End]:
    some = Network(seed="openings", policy=policy)
    at = {f"s{number}": str(HUB + number) for number in range(1, count + 1)}
    for number, (name, there) in enumerate(at.items()):
        if number >= dead:
            some.add(name, IPv4Address(there), world(peers={"hub": str(HUB)}, here=name, hub=False))
    return some, some.add("hub", HUB, world(peers=at, here="hub", hub=True))


def test_all_tunnels_at_once_are_begun_a_few_at_a_time_and_all_come_up() -> None:
    some, end = hub(12, Policy(openings=3))
    for number in range(1, 13):
        some.do(end, Initiate(f"s{number}/lan"))
    assert len(end.of(ExchangeStarted)) == 3
    some.run(5)
    assert len(end.of(TunnelUp)) == 12
    assert_tidy(end)


def test_those_that_do_not_answer_hold_up_nobody_for_long() -> None:
    some, end = hub(12, Policy(openings=3), dead=9)
    for number in range(1, 13):
        some.do(end, Initiate(f"s{number}/lan"))
    some.run(1.7)
    assert len(end.of(TunnelUp)) == 3
    assert_tidy(end)


def test_what_is_taken_down_while_it_waits_does_not_begin() -> None:
    some, end = hub(4, Policy(openings=1), dead=4)
    for number in range(1, 5):
        some.do(end, Initiate(f"s{number}/lan"))
    for number in range(1, 5):
        some.do(end, Terminate(f"s{number}/lan"))
    begun = len(end.of(ExchangeStarted))
    some.run(60)
    assert len(end.of(ExchangeStarted)) == begun
    assert not end.endpoint.agenda()
