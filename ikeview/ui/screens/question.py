"""A question with a few answers; the safe one is marked when it opens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from ikeview.ui.present.line import Line, wrap
from ikeview.ui.safe import safe
from ikeview.ui.widgets.lines import Lines

BOX_CELLS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """``key`` chooses it at once; ``value`` is what the asker gets."""

    key: str
    label: str
    value: str


class QuestionScreen(ModalScreen[str]):
    """Dismissed with the value of the answer; escape is the first one."""

    AUTO_FOCUS = None
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "choose(0)", show=False),
        Binding("left,h,k,up,shift+tab", "step(-1)", show=False),
        Binding("right,l,j,down,tab", "step(1)", show=False),
        Binding("enter", "take", show=False),
    ]

    def __init__(self, title: str, text: Sequence[str], answers: Sequence[Answer]) -> None:
        super().__init__()
        self._title = safe(title, 56)
        self._text = [piece for each in text for piece in (wrap(safe(each, 300), BOX_CELLS - 6) or [""])]
        self._answers = tuple(answers)
        self._index = 0

    def compose(self) -> ComposeResult:
        """The box."""
        with Container(id="question"):
            yield Lines(id="answers")

    def on_mount(self) -> None:
        """As high as the text."""
        lines = self._lines()
        self.query_one("#answers", Lines).styles.height = len(lines)
        self.query_one("#answers", Lines).put(lines)

    def _lines(self) -> list[Line]:
        answers: list[tuple[str, str]] = [(" ", "plain")]
        for index, answer in enumerate(self._answers):
            chosen = index == self._index
            answers.append((f" {'>' if chosen else ' '} ", "key"))
            answers.append((answer.label, "strong" if chosen else "plain"))
            answers.append((f" ({answer.key})", "key"))
        return [
            ((f" {self._title}", "title"),),
            (),
            *[((f" {each}", "plain"),) for each in self._text],
            (),
            tuple(answers),
        ]

    def on_key(self, event: object) -> None:
        """An answer's own key."""
        key = getattr(event, "character", None)
        for index, answer in enumerate(self._answers):
            if key == answer.key:
                self.action_choose(index)

    def action_step(self, step: int) -> None:
        """Mark another answer."""
        self._index = (self._index + step) % len(self._answers)
        self.query_one("#answers", Lines).put(self._lines())

    def action_choose(self, index: int) -> None:
        """Answer."""
        self.dismiss(self._answers[index].value)

    def action_take(self) -> None:
        """The marked answer."""
        self.action_choose(self._index)
