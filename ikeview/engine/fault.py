"""A defect, told without its message: exceptions like to quote the value that hurt them, and that may be a key."""

import traceback
from pathlib import PurePath


def describe(error: BaseException) -> str:
    """``KeyError at ikeview/core/ladder.py:41 in parse``: the kind of error and the innermost place of ours. The
    message of an ``OSError`` is the system's own text and is kept."""
    kind = f"{type(error).__name__} ({error.strerror})" if isinstance(error, OSError) else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "ikeview" in PurePath(frame.filename).parts] or list(frames)
    if not ours:
        return kind
    frame = ours[-1]
    parts = PurePath(frame.filename).parts
    # from the last folder called ikeview on: the machine's own paths are nobody's business
    start = len(parts) - 1 - parts[::-1].index("ikeview") if "ikeview" in parts else len(parts) - 1
    return f"{kind} at {'/'.join(parts[start:])}:{frame.lineno} in {frame.name}"
