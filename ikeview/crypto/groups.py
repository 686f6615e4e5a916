"""Diffie-Hellman groups (RFC 2409 section 6, RFC 3526, RFC 5903, RFC 8031).

The one module that touches the library's finite-field DH, which the library has announced to remove: without it the
same arithmetic runs on Python's own integers, about ten times slower.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from ikeview.crypto.secret import Secret

try:
    from cryptography.hazmat.primitives.asymmetric import dh as _ffdh
except ImportError:  # pragma: no cover - the library has removed it
    _ffdh = None  # type: ignore[assignment]


class BadPublicValue(ValueError):
    """The peer's public value is not one of this group; the text says what is wrong with it."""


class KeyPair(Protocol):
    """One side of a Diffie-Hellman exchange; lives as long as its exchange."""

    @property
    def group(self) -> "Group":
        """The group the pair belongs to."""
        ...

    @property
    def public(self) -> bytes:
        """The body of our KE payload, ``group.public_size`` octets."""
        ...

    def shared(self, peer_public: bytes) -> Secret:
        """g^xy, padded to the size of the prime (RFC 2409 section 5). Raises ``BadPublicValue``."""
        ...


@dataclass(frozen=True, slots=True)
class Group:
    """A group: ``number`` as in the attribute Group Description, ``public_size`` in octets of a KE body,
    ``strength`` in bits (RFC 3526 section 8, RFC 5903)."""

    name: str
    number: int
    public_size: int
    strength: int
    make: Callable[["Group", Callable[[int], bytes] | None], KeyPair]
    weak: str = ""
    """Why it should not be used any more; empty if it may."""

    def key_pair(self, random: Callable[[int], bytes] | None = None) -> KeyPair:
        """A fresh key pair; with ``random`` (octets wanted -> octets) the private value comes from there, for tests."""
        return self.make(self, random)

    def __repr__(self) -> str:
        return f"Group({self.name})"


# -- MODP ----------------------------------------------------------------------------------------------------------


# Each prime is 2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + offset), the formula that the RFCs give beside the digits.
_PI_OFFSETS = {768: 149686, 1024: 129093, 1536: 741804, 2048: 124476, 3072: 1690314, 4096: 240904, 6144: 929484,
               8192: 4743158}


@lru_cache
def _pi_bits(bits: int) -> int:
    """The integer part of 2^bits * pi, by Machin's formula on integers."""
    guard = 64
    one = 1 << (bits + guard)

    def arctan_inverse(x: int) -> int:
        total = term = one // x
        divisor, sign, square = 3, -1, x * x
        while term:
            term //= square
            total += sign * (term // divisor)
            divisor, sign = divisor + 2, -sign
        return total

    return (4 * (4 * arctan_inverse(5) - arctan_inverse(239))) >> guard


@lru_cache
def modp_prime(bits: int) -> int:
    """The prime of the MODP group of that size (RFC 2409 section 6.1, RFC 3526)."""
    return (1 << bits) - (1 << (bits - 64)) - 1 + (1 << 64) * (_pi_bits(bits - 130) + _PI_OFFSETS[bits])


def _check_modp(group: Group, prime: int, public: bytes) -> int:
    if len(public) != group.public_size:
        raise BadPublicValue(f"KE has {len(public)} octets, {group.name} wants {group.public_size}")
    value = int.from_bytes(public)
    if not 1 < value < prime - 1:
        raise BadPublicValue(f"KE holds a value outside 2..p-2 of {group.name}")
    # the primes are safe ones, so there is no other small subgroup to be caught in (RFC 6989 section 2.1)
    return value


@lru_cache
def _parameters(bits: int) -> "_ffdh.DHParameters":
    return _ffdh.DHParameterNumbers(modp_prime(bits), 2).parameters()


class _LibraryModp:
    """MODP through the library."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self._bits = group.public_size * 8
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._private = _parameters(self._bits).generate_private_key()
            self.public = self._private.public_key().public_numbers().y.to_bytes(group.public_size)

    def shared(self, peer_public: bytes) -> Secret:
        value = _check_modp(self.group, modp_prime(self._bits), peer_public)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            numbers = _ffdh.DHPublicNumbers(value, _parameters(self._bits).parameter_numbers())
            try:
                secret = self._private.exchange(numbers.public_key())
            except ValueError as error:
                raise BadPublicValue(f"KE is not a value of {self.group.name}") from error
        return Secret(secret.rjust(self.group.public_size, b"\0"))


class _IntegerModp:
    """MODP on Python's integers: for a chosen private value, and where the library has no DH any more."""

    def __init__(self, group: Group, random: Callable[[int], bytes]) -> None:
        self.group = group
        self._prime = modp_prime(group.public_size * 8)
        # twice the strength is enough for the exponent (RFC 3526 section 8)
        self._exponent = max(2, int.from_bytes(random(max(32, group.strength // 4))))
        self.public = pow(2, self._exponent, self._prime).to_bytes(group.public_size)

    def shared(self, peer_public: bytes) -> Secret:
        value = _check_modp(self.group, self._prime, peer_public)
        return Secret(pow(value, self._exponent, self._prime).to_bytes(self.group.public_size))


def _make_modp(group: Group, random: Callable[[int], bytes] | None) -> KeyPair:
    if random is not None:
        return _IntegerModp(group, random)
    if _ffdh is None:  # pragma: no cover - the library has removed it
        import os

        return _IntegerModp(group, os.urandom)
    return _LibraryModp(group)


# -- elliptic curves -----------------------------------------------------------------------------------------------


class _Ecp:
    """ECP groups: the KE body is x | y, the secret is x alone (RFC 5903 sections 7 and 9)."""

    def __init__(self, group: Group, curve: ec.EllipticCurve, random: Callable[[int], bytes] | None) -> None:
        self.group = group
        self._curve = curve
        if random is None:
            self._private = ec.generate_private_key(curve)
        else:
            # one octet short of the order, so never above it
            self._private = ec.derive_private_key(max(1, int.from_bytes(random(group.public_size // 2 - 1))), curve)
        numbers = self._private.public_key().public_numbers()
        half = group.public_size // 2
        self.public = numbers.x.to_bytes(half) + numbers.y.to_bytes(half)

    def shared(self, peer_public: bytes) -> Secret:
        if len(peer_public) != self.group.public_size:
            raise BadPublicValue(f"KE has {len(peer_public)} octets, {self.group.name} wants {self.group.public_size}")
        half = len(peer_public) // 2
        try:
            numbers = ec.EllipticCurvePublicNumbers(
                int.from_bytes(peer_public[:half]), int.from_bytes(peer_public[half:]), self._curve
            )
            return Secret(self._private.exchange(ec.ECDH(), numbers.public_key()))
        except ValueError as error:
            raise BadPublicValue(f"KE is not a point of {self.group.name}") from error


class _X25519:
    """Group 31: 32 octets as they are (RFC 8031 section 2)."""

    def __init__(self, group: Group, random: Callable[[int], bytes] | None) -> None:
        self.group = group
        self._private = (
            X25519PrivateKey.generate() if random is None else X25519PrivateKey.from_private_bytes(random(32))
        )
        self.public = self._private.public_key().public_bytes_raw()

    def shared(self, peer_public: bytes) -> Secret:
        if len(peer_public) != 32:
            raise BadPublicValue(f"KE has {len(peer_public)} octets, x25519 wants 32")
        try:
            return Secret(self._private.exchange(X25519PublicKey.from_public_bytes(peer_public)))
        except ValueError as error:
            # an all-zero secret, which RFC 7748 section 6.1 tells to refuse
            raise BadPublicValue("KE is a low-order point of x25519") from error


def _ecp(curve: ec.EllipticCurve) -> Callable[[Group, Callable[[int], bytes] | None], KeyPair]:
    return lambda group, random: _Ecp(group, curve, random)


_WEAK_MODP = "a {0}-bit group can be broken by large attackers (RFC 8247: avoid)"

GROUPS: dict[str, Group] = {
    each.name: each
    for each in (
        Group("modp768", 1, 96, 66, _make_modp, "a 768-bit group has been broken in public"),
        Group("modp1024", 2, 128, 77, _make_modp, _WEAK_MODP.format(1024)),
        Group("modp1536", 5, 192, 91, _make_modp, _WEAK_MODP.format(1536)),
        Group("modp2048", 14, 256, 110, _make_modp),
        Group("modp3072", 15, 384, 128, _make_modp),
        Group("modp4096", 16, 512, 150, _make_modp),
        Group("modp6144", 17, 768, 176, _make_modp),
        Group("modp8192", 18, 1024, 200, _make_modp),
        Group("ecp256", 19, 64, 128, _ecp(ec.SECP256R1())),
        Group("ecp384", 20, 96, 192, _ecp(ec.SECP384R1())),
        Group("ecp521", 21, 132, 256, _ecp(ec.SECP521R1())),
        Group("x25519", 31, 32, 128, _X25519),
    )
}

GROUPS_BY_NUMBER: dict[int, Group] = {each.number: each for each in GROUPS.values()}
