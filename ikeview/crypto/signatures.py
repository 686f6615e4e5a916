"""Signatures of phase 1: RSA without DigestInfo (RFC 2409 section 5.1), ECDSA as r | s (RFC 4754)."""

from dataclasses import dataclass
from typing import Any


class BadKey(ValueError):
    """A private key cannot be used; the text says why, never what is in it."""


class BadSignature(ValueError):
    """A signature does not fit; the text says how, if not simply that it is wrong."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """``kind`` is ``rsa`` or ``ecdsa``, ``bits`` the size of modulus or curve."""

    kind: str
    bits: int
    _key: Any

    def verify(self, digest: bytes, signature: bytes) -> None:
        """Whether ``signature`` is one of ``digest`` (HASH_I or HASH_R). Raises ``BadSignature``."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """Never shows itself."""

    public: PublicKey
    _key: Any

    @classmethod
    def load(cls, data: bytes) -> "PrivateKey":
        """From PEM or DER: PKCS #1, PKCS #8, SEC 1, without a passphrase. Raises ``BadKey``."""
        raise NotImplementedError

    def sign(self, digest: bytes) -> bytes:
        """A signature of ``digest``, without hashing it again."""
        raise NotImplementedError
