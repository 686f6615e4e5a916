"""Durations and sizes as people write them: ``1h30m``, ``4GB``."""

import re

from ikeview.settings.problems import BadValue, quoted

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile("".join(f"(?:([0-9]{{1,9}}){unit})?" for unit in _SECONDS))

_OCTETS = {
    "TiB": 1 << 40,
    "TB": 10**12,
    "GiB": 1 << 30,
    "GB": 10**9,
    "MiB": 1 << 20,
    "MB": 10**6,
    "KiB": 1 << 10,
    "kB": 10**3,
    "B": 1,
}
_SIZE = re.compile(r"([0-9]{1,15}) ?([A-Za-z]+)")


def parse_duration(text: str) -> float:
    """Seconds of ``90s``, ``15m``, ``8h``, ``1d`` or a sum in this order such as ``1h30m``. Raises ``BadValue``."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise BadValue(f"{quoted(text)} is no duration", "write for example 90s, 15m, 8h or 1d")
    counts = zip(match.groups(), _SECONDS.values(), strict=True)
    return float(sum(int(count) * seconds for count, seconds in counts if count))


def format_duration(seconds: float) -> str:
    """The text that ``parse_duration`` takes back: ``5400`` as ``1h30m``. Rounded to seconds; never negative."""
    rest = max(0, round(seconds))
    parts = []
    for unit, size in _SECONDS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_size(text: str) -> int:
    """Octets of ``64kB``, ``500MB``, ``4GB``, ``1TB`` (powers of ten) or ``KiB`` to ``TiB`` (powers of two); ``KB`` is
    taken for ``kB``. Raises ``BadValue``."""
    match = _SIZE.fullmatch(text)
    unit = {"KB": "kB", "kiB": "KiB"}.get(match[2], match[2]) if match else ""
    if match is None or unit not in _OCTETS:
        known = next((known for known in _OCTETS if known.lower() == unit.lower()), None)
        raise BadValue(
            f"{quoted(text)} is no size",
            f"did you mean {match[1]}{known}?" if match and known else "write for example 64kB, 500MB, 4GB or 2GiB",
        )
    return int(match[1]) * _OCTETS[unit]


def format_size(octets: int) -> str:
    """The text that ``parse_size`` takes back exactly, in the largest unit that divides: ``4GB``, ``1500B``."""
    for unit, size in _OCTETS.items():
        if octets >= size and octets % size == 0:
            return f"{octets // size}{unit}"
    return f"{octets}B"
