"""The users of an XAUTH server: a file with a line for each, its name and the hash of its password."""

from pathlib import Path

from ikeview.crypto.passwords import BadPasswordHash, PasswordHash
from ikeview.settings.files import read_file
from ikeview.settings.problems import BadValue, quoted
from ikeview.settings.shape import Finding
from ikeview.settings.values import parse_user

LIMIT = 4_000_000
"""Octets of the file: room for about 30,000 users."""

_FINDINGS_MOST = 50
"""Then the file is another than was meant."""

Users = tuple[tuple[str, PasswordHash], ...]


def read_users(path: Path, shown: str) -> tuple[Users, list[Finding]]:
    """The users of the file, called ``shown`` in errors, and a finding without a key for each line that is wrong.

    Raises ``BadValue`` if the file cannot be read, is not its owner's alone or names nobody.
    """
    content = read_file(path, LIMIT, shown)
    content.check_private()
    users: dict[str, PasswordHash] = {}
    first: dict[str, int] = {}
    findings: list[Finding] = []
    for number, line in enumerate(content.data.split(b"\n"), 1):
        if not line.strip() or line.startswith(b"#"):
            continue
        try:
            name, stored = _user(line.removesuffix(b"\r"))
            if name in first:
                raise BadValue(f"the user {quoted(name)} stands in line {first[name]} too", "take one of the two out")
        except BadValue as error:
            findings.append(Finding("", error.text, error.hint, file=path, line=number))
            if len(findings) == _FINDINGS_MOST:
                break
        else:
            first[name], users[name] = number, stored
    if not users and not findings:
        raise BadValue(f"{shown} names no user", "`ikeview passwd USER` makes a line for one")
    return tuple(users.items()), findings


def check_user(text: str) -> str:
    """A user's name that a line can begin with. Raises ``BadValue``."""
    if ":" in text or text.startswith("#"):
        raise BadValue(f"{quoted(text)} cannot be a user's name", "it must hold no colon and not begin with #")
    return parse_user(text)


def _user(line: bytes) -> tuple[str, PasswordHash]:
    """The line's user. Nothing but a name is repeated: the rest may be a password."""
    try:
        name, colon, stored = line.decode().partition(":")
    except UnicodeDecodeError:
        raise BadValue("is not UTF-8 text", "save the file as UTF-8") from None
    if not colon:
        raise BadValue("has no colon between name and hash", "`ikeview passwd USER` makes such a line")
    try:
        return check_user(name), PasswordHash.parse(stored)
    except BadPasswordHash as error:
        raise BadValue(str(error)) from None
