"""The top line: where we are, how many tunnels are in which state, and what is wrong with the whole."""

import time

from ikeview.model.state import State
from ikeview.record.units import duration
from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.present.line import Line, apart, crop, width
from ikeview.ui.safe import safe

_ORDER = ("up", "rekeying", "trying", "down")
PROBLEM_SHOWN = 60.0
"""Seconds that a data plane's trouble stays in the top line; it is in the events for ever."""


def tally(state: State) -> dict[str, int]:
    """How many tunnels are in each state."""
    counts = dict.fromkeys(_ORDER, 0)
    for tunnel in state.tunnels.values():
        counts[tunnel.state] = counts.get(tunnel.state, 0) + 1
    return counts


def wall_now(state: State, now: float) -> float:
    """UTC seconds at ``now`` on the engine's clock."""
    return state.wall + (now - state.at) if state.wall else 0.0


def header(
    state: State, now: float, cells: int, hostname: str, gone: str, read_only: bool, glyphs: Glyphs, place: str = "",
    engine_is: str = "",
) -> Line:
    """``place`` names the peer or the page that is open, ``engine_is`` where the engine runs, if not here."""
    line: list[tuple[str, str]] = [(" ikeview ", "title"), (safe(hostname, 24), "strong")]
    if place:
        line.append((f" > {safe(place, 40)}", "strong"))
    end: list[tuple[str, str]] = []
    if engine_is and cells >= 72:
        end.append((f"{safe(engine_is, 24)}  ", "dim"))
    if read_only:
        end.append(("read only  ", "notice"))
    wall = wall_now(state, now)
    if wall:
        end.append((time.strftime("%H:%M ", time.localtime(wall)), "dim"))
    problem = trouble(state, now, gone)
    if problem:
        room = cells - width(tuple(line)) - width(tuple(end)) - 3
        line.append((f"  {crop(problem, room, glyphs.ellipsis)}", "alert"))
        return apart(tuple(line), tuple(end), cells)
    engine = state.engine
    if cells >= 110 and engine.started_at:
        line.append((f"   {safe(engine.plane, 12)}, up {duration(now - engine.started_at)}", "dim"))
    counts = tally(state)
    total = len(state.tunnels)
    parts = [] if place else [(f" {total} tunnel{'' if total == 1 else 's'}", "plain")]
    parts += [(f"  {counts[name]} {name}", f"state-{name}") for name in _ORDER if counts[name]]
    used = width(tuple(line)) + width(tuple(end)) + 2
    if used + width(tuple(parts)) < cells:
        line += [("  ", "plain"), *parts]
    return apart(tuple(line), tuple(end), cells)


def trouble(state: State, now: float, gone: str) -> str:
    """What concerns everything: the engine is gone or stopped, or the data plane has a problem."""
    if gone:
        return f"ENGINE GONE: {safe(gone)}"
    if not state.engine.running and state.seq:
        return "ENGINE STOPPED"
    if state.engine.problem and now - state.engine.problem_at < PROBLEM_SHOWN:
        return safe(state.engine.problem)
    return ""
