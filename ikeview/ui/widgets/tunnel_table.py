"""The tunnel list. Two widgets side by side: what seldom changes, and the columns that count down.

Textual sends a changed row from its widget's left edge on; so the columns that change every second have their own.
"""

from textual.app import ComposeResult
from textual.containers import Horizontal

from ikeview.model.state import State
from ikeview.ui.present import tunnels
from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.widgets.lines import Lines


class TunnelTable(Horizontal, can_focus=True):
    """Keeps the selection by name, whatever comes and goes around it."""

    DEFAULT_CSS = f"""
    TunnelTable {{ background: $background; }}
    TunnelTable > #fixed {{ width: 1fr; height: 100%; }}
    TunnelTable > #live {{ width: {tunnels.LIVE_CELLS}; height: 100%; }}
    """

    def __init__(self, glyphs: Glyphs, *, id: str) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self.names: list[str] = []
        self.selected = ""
        self.rates = False
        self._index = 0
        self._top = 0
        self._last: tuple[State, float, str] | None = None
        self._fixed = Lines(id="fixed")
        self._live = Lines(id="live")

    def compose(self) -> ComposeResult:
        """The two halves."""
        yield self._fixed
        yield self._live

    @property
    def height(self) -> int:
        """Rows below the column heads."""
        return max(0, self.size.height - 1)

    def take(self, names: list[str]) -> None:
        """These tunnels are in the list now. A selection that is gone moves to what stands in its place."""
        self.names = names
        if self.selected in names:
            self._index = names.index(self.selected)
        else:
            self._index = max(0, min(self._index, len(names) - 1))
            self.selected = names[self._index] if names else ""
        self._scroll()

    def on_resize(self) -> None:
        """Another width, other columns."""
        if self._last is not None:
            self.show(*self._last)

    def move(self, rows: int) -> None:
        """Move the selection; the ends are as far as it goes."""
        if not self.names:
            return
        self._index = max(0, min(len(self.names) - 1, self._index + rows))
        self.selected = self.names[self._index]
        self._scroll()

    def _scroll(self) -> None:
        height = max(1, self.height)
        self._top = max(0, min(self._top, len(self.names) - height))
        self._top = min(max(self._top, self._index - height + 1), self._index)

    def show(self, state: State, now: float, note: str) -> None:
        """Draw the rows in sight; ``note`` stands among the column heads."""
        self._last = (state, now, note)
        if not self.size.width:
            return
        self._scroll()
        shape = tunnels.columns(self.size.width)
        if len(self.names) > self.height and not note:
            note = f"{self._index + 1} of {len(self.names)}"
        in_sight = self.names[self._top : self._top + self.height]
        shown = [state.tunnels[name] for name in in_sight if name in state.tunnels]
        cursor = self._index - self._top + 1 if self.names else None
        self._fixed.put(
            [
                tunnels.heading_fixed(shape, note),
                *(
                    tunnels.fixed(each, state.peers.get(each.peer), shape, self.glyphs, each.name == self.selected)
                    for each in shown
                ),
            ],
            cursor,
        )
        rows = [tunnels.live(state, each, now, self.glyphs, self.rates) for each in shown]
        self._live.put([tunnels.heading_live(self.rates), *rows], cursor)
