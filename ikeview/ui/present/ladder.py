"""A negotiation, message by message, as the wire saw it: we stand at the left, the peer at the right."""

import re
import time
from itertools import groupby

from ikeview.model.state import Exchange, Row
from ikeview.record.units import day, duration, latency
from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.present.line import Line, crop, indented, left, right, width, wrap
from ikeview.ui.safe import safe

WIDE = 110
"""From this width on the columns are roomier."""
PAYLOAD_CELLS = 21
PAYLOAD_CELLS_WIDE = 34


def clock_time(wall: float, milliseconds: bool = False) -> str:
    """Local time of day of a UTC time stamp."""
    text = time.strftime("%H:%M:%S", time.localtime(wall))
    return f"{text}.{int(wall % 1 * 1000):03}" if milliseconds else text


def compact(payloads: list[str]) -> str:
    """Payload names in order, repeated ones counted: ``SA VID*3``."""
    parts = []
    for name, group in groupby(payloads):
        times = len(list(group))
        parts.append(safe(name, 40) + (f"*{times}" if times > 1 else ""))
    return " ".join(parts)


def planned(text: str) -> str:
    """The payloads of the RFC's row: ``HDR*, HASH(1), SA, Ni [, KE]`` is ``HASH(1) SA Ni [KE]``."""
    body = re.sub(r"^HDR\*?,?\s*", "", text)
    body = re.sub(r"\[\s*,?\s*", "[", body)
    return safe(re.sub(r"\s+", " ", body.replace(",", " ")).strip())


def heading(exchange: Exchange | None, now: float, place: str) -> tuple[str, str]:
    """Title of the pane and what stands at its right end; ``place`` is which of how many."""
    if exchange is None:
        return "Negotiation", ""
    whom = safe(exchange.tunnel or exchange.peer)
    # that an initiator initiates, and a responder is asked by the peer, goes without saying
    why = "" if exchange.why in ("initiate", "peer") else f", {safe(exchange.why, 40)}"
    attempt = f", attempt {exchange.attempt}" if exchange.attempt > 1 else ""
    title = f"{whom}  {safe(exchange.kind, 30)} as {safe(exchange.role, 12)}{why}{attempt}"
    return title, f"{_status(exchange, now)}  {place}".rstrip()


def _status(exchange: Exchange, now: float) -> str:
    if exchange.status == "running":
        return f"running {duration(now - exchange.started_at)}"
    return f"{exchange.status} in {latency(exchange.took)}"


def _remark(row: Row, now: float, running: bool) -> tuple[str, str]:
    words = []
    style = "dim"
    if row.resends:
        following = f", next in {duration(row.resend_at - now)}" if row.resend_at and running else ""
        words.append(f"resend {row.resends}/{row.resend_limit}{following}")
        style = "state-trying"
    elif row.resend_at and running:
        words.append(f"resend in {duration(row.resend_at - now)}")
    words += [safe(note) for note in row.notes]
    return ", ".join(words), style


def _done(number: int, row: Row, now: float, cells: int, glyphs: Glyphs, running: bool) -> Line:
    wide = cells >= WIDE
    remark, style = _remark(row, now, running)
    payload_cells = PAYLOAD_CELLS_WIDE if wide else PAYLOAD_CELLS
    fixed: list[tuple[str, str]] = [
        (f" {number}", "strong"),
        ("*" if "HDR*" in row.text else " ", "dim"),
        (left(compact(row.payloads) or planned(row.text), payload_cells, glyphs.ellipsis) + " ", "plain"),
        ((glyphs.out if row.ours else glyphs.taken) + " ", "dir-out" if row.ours else "dir-in"),
        (right(latency(row.waited) if row.waited and not row.ours else "", 7), "plain"),
        (right(f"{row.size} B", 7) + " ", "dim"),
        (clock_time(row.wall, wide) + "  ", "dim"),
    ]
    return (*fixed, (crop(remark, cells - width(tuple(fixed)), glyphs.ellipsis), style))


def _open(number: int, row: Row, awaited: bool, now: float, since: float, cells: int, glyphs: Glyphs) -> Line:
    style = "state-trying" if awaited else "dim"
    arrow = (glyphs.out if row.ours else glyphs.taken) if awaited else glyphs.pending
    waiting = "" if not awaited else "is being made" if row.ours else f"waits {duration(now - since)}"
    star = "*" if "HDR*" in row.text else " "
    payloads = left(planned(row.text), PAYLOAD_CELLS_WIDE if cells >= WIDE else PAYLOAD_CELLS, glyphs.ellipsis)
    return ((f" {number}{star}{payloads} ", "dim"), (f"{arrow} ", style), (waiting, style))


def ladder(exchange: Exchange | None, now: float, cells: int, glyphs: Glyphs) -> list[Line]:
    """The rows, then the result: outcome, or verdict with both sides' values and hints."""
    if exchange is None:
        return [((" no negotiation yet", "dim"),)]
    running = exchange.status == "running"
    lines: list[Line] = []
    since = exchange.started_at
    missing = 0
    for number, row in enumerate(exchange.rows, 1):
        if row.at:
            lines.append(_done(number, row, now, cells, glyphs, running))
            since = row.at
            continue
        missing += 1
        # of a negotiation that is over, only the first message that did not come is of interest
        if running or (missing == 1 and exchange.status == "failed"):
            lines.append(_open(number, row, running and missing == 1, now, since, cells, glyphs))
    for each in exchange.notifies:
        lines += indented(((" peer: ", "dim"),), safe(each), "notice", cells)
    if exchange.certificate is not None:
        given = exchange.certificate
        text = f"{safe(given.subject)}, by {safe(given.issuer)}, until {day(given.not_after)}"
        lines += indented(((" cert: ", "dim"),), text, "plain", cells)
    if exchange.status == "finished":
        lines += indented(((" agreed: ", "state-up"),), safe(exchange.outcome), "plain", cells)
    if exchange.status == "failed":
        lines += failure(exchange, cells, glyphs)
    return lines


def failure(exchange: Exchange, cells: int, glyphs: Glyphs) -> list[Line]:
    """Why it failed, what both sides said where that is the cause, and what to do."""
    lines = indented(((f" {safe(exchange.cause)}: ", "alert"),), safe(exchange.verdict, 800), "strong", cells)
    if exchange.offered or exchange.expected:
        lines += _both(exchange, cells)
    for hint in exchange.hints:
        lines += indented(((f"  {glyphs.dot} ", "key"),), safe(hint, 300), "plain", cells)
    return lines


def _both(exchange: Exchange, cells: int) -> list[Line]:
    half = (cells - 2) // 2
    ours = [piece for each in exchange.offered for piece in wrap(safe(each), half - 1)] or ["-"]
    theirs = [piece for each in exchange.expected for piece in wrap(safe(each), half - 1)] or ["-"]
    height = max(len(ours), len(theirs))
    lines: list[Line] = [((" " + left("offered", half), "title"), (left("expected", half), "title"))]
    for one, other in zip(ours + [""] * (height - len(ours)), theirs + [""] * (height - len(theirs)), strict=True):
        lines.append(((" " + left(one, half), "dir-out"), (left(other, half).rstrip(), "dir-in")))
    return lines


def anchor(exchange: Exchange | None, lines: list[Line]) -> int:
    """The line to keep in sight where there is no room for all: the verdict, or the message that is waited for."""
    if exchange is None:
        return 0
    if exchange.status == "running":
        return max(0, exchange.last_row - 1)
    done = sum(1 for row in exchange.rows if row.at)
    return max(0, min(len(lines) - 1, done))
