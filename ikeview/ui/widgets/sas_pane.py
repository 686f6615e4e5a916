"""Both phases of the selected tunnel."""

from ikeview.model.state import State
from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.present.sas import sas
from ikeview.ui.widgets.pane import Pane


class SasPane(Pane):
    """SAs with their countdowns."""

    def __init__(self, glyphs: Glyphs, *, id: str, start_key: str = "") -> None:
        super().__init__(glyphs, id=id)
        self._start_key = start_key
        self._state: State | None = None
        self._tunnel = ""
        self._now = 0.0

    def take(self, state: State, tunnel: str, now: float) -> None:
        """Show this tunnel's."""
        if tunnel != self._tunnel:
            self.top = None
        self._state, self._tunnel, self._now = state, tunnel, now
        self.render_pane()

    def render_pane(self) -> None:
        """Draw it anew."""
        if self._state is None or not self.size.width:
            return
        tunnel = self._state.tunnels.get(self._tunnel)
        title = f"SAs of {self._tunnel}" if self._tunnel else "SAs"
        lines = sas(self._state, tunnel, self._now, self.size.width, self.glyphs, self._start_key)
        self.show(title, "", lines)
