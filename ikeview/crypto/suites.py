"""Proposals by name: ``aes256-sha256-modp2048`` for phase 1, ``aes256gcm16-modp2048`` for phase 2.

The words are the ones that strongSwan's users know; ``group14`` is taken for ``modp2048``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ikeview.crypto.ciphers import CIPHERS, Cipher
from ikeview.crypto.esp import ESP_CIPHERS, INTEGRITIES, EspCipher, EspKeys, Integrity
from ikeview.crypto.groups import GROUPS, GROUPS_BY_NUMBER, Group
from ikeview.crypto.hashes import HASHES, Hash
from ikeview.crypto.secret import Secret


class BadProposal(ValueError):
    """A proposal's text cannot be used; the message says which word and what would do."""


_ALIASES = {
    "sha": "sha1", "aes": "aes128", "sha2_256": "sha256", "sha2_384": "sha384", "sha2_512": "sha512",
    "sha2_256_96": "sha256_96", "curve25519": "x25519", "curve448": "x448",
    # without a size the longest ICV; with one, strongSwan's users may give it in bits
    **{
        f"aes{bits}{mode}{given}": f"aes{bits}{mode}{octets}"
        for bits in (128, 192, 256)
        for mode in ("gcm", "ccm")
        for given, octets in (("", 16), ("64", 8), ("96", 12), ("128", 16))
    },
}  # fmt: skip

_ESN = {"esn": True, "noesn": False}

_TRAPDOOR = "its prime may hide a trapdoor (RFC 8247: must not be used); take modp2048"
_LEFT_OUT = {
    **dict.fromkeys(("modp1024s160", "group22", "modp2048s224", "group23", "modp2048s256", "group24"), _TRAPDOOR),
    **dict.fromkeys(("ecp224bp", "group27"), "the library has no such curve; take ecp256bp"),
}
"""Words that strongSwan's users know and that stay unknown here, with the reason."""


def _alias(word: str) -> str:
    if word.startswith("group") and word[5:].isdigit() and int(word[5:]) in GROUPS_BY_NUMBER:
        return GROUPS_BY_NUMBER[int(word[5:])].name
    return _ALIASES.get(word, word)


def _words(text: str, known: set[str]) -> list[str]:
    words = [_alias(word) for word in text.strip().lower().split("-")]
    for word in words:
        if word in _LEFT_OUT:
            raise BadProposal(f"{word!r} in {text!r} cannot be had: {_LEFT_OUT[word]}")
        if word not in known:
            near = get_close_matches(word, sorted(known), n=1)
            hint = f", did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
            raise BadProposal(f"unknown algorithm {word!r} in {text!r}{hint}")
    return words


def _pick(text: str, *kinds: Mapping[str, Any]) -> list[Any]:
    """What the text names of each kind, None for none; the words stand in any order. Raises ``BadProposal``."""
    found: list[Any] = [None] * len(kinds)
    for word in _words(text, {word for kind in kinds for word in kind}):
        # a word may stand for algorithms of several kinds
        place = next((at for at, kind in enumerate(kinds) if word in kind and found[at] is None), None)
        if place is None:
            raise BadProposal(f"{text!r} names two algorithms of one kind: {word!r} is one too many")
        found[place] = kinds[place][word]
    return found


@dataclass(frozen=True, slots=True)
class Phase1Suite:
    """What phase 1 agrees on: cipher, hash (and PRF) and group."""

    cipher: Cipher
    hash: Hash
    group: Group

    @classmethod
    def parse(cls, text: str) -> "Phase1Suite":
        """From its words in any order. Raises ``BadProposal``."""
        cipher: Cipher | None
        hash_: Hash | None
        group: Group | None
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


@dataclass(frozen=True, slots=True)
class EspSuite:
    """What phase 2 agrees on: cipher, integrity (none with AEAD) and, for PFS, a group; with ``esn``, sequence numbers
    of 64 bits (RFC 4304, the attribute Extended Sequence Number)."""

    cipher: EspCipher
    integrity: Integrity | None
    group: Group | None
    esn: bool = False

    @classmethod
    def parse(cls, text: str) -> "EspSuite":
        """From its words in any order. Raises ``BadProposal``."""
        cipher: EspCipher | None
        integrity: Integrity | None
        group: Group | None
        esn: bool | None
        cipher, integrity, group, esn = _pick(text, ESP_CIPHERS, INTEGRITIES, GROUPS, _ESN)
        if cipher is None:
            raise BadProposal(f"{text!r} lacks a cipher; complete is for example aes256-sha256-modp2048")
        if cipher.aead and integrity is not None:
            raise BadProposal(f"{text!r}: {cipher.name} authenticates by itself, leave {integrity.name} out")
        if not cipher.aead and integrity is None:
            raise BadProposal(f"{text!r} lacks an integrity algorithm, for example {cipher.name}-sha256")
        return cls(cipher, integrity, group, bool(esn))

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
        words = [part.name for part in (self.cipher, self.integrity, self.group) if part is not None]
        return "-".join([*words, "esn"] if self.esn else words)
