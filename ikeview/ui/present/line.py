"""A line of the screen as data: pieces of text, each with the name of a style. No markup anywhere."""

import re

from rich.cells import cell_len, set_cell_size

Span = tuple[str, str]
"""Text and the name of a style (one of ``STYLES``)."""
Line = tuple[Span, ...]

STYLES = (
    "plain",
    "dim",
    "strong",
    "title",
    "rule",
    "state-up",
    "state-rekeying",
    "state-trying",
    "state-down",
    "dir-in",
    "dir-out",
    "alert",
    "notice",
    "bar",
    "bar-rest",
    "bar-mark",
    "key",
)
"""Each is a variable or a text style in the themes; see ``ui.widgets.lines``."""


def width(line: Line) -> int:
    """Terminal cells that the line takes."""
    return sum(cell_len(text) for text, _ in line)


def crop(text: str, cells: int, ellipsis: str = "…") -> str:
    """At most ``cells`` wide; what was cut off is marked."""
    if cells <= 0:
        return ""
    if cell_len(text) <= cells:
        return text
    mark = ellipsis if cells > cell_len(ellipsis) else ""
    return set_cell_size(text, cells - cell_len(mark)).rstrip() + mark


def left(text: str, cells: int, ellipsis: str = "…") -> str:
    """Exactly ``cells`` wide, text at the left."""
    return set_cell_size(crop(text, cells, ellipsis), max(0, cells))


def right(text: str, cells: int, ellipsis: str = "…") -> str:
    """Exactly ``cells`` wide, text at the right."""
    text = crop(text, cells, ellipsis)
    return " " * (cells - cell_len(text)) + text


def apart(start: Line, end: Line, cells: int, fill: Span = (" ", "plain")) -> Line:
    """``start`` at the left and ``end`` at the right of a line; ``end`` goes if there is no room for both."""
    gap = cells - width(start) - width(end)
    if gap < 1:
        return start
    return (*start, (fill[0] * gap, fill[1]), *end)


def wrap(text: str, cells: int) -> list[str]:
    """Words into lines of at most ``cells``; a word that is too long is broken."""
    lines: list[str] = []
    current = ""
    for word in re.findall(r"\S+", text):
        while cell_len(word) > cells:
            if current:
                lines.append(current)
                current = ""
            lines.append(set_cell_size(word, cells))
            word = word[len(lines[-1].rstrip()) :]
        joined = f"{current} {word}" if current else word
        if cell_len(joined) <= cells:
            current = joined
        else:
            lines.append(current)
            current = word
    return [*lines, current] if current else lines


def indented(label: Line, text: str, style: str, cells: int) -> list[Line]:
    """A label and text that hangs beside it over as many lines as it needs."""
    indent = width(label)
    pieces = wrap(text, max(10, cells - indent)) or [""]
    return [(*label, (pieces[0], style))] + [((" " * indent, "plain"), (each, style)) for each in pieces[1:]]


def text_of(line: Line) -> str:
    """The bare text."""
    return "".join(text for text, _ in line)
