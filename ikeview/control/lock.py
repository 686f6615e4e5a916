"""One engine a runtime folder: a lock file next to the control socket. The system frees it however the engine ends."""

import fcntl
import os
from pathlib import Path

from ikeview.control.protocol import LOCK_NAME


class Locked(Exception):
    """Another engine holds the folder; the text says which."""


class EngineLock:
    """Held from ``__init__`` (raises ``Locked``, ``OSError``) to ``release``."""

    def __init__(self, folder: Path) -> None:
        path = folder / LOCK_NAME
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            who = f" (pid {holder})" if holder.isdigit() else ""
            raise Locked(
                f"another ikeview engine{who} runs with {folder}: stop it, or set IKEVIEW_RUNTIME to another folder"
            ) from error
        # for the sentence above only: the lock itself is what counts
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Give the folder back. The file stays: removing it would let two engines lock two files of one name."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
