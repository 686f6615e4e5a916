"""Numbers in a person's units, short enough for a column."""

from datetime import UTC, datetime


def duration(seconds: float) -> str:
    """``4d02h``, ``7h12m``, ``41m``, ``1m12s``, ``9s``: no seconds from ten minutes on: a column stands still."""
    total = max(0, int(seconds + 0.5))
    if total < 60:
        return f"{total}s"
    if total < 600:
        return f"{total // 60}m{total % 60:02}s"
    minutes = total // 60
    if minutes < 60:
        return f"{minutes}m"
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02}m"
    return f"{minutes // 1440}d{minutes // 60 % 24:02}h"


def latency(seconds: float) -> str:
    """A round trip or the length of a negotiation: ``0.3 ms``, ``31 ms``, ``8.3 s``, from a minute on as above."""
    if seconds < 0.01:
        return f"{max(0.0, seconds) * 1000:.1f} ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


def day(wall: float) -> str:
    """The date in UTC: ``2027-03-31``. A certificate that never ends says 9999-12-31 (RFC 5280 section 4.1.2.5)."""
    try:
        text = datetime.fromtimestamp(wall, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "no date"
    return "no end" if text == "9999-12-31" else text


_STEPS = ("k", "M", "G", "T", "P")


def count(number: float) -> str:
    """Three digits and a power of a thousand: ``0``, ``847``, ``1.24M``, ``88.0k``."""
    if number < 1000:
        return str(int(number))
    step = -1
    while number >= 999.5 and step < len(_STEPS) - 1:
        number, step = number / 1000, step + 1
    digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
    return f"{number:.{digits}f}{_STEPS[step]}"


def size(octets: float) -> str:
    """Octets in powers of a thousand: ``847 B``, ``1.24 MB``."""
    text = count(octets)
    return f"{text[:-1]} {text[-1]}B" if text[-1].isalpha() else f"{text} B"
