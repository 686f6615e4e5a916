"""The screen: joins the bridge to the engine with the screens that show its state."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from ikeview.core.facts import OrderRefused, Stamped
from ikeview.model.state import State, Tunnel
from ikeview.record.sentences import sentence
from ikeview.ui import theme as themes
from ikeview.ui.actions import BY_ID, Action, Where, keys_of, shown
from ikeview.ui.bridge import Bridge
from ikeview.ui.client import EngineClient
from ikeview.ui.present.glyphs import ASCII, UNICODE
from ikeview.ui.refused import ScreenRefused, screen_problems
from ikeview.ui.screens.base import ActionScreen
from ikeview.ui.screens.question import Answer, QuestionScreen
from ikeview.ui.screens.tunnels import TunnelsScreen
from ikeview.ui.terminal import hostname as this_host
from ikeview.ui.terminal import who

if TYPE_CHECKING:
    from ikeview.core.specs import UiSpec

TICK = 0.5
"""Seconds between two looks at the clock: events are drawn at this pace, countdowns at half of it."""


class QuitChoice(StrEnum):
    """How the screen was left."""

    TEARDOWN = "teardown"
    """The engine shall end in order: Deletes are sent."""
    LEAVE = "leave"
    """The engine goes on."""
    GONE = "gone"
    """The terminal hung up (SIGHUP)."""


class ScreenFailed(Exception):
    """A defect ended the screen; the cause is attached. The terminal has been restored."""


class Woken(Message):
    """There are facts to drain."""


class IkeviewApp(App[QuitChoice]):
    """``keys`` maps action ids to keys; ``attached``: the engine belongs to another process and outlives the screen."""

    CSS_PATH = "ikeview.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "quit", show=False, priority=True),
        Binding("ctrl+q", "quit", show=False, priority=True),
    ]

    def __init__(
        self,
        client: EngineClient,
        *,
        theme: str = "night",
        keys: Mapping[str, str] | None = None,
        plain: bool = False,
        read_only: bool = False,
        attached: bool = False,
        hostname: str = "",
    ) -> None:
        theme = "terminal" if plain else theme
        if problems := screen_problems(theme, keys or {}):
            raise ScreenRefused("\n".join(problems))
        chosen = themes.load_theme(theme)
        super().__init__(ansi_color=True if plain else None)
        self.client = client
        self.keys: Mapping[str, str] = keys or {}
        self.glyphs = ASCII if plain else UNICODE
        self.plain = plain
        self.read_only = read_only
        self.attached = attached
        self.hostname = hostname or this_host()
        self.by = who()
        self.register_theme(chosen)
        self.theme = chosen.name
        self._bridge: Bridge | None = None
        self._ticks = 0
        self._events_due = False
        self._drain_planned = False
        self._asking_quit = False

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours of the domain, for themes that do not set them."""
        return themes.DEFAULTS

    def get_default_screen(self) -> Screen[None]:
        """The tunnel list."""
        return TunnelsScreen(self)

    @property
    def state(self) -> State:
        """What is true now."""
        return self._bridge.state if self._bridge else State()

    @property
    def gone(self) -> str:
        """Why the engine cannot be reached any more, else empty."""
        return self._bridge.gone if self._bridge else ""

    @property
    def start_key(self) -> str:
        """The key that brings a tunnel up; empty if the screen may not."""
        return "" if self.read_only else shown(keys_of(BY_ID["tunnel.up"], self.keys)[0])

    def now(self) -> float:
        """The engine's clock."""
        return self.client.clock()

    def on_mount(self) -> None:
        """Join the engine's facts; signals end the screen in order."""
        self.set_class(self.plain, "-plain")
        self._bridge = Bridge(self.client, lambda: self.post_message(Woken()))
        self._handle(signal.SIGHUP, QuitChoice.GONE)
        self._handle(signal.SIGTERM, QuitChoice.LEAVE if self.attached else QuitChoice.TEARDOWN)
        self.set_interval(TICK, self._tick)
        self._draw(events=True)

    def _handle(self, number: signal.Signals, choice: QuitChoice) -> None:
        # only the main thread may; tests run the app elsewhere
        with suppress(ValueError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(number, self.exit, choice)

    def on_unmount(self) -> None:
        """Leave the engine's facts."""
        if self._bridge is not None:
            self._bridge.close()

    def on_woken(self) -> None:
        """Drain now, or as soon as the pace allows."""
        if self._bridge is None or self._drain_planned:
            return
        delay = self._bridge.due_in()
        if delay <= 0:
            self._drain()
        else:
            self._drain_planned = True
            self.set_timer(delay, self._drain)

    def _drain(self) -> None:
        self._drain_planned = False
        if self._bridge is None:
            return
        for stamped in self._bridge.drain():
            self._heard(stamped)
        self._events_due = True
        self._draw()

    def _heard(self, stamped: Stamped) -> None:
        if isinstance(stamped.fact, OrderRefused):
            self._say(sentence(stamped.fact), True)

    def _tick(self) -> None:
        self._ticks += 1
        events, self._events_due = self._events_due, False
        if self._ticks % 2 == 0 or events:
            self._draw(events=events)

    def _draw(self, *, events: bool = False) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, ActionScreen) and screen.is_mounted:
                screen.render_all()
                if events and isinstance(screen, TunnelsScreen):
                    screen.render_events()

    def _say(self, text: str, alert: bool = False) -> None:
        for screen in reversed(self.screen_stack):
            if isinstance(screen, ActionScreen):
                screen.say(text, alert)
                return

    def order(self, action: Action, tunnel: Tunnel) -> None:
        """Send an action's order for the tunnel; what comes of it arrives as facts."""
        assert action.order is not None
        target = tunnel.name if action.id.startswith("tunnel.") else tunnel.peer
        self.client.send(action.order(tunnel, self.by))
        self._say(f"asked: {action.title} {target}")

    def ask_down(self, tunnel: Tunnel) -> None:
        """Down takes traffic away: ask first."""
        name = tunnel.name

        def answered(answer: str | None) -> None:
            current = self.state.tunnels.get(name)
            if answer == "down" and current is not None:
                self.order(BY_ID["tunnel.down"], current)

        text = [f"{len(tunnel.sas)} SA pair{'' if len(tunnel.sas) == 1 else 's'}, {tunnel.local} to {tunnel.remote}."]
        text.append("Its traffic is held back." if tunnel.when_down == "block" else "Its traffic goes in the clear.")
        answers = (Answer("n", "No", ""), Answer("y", "Take it down", "down"))
        self.push_screen(QuestionScreen(f"Take {name} down?", text, answers), answered)

    async def action_quit(self) -> None:
        """``ctrl+c`` and ``ctrl+q``, wherever one is."""
        self.ask_quit()

    def ask_quit(self) -> None:
        """Leave; an engine of our own would end with us, so ask if it holds any SA."""
        if self.attached or self.gone:
            self.exit(QuitChoice.LEAVE)
            return
        pairs = sum(len(tunnel.sas) for tunnel in self.state.tunnels.values())
        first = sum(len(peer.phase1s) for peer in self.state.peers.values())
        if not pairs and not first:
            self.exit(QuitChoice.TEARDOWN)
            return
        if self._asking_quit:
            return
        self._asking_quit = True

        def answered(answer: str | None) -> None:
            self._asking_quit = False
            if answer:
                self.exit(QuitChoice(answer))

        text = [f"{first} phase 1 and {pairs} phase 2 SAs are up. Quitting deletes them and tells the peers."]
        answers = (Answer("n", "Stay", ""), Answer("y", "Tear down and quit", QuitChoice.TEARDOWN))
        self.push_screen(QuestionScreen("Quit ikeview?", text, answers), answered)

    def open_help(self) -> None:
        """The help page."""
        from ikeview.ui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self))

    def open_palette(self, where: Where, run: Callable[[str], None]) -> None:
        """All commands of a screen; ``run`` carries out the chosen one."""
        from ikeview.ui.screens.palette import PaletteScreen

        self.push_screen(PaletteScreen(self, where), lambda name: run(name) if name else None)

    def _fatal_error(self) -> None:
        # Textual would print the call stack with all local values; the caller files it instead
        self._close_messages_no_wait()

    @property
    def defect(self) -> Exception | None:
        """What ended the screen, if it was not a person."""
        return self._exception


def run_app(
    client: EngineClient,
    *,
    settings_ui: "UiSpec",
    plain: bool = False,
    read_only: bool = False,
    attached: bool = False,
    mouse: bool = False,
) -> QuitChoice:
    """Show the screen until somebody leaves it. Raises ``ScreenRefused`` before anything is drawn (theme or keymap),
    and ``ScreenFailed`` after the terminal has been restored. ``ui.terminal.prepare`` must have been called before
    this module was imported."""
    if plain:
        os.environ["NO_COLOR"] = "1"
    app = IkeviewApp(
        client,
        theme=settings_ui.theme,
        keys=dict(settings_ui.keys),
        plain=plain,
        read_only=read_only,
        attached=attached,
    )
    choice = app.run(mouse=mouse)
    if app.defect is not None:
        raise ScreenFailed("the screen ended by a defect; the tunnels are not touched by that") from app.defect
    return choice or QuitChoice.GONE
