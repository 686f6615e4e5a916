"""What is on the screen, as text, and driving it."""

from typing import Any

from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from ikeview.ui.app import IkeviewApp


def rows(app: IkeviewApp) -> list[str]:
    """All rows of the terminal, as the compositor has them."""
    return ["".join(segment.text for segment in strip).rstrip() for strip in app.screen._compositor.render_strips()]


def whole(app: IkeviewApp) -> str:
    """The terminal's text."""
    return "\n".join(rows(app))


async def settled(pilot: Pilot[Any]) -> None:
    """All messages handled, and the layout that follows from them. Unlike ``pilot.pause`` it waits for no idle CPU."""
    for _ in range(3):
        await pilot.pause(0)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Each key, and what comes of it."""
    for key in keys:
        single = len(key) == 1
        pilot.app.post_message(events.Key(_character_to_key(key) if single else key, key if single else None))
        await settled(pilot)
