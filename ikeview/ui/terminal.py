"""What must be settled about the terminal before Textual is imported, and who sits at it."""

import getpass
import os
import sys

from ikeview.ui.safe import safe


def prepare() -> None:
    """Settings that Textual reads from the environment at import; the user's own values stay."""
    wanted = {
        # bytes over SSH are the budget
        "TEXTUAL_ANIMATIONS": "none",
        "TEXTUAL_SMOOTH_SCROLL": "0",
    }
    if "STY" in os.environ:
        # GNU screen takes the codes for true colour apart and shows other colours
        wanted["TEXTUAL_COLOR_SYSTEM"] = "256"
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def who() -> str:
    """``user@tty`` of the person at the terminal, for the record of orders."""
    user = os.environ.get("SUDO_USER") or _user()
    try:
        tty = os.ttyname(sys.stdin.fileno()).removeprefix("/dev/")
    except (OSError, ValueError, AttributeError):
        tty = "no tty"
    return safe(f"{user}@{tty}", 80)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid{os.getuid()}"


def hostname() -> str:
    """The short name of this machine."""
    return safe(os.uname().nodename.partition(".")[0], 40)
