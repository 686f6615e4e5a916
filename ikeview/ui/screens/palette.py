"""All commands by name: type a part of it, enter carries it out."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen
from textual.widgets import Input

from ikeview.ui.actions import ACTIONS, Action, Where, keys_of, shown
from ikeview.ui.present.line import Line, left
from ikeview.ui.widgets.lines import Lines

if TYPE_CHECKING:
    from ikeview.ui.app import IkeviewApp

ROWS = 12


class PaletteScreen(ModalScreen[str]):
    """Dismissed with the action's id, or with nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", show=False),
        Binding("down,ctrl+n", "step(1)", show=False),
        Binding("up,ctrl+p", "step(-1)", show=False),
    ]

    def __init__(self, app: "IkeviewApp", where: Where) -> None:
        super().__init__()
        self._ikeview = app
        hidden = ("nav.", "app.palette")
        self._known = [each for each in ACTIONS if where in each.where and not each.id.startswith(hidden)]
        self._found: list[Action] = list(self._known)
        self._index = 0

    def compose(self) -> ComposeResult:
        """A line to type in, and what fits."""
        with Container(id="palette"):
            yield Input(placeholder="command", max_length=40, compact=True)
            yield Lines(id="found")

    def on_mount(self) -> None:
        """No blinking: it costs 2 kB a second."""
        field = self.query_one(Input)
        field.cursor_blink = False
        field.focus()
        self._draw()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list."""
        words = event.value.lower().split()
        self._found = [each for each in self._known if all(word in f"{each.id} {each.help}".lower() for word in words)]
        self._index = 0
        self._draw()

    def on_input_submitted(self) -> None:
        """Carry out the marked one."""
        self.dismiss(self._found[self._index].id if self._found else "")

    def action_step(self, step: int) -> None:
        """Mark another."""
        self._index = max(0, min(len(self._found) - 1, self._index + step))
        self._draw()

    def _draw(self) -> None:
        top = max(0, self._index - ROWS + 1)
        lines: list[Line] = []
        for action in self._found[top : top + ROWS]:
            key = shown(keys_of(action, self._ikeview.keys)[0])
            marked = action is self._found[self._index]
            glyphs = self._ikeview.glyphs
            lines.append(
                (
                    (glyphs.cursor if marked else " ", "key"),
                    (f" {left(key, 9, glyphs.ellipsis)} ", "key"),
                    (left(action.help, 56, glyphs.ellipsis), "plain"),
                )
            )
        self.query_one("#found", Lines).put(lines, self._index - top if self._found else None)
