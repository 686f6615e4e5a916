"""The tunnel list: a part that seldom changes, and beside it the columns that count down."""

from dataclasses import dataclass

from ikeview.core.facts import Cause
from ikeview.model.negotiations import latest_exchange
from ikeview.model.state import Exchange, Peer, Sa, State, Tunnel
from ikeview.record.units import count, duration
from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.present.line import Line, crop, left, right, width
from ikeview.ui.safe import safe

LIVE_CELLS = 36
STATE_CELLS = 8
PEER_CELLS = 15
RATE_FRESH = 3.0
"""A pair that was not sampled for this many seconds moves nothing: only pairs that changed are sampled."""

_LIVE = (("P1LEFT", 6), ("P2LEFT", 7), ("VOL", 5), ("IN", 6), ("OUT", 6), ("ALIVE", 6))


@dataclass(frozen=True, slots=True)
class Columns:
    """How many cells each column of the fixed part gets; 0 leaves it out."""

    name: int
    peer: int
    selectors: int

    @property
    def cells(self) -> int:
        """Width of the fixed part."""
        return 3 + STATE_CELLS + 1 + self.name + 1 + self.peer + (1 + self.selectors if self.selectors else 0)


def columns(cells: int) -> Columns:
    """For a list of that width, the live part included."""
    rest = cells - LIVE_CELLS - (3 + STATE_CELLS + 2)
    if rest < 31:
        peer = min(PEER_CELLS, max(7, rest // 2))
        return Columns(max(7, rest - peer), peer, 0)
    if rest < 60:
        # a longer name helps more than room for an IPv6 address
        name = min(28, 16 + (rest - 31) // 2)
        return Columns(name, rest - name, 0)
    return Columns(26, 18, min(40, rest - 26 - 18 - 1))


def heading_fixed(shape: Columns, note: str) -> Line:
    """Column heads of the fixed part; a note (filter, position) takes the place of those after the name."""
    start = (f"   {left('STATE', STATE_CELLS)} ", "title")
    if note:
        return (start, ("TUNNEL  ", "title"), (left(note, shape.cells - 20), "notice"))
    text = f"{left('TUNNEL', shape.name)} {left('PEER', shape.peer)}"
    return (start, (text + (f" {left('SELECTORS', shape.selectors)}" if shape.selectors else ""), "title"))


def heading_live(rates: bool) -> Line:
    """Column heads of the live part."""
    heads = [f"{head}/s" if rates and head in ("IN", "OUT") else head for head, _ in _LIVE]
    return (("".join(right(head, cells) for head, (_, cells) in zip(heads, _LIVE, strict=True)), "title"),)


def fixed(tunnel: Tunnel, peer: Peer | None, shape: Columns, glyphs: Glyphs, selected: bool) -> Line:
    """State, name and peer of one tunnel."""
    style = f"state-{tunnel.state}"
    phase1 = peer.phase1 if peer else None
    address = host_of(phase1.remote) if phase1 else (peer.remote if peer else "")
    line: list[tuple[str, str]] = [
        (glyphs.cursor if selected else " ", "key"),
        (f"{glyphs.state(tunnel.state)} {left(tunnel.state.upper(), STATE_CELLS)} ", style),
        *_name(tunnel, peer, shape.name, glyphs, "strong" if selected else "plain"),
        (left(safe(address), shape.peer, glyphs.ellipsis), "dim"),
    ]
    if shape.selectors:
        pair = f"{safe(tunnel.local)} {glyphs.between} {safe(tunnel.remote)}"
        line.append((" " + left(pair, shape.selectors, glyphs.ellipsis), "dim"))
    return tuple(line)


def _name(tunnel: Tunnel, peer: Peer | None, cells: int, glyphs: Glyphs, style: str) -> Line:
    """The name, with a sign behind it if there are warnings about the configuration."""
    if peer is None or not peer.warnings:
        return ((left(safe(tunnel.name), cells, glyphs.ellipsis) + " ", style),)
    text = crop(safe(tunnel.name), cells - 2, glyphs.ellipsis)
    return ((text, style), (" !", "notice"), (" " * (cells - 1 - width(((text, style),))), "plain"))


def live(state: State, tunnel: Tunnel, now: float, glyphs: Glyphs, rates: bool) -> Line:
    """What changes by itself: both phases' time left, volume, traffic, keepalive; or why there is none of it."""
    sa = tunnel.sa
    peer = state.peers.get(tunnel.peer)
    if sa is None:
        text, style = absent(state, tunnel, now)
        return ((" " + left(text, LIVE_CELLS - 1, glyphs.ellipsis), style),)
    phase1 = peer.phase1 if peer else None
    cells = [
        (until(phase1.expires_at, now) if phase1 else "-", "plain"),
        (until(sa.expires_at, now), "state-rekeying" if sa.rekeying else "plain"),
        _volume(tunnel, sa),
        (count(rate(sa.rate_in, sa, now) if rates else _octets(tunnel, "in")), "dir-in"),
        (count(rate(sa.rate_out, sa, now) if rates else _octets(tunnel, "out")), "dir-out"),
        keepalive(peer, glyphs),
    ]
    sizes = (size for _, size in _LIVE)
    return tuple((right(text, size, glyphs.ellipsis), style) for (text, style), size in zip(cells, sizes, strict=True))


def _volume(tunnel: Tunnel, sa: Sa) -> tuple[str, str]:
    if tunnel.stalled:
        return "STALL", "alert"
    return volume(sa), "alert" if sa.rekey_bytes and max(sa.bytes_in, sa.bytes_out) >= sa.rekey_bytes else "plain"


def _octets(tunnel: Tunnel, direction: str) -> int:
    return sum(sa.bytes_in if direction == "in" else sa.bytes_out for sa in tunnel.sas)


def host_of(spot: str) -> str:
    """The address without its port: ``203.0.113.9:500`` or ``[2001:db8::9]:500``."""
    host, colon, port = spot.rpartition(":")
    return host.strip("[]") if colon and port.isdigit() and (host.startswith("[") or ":" not in host) else spot


def until(at: float, now: float) -> str:
    """Time left, or a dash where there is no limit."""
    return duration(at - now) if at else "-"


def rate(value: float, sa: Sa, now: float) -> float:
    """A sampled rate while it is fresh, else 0."""
    return value if now - sa.sampled_at <= RATE_FRESH else 0.0


def volume(sa: Sa) -> str:
    """Share of the byte lifetime that the busier direction has used."""
    return f"{min(999, max(sa.bytes_in, sa.bytes_out) * 100 // sa.lifebytes)}%" if sa.lifebytes else "-"


def keepalive(peer: Peer | None, glyphs: Glyphs) -> tuple[str, str]:
    """The last keepalive's result in at most five cells, and its style."""
    if peer is None or peer.keepalive_set == "off":
        return "off", "dim"
    alive = peer.alive
    if alive.dead:
        return "dead", "alert"
    if alive.missed:
        return f"{glyphs.missed} {alive.missed}", "alert"
    if not alive.answered:
        return "-", "dim"
    milliseconds = alive.rtt * 1000
    if milliseconds < 9.95:
        return f"{milliseconds:.1f}ms", "state-up"
    return (f"{milliseconds:.0f}ms" if milliseconds < 999.5 else f"{alive.rtt:.1f}s"), "state-up"


def members(state: State, peer: str) -> list[Peer]:
    """Those who are connected under that peer's configuration."""
    return [each for each in state.peers.values() if each.member_of == peer] if peer else []


def absent(state: State, tunnel: Tunnel, now: float) -> tuple[str, str]:
    """Why a tunnel has no SA, and what comes next."""
    if tunnel.state == "trying":
        exchange = latest_exchange(state, tunnel.name)
        if exchange is not None and exchange.status == "running":
            return progress(exchange, now), "state-trying"
        return f"attempt {tunnel.attempt}", "state-trying"
    if tunnel.retry_at:
        return f"{tunnel.cause or 'failed'}, retry {until(tunnel.retry_at, now)}", "state-down"
    if tunnel.cause:
        return tunnel.cause, "dim" if tunnel.cause in (Cause.OPERATOR, Cause.SHUTDOWN) else "state-down"
    if tunnel.wanted:
        return "wanted", "state-trying"
    peer = state.peers.get(tunnel.peer)
    if peer is not None and peer.role == "responder":
        connected = len(members(state, tunnel.peer))
        return (f"{connected} connected" if connected else "waits for the peer"), "dim"
    return {"traffic": "waits for traffic", "boot": "waits to be started"}.get(tunnel.start, "started by hand"), "dim"


def progress(exchange: Exchange, now: float) -> str:
    """A running negotiation in a few words: how far, and what it waits for."""
    done = exchange.rows[exchange.last_row - 1] if exchange.last_row else None
    text = f"{safe(exchange.kind, 24)} {exchange.last_row}/{len(exchange.rows)}"
    if done is None:
        return text
    if done.resends:
        return f"{text}, resend {done.resends}/{done.resend_limit}"
    return f"{text}, waits {duration(now - done.at)}" if done.ours else text
