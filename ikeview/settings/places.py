"""Where the configuration folder, the runtime folder and the state folder are."""

import os
import stat
import tempfile
from pathlib import Path

from platformdirs import user_config_path, user_state_path


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
    return _trusted(_runtime_path(), "IKEVIEW_RUNTIME", make=make, parents=False)


def state_folder(configured: str = "", *, make: bool = False) -> Path:
    """The folder of what outlives the program: ``$IKEVIEW_STATE``, else ``configured`` (``engine.state``), else
    ``/var/lib/ikeview`` for root, else the user's XDG state folder.

    With ``make`` it is made, mode 0700. Raises ``PlaceRefused`` as ``runtime_folder`` does: who may write there says
    which address a user gets.
    """
    chosen = os.environ.get("IKEVIEW_STATE") or configured
    if chosen:
        folder = Path(chosen)
    elif os.geteuid() == 0:
        folder = Path("/var/lib/ikeview")
    else:
        folder = user_state_path("ikeview", appauthor=False)
    return _trusted(folder, "IKEVIEW_STATE", make=make, parents=True)


def _trusted(folder: Path, variable: str, *, make: bool, parents: bool) -> Path:
    """The folder, if it is missing or ours alone to change; ``variable`` names another."""
    try:
        if make:
            folder.mkdir(mode=0o700, parents=parents, exist_ok=True)
        status = folder.lstat()
    except FileNotFoundError as error:
        if make:
            raise PlaceRefused(f"cannot make {folder}: the folder above it is missing") from error
        return folder
    except (OSError, ValueError) as error:
        raise PlaceRefused(f"cannot use {folder}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise PlaceRefused(f"{folder} is no folder: remove it, or name another with {variable}")
    if status.st_uid not in (0, os.geteuid()) or stat.S_IMODE(status.st_mode) & 0o022:
        raise PlaceRefused(
            f"{folder} belongs to somebody else or can be changed by others: "
            f"remove it, or name another with {variable}"
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
