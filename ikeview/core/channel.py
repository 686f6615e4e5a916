"""Encryption of one exchange's messages (RFC 2409 appendix B)."""

from dataclasses import dataclass, replace

from ikeview.crypto.ciphers import Cipher
from ikeview.crypto.secret import Secret


@dataclass(frozen=True, slots=True)
class Channel:
    """Cipher, key and the IV of the next message. A value: whoever accepts a message keeps the channel that came with
    it, so that a forged one never moves the IV."""

    cipher: Cipher
    key: Secret
    iv: bytes

    def seal(self, plain: bytes) -> tuple[bytes, "Channel"]:
        """The ciphertext of ``plain``, padded with zeros to whole blocks, and the channel for the next message."""
        padded = plain + bytes(-len(plain) % self.cipher.block_size)
        data = self.cipher.encrypt(self.key.reveal(), self.iv, padded)
        return data, replace(self, iv=data[-self.cipher.block_size :])

    def open(self, data: bytes) -> tuple[bytes, "Channel"]:
        """The plain octets, padding included, and the channel for the next message, to be kept once this one has been
        accepted. Raises ``ValueError`` where the data is not whole blocks."""
        if not data or len(data) % self.cipher.block_size:
            raise ValueError(f"{len(data)} octets are not whole blocks of {self.cipher.block_size}")
        plain = self.cipher.decrypt(self.key.reveal(), self.iv, data)
        return plain, replace(self, iv=data[-self.cipher.block_size :])
