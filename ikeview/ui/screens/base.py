"""What the screens share: keys from the table of actions, the top line, the bottom line."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding, BindingsMap
from textual.screen import Screen
from textual.timer import Timer

from ikeview.model.state import Tunnel
from ikeview.ui.actions import ACTIONS, BY_ID, Where, keys_of
from ikeview.ui.present.header import header
from ikeview.ui.present.keys import footer
from ikeview.ui.present.line import Line
from ikeview.ui.safe import safe
from ikeview.ui.widgets.lines import Lines

if TYPE_CHECKING:
    from ikeview.ui.app import IkeviewApp

MESSAGE_SHOWN = 6.0


class ActionScreen(Screen[None]):
    """A full screen. An action ``a.b`` is carried out by the method ``do_a_b``; orders are sent from here."""

    where: Where
    AUTO_FOCUS = None

    def __init__(self, app: "IkeviewApp") -> None:
        super().__init__()
        self.ikeview = app
        self._said: tuple[str, bool] | None = None
        self._quiet: Timer | None = None
        # built for this instance: Textual's own keymap loses an action when two change places
        self._bindings = BindingsMap(
            Binding(",".join(keys_of(action, app.keys)), f"act('{action.id}')", action.title, show=False, id=action.id)
            for action in ACTIONS
            if self.where in action.where
        )

    def frame(self, *inner: Lines) -> ComposeResult:
        """Top line, ``inner``, bottom line."""
        yield Lines(id="header")
        yield from inner
        yield Lines(id="footer")

    def action_act(self, name: str) -> None:
        """An action of the table."""
        action = BY_ID[name]
        if action.order is None:
            getattr(self, f"do_{name.replace('.', '_')}")()
            return
        tunnel = self.target()
        if tunnel is None:
            self.say("no tunnel is selected", True)
        elif self.ikeview.read_only:
            self.say("this screen is read only: no orders", True)
        elif name == "tunnel.down":
            self.ikeview.ask_down(tunnel)
        else:
            self.ikeview.order(action, tunnel)

    def target(self) -> Tunnel | None:
        """The tunnel that orders are about."""
        return None

    def render_all(self) -> None:
        """Draw what has changed."""
        self.render_frame()

    def render_frame(self) -> None:
        """Draw the top and the bottom line."""
        cells = self.size.width
        if not cells or not self.is_mounted:
            return
        app = self.ikeview
        engine_is = app.client.describe if app.attached else ""
        line = header(
            app.state, app.now(), cells, app.hostname, app.gone, app.read_only, app.glyphs, self.place(), engine_is
        )
        self.query_one("#header", Lines).put([line])
        self.query_one("#footer", Lines).put([self._footer(cells)])

    def place(self) -> str:
        """What is open, for the top line."""
        return ""

    def _footer(self, cells: int) -> Line:
        if self._said is None:
            return footer(self.where, cells, self.ikeview.keys, self.ikeview.read_only)
        text, alert = self._said
        return ((f" {safe(text, cells - 1)}", "alert" if alert else "notice"),)

    def say(self, text: str, alert: bool = False) -> None:
        """A message in the bottom line, for a few seconds."""
        self._said = (text, alert)
        if self._quiet is not None:
            self._quiet.stop()
        self._quiet = self.set_timer(MESSAGE_SHOWN, self._hush)
        self.render_frame()

    def _hush(self) -> None:
        self._said = None
        self.render_frame()

    def on_mount(self) -> None:
        """Fill the lines."""
        self.render_all()

    def on_resize(self) -> None:
        """Another width, other lines."""
        self.call_after_refresh(self.render_all)

    def on_screen_resume(self) -> None:
        """Time has gone by below another screen."""
        self.render_all()

    def do_nav_back(self) -> None:
        """Close this screen."""
        self.dismiss()

    def do_app_quit(self) -> None:
        """``q`` closes a view; in the list it quits."""
        self.dismiss()

    def do_app_help(self) -> None:
        """The help page."""
        self.ikeview.open_help()

    def do_app_palette(self) -> None:
        """All commands by name."""
        self.ikeview.open_palette(self.where, self.action_act)


_FAR = 1_000_000
"""Lines; nothing shown is longer."""


class MovingScreen(ActionScreen):
    """One in which something moves by lines and pages."""

    def _move(self, lines: int) -> None:
        raise NotImplementedError

    def _page(self) -> int:
        raise NotImplementedError

    def do_nav_down(self) -> None:
        """One line down."""
        self._move(1)

    def do_nav_up(self) -> None:
        """One line up."""
        self._move(-1)

    def do_nav_first(self) -> None:
        """To the start."""
        self._move(-_FAR)

    def do_nav_last(self) -> None:
        """To the end."""
        self._move(_FAR)

    def do_nav_page_down(self) -> None:
        """A page down."""
        self._move(self._page())

    def do_nav_page_up(self) -> None:
        """A page up."""
        self._move(-self._page())
