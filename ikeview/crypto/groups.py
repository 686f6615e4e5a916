"""Diffie-Hellman groups (RFC 2409 section 6, RFC 3526, RFC 5114, RFC 5903, RFC 6954, RFC 8031).

The numbers are the ones of IKEv1's registry too, and so are the KE bodies. Groups 22 to 24 are left out, for their
primes may hide a trapdoor (RFC 8247 section 2.4), and so is 27, which the library does not have.

The one module that touches the library's finite-field DH, which the library has announced to remove: without it the
same arithmetic runs on Python's own integers, about ten times slower.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
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
    ``strength`` in bits (RFC 3526 section 8, RFC 5114 section 4, RFC 5903 section 1, RFC 8031 section 1)."""

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


_LIBRARY_KNOWS = 1536
"""Bits of the smallest prime that OpenSSL knows by heart; it would prove a smaller one anew with every public value,
which takes 15 to 40 ms: a present for who floods a responder. On integers it is 1 to 3 ms, and a key is used once."""


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
        prime = modp_prime(self._bits)
        value = _check_modp(self.group, prime, peer_public)
        if self._bits < _LIBRARY_KNOWS:
            return Secret(pow(value, self._private.private_numbers().x, prime).to_bytes(self.group.public_size))
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
    """Curves over prime fields: the KE body is x | y, the secret is x alone (RFC 5903 sections 7 and 9; RFC 6954
    section 2 for the Brainpool curves)."""

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


class _Montgomery:
    """Groups 31 and 32: the u-coordinate as it is, 32 or 56 octets (RFC 8031 section 2)."""

    def __init__(
        self, group: Group, private: type[X25519PrivateKey] | type[X448PrivateKey],
        random: Callable[[int], bytes] | None,
    ) -> None:
        self.group = group
        self._private = (
            private.generate() if random is None else private.from_private_bytes(random(group.public_size))
        )
        self.public = self._private.public_key().public_bytes_raw()

    def shared(self, peer_public: bytes) -> Secret:
        name, size = self.group.name, self.group.public_size
        if len(peer_public) != size:
            raise BadPublicValue(f"KE has {len(peer_public)} octets, {name} wants {size}")
        try:
            if isinstance(self._private, X25519PrivateKey):
                return Secret(self._private.exchange(X25519PublicKey.from_public_bytes(peer_public)))
            return Secret(self._private.exchange(X448PublicKey.from_public_bytes(peer_public)))
        except ValueError as error:
            # an all-zero secret, which RFC 7748 sections 6.1 and 6.2 tell to refuse
            raise BadPublicValue(f"KE is a low-order point of {name}") from error


def _ecp(curve: ec.EllipticCurve) -> Callable[[Group, Callable[[int], bytes] | None], KeyPair]:
    return lambda group, random: _Ecp(group, curve, random)


def _montgomery(
    private: type[X25519PrivateKey] | type[X448PrivateKey],
) -> Callable[[Group, Callable[[int], bytes] | None], KeyPair]:
    return lambda group, random: _Montgomery(group, private, random)


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
        Group("ecp192", 25, 48, 80, _ecp(ec.SECP192R1()), "a 192-bit curve is hardly stronger than modp1024"),
        Group("ecp224", 26, 56, 112, _ecp(ec.SECP224R1()), "a 224-bit curve is weaker than ecp256 and x25519"),
        Group("ecp256bp", 28, 64, 128, _ecp(ec.BrainpoolP256R1())),
        Group("ecp384bp", 29, 96, 192, _ecp(ec.BrainpoolP384R1())),
        Group("ecp512bp", 30, 128, 256, _ecp(ec.BrainpoolP512R1())),
        Group("x25519", 31, 32, 128, _montgomery(X25519PrivateKey)),
        Group("x448", 32, 56, 224, _montgomery(X448PrivateKey)),
    )
}

GROUPS_BY_NUMBER: dict[int, Group] = {each.number: each for each in GROUPS.values()}
