"""Both phases of one tunnel: algorithms, identities, addresses, SPIs, and how much time and volume is left."""

from ikeview.model.state import Peer, Phase1, Sa, State, Tunnel
from ikeview.record.units import count, duration, latency, size
from ikeview.ui.present.bars import bar, spark
from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.present.line import Line, crop, width
from ikeview.ui.present.tunnels import absent, rate
from ikeview.ui.safe import safe

BAR_CELLS_MAX = 22
BAR_CELLS_MIN = 8
BESIDE_BAR = 47
"""Cells of the label and the words beside a bar."""
LABEL_CELLS = 8


def _bar_cells(cells: int) -> int:
    return max(BAR_CELLS_MIN, min(BAR_CELLS_MAX, cells - BESIDE_BAR))


def _row(label: str, text: str, style: str = "plain") -> Line:
    return ((f" {label:<{LABEL_CELLS}}", "dim"), (text, style))


def _fit(lines: list[Line], cells: int, glyphs: Glyphs) -> list[Line]:
    fitted: list[Line] = []
    for line in lines:
        rest, spans = cells, []
        for text, style in line:
            piece = crop(text, rest, glyphs.ellipsis)
            spans.append((piece, style))
            rest -= width(((piece, style),))
        fitted.append(tuple(spans))
    return fitted


def sas(state: State, tunnel: Tunnel | None, now: float, cells: int, glyphs: Glyphs) -> list[Line]:
    """The pane for the selected tunnel."""
    if tunnel is None:
        return [((" no tunnel selected", "dim"),)]
    peer = state.peers.get(tunnel.peer) or Peer(tunnel.peer)
    lines = phase1(peer, now, cells, glyphs) + phase2(state, tunnel, now, cells, glyphs)
    return _fit(lines, cells, glyphs)


def phase1(peer: Peer, now: float, cells: int, glyphs: Glyphs) -> list[Line]:
    """The ISAKMP SA in use, older ones folded in, and the keepalive."""
    current = peer.phase1
    if current is None:
        return [
            ((" Phase 1  ", "title"), ("none", "state-down")),
            _row("peer", f"{safe(peer.remote)}, {safe(peer.mode)} mode, {safe(peer.auth)}"),
            _row("offers", ", ".join(safe(each) for each in peer.proposals)),
            _row("ids", f"{safe(peer.local_id) or 'our address'}, {safe(peer.remote_id) or 'its address'}"),
        ]
    lines: list[Line] = [
        (
            (" Phase 1  ", "title"),
            ("ESTABLISHED ", "state-up"),
            (f"{duration(now - current.established_at)} ago, {safe(current.role)}, {safe(current.mode)}", "plain"),
        ),
        _row("suite", f"{safe(current.suite)}, {safe(current.auth)}"),
        *_ends(current, cells),
        _row("cookies", safe(current.cookies), "dim"),
        _life(current.established_at, current.expires_at, current.renews_at, now, "renew", cells, glyphs),
        _keepalive(peer, now, cells, glyphs),
    ]
    older = peer.phase1s[:-1]
    if older:
        lines.append(_row("", f"{len(older)} older not yet deleted: {safe(older[-1].cookies)}", "dim"))
    return lines


def _ends(current: Phase1, cells: int) -> list[Line]:
    lines = []
    for label, address, identity in (
        ("local", current.local, current.local_id),
        ("remote", current.remote, current.remote_id),
    ):
        where, who = safe(address), f"id {safe(identity)}"
        # on a narrow pane address and identity do not fit side by side
        if len(where) + len(who) + LABEL_CELLS + 4 <= cells:
            lines.append(_row(label, f"{where}  {who}"))
        else:
            lines += [_row(label, where), _row("", who)]
    return [*lines, _row("nat", safe(current.nat) or "none on the way", "plain" if current.nat else "dim")]


def _life(start: float, end: float, mark: float, now: float, verb: str, cells: int, glyphs: Glyphs) -> Line:
    if not end:
        return _row("time", "no limit", "dim")
    whole = max(end - start, 0.001)
    point = (mark - start) / whole if mark else None
    following = f", {verb} in {duration(mark - now)}" if mark and mark > now else f", {verb} is due" if mark else ""
    text = f" {duration(end - now)} of {duration(whole).removesuffix('00m')} left{following}"
    gauge = bar((now - start) / whole, point, _bar_cells(cells), glyphs)
    return ((f" {'time':<{LABEL_CELLS}}", "dim"), *gauge, (text, "plain"))


def _keepalive(peer: Peer, now: float, cells: int, glyphs: Glyphs) -> Line:
    alive = peer.keepalive
    if peer.keepalive_set == "off" and not alive.sent:
        return _row("alive", "keepalive is off", "dim")
    label = (f" {'alive':<{LABEL_CELLS}}", "dim")
    if alive.dead:
        return (label, (f"dead: {alive.missed} probes without an answer", "alert"))
    if alive.missed:
        left = f", dead in {duration(alive.dead_at - now)}" if alive.dead_at else ""
        return (label, (f"{alive.missed} missed{left}  ", "alert"), (spark(alive.history, 16, glyphs), "alert"))
    if not alive.answered:
        return _row("alive", f"no probe answered yet, {alive.sent} sent", "dim")
    following = f", next in {duration(alive.next_at - now)}" if alive.next_at > now else ""
    words = f", {alive.answered} of {alive.sent} answered{following} "
    line: Line = (label, (latency(alive.rtt), "state-up"), (words, "plain"))
    return (*line, (spark(alive.history, min(20, cells - width(line)), glyphs), "bar"))


def phase2(state: State, tunnel: Tunnel, now: float, cells: int, glyphs: Glyphs) -> list[Line]:
    """The pairs of IPsec SAs of one tunnel: the one in use in full, the ones it replaced in a line each."""
    pair = f"{safe(tunnel.local)} {glyphs.between} {safe(tunnel.remote)}"
    sa = tunnel.sa
    if sa is None:
        text, style = absent(state, tunnel, now)
        lines: list[Line] = [((" Phase 2  ", "title"), (text, style)), _row("traffic", pair)]
        if tunnel.detail and tunnel.detail != tunnel.cause:
            lines.append(_row("because", safe(tunnel.detail), "state-down"))
        lines.append(_row("offers", ", ".join(safe(each) for each in tunnel.proposals)))
        held = "is held back" if tunnel.when_down == "block" else "goes in the clear"
        lines.append(_row("so", f"its traffic {held}"))
        return lines
    word = f"REKEYING ({safe(sa.rekeying)}) " if sa.rekeying else "INSTALLED "
    lines = [
        (
            (" Phase 2  ", "title"),
            (word, "state-rekeying" if sa.rekeying else "state-up"),
            (f"{duration(now - sa.installed_at)} ago, {safe(sa.role)}, generation {sa.generation}", "plain"),
        ),
        _row("traffic", f"{safe(sa.local_selector)} {glyphs.between} {safe(sa.remote_selector)}"),
        _row("suite", f"{safe(sa.suite)}, {safe(sa.mode)}" + (", ESP in UDP" if sa.encapsulated else "")),
        _half("in", sa.spi_in, sa.bytes_in, sa.packets_in, rate(sa.rate_in, sa, now), sa.last_in_at, now),
        _half("out", sa.spi_out, sa.bytes_out, sa.packets_out, rate(sa.rate_out, sa, now), sa.last_out_at, now),
        _life(sa.installed_at, sa.expires_at, sa.rekeys_at, now, "rekey", cells, glyphs),
        _volume(sa, cells, glyphs),
    ]
    if sa.replayed or sa.forged:
        lines.append(_row("refused", f"{sa.replayed} replayed, {sa.forged} with a bad integrity value", "alert"))
    for old in reversed(tunnel.sas[:-1]):
        left = f"drains, {duration(old.draining_until - now)} left" if old.replaced else "still installed"
        lines.append(_row("old", f"{safe(old.spi_in)}  {left}, {size(old.bytes_in)} in", "dim"))
    return lines


def _ago(seconds: float) -> str:
    """In steps: a number that changed every second would be sent every second."""
    if seconds < 10:
        return "now"
    if seconds < 60:
        return f"{seconds // 10 * 10:.0f}s ago"
    return f"{duration(seconds // 60 * 60).removesuffix('00s')} ago"


def _half(label: str, spi: str, octets: int, packets: int, speed: float, last: float, now: float) -> Line:
    seen = _ago(now - last) if last else "never"
    moving = f"  {count(speed)}B/s" if speed else ""
    return (
        (f" {label:<{LABEL_CELLS}}", "dim"),
        (f"{safe(spi):<10}", f"dir-{label}"),
        (f"{size(octets):>8} {count(packets):>6} pkts  {seen}{moving}", "plain"),
    )


def _volume(sa: Sa, cells: int, glyphs: Glyphs) -> Line:
    if not sa.lifebytes:
        return _row("volume", "no limit", "dim")
    used = max(sa.bytes_in, sa.bytes_out)
    point = sa.rekey_bytes / sa.lifebytes if sa.rekey_bytes else None
    following = f", rekey at {size(sa.rekey_bytes)}" if sa.rekey_bytes else ""
    return (
        (f" {'volume':<{LABEL_CELLS}}", "dim"),
        *bar(used / sa.lifebytes, point, _bar_cells(cells), glyphs),
        (f" {size(used)} of {size(sa.lifebytes)}{following}", "plain"),
    )
