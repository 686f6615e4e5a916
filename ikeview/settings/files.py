"""Reading a file that somebody else may have put there: regular, bounded, and judged by the descriptor that is read."""

import os
import stat
from pathlib import Path
from shlex import quote

from ikeview.settings.problems import BadValue


class Content:
    """A file's octets with the owner and mode that the same open file had."""

    __slots__ = ("data", "mode", "owner", "path")

    def __init__(self, path: Path, data: bytes, status: os.stat_result) -> None:
        self.path = path
        self.data = data
        self.owner = status.st_uid
        self.mode = stat.S_IMODE(status.st_mode)

    def check_private(self) -> None:
        """Raises ``BadValue`` unless the file is its owner's alone, and the owner is who runs this or root."""
        if self.owner in (0, os.geteuid()) and not self.mode & 0o077:
            return
        name = os.path.realpath(self.path)
        if self.owner not in (0, os.geteuid()):
            raise BadValue(
                f"{name} belongs to the user with number {self.owner}",
                f"it must belong to root or to who runs ikeview: chown {os.geteuid()} {quote(name)}",
            )
        text = f"{name} can be read or changed by others (mode {self.mode:04o})"
        raise BadValue(text, f"run: chmod 600 {quote(name)}")


def read_file(path: Path, limit: int, shown: str = "this") -> Content:
    """The whole of a regular file of at most ``limit`` octets, called ``shown`` in errors; symbolic links are followed.

    Raises ``BadValue`` if there is none, it cannot be read, is too large, or is no regular file. Never waits: a FIFO is
    opened without blocking and refused.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BadValue(f"{shown} does not exist", "make it or correct its name") from None
    except (OSError, ValueError) as error:
        raise BadValue(f"{shown} cannot be read: {_reason(error)}", "correct its name or its permissions") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise BadValue(f"{shown} is {kind}", "put a file in its place")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise BadValue(f"{shown} cannot be read: {_reason(error)}", "look at the file system") from None
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise BadValue(f"{shown} is larger than {limit} octets", "is it the right file?")
    return Content(path, data, status)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
