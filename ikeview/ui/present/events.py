"""The history as lines: what happened, when, to whom."""

from ikeview.core.facts import Stamped
from ikeview.model.state import State
from ikeview.record.sentences import LEVELS, Level, level, sentence, subject
from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.present.ladder import WIDE, clock_time
from ikeview.ui.present.line import Line, crop, left
from ikeview.ui.safe import safe

_STYLES = {"debug": "dim", "info": "plain", "notice": "notice", "alert": "alert"}


def whom(state: State, stamped: Stamped) -> str:
    """The tunnel or peer that a fact is about; facts that name only an exchange are looked up."""
    about = subject(stamped.fact)
    if about:
        return about
    exchange = state.exchanges.get(getattr(stamped.fact, "exchange", ""))
    return safe(exchange.tunnel or exchange.peer, 80) if exchange else ""


def history(state: State, least: Level, peer: str = "") -> list[Stamped]:
    """Facts of at least that level, oldest first; only those of one peer and its tunnels if ``peer`` is given."""
    wanted = LEVELS[LEVELS.index(least) :]
    found = [each for each in (*state.events, *state.routine) if level(each.fact) in wanted]
    if peer:
        found = [each for each in found if whom(state, each).partition("/")[0] == peer]
    return sorted(found, key=lambda each: each.seq)


def event(state: State, stamped: Stamped, cells: int, glyphs: Glyphs, about: bool = True) -> Line:
    """One fact in one line; ``about`` tells whether to say whom it is about."""
    wide = cells >= WIDE
    style = _STYLES[level(stamped.fact)]
    exchanges = state.exchanges

    def named(exchange: str) -> str:
        return exchanges[exchange].kind if exchange in exchanges else f"exchange {exchange}"

    time_text = f" {clock_time(stamped.wall, wide)} "
    about_cells = (20 if wide else 14) if about else 0
    rest = cells - len(time_text) - (about_cells + 1 if about_cells else 0)
    text = crop(sentence(stamped.fact, named), rest, glyphs.ellipsis)
    if not about_cells:
        return ((time_text, "dim"), (text, style))
    return (
        (time_text, "dim"),
        (left(whom(state, stamped), about_cells, glyphs.ellipsis) + " ", "strong" if style == "alert" else "plain"),
        (text, style),
    )
