"""Where chance comes from: a port, so that a test can force a nonce above or below the peer's."""

from typing import Protocol

from ikeview.crypto.groups import Group, KeyPair


class Entropy(Protocol):
    """The source of everything random. ``purpose`` names the use (``nonce``, ``cookie``, ``spi`` ...): a seeded source
    gives each purpose a stream of its own."""

    def octets(self, purpose: str, count: int) -> bytes:
        """``count`` octets that nobody can guess."""
        ...

    def key_pair(self, group: Group) -> KeyPair:
        """A fresh Diffie-Hellman key pair."""
        ...

    def fraction(self, purpose: str) -> float:
        """A number in 0 <= x < 1, for jitter."""
        ...
