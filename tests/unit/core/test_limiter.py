"""The token bucket for strangers: both its bounds."""

from ipaddress import ip_address
from random import Random

from ikeview.core.limiter import Limiter

ONE, OTHER = ip_address("192.0.2.1"), ip_address("192.0.2.2")


def test_each_source_has_its_own_rate() -> None:
    limiter = Limiter(1.0, 100.0, 100)
    assert limiter.allows(0, ONE)
    assert not limiter.allows(0.5, ONE)
    assert limiter.allows(0.5, OTHER)
    assert limiter.allows(1.0, ONE)
    # nothing is saved up
    assert limiter.allows(100.0, ONE)
    assert not limiter.allows(100.0, ONE)


def test_the_total_is_bounded_over_all_sources() -> None:
    limiter = Limiter(1.0, 5.0, 5)
    allowed = sum(limiter.allows(0, ip_address(0xC0000200 + number)) for number in range(200))
    assert allowed == 5
    allowed = sum(limiter.allows(1.0, ip_address(0xC0000200 + number)) for number in range(200))
    assert allowed == 5


def test_a_refusal_for_the_total_does_not_cost_the_source_its_turn() -> None:
    limiter = Limiter(1.0, 1.0, 1)
    assert limiter.allows(0, ONE)
    assert not limiter.allows(0.5, OTHER)
    assert limiter.allows(1.0, OTHER)


def test_a_network_of_ipv6_is_one_source() -> None:
    limiter = Limiter(1.0, 100.0, 100)
    assert limiter.allows(0, ip_address("2001:db8::1"))
    assert not limiter.allows(0, ip_address("2001:db8::ffff"))
    assert limiter.allows(0, ip_address("2001:db8:0:1::1"))


def test_memory_is_bounded() -> None:
    limiter = Limiter(1.0, 5.0, 5)
    for number in range(5000):
        limiter.allows(number / 10, ip_address(number))
    assert len(limiter._sources) == 1024


def test_rates_hold_over_any_history() -> None:
    random = Random(3)
    limiter = Limiter(2.0, 7.0, 4)
    now, total, each = 0.0, 0, {ONE: 0, OTHER: 0}
    for _ in range(3000):
        now += random.random() * 0.2
        source = random.choice((ONE, OTHER))
        if limiter.allows(now, source):
            total += 1
            each[source] += 1
        assert total <= 4 + 7.0 * now
        assert all(count <= 1 + 2.0 * now for count in each.values())
    assert total > now
