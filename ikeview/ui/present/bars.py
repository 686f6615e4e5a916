"""Shares as bars, and round-trip times as a row of small columns."""

from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.present.line import Line


def bar(share: float, mark: float | None, cells: int, glyphs: Glyphs) -> Line:
    """A bar of ``cells`` cells, its brackets included; ``share`` of it is used, and ``mark`` is where a rekey begins.

    ``share`` and ``mark`` run from 0 to 1; values beyond are cut.
    """
    inner = max(1, cells - 2)
    full = round(min(1.0, max(0.0, share)) * inner)
    at = None if mark is None else min(inner - 1, max(0, int(mark * inner)))
    style = "alert" if mark is not None and share >= mark else "bar"
    if at is None:
        return (("[", "dim"), (glyphs.bar * full, style), (glyphs.bar_rest * (inner - full), "bar-rest"), ("]", "dim"))
    signs = [glyphs.bar] * full + [glyphs.bar_rest] * (inner - full)
    before, after = signs[:at], signs[at + 1 :]
    full_before, full_after = min(full, at), max(0, full - at - 1)
    return (
        ("[", "dim"),
        ("".join(before[:full_before]), style),
        ("".join(before[full_before:]), "bar-rest"),
        (glyphs.bar_mark, "bar-mark"),
        ("".join(after[:full_after]), style),
        ("".join(after[full_after:]), "bar-rest"),
        ("]", "dim"),
    )


def spark(history: list[float], cells: int, glyphs: Glyphs) -> str:
    """The last round-trip times, lowest to highest of those shown; a probe without an answer has a sign of its own."""
    shown = history[-cells:] if cells > 0 else []
    known = [each for each in shown if each >= 0]
    low, high = min(known, default=0.0), max(known, default=0.0)
    steps = len(glyphs.spark) - 1
    return "".join(
        glyphs.missed
        if each < 0
        else glyphs.spark[round((each - low) / (high - low) * steps)]
        if high > low
        else glyphs.spark[0]
        for each in shown
    )
