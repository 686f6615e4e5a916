"""Passwords as a server keeps them: scrypt (RFC 7914) with a salt of their own."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from ikeview.crypto.secret import Secret

_LOG_N, _R, _P = 14, 8, 1
"""About 16 MB and 50 ms: a stolen file costs its thief that for each guess."""
_SALT_SIZE, _KEY_SIZE = 16, 32
_SALT_SIZES, _KEY_SIZES = range(8, 65), range(16, 65)
"""Of hashes that others made: a shorter key would fit too many passwords."""
_FORM = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9+/]{1,90})\$([A-Za-z0-9+/]{1,90})"
)
_MOST_MEMORY = 256 << 20
_MOST_WORK = 4 * _MOST_MEMORY
"""Octets that one check may fill, and may write in all: a hash in a file must not stop the gateway."""


class BadPasswordHash(ValueError):
    """The text is no password hash; the message says what one looks like, never what it was."""


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A password's scrypt hash: ``$scrypt$ln=14,r=8,p=1$SALT$KEY``, both in base64 without padding."""

    log_n: int
    r: int
    p: int
    salt: Secret
    key: Secret

    @classmethod
    def of(cls, password: Secret, salt: bytes) -> "PasswordHash":
        """The hash of a password with a fresh salt (16 octets of chance)."""
        return cls(_LOG_N, _R, _P, Secret(salt), Secret(_scrypt(password, salt, _LOG_N, _R, _P, _KEY_SIZE)))

    @classmethod
    def parse(cls, text: str) -> "PasswordHash":
        """From its text. Raises ``BadPasswordHash``."""
        wrong = BadPasswordHash("no password hash: `ikeview passwd` makes one ($scrypt$ln=14,...)")
        found = _FORM.fullmatch(text)
        if found is None:
            raise wrong
        log_n, r, p = (int(each) for each in found.groups()[:3])
        try:
            salt, key = _decoded(found[4]), _decoded(found[5])
        except ValueError:
            raise wrong from None
        if len(salt) not in _SALT_SIZES or len(key) not in _KEY_SIZES or not _bearable(log_n, r, p):
            raise wrong
        return cls(log_n, r, p, Secret(salt), Secret(key))

    def fits(self, password: Secret) -> bool:
        """Whether that is the password. Slow on purpose."""
        salt, key = self.salt.reveal(), self.key.reveal()
        return hmac.compare_digest(_scrypt(password, salt, self.log_n, self.r, self.p, len(key)), key)

    def text(self) -> str:
        """The text that ``parse`` takes: for a file that its owner alone can read."""
        salt, key = (base64.b64encode(each.reveal()).decode().rstrip("=") for each in (self.salt, self.key))
        return f"$scrypt$ln={self.log_n},r={self.r},p={self.p}${salt}${key}"


def _bearable(log_n: int, r: int, p: int) -> bool:
    # N is above 1 and below 2^(128 r / 8) (RFC 7914 section 2)
    return 1 <= log_n < 16 * r and p >= 1 and 128 * r << log_n <= _MOST_MEMORY and 128 * r * p << log_n <= _MOST_WORK


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _scrypt(password: Secret, salt: bytes, log_n: int, r: int, p: int, size: int) -> bytes:
    return hashlib.scrypt(
        password.reveal(), salt=salt, n=1 << log_n, r=r, p=p, maxmem=2 * _MOST_MEMORY, dklen=size
    )
