"""IKE answers, ESP does not arrive; and echo requests through the tunnel."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from ikeview.core.facts import (
    EngineProblem,
    ExchangeStarted,
    PeerSilent,
    Phase1Established,
    ProbeAnswered,
    ProbeMissed,
    ProbeSent,
    SaReplaced,
    TrafficStalled,
    TunnelDown,
)
from ikeview.core.inputs import EchoAnswered
from ikeview.core.orders import Initiate, Terminate
from ikeview.core.outputs import SendEcho
from ikeview.core.specs import KeepaliveSpec
from ikeview.core.timers import Timer
from tests.support.laws import assert_tidy, peer_of, timers
from tests.support.network import End, Network
from tests.support.scenes import DPD, side

LEFT, RIGHT = ip_address("10.99.0.1"), ip_address("10.99.0.2")
ICMP = KeepaliveSpec("icmp", target=ip_address("10.2.1.9"), source=ip_address("10.1.1.1"))


class Tunnel:
    """One tunnel that the left end began; ``hole`` loses the ESP packets for which it says so."""

    def __init__(self, keepalive: KeepaliveSpec = DPD, **left: Any) -> None:
        self.net = Network()
        self.net.fate = lambda sent: [(0.01, sent.send.data)]
        self.hole = lambda end, half: False
        self.net.packet_fate = lambda end, half: [] if self.hole(end, half) else [0.01]
        off = {"keepalive": replace(DPD, method="off")}
        self.right = self.net.add("right", RIGHT, side(left=False, peer=off))
        self.left = self.net.add("left", LEFT, side(left=True, peer={"keepalive": keepalive} | left))
        self.net.do(self.left, Initiate("right/lan1"))
        self.net.run(1)

    def traffic(self, seconds: int, *, there: bool = True, back: bool = True) -> None:
        """A packet a second, and the counters as the engine samples them."""
        for _ in range(seconds):
            self.net.run(1)
            if there:
                self.net.packet(self.left, "right/lan1")
            if back:
                self.net.packet(self.right, "left/lan1")
            self.net.sample(self.left)

    @property
    def actions(self) -> list[str]:
        return [fact.action.partition(" until")[0] for fact in self.left.of(TrafficStalled)]


QUICK, MAIN, NOTHING = "a new Quick Mode", "a new phase 1", "nothing more is tried"


def test_traffic_both_ways_is_no_stall() -> None:
    some = Tunnel()
    some.traffic(300)
    assert not some.actions
    assert Timer.STALLED not in timers(some.left)


def test_esp_that_comes_again_with_a_new_sa() -> None:
    """A peer that has lost the SA, or a stateful box on the way that takes new SPIs only."""
    some = Tunnel()
    some.traffic(5)
    first = next(iter(some.left.inbound))
    some.hole = lambda end, half: half.spi == first
    begun = some.net.now
    some.traffic(40, back=True)
    [fact] = some.left.of(TrafficStalled)
    assert (fact.tunnel, fact.action) == ("right/lan1", QUICK)
    assert 19 <= fact.seconds <= 22
    assert some.net.now - begun == pytest.approx(40, abs=1)
    assert some.left.last(SaReplaced).why == "ESP does not arrive"
    assert not some.left.of(TunnelDown)
    some.traffic(120)
    assert some.actions == [QUICK]
    assert_tidy(some.left)


def test_esp_that_comes_again_with_a_new_phase_1() -> None:
    some = Tunnel()
    some.traffic(5)
    some.hole = lambda end, half: len(some.left.of(Phase1Established)) < 2
    some.traffic(120)
    assert some.actions == [QUICK, MAIN]
    assert [fact.why for fact in some.left.of(SaReplaced)] == ["ESP does not arrive"] * 2
    assert some.left.packets["taken"] > 20
    assert not some.left.of(TunnelDown)
    assert_tidy(some.left)


def test_traffic_that_goes_one_way_only_is_not_rekeyed_for_ever() -> None:
    some = Tunnel()
    some.traffic(1200, back=False)
    assert some.actions == [QUICK, MAIN, NOTHING]
    assert len(some.left.of(ExchangeStarted)) == 5
    # what comes in once begins the count anew, and more patiently
    some.traffic(1)
    some.traffic(30, back=False)
    assert some.actions == [QUICK, MAIN, NOTHING]
    some.traffic(1200, back=False)
    assert some.actions == [QUICK, MAIN, NOTHING] * 2
    assert not some.left.of(TunnelDown)


def test_a_packet_that_nobody_had_to_answer_is_no_stall() -> None:
    some = Tunnel()
    for _ in range(10):
        some.traffic(3, back=False)
        some.traffic(97, there=False, back=False)
    assert not some.actions


def test_an_idle_tunnel_is_no_stall() -> None:
    some = Tunnel()
    some.traffic(600, there=False, back=False)
    assert not some.actions


def test_a_silent_ike_is_the_keepalives_business() -> None:
    some = Tunnel()
    some.traffic(5)
    some.right.dead = True
    some.traffic(100, back=False)
    assert not some.actions
    assert some.left.of(PeerSilent)


def test_without_keepalive_nobody_minds() -> None:
    some = Tunnel(replace(DPD, method="off"))
    some.traffic(600, back=False)
    assert not some.actions
    assert Timer.STALLED not in timers(some.left)


def test_who_may_not_begin_a_phase_1_makes_a_quick_mode_only() -> None:
    some = Tunnel()
    peer = peer_of(some.left)
    peer.spec = replace(peer.spec, role="responder")
    some.traffic(600, back=False)
    assert some.actions == [QUICK, NOTHING]


# -- echo requests ---------------------------------------------------------------------------------------------------


def test_echo_requests_are_sent_while_the_tunnel_is_silent_and_their_time_is_known() -> None:
    some = Tunnel(ICMP)
    some.net.run(35)
    sent, answered = some.left.of(ProbeSent), some.left.of(ProbeAnswered)
    assert [fact.method for fact in sent] == ["icmp"] * 3
    assert [(fact.sequence, fact.method) for fact in answered] == [(n, "icmp") for n in (1, 2, 3)]
    assert answered[0].rtt == pytest.approx(0.02)
    assert not some.left.of(ProbeMissed)
    # traffic postpones them
    some.traffic(60)
    assert len(some.left.of(ProbeSent)) == 3


@pytest.mark.parametrize(("when", "least", "most"), [("periodic", 5, 6), ("idle", 0, 0), ("on-demand", 0, 0)])
def test_when_echo_requests_are_sent(when: str, least: int, most: int) -> None:
    some = Tunnel(replace(ICMP, when=when))
    some.traffic(60)
    assert least <= len(some.left.of(ProbeSent)) <= most
    some.traffic(60, there=False, back=False)
    count = len(some.left.of(ProbeSent))
    if when == "on-demand":
        assert count == 0
        some.traffic(13, back=False)
        assert len(some.left.of(ProbeSent)) > 0
    else:
        assert count >= 5


def test_no_echo_request_leaves_while_the_tunnel_is_down() -> None:
    some = Tunnel(ICMP)
    some.net.do(some.left, Terminate("right/lan1"))
    some.net.run(60)
    assert not some.left.of(ProbeSent)
    assert Timer.ECHO not in timers(some.left)
    some.net.do(some.left, Initiate("right/lan1"))
    some.net.run(12)
    assert some.left.of(ProbeSent)


def test_echo_dead_and_ike_alive_is_a_stall_and_no_dead_peer() -> None:
    some = Tunnel(ICMP)
    some.net.run(5)
    some.right.answers_echo = False
    some.net.run(23)
    assert {fact.method for fact in some.left.of(ProbeMissed)} == {"icmp"}
    assert not some.actions
    some.net.run(3)
    assert some.actions == [QUICK]
    assert {fact.method for fact in some.left.of(ProbeAnswered)} == {"dpd"}, "IKE was asked meanwhile"
    assert not some.left.of(PeerSilent)
    some.right.answers_echo = True
    some.net.run(60)
    assert some.actions == [QUICK]
    assert some.left.last(ProbeAnswered).method == "icmp"
    assert not some.left.of(TunnelDown)
    assert_tidy(some.left)


def test_echo_dead_and_ike_dead_is_a_dead_peer() -> None:
    some = Tunnel(ICMP)
    some.net.run(5)
    begun = some.net.now
    some.net.crash(some.right)
    some.net.run_until(lambda: bool(some.left.of(PeerSilent)))
    assert some.net.now - begun <= 31
    assert not some.actions
    some.net.run(60)
    assert some.left.of(TunnelDown)
    some.right = some.net.restart(some.right)
    some.net.run(100)
    assert some.left.last(ProbeAnswered).method == "icmp"


def test_a_request_that_cannot_be_sent_proves_nothing_and_is_told_once() -> None:
    some = Tunnel(ICMP)

    def refuse(end: End, item: SendEcho) -> None:
        some.net._fly(0.0, end.name, EchoAnswered(item.peer, item.sequence, "ICMP sockets are not allowed"))

    some.net._send_echo = refuse  # type: ignore[method-assign]
    some.net.run(600)
    assert some.left.of(EngineProblem) == [EngineProblem("keepalive of right: ICMP sockets are not allowed")]
    assert not some.left.of(ProbeMissed)
    assert not some.left.of(PeerSilent)
    assert not some.actions


def test_a_reply_to_nothing_is_nothing() -> None:
    some = Tunnel(ICMP)
    for sequence in (0, 1, -1, 1 << 40):
        some.net.do(some.left, EchoAnswered("right", sequence))
        some.net.do(some.left, EchoAnswered("nobody", sequence))
    assert not some.left.of(ProbeAnswered)


def test_a_target_that_no_tunnel_leads_to_is_not_pinged() -> None:
    some = Tunnel(replace(ICMP, target=ip_address("192.0.2.1")))
    assert peer_of(some.left).tunnels["right/lan1"].spec.remote.network == ip_network("10.2.1.0/24")
    some.net.run(60)
    assert not some.left.of(ProbeSent)
