"""Random histories: orders from both ends, loss, restarts and traffic in any order; the laws hold whenever things have
settled."""

from random import Random

import pytest

from ikeview.core.facts import TunnelDown
from ikeview.core.orders import Initiate, RekeyPhase2, RenewPhase1, Terminate
from tests.support.laws import (
    assert_lawful,
    assert_nothing_left,
    assert_tidy,
    bring_up,
    pass_packets,
    peer_of,
    soft_limit,
    tunnel_of,
)
from tests.support.link import Link, lossy
from tests.support.scenes import DPD, link


def calm(some: Link, seconds: int = 150) -> None:
    """A good link under traffic until everything that was begun has ended."""
    some.fate = lambda sent: [(0.01, sent.send.data)]
    for _ in range(seconds):
        some.run(1)
        pass_packets(some)


def one_thing(some: Link, random: Random) -> None:
    end = random.choice((some.left, some.right))
    number = random.choice((1, 2))
    tunnel = tunnel_of(end, number)
    match random.randrange(8):
        case 0 | 1:
            some.do(end, Initiate(tunnel))
        case 2 | 3:
            some.do(end, RekeyPhase2(tunnel))
        case 4:
            some.do(end, RenewPhase1(peer_of(end).spec.name))
        case 5:
            some.do(end, Terminate(tunnel))
        case 6 if end.carrying(tunnel) is not None:
            soft_limit(some, end, number)
        case 7:
            pass_packets(some, strict=False)


@pytest.mark.parametrize("seed", range(40))
def test_orders_in_any_order(seed: int) -> None:
    random = Random(seed)
    some = link(tunnels=2, seed=str(seed), peer={"lifetime": 7200.0})
    for _ in range(3):
        for _ in range(12):
            one_thing(some, random)
            some.run(random.choice((0.0, 0.005, 0.015, 0.03, 0.3, 3.0)))
            assert_tidy(some.left)
            assert_tidy(some.right)
        calm(some)
        assert_lawful(some)
        for end in (some.left, some.right):
            for tunnel in peer_of(end).tunnels.values():
                assert len(tunnel.pairs) <= 3
    for end in (some.left, some.right):
        for number in (1, 2):
            some.do(end, Terminate(tunnel_of(end, number)))
    some.run(50)
    assert_nothing_left(some)


@pytest.mark.parametrize("seed", range(20))
def test_orders_under_loss_never_leave_a_half(seed: int) -> None:
    """A Delete that is lost is not sent again (RFC 2408 section 3.15), so the ends may disagree; each is tidy, and dead
    peer detection or the next attempt brings the tunnel back."""
    random = Random(seed)
    some = link(tunnels=2, seed=str(seed), peer={"keepalive": DPD})
    lossy(some, seed, 0.2, duplicate=0.1, jitter=0.2)
    for _ in range(25):
        one_thing_without_traffic(some, random)
        some.run(random.choice((0.0, 0.01, 0.1, 1.0, 10.0)))
        assert_tidy(some.left)
        assert_tidy(some.right)
    some.fate = lambda sent: [(0.01, sent.send.data)]
    some.run(200)
    for end in (some.left, some.right):
        for number in (1, 2):
            some.do(end, Terminate(tunnel_of(end, number)))
    some.run(100)
    assert_tidy(some.left)
    assert_tidy(some.right)
    for end in (some.left, some.right):
        end.used.clear()
    bring_up(some)
    assert some.left.carrying(tunnel_of(some.left)) is not None


def one_thing_without_traffic(some: Link, random: Random) -> None:
    end = random.choice((some.left, some.right))
    tunnel = tunnel_of(end, random.choice((1, 2)))
    order = random.choice((Initiate(tunnel), Initiate(tunnel), RekeyPhase2(tunnel), RenewPhase1(tunnel.split("/")[0])))
    some.do(end, order)


@pytest.mark.parametrize("seed", range(6))
def test_both_ends_on_the_same_timers_without_chance(seed: int) -> None:
    """The worst case for collisions: equal lifetimes, no jitter, tunnels begun at the same moment."""
    some = link(tunnels=2, seed=str(seed), peer={"lifetime": 4000.0})
    random = Random(seed)
    for end in (some.left, some.right):
        end.entropy.fractions = {"rekey": 0.0, "renew": 0.0}
        for number in (1, 2):
            some.do(end, Initiate(tunnel_of(end, number)))
    for _ in range(400):
        some.run(30 + random.random())
        pass_packets(some)
    calm(some)
    for end in (some.left, some.right):
        assert not end.of(TunnelDown)
        for tunnel in peer_of(end).tunnels.values():
            assert 1 <= len(tunnel.pairs) <= 2
    assert_lawful(some)
