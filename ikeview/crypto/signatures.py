"""Signatures of phase 1: RSA without DigestInfo (RFC 2409 section 5.1), ECDSA as r | s (RFC 4754)."""

from dataclasses import dataclass, field
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

LEAST_RSA_BITS, MOST_RSA_BITS = 1024, 8192
"""Smaller ones have been broken in public; a larger one costs whoever has to check it more than it gives."""
_STRONG_RSA_BITS = 2048
_MOST_EXPONENT = 1 << 64
"""A check costs in proportion to the exponent's length; real ones are 3 to 65537."""
_MOST_KEY_FILE = 64 * 1024

_RSA_METHOD = 3
"""Authentication Method, RFC 2409 appendix A."""


@dataclass(frozen=True, slots=True)
class _Curve:
    """A curve of RFC 4754 section 6: the hash that goes with it, the octets of r and of s, the method's number."""

    bits: int
    method: int
    hash_name: str
    hash: hashes.HashAlgorithm

    @property
    def size(self) -> int:
        return (self.bits + 7) // 8


_CURVES = {
    ec.SECP256R1.name: _Curve(256, 9, "sha256", hashes.SHA256()),
    ec.SECP384R1.name: _Curve(384, 10, "sha384", hashes.SHA384()),
    ec.SECP521R1.name: _Curve(521, 11, "sha512", hashes.SHA512()),
}


class BadKey(ValueError):
    """A private key cannot be used; the text says why, never what is in it."""


class BadSignature(ValueError):
    """A signature does not fit; the text says how, if not simply that it is wrong."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """``kind`` is ``rsa`` or ``ecdsa``, ``bits`` the size of modulus or curve; ``info`` is the whole key
    (SubjectPublicKeyInfo in DER), by which keys are equal."""

    kind: str
    bits: int
    info: bytes = field(repr=False)
    _key: Any = field(repr=False, compare=False)

    @classmethod
    def of(cls, key: object) -> "PublicKey":
        """From the library's key. Raises ``BadKey`` for kinds and sizes that are not used here."""
        if isinstance(key, rsa.RSAPublicKey):
            if not LEAST_RSA_BITS <= key.key_size <= MOST_RSA_BITS:
                raise BadKey(f"an RSA key of {key.key_size} bits; {LEAST_RSA_BITS} to {MOST_RSA_BITS} are taken")
            exponent = key.public_numbers().e
            if not 3 <= exponent < _MOST_EXPONENT or exponent % 2 == 0:
                raise BadKey("an RSA key whose exponent is no good: use 65537")
            return cls("rsa", key.key_size, _info(key), key)
        if isinstance(key, ec.EllipticCurvePublicKey):
            curve = _CURVES.get(key.curve.name)
            if curve is None:
                raise BadKey(f"an ECDSA key on the curve {key.curve.name}; P-256, P-384 and P-521 are taken (RFC 4754)")
            return cls("ecdsa", curve.bits, _info(key), key)
        raise BadKey(f"{_kind(key)}: IKEv1 signs with RSA or with ECDSA on P-256, P-384 or P-521")

    @property
    def weak(self) -> str:
        """Why it should not be used any more; empty if it may."""
        if self.kind == "rsa" and self.bits < _STRONG_RSA_BITS:
            return f"an RSA key of {self.bits} bits can be broken by large attackers (NIST SP 800-131A: 2048 or more)"
        return ""

    @property
    def hash_name(self) -> str:
        """The hash whose HMAC computes HASH_I and HASH_R: that of the curve (RFC 4754 section 7); for RSA empty, since
        it is the negotiated one."""
        return "" if self.kind == "rsa" else self._curve.hash_name

    @property
    def method(self) -> int:
        """The attribute Authentication Method: 3 for RSA, 9 to 11 for ECDSA (RFC 4754 section 5)."""
        return _RSA_METHOD if self.kind == "rsa" else self._curve.method

    @property
    def _curve(self) -> _Curve:
        return _CURVES[self._key.curve.name]

    def verify(self, digest: bytes, signature: bytes) -> None:
        """Whether ``signature`` is one of ``digest`` (HASH_I or HASH_R). Raises ``BadSignature``."""
        if self.kind == "rsa":
            self._verify_rsa(digest, signature)
        else:
            self._verify_ecdsa(digest, signature)

    def _verify_rsa(self, digest: bytes, signature: bytes) -> None:
        size = (self.bits + 7) // 8
        if len(signature) != size:
            raise BadSignature(f"the signature has {len(signature)} octets, that of {self} has {size}")
        if not 0 < int.from_bytes(signature) < self._key.public_numbers().n:
            raise BadSignature("the signature is no number that the RSA key can make")
        try:
            # the library compares the whole padded block, so nothing can hide behind the hash or before it
            self._key.verify(signature, digest, padding.PKCS1v15(), utils.NoDigestInfo())
        except (InvalidSignature, ValueError):
            raise BadSignature("the RSA signature is wrong: made with another key, or over something else") from None

    def _verify_ecdsa(self, digest: bytes, signature: bytes) -> None:
        curve = self._curve
        if len(digest) != curve.hash.digest_size:
            raise BadSignature(f"ECDSA {curve.bits} signs {curve.hash.digest_size} octets, not {len(digest)}")
        if len(signature) != 2 * curve.size:
            raise BadSignature(f"the signature has {len(signature)} octets, that of {self} has {2 * curve.size}")
        r, s = int.from_bytes(signature[: curve.size]), int.from_bytes(signature[curve.size :])
        try:
            self._key.verify(utils.encode_dss_signature(r, s), digest, ec.ECDSA(utils.Prehashed(curve.hash)))
        except (InvalidSignature, ValueError):
            raise BadSignature("the ECDSA signature is wrong: made with another key, or over something else") from None

    def __str__(self) -> str:
        """``RSA 2048``, ``ECDSA 256``."""
        return f"{self.kind.upper()} {self.bits}"


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """Never shows itself; equal if the public keys are."""

    public: PublicKey
    _key: Any = field(compare=False)

    @classmethod
    def load(cls, data: bytes) -> "PrivateKey":
        """From PEM or DER: PKCS #1, PKCS #8, SEC 1, without a passphrase. Raises ``BadKey``."""
        if len(data) > _MOST_KEY_FILE:
            raise BadKey("too large for a private key")
        pem = b"-----BEGIN " in data
        if pem and b"ENCRYPTED" in data:
            raise _encrypted()
        try:
            # the library's own check of the key is kept: a damaged RSA key would give its factors away when it signs
            if pem:
                key: object = serialization.load_pem_private_key(data, None)
            else:
                key = serialization.load_der_private_key(data, None)
        except TypeError:
            raise _encrypted() from None
        except (ValueError, UnsupportedAlgorithm):
            raise BadKey("it holds no private key: PKCS #8, PKCS #1 and SEC 1 are taken, as PEM or DER") from None
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise BadKey(f"{_kind(key)}: IKEv1 signs with RSA or with ECDSA on P-256, P-384 or P-521")
        return cls(PublicKey.of(key.public_key()), key)

    def sign(self, digest: bytes) -> bytes:
        """A signature of ``digest``, without hashing it again; always the same one where the library can (RFC 6979)."""
        if self.public.kind == "rsa":
            made: bytes = self._key.sign(digest, padding.PKCS1v15(), utils.NoDigestInfo())
            return made
        curve = self.public._curve
        r, s = utils.decode_dss_signature(self._key.sign(digest, _ecdsa(curve)))
        return r.to_bytes(curve.size) + s.to_bytes(curve.size)

    def __repr__(self) -> str:
        return f"PrivateKey({self.public}, ***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PrivateKey is not pickled")


def _ecdsa(curve: _Curve) -> ec.ECDSA:
    try:
        return ec.ECDSA(utils.Prehashed(curve.hash), deterministic_signing=True)
    except UnsupportedAlgorithm:  # pragma: no cover - a library linked with an OpenSSL before 3.2
        return ec.ECDSA(utils.Prehashed(curve.hash))


def _info(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _kind(key: object) -> str:
    name = type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey")
    return f"a key of the kind {name}"


def _encrypted() -> BadKey:
    return BadKey("it is encrypted, and ikeview starts without asking for a passphrase: `openssl pkey -in OLD -out "
                  "NEW` takes it away (keep the file's mode 0600)")
