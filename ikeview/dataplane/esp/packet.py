"""One ESP packet, sealed and opened (RFC 4303 section 2; AES-CBC RFC 3602, 3DES RFC 2451, AES-CTR RFC 3686, NULL
RFC 2410, AES-GCM RFC 4106, AES-CCM RFC 4309, ChaCha20-Poly1305 RFC 7634).

With extended sequence numbers a packet carries the low half; the high half goes into the ICV alone (RFC 4303 section
2.2.1). Without, the high half is no octets.
"""

import hmac
import os
import warnings
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from ikeview.crypto.esp import EspCipher, EspKeys, EspMode, Integrity
from ikeview.crypto.suites import EspSuite

HEADER_SIZE = 8
"""SPI and sequence number."""
LAST_SEQUENCE = 2**32 - 1
"""The highest sequence number; it never wraps (RFC 4303 section 3.3.3)."""
LAST_EXTENDED = 2**64 - 1
"""The highest extended one."""
NEXT_IPV4 = 4
NEXT_IPV6 = 41
NEXT_NONE = 59
"""A dummy packet for traffic flow confidentiality (RFC 4303 section 2.6)."""

_PADDING = bytes(range(1, 256))


class BadPacket(Exception):
    """The packet cannot be ESP under this SA: too short, not aligned, or its trailer is wrong."""


class Forged(Exception):
    """The ICV does not match."""


class _Transform(Protocol):
    """What suite-dependent code does with a packet; ``high`` is the high half of an extended sequence number."""

    def protect(self, header: bytes, high: bytes, iv: bytes, plaintext: bytes) -> bytes:
        """Ciphertext and ICV."""
        ...

    def uncover(self, packet: bytes, high: bytes = b"") -> bytes:
        """The authentic plaintext. Raises ``Forged``."""
        ...


def _additional(header: bytes, high: bytes) -> bytes:
    """What an AEAD cipher authenticates beside the ciphertext: SPI and whole sequence number (RFC 4106 section 5)."""
    return header[:4] + high + header[4:] if high else header


class _Aead:
    """A cipher of the library's AEAD interface: the nonce is salt and IV."""

    def __init__(self, aead: AESGCM | AESCCM | ChaCha20Poly1305, salt: bytes) -> None:
        self._encrypt, self._decrypt = aead.encrypt, aead.decrypt
        self._salt = salt

    def protect(self, header: bytes, high: bytes, iv: bytes, plaintext: bytes) -> bytes:
        if high:
            header = _additional(header, high)
        return self._encrypt(self._salt + iv, plaintext, header)

    def uncover(self, packet: bytes, high: bytes = b"") -> bytes:
        header = packet[:HEADER_SIZE]
        if high:
            header = _additional(header, high)
        try:
            return self._decrypt(self._salt + packet[8:16], packet[16:], header)
        except InvalidTag:
            raise Forged from None


class _ShortGcm:
    """AES-GCM with an ICV of 8 or 12 octets, which the library's AEAD interface does not have."""

    def __init__(self, key: bytes, salt: bytes, icv_size: int) -> None:
        self._cipher = algorithms.AES(key)
        self._salt = salt
        self._icv_size = icv_size

    def protect(self, header: bytes, high: bytes, iv: bytes, plaintext: bytes) -> bytes:
        context = Cipher(self._cipher, modes.GCM(self._salt + iv)).encryptor()
        context.authenticate_additional_data(_additional(header, high))
        return context.update(plaintext) + context.finalize() + context.tag[: self._icv_size]

    def uncover(self, packet: bytes, high: bytes = b"") -> bytes:
        mode = modes.GCM(self._salt + packet[8:16], packet[-self._icv_size :], self._icv_size)
        context = Cipher(self._cipher, mode).decryptor()
        context.authenticate_additional_data(_additional(packet[:HEADER_SIZE], high))
        try:
            return context.update(packet[16 : -self._icv_size]) + context.finalize()
        except InvalidTag:
            raise Forged from None


class _Hmac:
    """A cipher of its own kind, then HMAC over everything before the ICV, and over the high half behind it."""

    def __init__(self, cipher: EspCipher, integrity: Integrity, keys: EspKeys) -> None:
        self._body = HEADER_SIZE + cipher.iv_size
        self._key = keys.integrity.reveal()
        self._hash = integrity.hash_name
        self._icv_size = integrity.icv_size

    def protect(self, header: bytes, high: bytes, iv: bytes, plaintext: bytes) -> bytes:
        ciphertext = self._encrypt(iv, plaintext)
        return ciphertext + hmac.digest(self._key, header + iv + ciphertext + high, self._hash)[: self._icv_size]

    def uncover(self, packet: bytes, high: bytes = b"") -> bytes:
        end = len(packet) - self._icv_size
        icv = hmac.digest(self._key, packet[:end] + high, self._hash)[: self._icv_size]
        if not hmac.compare_digest(icv, packet[end:]):
            raise Forged
        return self._decrypt(packet[HEADER_SIZE : self._body], packet[self._body : end])

    def _encrypt(self, iv: bytes, plaintext: bytes) -> bytes:
        raise NotImplementedError

    def _decrypt(self, iv: bytes, ciphertext: bytes) -> bytes:
        raise NotImplementedError


class _Cbc(_Hmac):
    """A block cipher in CBC mode."""

    def __init__(self, cipher: EspCipher, integrity: Integrity, keys: EspKeys) -> None:
        super().__init__(cipher, integrity, keys)
        key = keys.encryption.reveal()
        if cipher.block_size == 8:
            with warnings.catch_warnings():
                # the library warns that 3DES will go; routers in the field still speak nothing else
                warnings.simplefilter("ignore")
                from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

                self._cipher: TripleDES | algorithms.AES = TripleDES(key)
        else:
            self._cipher = algorithms.AES(key)

    def _encrypt(self, iv: bytes, plaintext: bytes) -> bytes:
        context = Cipher(self._cipher, modes.CBC(iv)).encryptor()
        return context.update(plaintext) + context.finalize()

    def _decrypt(self, iv: bytes, ciphertext: bytes) -> bytes:
        context = Cipher(self._cipher, modes.CBC(iv)).decryptor()
        return context.update(ciphertext) + context.finalize()


class _Ctr(_Hmac):
    """AES in counter mode: the counter block is salt, IV and a counter from 1 (RFC 3686 section 4)."""

    def __init__(self, cipher: EspCipher, integrity: Integrity, keys: EspKeys) -> None:
        super().__init__(cipher, integrity, keys)
        self._cipher = algorithms.AES(keys.encryption.reveal())
        self._salt = keys.salt.reveal()

    def _encrypt(self, iv: bytes, plaintext: bytes) -> bytes:
        context = Cipher(self._cipher, modes.CTR(self._salt + iv + b"\0\0\0\1")).encryptor()
        return context.update(plaintext) + context.finalize()

    def _decrypt(self, iv: bytes, ciphertext: bytes) -> bytes:
        return self._encrypt(iv, ciphertext)


class _Null(_Hmac):
    """No encryption (RFC 2410)."""

    def _encrypt(self, iv: bytes, plaintext: bytes) -> bytes:
        return plaintext

    def _decrypt(self, iv: bytes, ciphertext: bytes) -> bytes:
        return ciphertext


def _transform(suite: EspSuite, keys: EspKeys) -> _Transform:
    cipher = suite.cipher
    key, salt = keys.encryption.reveal(), keys.salt.reveal()
    if cipher.aead:
        match cipher.mode:
            case EspMode.CHACHA:
                return _Aead(ChaCha20Poly1305(key), salt)
            case EspMode.CCM:
                return _Aead(AESCCM(key, cipher.icv_size), salt)
            case _:
                return _Aead(AESGCM(key), salt) if cipher.icv_size == 16 else _ShortGcm(key, salt, cipher.icv_size)
    if suite.integrity is None:
        # encryption without integrity is broken (RFC 8221 section 4), and no suite can be parsed that way
        raise ValueError(f"{cipher.name} needs an integrity algorithm")
    match cipher.mode:
        case EspMode.CTR:
            return _Ctr(cipher, suite.integrity, keys)
        case EspMode.NULL:
            return _Null(cipher, suite.integrity, keys)
        case _:
            return _Cbc(cipher, suite.integrity, keys)


class Sealer:
    """Makes the packets of one outbound half SA."""

    def __init__(self, spi: int, suite: EspSuite, keys: EspKeys) -> None:
        self._spi = spi.to_bytes(4)
        self._block = suite.cipher.block_size
        self._iv_size = suite.cipher.iv_size
        self._random_iv = suite.cipher.mode is EspMode.CBC
        self._esn = suite.esn
        self._protect = _transform(suite, keys).protect
        self._trailers: dict[int, bytes] = {}

    def seal(self, sequence: int, inner: bytes, next_header: int, iv: bytes | None = None) -> bytes:
        """The ESP packet, from its SPI to its ICV. ``iv`` is for known answers; else ciphers that count take the
        sequence number, which no other packet under this key has (RFC 4106 section 3.1, RFC 3686 section 3.1, RFC 4309
        section 3.1, RFC 7634 section 2), and CBC random octets (RFC 3602 section 3)."""
        whole = sequence.to_bytes(8)
        if iv is None:
            iv = os.urandom(self._iv_size) if self._random_iv else whole[: self._iv_size]
        header = self._spi + whole[4:]
        key = next_header << 8 | -(len(inner) + 2) % self._block
        trailer = self._trailers.get(key) or self._trailer(key)
        return header + iv + self._protect(header, whole[:4] if self._esn else b"", iv, inner + trailer)

    def _trailer(self, key: int) -> bytes:
        """Padding, its length and the next header (RFC 4303 section 2.4)."""
        next_header, pad = divmod(key, 256)
        trailer = self._trailers[key] = _PADDING[:pad] + bytes((pad, next_header))
        return trailer


class Opener:
    """Opens the packets of one inbound half SA."""

    def __init__(self, suite: EspSuite, keys: EspKeys) -> None:
        cipher = suite.cipher
        icv_size = suite.integrity.icv_size if suite.integrity else cipher.icv_size
        self._around = HEADER_SIZE + cipher.iv_size + icv_size
        self._block = cipher.block_size
        self.uncover = _transform(suite, keys).uncover
        """The authentic plaintext, its trailer still on, of a packet whose size was checked, and the high half of an
        extended sequence number. Raises ``Forged``."""

    def check_size(self, packet: bytes) -> None:
        """Raises ``BadPacket`` if no packet of this SA can have that length."""
        body = len(packet) - self._around
        if body < self._block or body % self._block:
            raise BadPacket


def split_trailer(plaintext: bytes) -> tuple[bytes, int]:
    """Payload (with TFC padding, if any) and next header. Raises ``BadPacket`` unless the padding is 1, 2, 3, ..."""
    pad, next_header = plaintext[-2], plaintext[-1]
    end = len(plaintext) - 2 - pad
    if end < 0 or plaintext[end:-2] != _PADDING[:pad]:
        raise BadPacket
    return plaintext[:end], next_header
