"""Themes are TOML files: a base palette, and if wanted the colours of the domain, which otherwise follow from it.

``name``, ``dark`` and ``ansi`` (colours are the terminal's own sixteen) stand at the top, then ``[colors]`` and
``[domain]``. Colours are ``#rrggbb``, or with ``ansi = true`` names like ``green`` and ``bright_black``.
"""

import difflib
import re
import tomllib
from importlib.resources.abc import Traversable
from typing import Any

from textual.theme import Theme

from ikeview.resources import resource

BASE = ("primary", "secondary", "accent", "foreground", "background", "surface", "panel", "success", "warning", "error")
REQUIRED = ("primary", "foreground", "background", "success", "warning", "error")

DOMAIN = {
    "state-up": "success",
    "state-rekeying": "accent",
    "state-trying": "warning",
    "state-down": "error",
    "dir-in": "primary",
    "dir-out": "secondary",
    "alert": "error",
    "notice": "warning",
    "muted": "foreground",
    "rule": "primary",
    "title": "primary",
    "key": "accent",
    "bar": "primary",
    "bar-rest": "panel",
    "bar-mark": "warning",
    "cursor": "panel",
    "cursor-text": "foreground",
}
"""The domain's colours, and the base colour that each is if a theme does not set it."""

CURSOR_STYLES = ("none", "bold", "reverse", "bold reverse")
_SIXTEEN = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
ANSI_NAMES = ("default", *_SIXTEEN, *(f"bright_{name}" for name in _SIXTEEN))


class BadTheme(ValueError):
    """A theme cannot be used; ``problems`` has a line for each reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _color(value: object, ansi: bool, where: str, problems: list[str]) -> str:
    if ansi and isinstance(value, str) and value in ANSI_NAMES:
        return f"ansi_{value}"
    if not ansi and isinstance(value, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        return value
    wants = f"one of {', '.join(ANSI_NAMES)}" if ansi else "a colour like #1f2a35"
    problems.append(f"{where}: {value!r} is not {wants}")
    return "ansi_default" if ansi else "#000000"


def _table(data: dict[str, Any], name: str, known: tuple[str, ...], file: str, problems: list[str]) -> dict[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        problems.append(f"{file}: {name}: wants a table [{name}]")
        return {}
    _unknown(table, known, f"{file}: {name}.", problems)
    return {key: value for key, value in table.items() if key in known}


def _unknown(table: dict[str, Any], known: tuple[str, ...], where: str, problems: list[str]) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            problems.append(f"{where}{key}: unknown key; {hint}")


def theme_from(data: dict[str, Any], file: str) -> Theme:
    """A theme from its TOML data; ``file`` is named in problems. Raises ``BadTheme`` with all problems at once."""
    problems: list[str] = []
    _unknown(data, ("name", "dark", "ansi", "colors", "domain"), f"{file}: ", problems)
    name, dark, ansi = data.get("name"), data.get("dark", True), data.get("ansi", False)
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
        problems.append(f"{file}: name: wants a short name of small letters, digits and hyphens")
        name = "nameless"
    for key, value in (("dark", dark), ("ansi", ansi)):
        if not isinstance(value, bool):
            problems.append(f"{file}: {key}: wants true or false")
    colors = _table(data, "colors", BASE, file, problems)
    domain = _table(data, "domain", (*DOMAIN, "cursor-style"), file, problems)
    problems += [f"{file}: colors.{key}: is missing" for key in REQUIRED if key not in colors]
    base = {key: _color(value, ansi is True, f"{file}: colors.{key}", problems) for key, value in colors.items()}
    style = domain.pop("cursor-style", "bold")
    if style not in CURSOR_STYLES:
        problems.append(f"{file}: domain.cursor-style: wants one of {', '.join(CURSOR_STYLES)}")
    variables = {key: _color(value, ansi is True, f"{file}: domain.{key}", problems) for key, value in domain.items()}
    if problems:
        raise BadTheme(problems)
    for key, source in DOMAIN.items():
        variables.setdefault(key, base.get(source, base["foreground"]))
    variables["cursor-style"] = style
    theme = Theme(name=name, primary=base["primary"], dark=dark, ansi=ansi, variables=variables)
    for key, value in base.items():
        setattr(theme, key, value)
    return theme


DEFAULTS = {
    **dict.fromkeys(DOMAIN, "ansi_default"),
    "cursor-style": "bold",
    # Textual's own style sheets name these two, and define them only in its own sixteen-colour themes
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
}
"""For ``App.get_theme_variable_defaults``: style sheets that name a variable fail if nothing defines it."""


def shipped() -> list[str]:
    """Names of the themes that come with the program."""
    names = (each.name for each in resource("themes").iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def load_theme(name: str, folder: Traversable | None = None) -> Theme:
    """The theme of that name. Raises ``BadTheme``."""
    folder = folder or resource("themes")
    file = folder / f"{name}.toml"
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name) or not file.is_file():
        raise BadTheme([f"ui.theme: there is no theme {name!r}; there are {', '.join(shipped())}"])
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadTheme([f"{name}.toml: {error}"]) from error
    return theme_from(data, f"{name}.toml")
