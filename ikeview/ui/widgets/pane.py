"""A pane: a rule with a title, and below it lines that can be scrolled."""

from collections.abc import Sequence

from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.present.line import Line, apart, crop, width
from ikeview.ui.safe import safe
from ikeview.ui.widgets.lines import Lines


class Pane(Lines, can_focus=True):
    """Subclasses say what stands in it; ``render_pane`` is called when that may have changed."""

    def __init__(self, glyphs: Glyphs, *, id: str) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self.top: int | None = None
        """First line shown; None: what the content wants to be seen first."""
        self._anchor = 0
        self._total = 0

    def render_pane(self) -> None:
        """Fill the pane anew."""

    def on_resize(self) -> None:
        """Another width, other lines."""
        self.render_pane()

    def on_focus(self) -> None:
        """The title shows which pane has the keys."""
        self.render_pane()

    def on_blur(self) -> None:
        """As ``on_focus``; a pane without the keys shows what matters most."""
        self.top = None
        self.render_pane()

    @property
    def height(self) -> int:
        """Lines below the title."""
        return max(0, self.size.height - 1)

    def show(self, title: str, end: str, lines: Sequence[Line], anchor: int = 0) -> None:
        """Fill it: ``anchor`` is the line that must be in sight as long as nobody scrolls."""
        self._total, self._anchor = len(lines), anchor
        start = self._start()
        self.put([self.rule(title, end), *lines[start : start + self.height]])

    def _start(self) -> int:
        last = max(0, self._total - self.height)
        return min(last, self._anchor) if self.top is None else min(self.top, last)

    def rule(self, title: str, end: str) -> Line:
        """The title line; its end tells where one is in longer content."""
        sign = self.glyphs.rule
        cells = self.size.width
        hidden = self._total > self.height > 0
        place = f"{self._start() + 1}-{min(self._total, self._start() + self.height)}/{self._total}" if hidden else ""
        words = "  ".join(word for word in (safe(end), place) if word)
        tail: Line = ((f" {words} ", "dim"), (sign, "rule")) if words else ()
        room = cells - width(tail) - 5
        style = "key" if self.has_focus else "title"
        head: Line = ((sign, "rule"), (f" {crop(safe(title), room, self.glyphs.ellipsis)} ", style))
        return apart(head, tail or ((sign, "rule"),), cells, (sign, "rule"))

    def move(self, lines: int) -> None:
        """Scroll by that many lines; the far ends are as far as it goes."""
        last = max(0, self._total - self.height)
        self.top = min(last, max(0, self._start() + lines))
        self.render_pane()
