"""Where a pre-shared key or a password comes from: a file, the environment, or the peer's own file.

A password is taken as it stands. So is a key, or, as strongSwan's users know it, ``0x`` and hex digits or ``0s`` and
base64 stand for the octets they encode. No text raised from here holds any part of one.
"""

import binascii
import os
import re
from collections.abc import Callable
from pathlib import Path

from ikeview.crypto.secret import Secret
from ikeview.settings.files import Content, read_file
from ikeview.settings.problems import BadValue

_LIMIT = 4096
"""Octets of a secret file. Nobody types a longer key, and a wrong path to a large file is found early."""
_ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


Decoder = Callable[[bytes], Secret]


def from_file(name: str, beside: Path, decoder: Decoder) -> Secret:
    """From the file ``name``, relative to the folder ``beside``; one newline at its end is not part of it.

    Raises ``BadValue`` if it cannot be read, is empty or malformed, or is not its owner's alone (mode 0600 or less)."""
    path = beside / name
    content = read_file(path, _LIMIT, os.path.normpath(path))
    content.check_private()
    data = content.data
    if data.endswith(b"\n"):
        data = data[:-2] if data.endswith(b"\r\n") else data[:-1]
    return decoder(data)


def from_environment(name: str, decoder: Decoder, otherwise: str) -> Secret:
    """From the environment variable ``name``; ``otherwise`` is the key of a file that would do. Raises ``BadValue`` if
    it is not set, empty or malformed."""
    if not _ENVIRONMENT_NAME.fullmatch(name):
        # not repeated: it may be the secret itself, written under the wrong key
        raise BadValue("this is not the name of an environment variable", "write the name, not the secret")
    value = os.environb.get(name.encode())
    if value is None:
        raise BadValue(f"the environment variable {name} is not set", f"set it, or use {otherwise}")
    return decoder(value)


def from_peer_file(value: Secret, peer_file: Content, decoder: Decoder) -> Secret:
    """From the peer's file itself. Raises ``BadValue`` unless that file is its owner's alone."""
    peer_file.check_private()
    return decoder(value.reveal())


def password(data: bytes) -> Secret:
    """``data`` itself. Raises ``BadValue`` if it is empty."""
    if not data:
        raise BadValue("the password is empty", "write the one that the server knows")
    return Secret(data)


def key(data: bytes) -> Secret:
    """The octets meant by ``data``: hex after ``0x``, base64 after ``0s``, else itself. Raises ``BadValue``."""
    form, body = data[:2], data[2:]
    try:
        if form == b"0x":
            data = binascii.unhexlify(body)
        elif form == b"0s":
            data = binascii.a2b_base64(body, strict_mode=True)
    except ValueError:
        kind = "an even number of hex digits" if form == b"0x" else "base64"
        text = f"the secret begins with {form.decode()} but {kind} does not follow"
        raise BadValue(text, "correct it or begin otherwise") from None
    if not data:
        raise BadValue("the secret is empty", "make one: umask 077; openssl rand -base64 33 > FILE")
    return Secret(data)
