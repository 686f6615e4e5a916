"""One ESP packet, sealed and opened (RFC 4303 section 2; AES-CBC RFC 3602, 3DES RFC 2451, AES-GCM RFC 4106)."""

import hmac
import os
import warnings
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ikeview.crypto.esp import EspKeys, Integrity
from ikeview.crypto.suites import EspSuite

HEADER_SIZE = 8
"""SPI and sequence number."""
LAST_SEQUENCE = 2**32 - 1
"""The highest sequence number; it never wraps (RFC 4303 section 3.3.3)."""
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
    """What suite-dependent code does with a packet."""

    def protect(self, header: bytes, iv: bytes, plaintext: bytes) -> bytes:
        """Ciphertext and ICV."""
        ...

    def uncover(self, packet: bytes) -> bytes:
        """The authentic plaintext. Raises ``Forged``."""
        ...


class _Gcm:
    """AES-GCM: the nonce is salt and IV, header and sequence number are the additional data (RFC 4106)."""

    def __init__(self, keys: EspKeys) -> None:
        self._aead = AESGCM(keys.encryption.reveal())
        self._salt = keys.salt.reveal()

    def protect(self, header: bytes, iv: bytes, plaintext: bytes) -> bytes:
        return self._aead.encrypt(self._salt + iv, plaintext, header)

    def uncover(self, packet: bytes) -> bytes:
        try:
            return self._aead.decrypt(self._salt + packet[8:16], packet[16:], packet[:HEADER_SIZE])
        except InvalidTag:
            raise Forged from None


class _ShortGcm:
    """AES-GCM with an ICV of 8 or 12 octets, which the library's AEAD interface does not have."""

    def __init__(self, keys: EspKeys, icv_size: int) -> None:
        self._cipher = algorithms.AES(keys.encryption.reveal())
        self._salt = keys.salt.reveal()
        self._icv_size = icv_size

    def protect(self, header: bytes, iv: bytes, plaintext: bytes) -> bytes:
        context = Cipher(self._cipher, modes.GCM(self._salt + iv)).encryptor()
        context.authenticate_additional_data(header)
        return context.update(plaintext) + context.finalize() + context.tag[: self._icv_size]

    def uncover(self, packet: bytes) -> bytes:
        mode = modes.GCM(self._salt + packet[8:16], packet[-self._icv_size :], self._icv_size)
        context = Cipher(self._cipher, mode).decryptor()
        context.authenticate_additional_data(packet[:HEADER_SIZE])
        try:
            return context.update(packet[16 : -self._icv_size]) + context.finalize()
        except InvalidTag:
            raise Forged from None


class _Cbc:
    """A block cipher in CBC mode, then HMAC over everything before the ICV."""

    def __init__(self, name: str, iv_size: int, integrity: Integrity, keys: EspKeys) -> None:
        key = keys.encryption.reveal()
        if name == "3des":
            with warnings.catch_warnings():
                # the library warns that 3DES will go; routers in the field still speak nothing else
                warnings.simplefilter("ignore")
                from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

                self._cipher: TripleDES | algorithms.AES = TripleDES(key)
        else:
            self._cipher = algorithms.AES(key)
        self._body = HEADER_SIZE + iv_size
        self._key = keys.integrity.reveal()
        self._hash = integrity.hash_name
        self._icv_size = integrity.icv_size

    def protect(self, header: bytes, iv: bytes, plaintext: bytes) -> bytes:
        context = Cipher(self._cipher, modes.CBC(iv)).encryptor()
        ciphertext = context.update(plaintext) + context.finalize()
        return ciphertext + hmac.digest(self._key, header + iv + ciphertext, self._hash)[: self._icv_size]

    def uncover(self, packet: bytes) -> bytes:
        end = len(packet) - self._icv_size
        icv = hmac.digest(self._key, packet[:end], self._hash)[: self._icv_size]
        if not hmac.compare_digest(icv, packet[end:]):
            raise Forged
        context = Cipher(self._cipher, modes.CBC(packet[HEADER_SIZE : self._body])).decryptor()
        return context.update(packet[self._body : end]) + context.finalize()


def _transform(suite: EspSuite, keys: EspKeys) -> _Transform:
    cipher = suite.cipher
    if cipher.aead:
        return _Gcm(keys) if cipher.icv_size == 16 else _ShortGcm(keys, cipher.icv_size)
    if suite.integrity is None:
        # encryption without integrity is broken (RFC 8221 section 4), and no suite can be parsed that way
        raise ValueError(f"{cipher.name} needs an integrity algorithm")
    return _Cbc(cipher.name, cipher.iv_size, suite.integrity, keys)


class Sealer:
    """Makes the packets of one outbound half SA."""

    def __init__(self, spi: int, suite: EspSuite, keys: EspKeys) -> None:
        self._spi = spi.to_bytes(4)
        self._block = suite.cipher.block_size
        self._iv_size = suite.cipher.iv_size
        self._aead = suite.cipher.aead
        self._transform = _transform(suite, keys)

    def seal(self, sequence: int, inner: bytes, next_header: int, iv: bytes | None = None) -> bytes:
        """The ESP packet, from its SPI to its ICV. ``iv`` is for known answers; else GCM takes the sequence number,
        which no other packet under this key has (RFC 4106 section 3.1), and CBC random octets (RFC 3602 section 3)."""
        if iv is None:
            iv = sequence.to_bytes(8) if self._aead else os.urandom(self._iv_size)
        header = self._spi + sequence.to_bytes(4)
        pad = -(len(inner) + 2) % self._block
        plaintext = b"".join((inner, _PADDING[:pad], bytes((pad, next_header))))
        return b"".join((header, iv, self._transform.protect(header, iv, plaintext)))


class Opener:
    """Opens the packets of one inbound half SA."""

    def __init__(self, suite: EspSuite, keys: EspKeys) -> None:
        cipher = suite.cipher
        icv_size = suite.integrity.icv_size if suite.integrity else cipher.icv_size
        self._around = HEADER_SIZE + cipher.iv_size + icv_size
        self._block = cipher.block_size
        self._transform = _transform(suite, keys)

    def check_size(self, packet: bytes) -> None:
        """Raises ``BadPacket`` if no packet of this SA can have that length."""
        body = len(packet) - self._around
        if body < self._block or body % self._block:
            raise BadPacket

    def uncover(self, packet: bytes) -> bytes:
        """The authentic plaintext, its trailer still on, of a packet whose size was checked. Raises ``Forged``."""
        return self._transform.uncover(packet)


def split_trailer(plaintext: bytes) -> tuple[bytes, int]:
    """Payload (with TFC padding, if any) and next header. Raises ``BadPacket`` unless the padding is 1, 2, 3, ..."""
    pad, next_header = plaintext[-2], plaintext[-1]
    end = len(plaintext) - 2 - pad
    if end < 0 or plaintext[end:-2] != _PADDING[:pad]:
        raise BadPacket
    return plaintext[:end], next_header
