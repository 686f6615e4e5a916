"""Lines of styled pieces on the screen, where only rows that changed are sent to the terminal."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ikeview.ui.present.line import STYLES, Line
from ikeview.ui.safe import safe

_COLORS = {
    "dim": "color: $muted;",
    "strong": "text-style: bold;",
    "title": "color: $title; text-style: bold;",
    "alert": "color: $alert; text-style: bold;",
    "key": "color: $key; text-style: bold;",
    "state-up": "color: $state-up; text-style: bold;",
    "state-rekeying": "color: $state-rekeying; text-style: bold;",
    "state-trying": "color: $state-trying; text-style: bold;",
    "state-down": "color: $state-down; text-style: bold;",
}


def _rules() -> str:
    rules = [f".lines--{name} {{ {_COLORS.get(name, f'color: ${name};')} }}" for name in STYLES if name != "plain"]
    return "\n".join(f"Lines > {rule}" for rule in rules)


class Lines(Widget):
    """Shows what ``put`` gave it, the first line at the top; longer ones are cut, and nothing is ever parsed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"lines--cursor", *(f"lines--{name}" for name in STYLES)}
    DEFAULT_CSS = f"""
    Lines {{
        height: 1;
        color: $foreground;
        background: $background;
    }}
    Lines > .lines--plain {{ color: $foreground; }}
    Lines > .lines--cursor {{ background: $cursor; color: $cursor-text; text-style: $cursor-style; }}
    {_rules()}
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: list[Line] = []
        self._cursor: int | None = None
        self._styles: dict[tuple[str, bool], Style] = {}

    def put(self, rows: Sequence[Line], cursor: int | None = None) -> None:
        """Show these rows; ``cursor`` is the one that is marked."""
        old, old_cursor = self._rows, self._cursor
        self._rows, self._cursor = list(rows), cursor
        changed = [
            y
            for y in range(max(len(old), len(self._rows)))
            if (old[y] if y < len(old) else None) != (self._rows[y] if y < len(self._rows) else None)
            or ((y == cursor) != (y == old_cursor))
        ]
        # one region a row: a region that spans rows would send all between them
        regions = [Region(0, y, self.size.width, 1) for y in changed if y < self.size.height]
        if regions:
            self.refresh(*regions)

    def notify_style_update(self) -> None:
        """The theme or the style sheet changed."""
        super().notify_style_update()
        self._styles.clear()

    def _style(self, name: str, cursor: bool) -> Style:
        style = self._styles.get((name, cursor))
        if style is None:
            base = self.rich_style
            own = self.get_component_rich_style(f"lines--{name}", partial=True)
            if cursor:
                mark = self.get_component_rich_style("lines--cursor", partial=True)
                # on the cursor faint text would not be read, and reversed colours make a patchwork
                bare = mark.reverse or name in ("plain", "dim", "strong")
                style = base + mark if bare else base + mark + own
            else:
                style = base + own
            self._styles[(name, cursor)] = style
        return style

    def render_line(self, y: int) -> Strip:
        """One row as a strip of exactly the widget's width."""
        cursor = y == self._cursor
        row = self._rows[y] if y < len(self._rows) else ()
        # present/ has cleaned its text; what it may have forgotten ends here
        segments = [
            Segment(text if text.isprintable() else safe(text), self._style(style, cursor))
            for text, style in row
            if text
        ]
        cells = self.size.width
        return Strip(segments).simplify().adjust_cell_length(cells, self._style("plain", cursor)).crop(0, cells)
