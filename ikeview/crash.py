"""A defect of the program itself: one line for the person, the rest in a file for the maintainers."""

import os
import sys
import tempfile
import traceback

from ikeview import __version__
from ikeview.engine.fault import describe


def told_or_filed(error: BaseException) -> str:
    """A line about an unexpected error. The call stack goes to a file of mode 0600; messages of exceptions do not, as
    they like to quote the value that hurt, and that may be a secret."""
    what = f"this is a defect of ikeview: {describe(error)}"
    try:
        fd, path = tempfile.mkstemp(prefix="ikeview-crash-", suffix=".txt")
        with os.fdopen(fd, "w") as file:
            file.write(f"ikeview {__version__}, Python {sys.version}\n{_stack(error)}")
    except OSError:
        return what
    return f"{what}; please report it with {path}"


def _stack(error: BaseException) -> str:
    parts = []
    link: BaseException | None = error
    while link is not None:
        parts.append("".join(traceback.format_tb(link.__traceback__)) + describe(link) + "\n")
        link = link.__cause__ or link.__context__
    return "\ncaused by\n".join(parts)
