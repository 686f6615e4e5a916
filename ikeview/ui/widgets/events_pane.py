"""What happened, the newest at the bottom."""

from ikeview.model.state import State
from ikeview.record.sentences import Level
from ikeview.ui.present.events import event, history
from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.widgets.pane import Pane


class EventsPane(Pane):
    """Follows the newest event as long as nobody has scrolled up."""

    def __init__(self, glyphs: Glyphs, *, id: str) -> None:
        super().__init__(glyphs, id=id)
        self._state: State | None = None
        self.least: Level = "info"

    def take(self, state: State) -> None:
        """Show this state's history."""
        self._state = state
        self.render_pane()

    def render_pane(self) -> None:
        """Draw it anew: only the lines in sight are made."""
        if self._state is None or not self.size.width:
            return
        past = history(self._state, self.least)
        self._total = len(past)
        self._anchor = len(past)
        start = self._start()
        if start >= max(0, len(past) - self.height):
            # back at the end: follow
            self.top = None
        in_sight = past[start : start + self.height]
        lines = [event(self._state, each, self.size.width, self.glyphs) for each in in_sight]
        level = "with routine ones" if self.least == "debug" else ""
        state = "following" if self.top is None else "held"
        self.put([self.rule("Events", "  ".join(word for word in (level, state) if word)), *lines])
