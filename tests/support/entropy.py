"""Entropy that a test can foresee."""

import hashlib
import itertools

from ikeview.crypto.groups import Group, KeyPair


class SeededEntropy:
    """Each purpose has a stream of its own; ``forced`` answers come first."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._counts: dict[str, itertools.count[int]] = {}
        self.forced: dict[str, list[bytes]] = {}
        self.fractions: dict[str, float] = {}

    def octets(self, purpose: str, count: int) -> bytes:
        if self.forced.get(purpose):
            return self.forced[purpose].pop(0)
        number = next(self._counts.setdefault(purpose, itertools.count()))
        return hashlib.shake_256(f"{self._seed}/{purpose}/{number}".encode()).digest(count)

    def key_pair(self, group: Group) -> KeyPair:
        return group.key_pair(lambda count: self.octets(f"dh {group.name}", count))

    def fraction(self, purpose: str) -> float:
        if purpose in self.fractions:
            return self.fractions[purpose]
        return int.from_bytes(self.octets(f"fraction {purpose}", 4)) / 2**32
