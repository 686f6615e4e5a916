"""Proposals by name: ``aes256-sha256-modp2048`` for phase 1, ``aes256gcm16-modp2048`` for phase 2.

The words are the ones that strongSwan's users know; ``group14`` is taken for ``modp2048``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from ikeview.crypto.ciphers import CIPHERS, Cipher
from ikeview.crypto.esp import ESP_CIPHERS, INTEGRITIES, EspCipher, EspKeys, Integrity
from ikeview.crypto.groups import GROUPS, GROUPS_BY_NUMBER, Group
from ikeview.crypto.hashes import HASHES, Hash
from ikeview.crypto.secret import Secret

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


class BadProposal(ValueError):
    """A proposal's text cannot be used; the message says which word and what would do."""


def _alias(word: str) -> str:
    if word.startswith("group") and word[5:].isdigit() and int(word[5:]) in GROUPS_BY_NUMBER:
        return GROUPS_BY_NUMBER[int(word[5:])].name
    return {"sha": "sha1", "aes": "aes128", "sha2_256": "sha256", "sha2_384": "sha384", "sha2_512": "sha512",
            "curve25519": "x25519", "curve448": "x448",
            **{f"aes{bits}gcm": f"aes{bits}gcm16" for bits in (128, 192, 256)}}.get(word, word)


def _words(text: str, known: set[str]) -> list[str]:
    words = [_alias(word) for word in text.strip().lower().split("-")]
    for word in words:
        if word not in known:
            near = get_close_matches(word, sorted(known), n=1)
            hint = f", did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
            raise BadProposal(f"unknown algorithm {word!r} in {text!r}{hint}")
    return words


def _pick(
    text: str, first: Mapping[str, A], second: Mapping[str, B], third: Mapping[str, C]
) -> tuple[A | None, B | None, C | None]:
    """The algorithm of each kind that the text names, in any order. Raises ``BadProposal``."""
    kinds = (first, second, third)
    found: list[Any] = [None, None, None]
    for word in _words(text, {*first, *second, *third}):
        # a word may stand for algorithms of several kinds
        place = next((at for at, kind in enumerate(kinds) if word in kind and found[at] is None), None)
        if place is None:
            raise BadProposal(f"{text!r} names two algorithms of one kind: {word!r} is one too many")
        found[place] = kinds[place][word]
    return found[0], found[1], found[2]


@dataclass(frozen=True, slots=True)
class Phase1Suite:
    """What phase 1 agrees on: cipher, hash (and PRF) and group."""

    cipher: Cipher
    hash: Hash
    group: Group

    @classmethod
    def parse(cls, text: str) -> "Phase1Suite":
        """From its words in any order. Raises ``BadProposal``."""
        cipher, hash_, group = _pick(text, CIPHERS, HASHES, GROUPS)
        if cipher is None or hash_ is None or group is None:
            missing = [
                kind
                for kind, found in (("a cipher", cipher), ("a hash", hash_), ("a group", group))
                if found is None
            ]
            raise BadProposal(f"{text!r} lacks {' and '.join(missing)}; complete is for example aes256-sha256-modp2048")
        return cls(cipher, hash_, group)

    @property
    def weak(self) -> tuple[str, ...]:
        """Why the suite should be replaced: one sentence for each weak part."""
        return tuple(part.weak for part in (self.cipher, self.hash, self.group) if part.weak)

    def __str__(self) -> str:
        return f"{self.cipher.name}-{self.hash.name}-{self.group.name}"


_ESN = ("esn", "noesn")


@dataclass(frozen=True, slots=True)
class EspSuite:
    """What phase 2 agrees on: cipher, integrity (none with AEAD) and, for PFS, a group; ``esn``: sequence numbers have
    64 bits (RFC 4303 section 2.2.1)."""

    cipher: EspCipher
    integrity: Integrity | None
    group: Group | None
    esn: bool = False

    @classmethod
    def parse(cls, text: str) -> "EspSuite":
        """From its words in any order. Raises ``BadProposal``."""
        words = text.strip().lower().split("-")
        esn = [word for word in words if word in _ESN]
        if len(esn) > 1:
            raise BadProposal(f"{text!r} says {esn[0]} and {esn[1]}")
        plain = "-".join(word for word in words if word not in _ESN)
        cipher, integrity, group = _pick(plain, ESP_CIPHERS, INTEGRITIES, GROUPS)
        if cipher is None:
            raise BadProposal(f"{text!r} lacks a cipher; complete is for example aes256-sha256-modp2048")
        if cipher.aead and integrity is not None:
            raise BadProposal(f"{text!r}: {cipher.name} authenticates by itself, leave {integrity.name} out")
        if not cipher.aead and integrity is None:
            raise BadProposal(f"{text!r} lacks an integrity algorithm, for example {cipher.name}-sha256")
        return cls(cipher, integrity, group, esn == ["esn"])

    @property
    def keymat_size(self) -> int:
        """Octets of KEYMAT that one direction takes."""
        return self.cipher.key_size + self.cipher.salt_size + (self.integrity.key_size if self.integrity else 0)

    def cut(self, keymat: bytes) -> EspKeys:
        """One direction's keys from its KEYMAT: encryption key, salt, integrity key (RFC 2409 section 5.5)."""
        cipher_end = self.cipher.key_size
        salt_end = cipher_end + self.cipher.salt_size
        return EspKeys(
            Secret(keymat[:cipher_end]),
            Secret(keymat[cipher_end:salt_end]),
            Secret(keymat[salt_end : self.keymat_size]),
        )

    @property
    def weak(self) -> tuple[str, ...]:
        """Why the suite should be replaced: one sentence for each weak part."""
        return tuple(part.weak for part in (self.cipher, self.integrity, self.group) if part is not None and part.weak)

    def __str__(self) -> str:
        names = [part.name for part in (self.cipher, self.integrity, self.group) if part is not None]
        return "-".join([*names, "esn"] if self.esn else names)
