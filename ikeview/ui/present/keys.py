"""The footer and the help page, both made from the table of actions."""

from collections.abc import Mapping

from ikeview.ui.actions import ACTIONS, Where, keys_of, shown
from ikeview.ui.present.line import Line, indented, width

_SECTIONS = (
    ("Move", ("nav.", "pane.")),
    ("Tunnels", ("tunnel.", "peer.")),
    ("Look", ("ladder.", "filter.", "view.")),
    ("Program", ("app.",)),
)


def footer(where: Where, cells: int, keymap: Mapping[str, str], read_only: bool) -> Line:
    """Keys of this screen, the most important first, as many as fit."""
    line: Line = ((" ", "plain"),)
    ranked = sorted((action for action in ACTIONS if action.footer and where in action.where), key=lambda a: a.footer)
    for action in ranked:
        # back leads nowhere from the list, and elsewhere q is another key for it
        if (read_only and action.order) or action.id == ("nav.back" if where == "list" else "app.quit"):
            continue
        more: Line = ((shown(keys_of(action, keymap)[0]), "key"), (f" {action.title}  ", "dim"))
        if width(line) + width(more) <= cells + 2:
            line += more
    return line


def help_page(cells: int, keymap: Mapping[str, str], describe: str) -> list[Line]:
    """All actions with their keys, and what the signs mean."""
    lines: list[Line] = []
    for title, prefixes in _SECTIONS:
        lines.append(((f" {title}", "title"),))
        for action in ACTIONS:
            if action.id.startswith(prefixes):
                keys = ", ".join(shown(key) for key in keys_of(action, keymap))
                lines += indented(((f"   {keys:<14}", "key"), (f"{action.id:<17}", "dim")), action.help, "plain", cells)
        lines.append(())
    lines.append(((" Columns", "title"),))
    for head, text in (
        ("P1LEFT P2LEFT", "time until the ISAKMP SA and the IPsec SA end; they are renewed before that"),
        ("VOL", "share of the byte lifetime that is used"),
        ("IN OUT", "bytes through the tunnel's SAs, or bytes a second"),
        ("ALIVE", "keepalive: last round trip, x 2: two without an answer, dead, off"),
        ("STALL !", "IKE answers but no ESP comes in; take care of the configuration: enter shows why"),
    ):
        lines += indented(((f"   {head:<14}", "key"),), text, "plain", cells)
    lines.append(())
    lines.append(((" The middle column names the action for [ui.keys] in ikeview.toml.", "dim"),))
    lines.append(((f" The engine runs {describe}.", "dim"),))
    return lines
