"""Where the configuration folder and the runtime folder are."""

import os
import stat
import tempfile
from pathlib import Path

from platformdirs import user_config_path


class PlaceRefused(Exception):
    """A folder cannot be trusted or made; the text says why and what to do."""


def config_folder(argument: str | None = None) -> Path:
    """The folder of ``ikeview.toml``: ``argument`` (``-c``), else ``$IKEVIEW_CONFIG``, else ``/etc/ikeview`` for root,
    else the user's XDG configuration folder. Not looked at here: it may be missing."""
    chosen = argument or os.environ.get("IKEVIEW_CONFIG")
    if chosen:
        return Path(chosen)
    return Path("/etc/ikeview") if os.geteuid() == 0 else user_config_path("ikeview", appauthor=False)


def runtime_folder(*, make: bool = False) -> Path:
    """The folder of the control socket: ``$IKEVIEW_RUNTIME``, else ``/run/ikeview`` for root, else
    ``$XDG_RUNTIME_DIR/ikeview``, else ``ikeview-UID`` in the folder for temporary files.

    With ``make`` it is made, mode 0700. Raises ``PlaceRefused`` if it cannot be made, or if one is there that is not
    ours or that others may write to: anybody can make a folder in ``/tmp``, and who connects must not trust it either.
    """
    folder = _runtime_path()
    try:
        if make:
            folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except FileNotFoundError as error:
        if make:
            raise PlaceRefused(f"cannot make {folder}: the folder above it is missing") from error
        return folder
    except (OSError, ValueError) as error:
        raise PlaceRefused(f"cannot use {folder}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise PlaceRefused(f"{folder} is no folder: remove it, or name another with IKEVIEW_RUNTIME")
    if status.st_uid not in (0, os.geteuid()) or stat.S_IMODE(status.st_mode) & 0o022:
        raise PlaceRefused(
            f"{folder} belongs to somebody else or can be changed by others: "
            "remove it, or name another with IKEVIEW_RUNTIME"
        )
    return folder


def _runtime_path() -> Path:
    chosen = os.environ.get("IKEVIEW_RUNTIME")
    if chosen:
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/run/ikeview")
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    # the specification of XDG_RUNTIME_DIR: a path that is not absolute is to be ignored
    if os.path.isabs(session):
        return Path(session, "ikeview")
    return Path(tempfile.gettempdir(), f"ikeview-{os.geteuid()}")
