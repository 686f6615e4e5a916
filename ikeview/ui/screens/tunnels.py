"""The first screen: the tunnel list, the negotiation, the SAs and the events."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.widget import Widget

from ikeview.model.state import Tunnel
from ikeview.ui.present import search
from ikeview.ui.screens.base import MovingScreen
from ikeview.ui.screens.peer import PeerScreen
from ikeview.ui.widgets.events_pane import EventsPane
from ikeview.ui.widgets.ladder_pane import LadderPane
from ikeview.ui.widgets.lines import Lines
from ikeview.ui.widgets.pane import Pane
from ikeview.ui.widgets.sas_pane import SasPane
from ikeview.ui.widgets.tunnel_table import TunnelTable

if TYPE_CHECKING:
    from ikeview.ui.app import IkeviewApp
    from ikeview.ui.widgets.filter_input import FilterInput



class TunnelsScreen(MovingScreen):
    """``tab`` goes round the panes; where the terminal is small, the one with the keys gets the room."""

    where = "list"
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [(0, "-narrow"), (132, "-wide")]  # type: ignore[misc]
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]] | None] = [(0, "-short"), (38, "-tall")]  # type: ignore[misc]

    def __init__(self, app: "IkeviewApp") -> None:
        super().__init__(app)
        self.query_text = ""
        self.table = TunnelTable(app.glyphs, id="tunnels")
        self.sas = SasPane(app.glyphs, id="sas", start_key=app.start_key)
        self.ladder = LadderPane(app.glyphs, id="ladder")
        self.events = EventsPane(app.glyphs, id="events")
        self._order: tuple[Widget, ...] = (self.table, self.ladder, self.sas, self.events)

    def compose(self) -> ComposeResult:
        """Top line, panes, bottom line."""
        yield Lines(id="header")
        with Container(id="top"):
            yield self.table
            yield self.sas
        yield self.ladder
        yield self.events
        yield Lines(id="footer")

    def on_mount(self) -> None:
        """The list has the keys."""
        self.set_focus(self.table)
        self.render_events()

    def on_descendant_focus(self) -> None:
        """Which pane has the keys decides the layout of a small terminal."""
        for pane in (self.ladder, self.sas, self.events):
            self.set_class(self.focused is pane, f"-focus-{pane.id}")

    def target(self) -> Tunnel | None:
        """The selected tunnel."""
        return self.ikeview.state.tunnels.get(self.table.selected)

    def render_all(self) -> None:
        """List, negotiation and SAs; the events are drawn at their own pace."""
        super().render_all()
        state, now = self.ikeview.state, self.ikeview.now()
        self.table.take(search.chosen(state, self.query_text))
        self.table.show(state, now, search.described(self.query_text, len(self.table.names), len(state.tunnels)))
        self.ladder.take(state, self.table.selected, now)
        self.sas.take(state, self.table.selected, now)

    def render_events(self) -> None:
        """The events pane, after new facts."""
        self.events.take(self.ikeview.state)

    def _move(self, lines: int) -> None:
        if isinstance(self.focused, Pane):
            self.focused.move(lines)
            return
        self.table.move(lines)
        self.render_all()

    def _page(self) -> int:
        pane = self.focused
        return max(1, (pane.height if isinstance(pane, Pane) else self.table.height) - 1)

    def do_nav_open(self) -> None:
        """The peer of the selected tunnel."""
        tunnel = self.target()
        if tunnel is not None:
            self.app.push_screen(PeerScreen(self.ikeview, tunnel.name))

    def do_nav_back(self) -> None:
        """To the list; there, the filter goes."""
        if self.focused is not self.table:
            self.set_focus(self.table)
        else:
            self.filter_by("")

    def do_app_quit(self) -> None:
        """Leave the program."""
        self.ikeview.ask_quit()

    def do_pane_next(self) -> None:
        """The next pane gets the keys."""
        self._focus(1)

    def do_pane_previous(self) -> None:
        """The one before."""
        self._focus(-1)

    def _focus(self, step: int) -> None:
        index = self._order.index(self.focused) if self.focused in self._order else 0
        self.set_focus(self._order[(index + step) % len(self._order)])

    def do_ladder_previous(self) -> None:
        """An earlier negotiation."""
        self.ladder.step(-1)

    def do_ladder_next(self) -> None:
        """A later negotiation."""
        self.ladder.step(1)

    def do_view_rates(self) -> None:
        """Bytes or bytes a second."""
        self.table.rates = not self.table.rates
        self.render_all()

    def do_view_level(self) -> None:
        """Events with or without the routine ones."""
        self.events.least = "info" if self.events.least == "debug" else "debug"
        self.events.top = None
        self.render_events()

    def do_filter_open(self) -> None:
        """Ask for words."""
        # the widget's library is only loaded when it is wanted
        from ikeview.ui.widgets.filter_input import FilterInput

        if not self.query(FilterInput):
            field = FilterInput(self.query_text)
            self.mount(field, before="#footer")
            self.set_focus(field)

    def on_filter_input_changed_to(self, message: "FilterInput.ChangedTo") -> None:
        """Narrow the list while the words are being typed."""
        self.filter_by(message.text)

    def on_filter_input_done(self, message: "FilterInput.Done") -> None:
        """Back to the list."""
        if not message.keep:
            self.filter_by("")
        self.set_focus(self.table)
        message.field.remove()

    def filter_by(self, text: str) -> None:
        """Show the tunnels that fit."""
        self.query_text = text
        self.render_all()
