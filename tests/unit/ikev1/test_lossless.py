"""No packet is lost in a rekey: one leaves at every millisecond at both ends, whatever becomes of the messages."""

from random import Random
from typing import Any

import pytest

from ikeview.core.facts import LifetimeNotified, SaDeleted, SaInstalled, TunnelDown
from ikeview.core.orders import RekeyPhase2
from ikeview.wire.numbers import ExchangeType
from tests.support.laws import assert_lawful, peer_of, tunnel_of
from tests.support.link import End, Link, Sent, Verdict
from tests.support.running import ends, up
from tests.support.scenes import phase2

LATENCIES = [0.0003, 0.01, 0.12]


def flow(some: Link, seconds: float, every: float = 0.001) -> None:
    """Time under traffic of both ends."""
    until = some.now + seconds
    while some.now < until - 1e-9:
        for end in (some.left, some.right):
            some.packet(end, tunnel_of(end))
        some.run(every)


def settled(some: Link) -> None:
    """What is on its way arrives, and what is to go goes; nothing was lost, and both ends have one SA."""
    flow(some, 40, 0.02)
    some.run(1)
    for end, other in ((some.left, some.right), (some.right, some.left)):
        assert end.packets["sent"] == other.packets["taken"], (end.name, dict(end.packets), dict(other.packets))
        assert not other.packets["no SA"]
        assert not end.packets["blocked"]
        assert len(end.inbound) == len(end.outbound) == 1
        assert not end.of(TunnelDown)
    assert_lawful(some)


def slow(some: Link, latency: float) -> None:
    some.latency = latency


def tampered(some: Link, verdict: Any) -> None:
    """``verdict(n, sent)`` decides about the n-th message of Quick Mode (from 1) from now on; None: as usual."""
    inner, seen = some.fate, [0]

    def fate(sent: Sent) -> Verdict:
        usual = inner(sent)
        if sent.send.data[18] != ExchangeType.QUICK_MODE:
            return usual
        seen[0] += 1
        decided = verdict(seen[0], sent)
        return usual if decided is None else decided

    some.fate = fate


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("initiator", ["left", "right"])
def test_one_end_rekeys(initiator: str, latency: float) -> None:
    some, _ = up()
    slow(some, latency)
    one, _ = ends(some, initiator)
    flow(some, 0.05)
    some.do(one, RekeyPhase2(tunnel_of(one)))
    flow(some, 2.0)
    settled(some)
    assert one.last(SaInstalled).generation == 2


@pytest.mark.parametrize("lost", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("initiator", ["left", "right"])
def test_a_message_of_the_rekey_is_lost(initiator: str, lost: int) -> None:
    some, _ = up()
    tampered(some, lambda n, sent: [] if n == lost else None)
    one, _ = ends(some, initiator)
    some.do(one, RekeyPhase2(tunnel_of(one)))
    flow(some, 3.0)
    settled(some)
    assert one.last(SaInstalled).generation == 2


@pytest.mark.parametrize("initiator", ["left", "right"])
def test_the_last_message_never_comes(initiator: str) -> None:
    some, _ = up()
    one, _ = ends(some, initiator)
    tampered(some, lambda n, sent: [] if n >= 3 and sent.sender == one.name else None)
    some.do(one, RekeyPhase2(tunnel_of(one)))
    flow(some, 3.0)
    settled(some)


@pytest.mark.parametrize("late", [0.02, 0.3, 1.2, 4.0])
@pytest.mark.parametrize("initiator", ["left", "right"])
def test_the_last_message_is_late(initiator: str, late: float) -> None:
    some, _ = up()
    one, _ = ends(some, initiator)
    tampered(some, lambda n, sent: [(late, sent.send.data)] if n == 3 else None)
    some.do(one, RekeyPhase2(tunnel_of(one)))
    flow(some, 3.0)
    settled(some)


@pytest.mark.parametrize("milliseconds", [*range(34), 40, 60, 100, 500, 990, 1000, 1010, 1500])
def test_both_ends_rekey_so_many_milliseconds_apart(milliseconds: int) -> None:
    some, _ = up(seed=f"crossing {milliseconds}")
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    flow(some, milliseconds / 1000)
    some.do(some.right, RekeyPhase2(tunnel_of(some.right)))
    flow(some, 1.2)
    settled(some)


@pytest.mark.parametrize("seed", range(24))
def test_both_ends_rekey_at_once_and_messages_are_lost_and_late(seed: int) -> None:
    random = Random(seed)
    some, _ = up(seed=str(seed))

    def verdict(n: int, sent: Sent) -> Verdict | None:
        if n > 14:
            return None
        return [] if random.random() < 0.25 else [(0.01 + random.random() * 0.08, sent.send.data)]

    tampered(some, verdict)
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    flow(some, random.random() * 0.06)
    some.do(some.right, RekeyPhase2(tunnel_of(some.right)))
    flow(some, 1.5)
    flow(some, 20, 0.01)
    settled(some)


@pytest.mark.parametrize("seed", range(8))
def test_packets_overtake_each_other_and_the_messages(seed: int) -> None:
    random = Random(seed)
    some, _ = up()
    some.packet_fate = lambda end, half: [0.001 + random.random() * 0.4]
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    flow(some, 2.5)
    settled(some)


def deaf_to_deletes(some: Link, end: End) -> None:
    """The end's Deletes do not leave: a peer that never deletes, as strongSwan does by default."""
    inner = some.fate

    def fate(sent: Sent) -> Verdict:
        informational = sent.send.data[18] == ExchangeType.INFORMATIONAL
        return [] if informational and sent.sender == end.name else inner(sent)

    some.fate = fate


@pytest.mark.parametrize("deaf", ["left", "right"])
@pytest.mark.parametrize("milliseconds", [0, 5, 9, 11, 15, 20, 25, 31, 60])
def test_crossing_with_a_peer_of_which_no_delete_comes(deaf: str, milliseconds: int) -> None:
    some, _ = up(seed=f"deaf {milliseconds}")
    deaf_to_deletes(some, some.left if deaf == "left" else some.right)
    some.do(some.left, RekeyPhase2(tunnel_of(some.left)))
    flow(some, milliseconds / 1000)
    some.do(some.right, RekeyPhase2(tunnel_of(some.right)))
    flow(some, 1.5)
    flow(some, 60, 0.05)
    some.run(1)
    for end, other in ((some.left, some.right), (some.right, some.left)):
        assert end.packets["sent"] == other.packets["taken"]
        assert not end.of(TunnelDown)
        # what the peer keeps for itself is its own; what both use is one
        assert end.carrying(tunnel_of(end)).spi in other.inbound  # type: ignore[union-attr]
        assert len(end.inbound) <= 2


@pytest.mark.parametrize("pfs", [False, True])
def test_a_day_of_rekeys_by_time_under_traffic(pfs: bool) -> None:
    proposals = phase2("aes128gcm16-x25519" if pfs else "aes128gcm16")
    some, _ = up(child={"lifetime": 600.0, "rekey_margin": 120.0, "proposals": proposals})
    for end in (some.left, some.right):
        end.entropy.fractions = {"rekey": 0.0}
    flow(some, 6 * 3600, 0.9)
    settled(some)
    assert some.left.last(SaInstalled).generation >= 6 * 6
    assert not some.left.of(LifetimeNotified)
    assert {str(fact.by) for fact in some.left.of(SaDeleted)} <= {"us", "peer"}
    assert len(peer_of(some.left).tunnels["right/lan1"].pairs) == 1


def test_an_outbound_half_is_installed_once_in_its_life() -> None:
    """Else its sequence numbers would begin anew under the same keys."""
    for seed in range(24):
        random = Random(seed)
        some, _ = up(seed=str(seed))
        tampered(some, lambda n, sent, random=random: [] if n < 15 and random.random() < 0.3 else None)
        for end in (some.left, some.right):
            some.do(end, RekeyPhase2(tunnel_of(end)))
            some.run(random.random() * 0.05)
        gone: set[int] = set()
        for _ in range(400):
            before = {*some.left.outbound, *some.right.outbound}
            flow(some, 0.1, 0.02)
            after = {*some.left.outbound, *some.right.outbound}
            assert not gone & after
            gone |= before - after
        assert gone
