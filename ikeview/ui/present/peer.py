"""All about one peer: what is configured, both phases of each of its tunnels, and its history."""

from ikeview.model.state import Peer, State
from ikeview.record.units import duration, size
from ikeview.ui.present.events import event, history
from ikeview.ui.present.glyphs import Glyphs
from ikeview.ui.present.line import Line, crop, indented, left, width
from ikeview.ui.present.sas import phase1, phase2
from ikeview.ui.present.tunnels import host_of, members
from ikeview.ui.safe import safe

HISTORY_SHOWN = 100
MEMBERS_SHOWN = 100


def _rule(title: str, cells: int, glyphs: Glyphs) -> Line:
    text = f"{glyphs.rule * 2} {title} "
    return ((text, "title"), (glyphs.rule * (cells - width(((text, "title"),))), "rule"))


def _configured(peer: Peer, cells: int) -> list[Line]:
    pairs = [
        ("remote", f"{safe(peer.remote)}, {safe(peer.mode)} mode, role {safe(peer.role)}, {safe(peer.auth)}"),
        ("ids", f"ours {safe(peer.local_id) or '(the address)'}, the peer's {safe(peer.remote_id) or '(the address)'}"),
        ("offers", f"{', '.join(safe(each) for each in peer.proposals)}; for {duration(peer.lifetime)}"),
        ("alive", safe(peer.keepalive_set) or "-"),
    ]
    if peer.member_of:
        pairs.insert(0, ("one of", f"those that connect under {safe(peer.member_of, 80)}"))
    lines = [line for label, text in pairs for line in indented(((f" {label:<8}", "dim"),), text, "plain", cells)]
    for each in peer.warnings:
        lines += indented(((f" {'care':<8}", "alert"),), safe(each, 300), "notice", cells)
    return lines


def _members(state: State, name: str, now: float, cells: int, glyphs: Glyphs) -> list[Line]:
    """Those who are connected under this configuration, a line each."""
    known = members(state, name)
    if not known:
        return []
    lines = [_rule(f"connected under it: {len(known)}", cells, glyphs)]
    for each in known[:MEMBERS_SHOWN]:
        current = each.phase1
        parts = [safe(host_of(current.remote if current else each.remote), 46)]
        parts += [safe(current.remote_id, 60)] if current else []
        parts += [f"user {safe(each.user, 40)}"] if each.user else []
        parts += [f"has {safe(each.config.address, 46)}"] if each.config else []
        parts += [f"for {duration(now - current.established_at)}"] if current else ["no phase 1"]
        label = f" {left(safe(each.name, 40), 14, glyphs.ellipsis)} "
        lines.append(((label, "strong"), (crop(", ".join(parts), cells - len(label), glyphs.ellipsis), "plain")))
    if len(known) > MEMBERS_SHOWN:
        lines.append(((f" and {len(known) - MEMBERS_SHOWN} more", "dim"),))
    return lines


def peer_detail(
    state: State, name: str, now: float, cells: int, glyphs: Glyphs, start_key: str = ""
) -> list[Line]:
    """The whole page; ``start_key`` brings the tunnel up, if the screen may."""
    peer = state.peers.get(name) or Peer(name)
    lines = [_rule("configured", cells, glyphs), *_configured(peer, cells)]
    lines += _members(state, name, now, cells, glyphs)
    lines += [_rule("phase 1, ISAKMP SA", cells, glyphs), *phase1(state, peer, now, cells, glyphs, whole=True)]
    if peer.phase1 is not None and peer.phase1.vendors:
        vendors = ", ".join(safe(each) for each in peer.phase1.vendors)
        lines += indented(((f" {'vendor':<8}", "dim"),), vendors, "plain", cells)
    if peer.drops:
        dropped = f"{peer.drops} messages, the last: {safe(peer.last_drop)}"
        lines += indented(((f" {'dropped':<8}", "dim"),), dropped, "notice", cells)
    for tunnel in state.tunnels.values():
        if tunnel.peer != name:
            continue
        lines.append(_rule(f"phase 2, {safe(tunnel.name)}", cells, glyphs))
        lines += phase2(state, tunnel, now, cells, glyphs, start_key)
        limit = f" or {size(tunnel.lifebytes)}" if tunnel.lifebytes else ""
        wants = (
            f"{', '.join(safe(each) for each in tunnel.proposals)}; {duration(tunnel.lifetime)}{limit},"
            f" rekeyed {duration(tunnel.rekey_margin)} before; start: {safe(tunnel.start)}"
        )
        lines += indented(((f" {'set':<8}", "dim"),), wants, "dim", cells)
    lines.append(_rule("history, newest first", cells, glyphs))
    past = history(state, "info", name)[-HISTORY_SHOWN:]
    lines += [event(state, each, cells, glyphs) for each in reversed(past)]
    if not past:
        lines.append(((left(" nothing yet", cells), "dim"),))
    return lines
