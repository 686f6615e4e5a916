"""ESP's algorithms and how much key each takes from KEYMAT (RFC 4303; ciphers RFC 2410, 2451, 3602, 3686, 4106, 4309,
7634; integrity RFC 2403, 2404, 4868)."""

from dataclasses import dataclass
from enum import StrEnum

from ikeview.crypto.secret import Secret


class EspMode(StrEnum):
    """How a cipher is run."""

    CBC = "cbc"
    CTR = "ctr"
    GCM = "gcm"
    CCM = "ccm"
    CHACHA = "chacha"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class EspCipher:
    """An ESP transform. ``transform_id`` as in RFC 2407 section 4.4.4; sizes are in octets, ``key_length`` is the
    attribute Key Length in bits (0: none). Ciphers that count take ``salt_size`` more octets of key; AEAD ciphers carry
    their own ICV. ``block_size`` is what the padding fills up, four octets at least (RFC 4303 section 2.4)."""

    name: str
    mode: EspMode
    transform_id: int
    key_size: int
    block_size: int
    iv_size: int
    key_length: int = 0
    salt_size: int = 0
    icv_size: int = 0
    weak: str = ""

    @property
    def aead(self) -> bool:
        """Whether the cipher authenticates by itself and must not be joined with an integrity algorithm."""
        return self.icv_size > 0


@dataclass(frozen=True, slots=True)
class Integrity:
    """An ESP integrity algorithm: ``attribute_id`` is the value of the attribute Authentication Algorithm
    (RFC 2407 section 4.5), ``hash_name`` the hash of its HMAC, ``icv_size`` the octets kept of it.

    Two may have one ``attribute_id``: on the wire of IKE they are the same, and each end has to know which is meant."""

    name: str
    attribute_id: int
    key_size: int
    icv_size: int
    hash_name: str
    weak: str = ""


@dataclass(frozen=True, slots=True)
class EspKeys:
    """The keys of one direction, cut out of KEYMAT: encryption first, then the salt, then integrity."""

    encryption: Secret
    salt: Secret
    integrity: Secret


_GCM = {"gcm8": (18, 8), "gcm12": (19, 12), "gcm16": (20, 16)}
_CCM = {"ccm8": (14, 8), "ccm12": (15, 12), "ccm16": (16, 16)}

_CHACHA = 28
"""IKEv2's number (RFC 7634 section 5), for IKEv1's registry has none. Another ikeview takes it; strongSwan 5.9 has the
cipher with IKEv2 only and refuses."""

ESP_CIPHERS: dict[str, EspCipher] = {
    each.name: each
    for each in (
        EspCipher("3des", EspMode.CBC, 3, 24, 8, 8, weak="3DES has 64-bit blocks: rekey often, avoid (RFC 8221)"),
        EspCipher("aes128", EspMode.CBC, 12, 16, 16, 16, 128),
        EspCipher("aes192", EspMode.CBC, 12, 24, 16, 16, 192),
        EspCipher("aes256", EspMode.CBC, 12, 32, 16, 16, 256),
        *(
            EspCipher(f"aes{bits}ctr", EspMode.CTR, 13, bits // 8, 4, 8, bits, salt_size=4)
            for bits in (128, 192, 256)
        ),
        *(
            EspCipher(f"aes{bits}{word}", EspMode.GCM, number, bits // 8, 4, 8, bits, salt_size=4, icv_size=icv)
            for bits in (128, 192, 256)
            for word, (number, icv) in _GCM.items()
        ),
        *(
            EspCipher(f"aes{bits}{word}", EspMode.CCM, number, bits // 8, 4, 8, bits, salt_size=3, icv_size=icv)
            for bits in (128, 192, 256)
            for word, (number, icv) in _CCM.items()
        ),
        EspCipher("chacha20poly1305", EspMode.CHACHA, _CHACHA, 32, 4, 8, salt_size=4, icv_size=16),
        EspCipher("null", EspMode.NULL, 11, 0, 4, 0, weak="NULL encrypts nothing: everybody on the way can read along"),
    )
}

INTEGRITIES: dict[str, Integrity] = {
    each.name: each
    for each in (
        Integrity("md5", 1, 16, 12, "md5", "MD5 is broken; peers of today refuse it"),
        Integrity("sha1", 2, 20, 12, "sha1", "SHA-1 is being retired (RFC 8221)"),
        Integrity("sha256", 5, 32, 16, "sha256"),
        Integrity(
            "sha256_96", 5, 32, 12, "sha256",
            "SHA-256 cut to 96 bits is no standard (RFC 4868 keeps 128): only for old peers that do the same",
        ),
        Integrity("sha384", 6, 48, 24, "sha384"),
        Integrity("sha512", 7, 64, 32, "sha512"),
    )
}
