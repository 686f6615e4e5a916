"""Block ciphers that protect IKE messages, in CBC mode (RFC 2409 appendix A and B)."""

import warnings
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher as _Context
from cryptography.hazmat.primitives.ciphers import algorithms, modes


@dataclass(frozen=True, slots=True)
class Cipher:
    """A phase 1 cipher.

    ``ike_id`` is the value of the attribute Encryption Algorithm, ``key_size`` and ``block_size`` are in octets,
    ``key_length`` is the value of the attribute Key Length in bits, or 0 where the cipher has none.
    """

    name: str
    ike_id: int
    key_size: int
    block_size: int
    key_length: int = 0
    weak: str = ""
    """Why it should not be used any more; empty if it may."""

    def encrypt(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        """CBC encryption of ``data``, a multiple of the block size (else ``ValueError``)."""
        context = self._context(key, iv).encryptor()
        return context.update(data) + context.finalize()

    def decrypt(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        """CBC decryption of ``data``, a multiple of the block size (else ``ValueError``)."""
        context = self._context(key, iv).decryptor()
        return context.update(data) + context.finalize()

    def _context(self, key: bytes, iv: bytes) -> _Context[modes.CBC]:
        if self.name == "3des":
            with warnings.catch_warnings():
                # the library warns that 3DES will go; routers in the field still speak nothing else
                warnings.simplefilter("ignore")
                return _Context(TripleDES(key), modes.CBC(iv))
        return _Context(algorithms.AES(key), modes.CBC(iv))


CIPHERS: dict[str, Cipher] = {
    each.name: each
    for each in (
        Cipher("3des", 5, 24, 8, weak="3DES has 64-bit blocks (RFC 8247: avoid)"),
        Cipher("aes128", 7, 16, 16, 128),
        Cipher("aes192", 7, 24, 16, 192),
        Cipher("aes256", 7, 32, 16, 256),
    )
}
