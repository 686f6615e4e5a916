"""Everything that a key can do, once: bindings, footer, help, palette and keymap are made from this table."""

import difflib
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ikeview.core.orders import Initiate, Order, Probe, RekeyPhase2, RenewPhase1, Terminate
from ikeview.model.state import Tunnel

Where = Literal["list", "peer", "help"]
EVERYWHERE: tuple[Where, ...] = ("list", "peer", "help")
TUNNEL: tuple[Where, ...] = ("list", "peer")
LIST: tuple[Where, ...] = ("list",)


@dataclass(frozen=True, slots=True)
class Action:
    """``key`` may hold several, separated by commas; the first is the one that is shown. ``order`` makes the order for
    the selected tunnel, sent by a person; ``footer`` is the rank in the footer, 0 for not there."""

    id: str
    title: str
    key: str
    where: tuple[Where, ...]
    help: str
    footer: int = 0
    order: Callable[[Tunnel, str], Order] | None = None


ACTIONS: tuple[Action, ...] = (
    Action("nav.down", "down", "j,down", EVERYWHERE, "next line"),
    Action("nav.up", "up", "k,up", EVERYWHERE, "previous line"),
    Action("nav.first", "first", "g,home", EVERYWHERE, "first line"),
    Action("nav.last", "last", "G,end", EVERYWHERE, "last line"),
    Action("nav.page_down", "page down", "pagedown,ctrl+d", EVERYWHERE, "a page down"),
    Action("nav.page_up", "page up", "pageup,ctrl+u", EVERYWHERE, "a page up"),
    Action("nav.open", "peer", "enter,l", LIST, "everything about the selected tunnel's peer", 4),
    Action("nav.back", "back", "escape,h", EVERYWHERE, "back; in the list: clear the filter", 3),
    Action("pane.next", "pane", "tab", LIST, "next pane: list, negotiation, SAs, events", 10),
    Action("pane.previous", "previous pane", "shift+tab", LIST, "previous pane"),
    Action("ladder.previous", "earlier", "[", LIST, "previous negotiation of the selected tunnel"),
    Action("ladder.next", "later", "]", LIST, "next negotiation; after the last one, always the running one"),
    Action("filter.open", "filter", "/", LIST, "show only some tunnels: words, states (down), ! for not", 9),
    Action(
        "tunnel.up",
        "up",
        "u",
        TUNNEL,
        "bring the tunnel up; where it waits to try again, at once",
        5,
        lambda tunnel, by: Initiate(tunnel.name, by),
    ),
    Action(
        "tunnel.down",
        "down",
        "d",
        TUNNEL,
        "take the tunnel down (asks)",
        6,
        lambda tunnel, by: Terminate(tunnel.name, by),
    ),
    Action(
        "tunnel.rekey2",
        "rekey",
        "r",
        TUNNEL,
        "rekey phase 2: a new IPsec SA, then the old one goes",
        7,
        lambda tunnel, by: RekeyPhase2(tunnel.name, by),
    ),
    Action(
        "peer.renew1",
        "renew P1",
        "R",
        TUNNEL,
        "renew phase 1: a new ISAKMP SA; the tunnels stay",
        8,
        lambda tunnel, by: RenewPhase1(tunnel.peer, by),
    ),
    Action(
        "peer.probe",
        "probe",
        "p",
        TUNNEL,
        "ask the peer now whether it lives",
        11,
        lambda tunnel, by: Probe(tunnel.peer, by),
    ),
    Action("view.rates", "bytes or rates", "b", LIST, "traffic as bytes or as bytes a second"),
    Action("view.level", "event level", "v", LIST, "events: with or without the routine ones"),
    Action("app.palette", "commands", "colon,ctrl+p", TUNNEL, "search all commands by name"),
    Action("app.help", "help", "?", TUNNEL, "this page", 1),
    Action("app.quit", "quit", "q", EVERYWHERE, "back; in the list: quit, as ^c anywhere (asks if an SA is up)", 2),
)
BY_ID = {action.id: action for action in ACTIONS}

_SHOWN = {
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "colon": ":",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "slash": "/",
    "question_mark": "?",
}


def shown(key: str) -> str:
    """A key as it is written on the screen."""
    return _SHOWN.get(key, key.replace("ctrl+", "^"))


def keys_of(action: Action, keymap: Mapping[str, str]) -> list[str]:
    """The keys of an action under the user's keymap, the one to show first."""
    return [key.strip() for key in keymap.get(action.id, action.key).split(",") if key.strip()]


_MODIFIERS = {"ctrl", "shift", "alt"}
_NAMED = {"enter", "escape", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown"} | {
    "up",
    "down",
    "left",
    "right",
    *(f"f{number}" for number in range(1, 25)),
}
_FIXED = {"ctrl+c", "ctrl+q"}
# names that Textual gives to signs, where these are not the Unicode names
_SIGNS = {"slash": "/", "backslash": "\\", "at": "@", "minus": "-", "plus": "+", "underscore": "_"}


def canonical(key: str) -> str:
    """The one spelling of a key by which two can be compared; empty if it is no key that a terminal can send."""
    if len(key) == 1:
        return key if key.isprintable() and key != " " else ""
    *modifiers, name = key.split("+")
    if not set(modifiers) <= _MODIFIERS or len(set(modifiers)) != len(modifiers):
        return ""
    if name in _NAMED or (modifiers and len(name) == 1 and name.isalnum() and name == name.lower()):
        return "+".join([*sorted(modifiers), name])
    if modifiers:
        return ""
    if name in _SIGNS:
        return _SIGNS[name]
    try:
        return unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return ""


def keymap_problems(keymap: Mapping[str, str]) -> list[str]:
    """What is wrong with a user's keymap (action id to keys), one sentence each; empty if nothing is."""
    problems = []
    for name, keys in keymap.items():
        if name not in BY_ID:
            near = difflib.get_close_matches(name, BY_ID, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(BY_ID)}"
            problems.append(f"ui.keys: there is no action {name!r}; {hint}")
        elif not keys_of(BY_ID[name], keymap):
            problems.append(f"ui.keys.{name}: {keys!r} names no key; leave the line out to keep {BY_ID[name].key!r}")
        else:
            problems += _bad_keys(name, keys_of(BY_ID[name], keymap))
    owners: dict[tuple[str, Where], str] = {}
    told: set[tuple[str, str]] = set()
    for action in ACTIONS:
        for key in filter(None, map(canonical, keys_of(action, keymap))):
            for where in action.where:
                other = owners.setdefault((key, where), action.id)
                if other != action.id and (other, action.id) not in told:
                    told.add((other, action.id))
                    both = f"{key!r} is the key of both {other} and {action.id}"
                    problems.append(f"ui.keys: {both}; give one of them another")
    return problems


def _bad_keys(name: str, keys: list[str]) -> list[str]:
    problems = []
    for key in keys:
        if canonical(key) in _FIXED:
            problems.append(f"ui.keys.{name}: {key} always quits; choose another key")
        elif not canonical(key):
            problems.append(f"ui.keys.{name}: {key!r} is not a key; write x, X, f5, ctrl+x or slash")
    return problems
