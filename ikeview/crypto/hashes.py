"""Hashes of phase 1; the PRF is the HMAC of the negotiated hash (RFC 2409 section 4)."""

import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hash:
    """One hash algorithm of IKEv1.

    ``ike_id`` is the value of the phase 1 attribute Hash Algorithm (RFC 2409 appendix A, IANA ipsec-registry);
    ``digest_size`` is in octets.
    """

    name: str
    ike_id: int
    digest_size: int
    weak: str = ""
    """Why it should not be used any more; empty if it may."""

    def digest(self, data: bytes) -> bytes:
        """The hash of ``data``."""
        return hashlib.new(self.name, data, usedforsecurity=False).digest()

    def prf(self, key: bytes, data: bytes) -> bytes:
        """``prf(key, data)``: HMAC with this hash (RFC 2409 section 3.2)."""
        return hmac.digest(key, data, self.name)


HASHES: dict[str, Hash] = {
    each.name: each
    for each in (
        Hash("md5", 1, 16, "MD5 is broken; peers of today refuse it"),
        Hash("sha1", 2, 20, "SHA-1 is being retired (RFC 8247)"),
        Hash("sha256", 4, 32),
        Hash("sha384", 5, 48),
        Hash("sha512", 6, 64),
    )
}
