"""Names that stand for another address, and addresses of ours that change: a ping goes on all the while."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from ikeview.core.facts import (
    ExchangeStarted,
    NameResolved,
    NameUnresolved,
    Phase1Established,
    SaReplaced,
    TunnelDown,
    TunnelRetrying,
    TunnelUp,
)
from ikeview.core.inputs import Located
from ikeview.core.orders import Initiate
from ikeview.core.outputs import Locate
from ikeview.core.specs import Address, Start
from ikeview.core.timers import Timer
from tests.support.laws import assert_tidy, peer_of, timers
from tests.support.network import End, Network
from tests.support.scenes import DPD, side

LEFT, RIGHT, ELSEWHERE = (ip_address(f"10.99.0.{number}") for number in (1, 2, 3))
NAME = "gw.example"
OTHERS = ip_network("10.99.0.0/24")


class Sites:
    """``left`` knows ``right`` by name; ``right`` lets anybody of the network begin, or knows ``left`` by address."""

    def __init__(
        self, ttl: float = 10.0, *, left: dict[str, Any] | None = None, right: dict[str, Any] | None = None,
        start: Start = Start.BOOT,
    ) -> None:
        self.net = Network()
        self.net.fate = lambda sent: [(0.01, sent.send.data)]
        self.net.packet_fate = lambda end, half: [0.01]
        self.net.names[NAME] = (RIGHT, ttl)
        anybody = {"remote": str(OTHERS), "remote_address": None, "remote_network": OTHERS, "keepalive": DPD}
        self.right = self.net.add("right", RIGHT, side(left=False, peer=anybody | (right or {})))
        named = {"remote": NAME, "remote_address": None, "keepalive": DPD}
        self.left = self.net.add("left", LEFT, side(left=True, peer=named | (left or {}), child={"start": start}))

    def pass_time(self, seconds: int, ping: bool = True) -> None:
        for _ in range(seconds):
            self.net.run(1)
            if ping:
                self.net.packet(self.left, "right/lan1")
                self.net.packet(self.right, "left/lan1")

    def works(self) -> bool:
        """A packet each way arrives."""
        self.net.run(0.1)
        before = self.left.packets["taken"], self.right.packets["taken"]
        self.net.packet(self.left, "right/lan1")
        self.net.packet(self.right, "left/lan1")
        self.net.run(0.1)
        return (self.left.packets["taken"], self.right.packets["taken"]) == (before[0] + 1, before[1] + 1)

    def clone_right(self, address: Address) -> End:
        """The peer's gateway turns up at another address; the old one is gone."""
        self.net.crash(self.right)
        spec = self.right.settings
        self.right = self.net.add("right again", address, spec)
        return self.right


def test_a_name_is_looked_up_again_when_its_time_is_over() -> None:
    sites = Sites(ttl=60.0)
    sites.pass_time(130)
    facts = sites.left.of(NameResolved)
    assert [(fact.address, fact.ttl, fact.changed) for fact in facts[-2:]] == [(str(RIGHT), 60.0, False)] * 2
    # for the phase 1, then once a minute
    assert len(facts) == 3
    assert len(sites.left.of(Phase1Established)) == 1
    assert_tidy(sites.left)


@pytest.mark.parametrize(("ttl", "told"), [(0.5, 10.0), (10.0, 10.0), (500.0, 500.0), (1e6, 3600.0)])
def test_a_ttl_has_a_floor_and_a_ceiling(ttl: float, told: float) -> None:
    sites = Sites(ttl)
    assert sites.left.last(NameResolved).ttl == told


def test_an_old_address_is_kept_while_the_resolver_fails() -> None:
    sites = Sites()
    sites.pass_time(5)
    del sites.net.names[NAME]
    sites.pass_time(300)
    fact = sites.left.last(NameUnresolved)
    assert (fact.name, fact.kept) == (NAME, str(RIGHT))
    # 10, 20, 40, 60, 60, ...
    assert 6 <= len(sites.left.of(NameUnresolved)) <= 8
    # what is begun anew meanwhile goes there
    sites.net.restart(sites.right)
    sites.right = sites.net.ends["right"]
    sites.pass_time(60, ping=False)
    assert len(sites.left.of(Phase1Established)) >= 2
    assert sites.works()
    sites.net.names[NAME] = (RIGHT, 10.0)
    sites.pass_time(70)
    last = [fact for fact in sites.left.facts if isinstance(fact, NameResolved | NameUnresolved)][-1]
    assert isinstance(last, NameResolved)
    assert not last.changed
    assert_tidy(sites.left)


def test_a_resolver_that_fails_from_the_start_is_asked_again() -> None:
    sites = Sites(start=Start.MANUAL)
    del sites.net.names[NAME]
    fresh = sites.net.restart(sites.left)
    assert fresh.last(NameUnresolved).kept == ""
    sites.net.do(fresh, Initiate("right/lan1"))
    assert fresh.of(TunnelRetrying)
    sites.net.names[NAME] = (RIGHT, 10.0)
    sites.net.run(60)
    assert fresh.of(TunnelUp)


def test_a_peer_that_has_moved_is_followed_when_its_old_address_is_silent() -> None:
    sites = Sites()
    sites.pass_time(20)
    moved = sites.net.now
    sites.clone_right(ELSEWHERE)
    sites.net.names[NAME] = (ELSEWHERE, 10.0)
    sites.net.run_until(lambda: len(sites.left.of(Phase1Established)) == 2)
    # the name's time is over within 10 s, and the silence has lasted an interval by then
    assert sites.net.now - moved <= 21
    assert sites.left.of(NameResolved)[-1].address == str(ELSEWHERE)
    sites.net.run(1)
    assert sites.works()
    assert not sites.left.of(TunnelDown)
    sites.pass_time(60)
    assert len(sites.left.inbound) == 1
    assert_tidy(sites.left)


def test_what_runs_is_kept_while_it_lives_whatever_the_name_says() -> None:
    sites = Sites()
    sites.pass_time(5)
    sites.net.names[NAME] = (ELSEWHERE, 10.0)
    sites.pass_time(120)
    assert sites.left.of(NameResolved)[-1].address == str(ELSEWHERE)
    assert len(sites.left.of(Phase1Established)) == 1
    assert not sites.left.of(TunnelDown)
    assert Timer.MOVE in timers(sites.left)
    # and there it is, at last
    sites.clone_right(ELSEWHERE)
    sites.pass_time(15)
    assert sites.works()
    assert Timer.MOVE not in timers(sites.left)
    assert sites.left.last(SaReplaced).why == "new address"


def test_without_keepalive_too() -> None:
    sites = Sites(left={"keepalive": replace(DPD, method="off")})
    sites.pass_time(5)
    sites.clone_right(ELSEWHERE)
    sites.net.names[NAME] = (ELSEWHERE, 10.0)
    sites.pass_time(45)
    assert sites.works()


def test_a_peer_that_is_down_is_tried_at_its_new_address_at_once() -> None:
    sites = Sites()
    sites.net.crash(sites.right)
    sites.pass_time(200)
    # the attempts are far apart by now, or one of 26 s runs
    sites.clone_right(ELSEWHERE)
    sites.net.names[NAME] = (ELSEWHERE, 10.0)
    sites.net.run_until(lambda: any(fact.changed for fact in sites.left.of(NameResolved)), within=11)
    sites.net.run_until(lambda: sites.right.carrying("left/lan1") is not None, within=1)
    sites.net.run(1)
    assert sites.works()
    assert_tidy(sites.left)


@pytest.mark.parametrize("address", [RIGHT, ELSEWHERE])
def test_a_named_peer_may_begin_from_any_address_of_its_name(address: Address) -> None:
    net = Network()
    net._locate = lambda end, item: Located(item.peer, end.address, RIGHT, ttl=10.0, others=(ELSEWHERE,))  # type: ignore[method-assign]
    left = net.add("left", LEFT, side(left=True, peer={"remote": NAME, "remote_address": None, "role": "responder"}))
    right = net.add("right", address, side(left=False))
    net._locate = lambda end, item: Located(item.peer, end.address, LEFT)  # type: ignore[method-assign]
    net.do(right, Initiate("left/lan1"))
    net.run(2)
    assert left.of(TunnelUp)
    assert peer_of(left).address == address


def test_of_several_addresses_the_next_is_tried_when_one_does_not_answer() -> None:
    sites = Sites(start=Start.MANUAL)
    asked: list[Locate] = []

    def locate(end: End, item: Locate) -> Located:
        if item.remote != NAME:
            return Located(item.peer, end.address, ip_address(item.remote))
        asked.append(item)
        several = sorted((ELSEWHERE, RIGHT), key=lambda each: (each == item.avoid, each != item.prefer))
        return Located(item.peer, end.address, several[0], ttl=3600.0, others=tuple(several[1:]))

    sites.net._locate = locate  # type: ignore[method-assign]
    left = sites.net.restart(sites.left)
    sites.net.do(left, Initiate("right/lan1"))
    sites.net.run(40)
    # the first that failed is preferred no more
    assert (asked[-1].prefer, asked[-1].avoid) == (None, ELSEWHERE)
    assert left.of(TunnelUp)
    assert left.last(NameResolved).address == str(RIGHT)
    assert not any(fact.changed for fact in left.of(NameResolved)), "the name stands for the same addresses as before"


def test_our_own_address_changes_and_the_tunnel_goes_on() -> None:
    sites = Sites()
    sites.pass_time(20)
    changed = sites.net.now
    sites.net.renumber(sites.left, ELSEWHERE)
    sites.net.run_until(lambda: len(sites.left.of(Phase1Established)) == 2)
    # the first probe after an interval of silence does not leave
    assert sites.net.now - changed <= 10.2
    assert sites.left.of(ExchangeStarted)[-2].why == "renew: new address"
    sites.net.run(1)
    assert sites.works()
    assert not sites.left.of(TunnelDown)
    sites.pass_time(60)
    assert len(sites.left.inbound) == 1
    assert_tidy(sites.left)


def test_our_own_address_changes_as_responder() -> None:
    """The peer began, and only we know that we have moved."""
    sites = Sites(
        left={"remote": str(RIGHT), "remote_address": RIGHT}, start=Start.MANUAL,
        right={
            "remote": str(LEFT), "remote_address": LEFT, "remote_network": None, "keepalive": replace(DPD, method="off")
        },
    )
    sites.net.do(sites.right, Initiate("left/lan1"))
    sites.net.run(1)
    assert peer_of(sites.left).phase1.current.role == "responder"
    located: list[Locate] = []
    locate = sites.net._locate

    def strict(end: End, item: Locate) -> Located:
        located.append(item)
        if item.local not in ("any", str(end.address)):
            return Located(item.peer, None, None, f"{item.local} is not an address of this machine")
        return locate(end, item)

    sites.net._locate = strict  # type: ignore[method-assign]
    # lost answers alone change nothing
    sites.net.partition(sites.left, sites.right, 15)
    sites.pass_time(30)
    assert [item.local for item in located] == [str(LEFT)] * len(located)
    assert located
    assert len(sites.left.of(Phase1Established)) == 1
    sites.net.renumber(sites.left, ELSEWHERE)
    peer_of(sites.right).address = ELSEWHERE
    sites.net.run(12)
    assert [fact.why for fact in sites.left.of(ExchangeStarted)[-2:]] == ["renew: new address", "rekey: new address"]


def test_lost_answers_do_not_move_an_address_that_is_still_ours() -> None:
    sites = Sites()
    sites.pass_time(5)
    sites.net.partition(sites.left, sites.right, 15)
    sites.pass_time(60)
    assert len(sites.left.of(Phase1Established)) == 1


def test_an_engine_that_stops_looks_nothing_up_any_more() -> None:
    sites = Sites()
    sites.pass_time(5)
    sites.net.stop(sites.left)
    assert not sites.left.endpoint.agenda()
