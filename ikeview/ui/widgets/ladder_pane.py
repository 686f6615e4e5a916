"""The negotiation of the selected tunnel that runs or ran last, or an earlier one."""

from ikeview.model.negotiations import exchanges_of, latest_exchange
from ikeview.model.state import Exchange, State
from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.present.ladder import anchor, heading, ladder
from ikeview.ui.widgets.pane import Pane


class LadderPane(Pane):
    """Follows the newest negotiation until an earlier one is asked for."""

    def __init__(self, glyphs: Glyphs, *, id: str) -> None:
        super().__init__(glyphs, id=id)
        self._state: State | None = None
        self._tunnel = ""
        self._now = 0.0
        self._pinned = ""

    def take(self, state: State, tunnel: str, now: float) -> None:
        """Show this tunnel's."""
        if tunnel != self._tunnel:
            self._pinned = ""
            self.top = None
        self._state, self._tunnel, self._now = state, tunnel, now
        self.render_pane()

    def step(self, direction: int) -> None:
        """To the previous (-1) or next (1) one; beyond the newest: follow again."""
        if self._state is None:
            return
        known = [each.id for each in exchanges_of(self._state, self._tunnel)]
        exchange = self._exchange(self._state)
        if exchange is None or exchange.id not in known:
            return
        index = max(0, known.index(exchange.id) + direction)
        self._pinned = known[index] if index < len(known) - 1 else ""
        self.top = None
        self.render_pane()

    def _exchange(self, state: State) -> Exchange | None:
        if self._pinned in state.exchanges:
            return state.exchanges[self._pinned]
        self._pinned = ""
        return latest_exchange(state, self._tunnel)

    def render_pane(self) -> None:
        """Draw it anew."""
        if self._state is None or not self.size.width:
            return
        exchange = self._exchange(self._state)
        known = exchanges_of(self._state, self._tunnel)
        place = f"{known.index(exchange) + 1} of {len(known)}" if exchange in known and len(known) > 1 else ""
        title, end = heading(exchange, self._now, place)
        lines = ladder(exchange, self._now, self.size.width, self.glyphs)
        self.show(title, end, lines, anchor(exchange, lines))
