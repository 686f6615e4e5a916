"""Both phases of one tunnel: algorithms, identities, addresses, SPIs, and how much time and volume is left."""

from ikeview.model.state import Certificate, Config, Keepalive, Peer, Phase1, Resolved, Sa, State, Tunnel
from ikeview.record.units import count, day, duration, latency, size
from ikeview.ui.present.bars import bar, spark
from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.present.header import wall_now
from ikeview.ui.present.line import Line, crop, indented, width
from ikeview.ui.present.tunnels import absent, rate
from ikeview.ui.safe import safe

BAR_CELLS_MAX = 22
BAR_CELLS_MIN = 8
BESIDE_BAR = 47
"""Cells of the label and the words beside a bar."""
LABEL_CELLS = 8
DAY = 86400.0
CERTIFICATE_SOON = 30 * DAY
"""A certificate that ends within so many seconds stands out: renewing one takes people's time."""


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


def sas(
    state: State, tunnel: Tunnel | None, now: float, cells: int, glyphs: Glyphs, start_key: str = ""
) -> list[Line]:
    """The pane for the selected tunnel; ``start_key`` brings it up, if the screen may."""
    if tunnel is None:
        return [((" no tunnel selected", "dim"),)]
    peer = state.peers.get(tunnel.peer) or Peer(tunnel.peer)
    lines = phase1(state, peer, now, cells, glyphs) + phase2(state, tunnel, now, cells, glyphs, start_key)
    return _fit(lines, cells, glyphs)


def phase1(state: State, peer: Peer, now: float, cells: int, glyphs: Glyphs, *, whole: bool = False) -> list[Line]:
    """The ISAKMP SA in use, older ones folded in, who the peer is, and the keepalive. ``whole``: with all that does not
    fit a pane."""
    current = peer.phase1
    named = resolved(peer.resolved, now) if peer.resolved else []
    refused = [_row("user", f"refused: {safe(peer.user_refused)}", "alert")] if peer.user_refused else []
    care = [] if whole else weak(peer)
    if current is None:
        return [
            ((" Phase 1  ", "title"), ("none", "state-down")),
            _row("peer", f"{safe(peer.remote)}, {safe(peer.mode)} mode, {safe(peer.auth)}"),
            _row("offers", ", ".join(safe(each) for each in peer.proposals)),
            _row("ids", f"{safe(peer.local_id) or 'our address'}, {safe(peer.remote_id) or 'its address'}"),
            *refused,
            *named,
            *care,
        ]
    lines: list[Line] = [
        (
            (" Phase 1  ", "title"),
            ("ESTABLISHED ", "state-up"),
            (f"{duration(now - current.established_at)} ago, {safe(current.role)}, {safe(current.mode)}", "plain"),
        ),
        _row("suite", f"{safe(current.suite)}, {safe(current.auth)}"),
        *_exposed(current, cells),
        *_ends(current, cells),
        *(certificate(current.certificate, wall_now(state, now), cells, whole) if current.certificate else []),
        *_user(peer, cells, whole),
        *refused,
        *named,
        _row("cookies", safe(current.cookies), "dim"),
        _life(current.established_at, current.expires_at, current.renews_at, now, "renew", cells, glyphs),
        *_keepalives(peer, now, cells, glyphs),
        *care,
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


def _wrapped(label: str, text: str, style: str, cells: int) -> list[Line]:
    return indented(((f" {label:<{LABEL_CELLS}}", "dim"),), text, style, cells)


def weak(peer: Peer) -> list[Line]:
    """That there are warnings about the configuration, and the first of them."""
    if not peer.warnings:
        return []
    more = f" (and {len(peer.warnings) - 1} more)" if len(peer.warnings) > 1 else ""
    return [_row("care", f"{safe(peer.warnings[0])}{more}", "notice")]


def aggressive_mode(name: str) -> bool:
    """Whether a phase 1 is in Aggressive Mode, by the name of the mode or of the exchange."""
    return name.lower().startswith("aggressive")


def _exposed(current: Phase1, cells: int) -> list[Line]:
    """What Aggressive Mode has cost."""
    if not aggressive_mode(current.mode):
        return []
    hashed = " and a hash to try keys on" if "psk" in current.auth.lower() else ""
    return _wrapped("care", f"Aggressive Mode: identities{hashed} went in clear", "notice", cells)


def certificate(given: Certificate, wall: float, cells: int, whole: bool) -> list[Line]:
    """Whose, by whom, until when; ``whole``: names, serial number and path too."""
    left = given.not_after - wall
    ends = f"until {day(given.not_after)}"
    style = "plain"
    if wall and left < CERTIFICATE_SOON:
        ends = f"{ends}, {max(0, int(left // DAY))}d left" if left > 0 else f"ended {day(given.not_after)}"
        style = "alert" if left < CERTIFICATE_SOON / 2 else "notice"
    revocation = "not revoked" if given.revocation == "checked" else f"revocation {safe(given.revocation, 120)}"
    if not whole:
        return [
            _row("cert", f"{ends}: {safe(given.subject)}", style),
            _row("", f"by {safe(given.issuer)}, {safe(given.key, 40)}, {revocation}", "dim"),
        ]
    lines = [
        *_wrapped("cert", safe(given.subject), "plain", cells),
        *_wrapped("", f"{ends}, {safe(given.key, 40)}, {revocation}", style, cells),
        *_wrapped("", f"by {safe(given.issuer)}", "dim", cells),
    ]
    if given.names:
        lines += _wrapped("names", ", ".join(safe(each, 80) for each in given.names[:LIST_SHOWN]), "plain", cells)
    if given.path:
        lines += _wrapped("path", " / ".join(safe(each, 80) for each in given.path[:LIST_SHOWN]), "dim", cells)
    return lines + _wrapped("serial", f"{safe(given.serial, 60)}, valid from {day(given.not_before)}", "dim", cells)


LIST_SHOWN = 8
"""Names of a certificate, networks of a mode config: a peer may send any number."""


def _user(peer: Peer, cells: int, whole: bool) -> list[Line]:
    name = f"{safe(peer.user, 80)}{' (we)' if peer.user_is_ours else ''}"
    given = peer.config
    if given is None:
        return [_row("user", name)] if peer.user else []
    if whole:
        return ([_row("user", name)] if peer.user else []) + config(given, cells)
    who, address = "the peer has" if given.server else "we have", safe(given.address, 60)
    if not peer.user:
        return [_row("address", f"{who} {address}")]
    return [_row("user", f"{name}, has {address}")]


def config(given: Config, cells: int) -> list[Line]:
    """All that mode config gave, and to whom."""
    parts = [f"{safe(given.address, 60)} given to {'the peer' if given.server else 'us'}"]
    parts += [f"DNS {', '.join(safe(each, 60) for each in given.dns[:LIST_SHOWN])}"] if given.dns else []
    parts += [f"domain {safe(given.domain, 80)}"] if given.domain else []
    networks = ", ".join(safe(each, 60) for each in given.split_include[:LIST_SHOWN])
    more = len(given.split_include) - LIST_SHOWN
    parts += [f"networks {networks}{f' and {more} more' if more > 0 else ''}"] if networks else []
    lines = _wrapped("address", "; ".join(parts), "plain", cells)
    if given.banner:
        lines += _wrapped("banner", safe(given.banner), "plain", cells)
    for each in given.ignored[:LIST_SHOWN]:
        lines += _wrapped("unused", safe(each), "dim", cells)
    return lines


def resolved(name: Resolved, now: float) -> list[Line]:
    """A DNS name, what it stands for now, and when that is asked again."""
    if name.problem:
        kept = f"; {safe(name.address, 60)} is used on" if name.address else ""
        return [_row("name", f"{safe(name.name, 80)}: {safe(name.problem, 80)}{kept}", "notice")]
    following = f", asked again in {duration(name.next_at - now)}" if name.next_at > now else ""
    changed = f", changed {name.changes} times" if name.changes > 1 else ", changed once" if name.changes else ""
    return [_row("name", f"{safe(name.name, 80)} is {safe(name.address, 60)}{following}{changed}")]


def _life(start: float, end: float, mark: float, now: float, verb: str, cells: int, glyphs: Glyphs) -> Line:
    if not end:
        return _row("time", "no limit", "dim")
    whole = max(end - start, 0.001)
    point = (mark - start) / whole if mark else None
    following = f", {verb} in {duration(mark - now)}" if mark and mark > now else f", {verb} is due" if mark else ""
    text = f" {duration(end - now)} of {duration(whole).removesuffix('00m')} left{following}"
    gauge = bar((now - start) / whole, point, _bar_cells(cells), glyphs)
    return ((f" {'time':<{LABEL_CELLS}}", "dim"), *gauge, (text, "plain"))


def _keepalives(peer: Peer, now: float, cells: int, glyphs: Glyphs) -> list[Line]:
    """The one that the peer is judged by, and the other kind if it was used too."""
    if peer.keepalive_set == "off" and not peer.keepalive.sent and not peer.echo.sent:
        return [_row("alive", "keepalive is off", "dim")]
    lines = []
    for label, alive in (("alive", peer.keepalive), ("echo", peer.echo)):
        if alive is peer.alive or alive.sent or alive.answered or alive.missed:
            lines.append(_keepalive(label, alive, now, cells, glyphs))
    return lines


def _keepalive(name: str, alive: Keepalive, now: float, cells: int, glyphs: Glyphs) -> Line:
    label = (f" {name:<{LABEL_CELLS}}", "dim")
    if alive.dead:
        return (label, (f"dead: {alive.missed} probes without an answer", "alert"))
    if alive.missed:
        left = f", dead in {duration(alive.dead_at - now)}" if alive.dead_at else ""
        return (label, (f"{alive.missed} missed{left}  ", "alert"), (spark(alive.history, 16, glyphs), "alert"))
    if not alive.answered:
        return _row(name, f"no probe answered yet, {alive.sent} sent", "dim")
    following = f", next in {duration(alive.next_at - now)}" if alive.next_at > now else ""
    words = f", {alive.answered} of {alive.sent} answered{following} "
    line: Line = (label, (latency(alive.rtt), "state-up"), (words, "plain"))
    return (*line, (spark(alive.history, min(20, cells - width(line)), glyphs), "bar"))


def phase2(
    state: State, tunnel: Tunnel, now: float, cells: int, glyphs: Glyphs, start_key: str = ""
) -> list[Line]:
    """The pairs of IPsec SAs of one tunnel: the one in use in full, the ones it replaced in a line each."""
    pair = f"{safe(tunnel.local)} {glyphs.between} {safe(tunnel.remote)}"
    sa = tunnel.sa
    if sa is None:
        text, style = absent(state, tunnel, now)
        lines: list[Line] = [((" Phase 2  ", "title"), (text, style)), _row("traffic", pair)]
        if tunnel.detail and tunnel.detail != tunnel.cause:
            lines += _wrapped("because", safe(tunnel.detail, 400), "state-down", cells)
        if tunnel.retry_at > now:
            at_once = f"; {safe(start_key, 12)} starts it at once" if start_key else ""
            lines.append(_row("next", f"attempt {tunnel.attempt} in {duration(tunnel.retry_at - now)}{at_once}"))
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
    if tunnel.stalled:
        none = f"IKE answers, no ESP for {duration(tunnel.silent + now - tunnel.stalled_at)}"
        lines.insert(1, _row("STALLED", f"{none}: {safe(tunnel.stalled)}", "alert"))
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
