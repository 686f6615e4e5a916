"""Which peers a first message may be from, by the address it came from."""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from ikeview.core.specs import Address, Network


class Places:
    """Peers by where they are configured to be, and by where they were last known to be.

    The most specific place wins: the address itself (or the one that the peer's name stands for), then the narrowest
    network, then anywhere. Peers of one place stand in the order in which they were added.
    """

    def __init__(self) -> None:
        self._at: dict[Address, list[Any]] = {}
        self._named: dict[Address, list[Any]] = {}
        """By all addresses that the peer's DNS name stands for."""
        self._networks: dict[Network, list[Any]] = {}
        self._lengths: dict[int, list[int]] = {4: [], 6: []}
        """Prefix lengths of the networks by IP version, the longest first."""
        self._anywhere: list[Any] = []

    def add(self, peer: Any) -> None:
        """A peer that may begin."""
        network = peer.spec.remote_network
        if network is not None:
            self._networks.setdefault(network, []).append(peer)
            lengths = {*self._lengths[network.version], network.prefixlen}
            self._lengths[network.version] = sorted(lengths, reverse=True)
        elif peer.spec.remote == "any":
            self._anywhere.append(peer)
        self.moved(peer, None, peer.address)

    def named(self, peer: Any, old: Iterable[Address], new: Iterable[Address]) -> None:
        """A peer's DNS name stands for other addresses."""
        for address in old:
            found = self._named.get(address, [])
            if peer in found:
                found.remove(peer)
            if not found:
                self._named.pop(address, None)
        for address in new:
            self._named.setdefault(address, []).append(peer)

    def moved(self, peer: Any, old: Address | None, new: Address | None) -> None:
        """A peer is known to be elsewhere; None: nowhere."""
        if old is not None and peer in self._at.get(old, ()):
            self._at[old].remove(peer)
            if not self._at[old]:
                del self._at[old]
        if new is not None:
            self._at.setdefault(new, []).append(peer)

    def remove(self, peer: Any) -> None:
        """The peer is gone."""
        self.moved(peer, peer.address, None)

    def at(self, host: Address) -> Iterable[Any]:
        """The peers that were last known to be there."""
        return tuple(self._at.get(host, ()))

    def candidates(self, host: Address) -> list[Any]:
        """The peers that a first message from there may be from."""
        exact = [peer for peer in self._at.get(host, ()) if not peer.spec.anywhere]
        exact += [peer for peer in self._named.get(host, ()) if peer not in exact]
        if exact:
            return exact
        for length in self._lengths[host.version]:
            found = self._networks.get(ip_network((int(host), length), strict=False))
            if found:
                return list(found)
        return list(self._anywhere)
