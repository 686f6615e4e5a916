"""``ikeview passwd``: a user's line for ``xauth.users_file``, from a password that is asked for."""

import os
import sys
from getpass import getpass

from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from ikeview.settings.users import check_user

_LONGEST = 4096


class NoPassword(Exception):
    """None was given; the text says why."""


def users_line(user: str) -> str:
    """``user:$scrypt$...``. Raises ``BadValue`` for the name, ``NoPassword``."""
    check_user(user)
    password = _asked(user) if sys.stdin.isatty() else _read()
    if not len(password):
        raise NoPassword("the password is empty")
    return f"{user}:{PasswordHash.of(password, os.urandom(16)).text()}"


def _asked(user: str) -> Secret:
    """Twice on the terminal, without an echo."""
    try:
        first, second = (
            Secret(getpass(prompt).encode(errors="surrogateescape"))
            for prompt in (f"Password for {user}: ", "The same again: ")
        )
    except EOFError:
        raise NoPassword("no password was given") from None
    if first != second:
        raise NoPassword("the two passwords differ: nothing was made")
    return first


def _read() -> Secret:
    """One line of the standard input, without its end."""
    line = sys.stdin.buffer.readline(_LONGEST + 3)
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    if len(line) > _LONGEST:
        raise NoPassword(f"the password is longer than {_LONGEST} octets")
    return Secret(line)
