"""The line in which the words of the filter are typed."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterInput(Input):
    """Says each change at once; enter keeps the filter, escape drops it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "drop", show=False)]

    class ChangedTo(Message):
        """The words are these now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Done(Message):
        """Typing is over."""

        def __init__(self, field: "FilterInput", keep: bool) -> None:
            super().__init__()
            self.field = field
            self.keep = keep

    def __init__(self, text: str) -> None:
        super().__init__(text, placeholder="words, states (down), ! for not", max_length=80, compact=True, id="filter")
        self.cursor_blink = False

    def on_input_changed(self, event: Input.Changed) -> None:
        """Each key."""
        event.stop()
        self.post_message(self.ChangedTo(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        self.post_message(self.Done(self, True))

    def action_drop(self) -> None:
        """Escape."""
        self.post_message(self.Done(self, False))
