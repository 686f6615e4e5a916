"""The real source of chance: the kernel's."""

import os
import secrets

from ikeview.crypto.groups import Group, KeyPair


class SystemEntropy:
    """``core.entropy.Entropy`` on the operating system's generator; the purposes share it."""

    def octets(self, purpose: str, count: int) -> bytes:
        """``count`` octets."""
        return os.urandom(count)

    def key_pair(self, group: Group) -> KeyPair:
        """A fresh key pair."""
        return group.key_pair()

    def fraction(self, purpose: str) -> float:
        """A number in 0 <= x < 1, with 53 random bits."""
        return secrets.randbits(53) / (1 << 53)
