"""ESP's algorithms and how much key each takes from KEYMAT (RFC 4303, RFC 3602, RFC 4106, RFC 2404, RFC 4868)."""

from dataclasses import dataclass

from ikeview.crypto.secret import Secret


@dataclass(frozen=True, slots=True)
class EspCipher:
    """An ESP transform. ``transform_id`` as in RFC 2407 section 4.4.4; sizes are in octets, ``key_length`` is the
    attribute Key Length in bits (0: none). AEAD ciphers take ``salt_size`` more octets of key and carry their own
    ICV."""

    name: str
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
    (RFC 2407 section 4.5), ``hash_name`` the hash of its HMAC, ``icv_size`` the octets kept of it."""

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

ESP_CIPHERS: dict[str, EspCipher] = {
    each.name: each
    for each in (
        EspCipher("3des", 3, 24, 8, 8, weak="3DES has 64-bit blocks: rekey often, avoid (RFC 8221)"),
        EspCipher("aes128", 12, 16, 16, 16, 128),
        EspCipher("aes192", 12, 24, 16, 16, 192),
        EspCipher("aes256", 12, 32, 16, 16, 256),
        *(
            EspCipher(f"aes{bits}{word}", number, bits // 8, 4, 8, bits, salt_size=4, icv_size=icv)
            for bits in (128, 192, 256)
            for word, (number, icv) in _GCM.items()
        ),
    )
}

INTEGRITIES: dict[str, Integrity] = {
    each.name: each
    for each in (
        Integrity("md5", 1, 16, 12, "md5", "MD5 is broken; peers of today refuse it"),
        Integrity("sha1", 2, 20, 12, "sha1", "SHA-1 is being retired (RFC 8221)"),
        Integrity("sha256", 5, 32, 16, "sha256"),
        Integrity("sha384", 6, 48, 24, "sha384"),
        Integrity("sha512", 7, 64, 32, "sha512"),
    )
}
