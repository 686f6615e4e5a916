"""Which peers a first message may be from."""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from ikeview.core.places import Places
from ikeview.core.specs import Address, Network


@dataclass
class Spec:
    remote: str
    remote_network: Network | None = None

    @property
    def anywhere(self) -> bool:
        return self.remote == "any" or self.remote_network is not None


@dataclass(eq=False)
class Peer:
    spec: Spec
    address: Address | None = None


def peer(remote: str) -> Peer:
    if "/" in remote:
        return Peer(Spec(remote, ip_network(remote)))
    if remote[0].isdigit() or ":" in remote:
        return Peer(Spec(remote), ip_address(remote))
    return Peer(Spec(remote))


REMOTES = ("any", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "2001:db8::/32", "2001:db8::1", "gw.example")


@pytest.fixture
def all_of_them() -> tuple[Places, dict[str, Any]]:
    places, peers = Places(), {remote: peer(remote) for remote in REMOTES}
    for each in peers.values():
        places.add(each)
    return places, peers


@pytest.mark.parametrize(("host", "remote"), [
    ("10.1.2.3", "10.1.2.3"),
    ("10.1.2.4", "10.1.2.0/24"),
    ("10.1.3.4", "10.1.0.0/16"),
    ("10.9.9.9", "10.0.0.0/8"),
    ("192.0.2.1", "any"),
    ("2001:db8::1", "2001:db8::1"),
    ("2001:db8::2", "2001:db8::/32"),
    ("2001:db9::2", "any"),
])  # fmt: skip
def test_the_most_specific_place_wins(all_of_them: tuple[Places, dict[str, Any]], host: str, remote: str) -> None:
    places, peers = all_of_them
    assert places.candidates(ip_address(host)) == [peers[remote]]


def test_a_name_counts_as_the_addresses_it_stands_for(all_of_them: tuple[Places, dict[str, Any]]) -> None:
    places, peers = all_of_them
    named, one, two = peers["gw.example"], ip_address("10.9.9.9"), ip_address("10.9.9.10")
    places.named(named, (), (one, two))
    assert places.candidates(one) == [named]
    assert places.candidates(two) == [named]
    places.named(named, (one, two), (two,))
    assert places.candidates(one) == [peers["10.0.0.0/8"]]


def test_where_somebody_from_anywhere_was_seen_does_not_keep_others_out() -> None:
    places, one, other = Places(), peer("any"), peer("any")
    places.add(one)
    places.add(other)
    host = ip_address("192.0.2.7")
    places.moved(one, None, host)
    one.address = host
    assert places.candidates(host) == [one, other]
    assert list(places.at(host)) == [one]
    places.moved(one, host, None)
    assert not list(places.at(host))


def test_nobody() -> None:
    places = Places()
    places.add(peer("10.1.2.3"))
    assert places.candidates(ip_address("10.1.2.4")) == []
