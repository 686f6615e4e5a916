"""X.509 certificates (RFC 5280): read, named, and judged by authorities and revocation lists."""

from collections.abc import Sequence
from dataclasses import dataclass

from ikeview.crypto.signatures import PublicKey


class BadCertificate(ValueError):
    """A certificate or list cannot be read, or is not trusted; the text says which and why, with dates."""


GeneralName = tuple[str, bytes]
"""``dn`` (DER), ``fqdn``, ``user`` (RFC 822), ``ip`` (4 or 16 octets), and the octets."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate; equal by its DER."""

    der: bytes

    @classmethod
    def load_all(cls, data: bytes) -> tuple["Certificate", ...]:
        """All certificates of a PEM file, or the one of a DER file. Raises ``BadCertificate``."""
        raise NotImplementedError

    @property
    def public_key(self) -> PublicKey:
        """Raises ``BadCertificate`` for kinds that cannot sign here."""
        raise NotImplementedError

    @property
    def validity(self) -> tuple[float, float]:
        """From when and until when it is valid, in UTC seconds since 1970."""
        raise NotImplementedError

    @property
    def subject(self) -> bytes:
        """The subject's name in DER: the body of an ID payload of type DER_ASN1_DN."""
        raise NotImplementedError

    @property
    def names(self) -> tuple[GeneralName, ...]:
        """The subject and every subjectAltName that an identity can be."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RevocationList:
    """One CRL."""

    der: bytes

    @classmethod
    def load_all(cls, data: bytes) -> tuple["RevocationList", ...]:
        """All lists of a PEM file, or the one of a DER file. Raises ``BadCertificate``."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Judged:
    """A certificate that was found good: the ``path`` from it to the authority, and what is known of revocation
    (``checked``, or why not)."""

    path: tuple[Certificate, ...]
    revocation: str


@dataclass(frozen=True, slots=True)
class Trust:
    """By what the peer's certificate is judged. ``pinned``: only this one is taken (no authority is needed then).
    ``strict``: without a list that is valid now, the certificate is refused."""

    authorities: tuple[Certificate, ...] = ()
    revocation_lists: tuple[RevocationList, ...] = ()
    strict: bool = False
    pinned: Certificate | None = None

    def judge(self, chain: Sequence[Certificate], wall: float) -> Judged:
        """``chain`` is what the peer sent, its own first; ``wall`` is UTC seconds since 1970. Raises
        ``BadCertificate``."""
        raise NotImplementedError
