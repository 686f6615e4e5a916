"""The engine's answers as text for a person: a table of tunnels, an explanation, an event."""

import time
from collections.abc import Sequence
from typing import Any

from ikeview.record.units import duration, size
from ikeview.ui.safe import safe

_TITLES = ("TUNNEL", "STATE", "PHASE 1", "REKEY", "EXPIRES", "IN", "OUT", "PEER")
_NONE = "-"
VERDICT_LIMIT = 800
"""A certificate's verdict names it, its issuer and our authorities."""


def status_text(status: dict[str, Any]) -> str:
    """The mapping of ``model.status`` as an aligned table; a tunnel that is not up says why on a line of its own."""
    engine, tunnels = status["engine"], status["tunnels"]
    up = sum(tunnel["state"] in ("up", "rekeying") for tunnel in tunnels)
    head = (
        f"ikeview {engine['version']}, pid {engine['pid']}, data plane {engine['plane']}, UDP {engine['port']} and"
        f" {engine['nat_port']}, running for {duration(engine['uptime'])}: {up} of {len(tunnels)} tunnels up"
    )
    if not tunnels:
        return f"{safe(head)}\nno tunnel is configured in {safe(engine['folder'])}"
    rows = [_TITLES, *map(_cells, tunnels)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [safe(head), _line(rows[0], widths)]
    for tunnel, row in zip(tunnels, rows[1:], strict=True):
        lines.append(_line(row, widths))
        why = _why(tunnel)
        if why:
            lines.append(f"  {why}")
        lines += [f"  {each}" for each in _who(tunnel)]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cells(tunnel: dict[str, Any]) -> tuple[str, ...]:
    phase1 = tunnel["phase1"]
    sa = tunnel["sas"][-1] if tunnel["sas"] else None
    return (
        safe(tunnel["name"]),
        safe(tunnel["state"]),
        _left(phase1 and phase1["expires_in"]),
        _left(sa and sa["rekeys_in"]),
        _left(sa and sa["expires_in"]),
        size(sum(each["bytes_in"] for each in tunnel["sas"])) if sa else _NONE,
        size(sum(each["bytes_out"] for each in tunnel["sas"])) if sa else _NONE,
        safe(phase1["remote"]) if phase1 else _NONE,
    )


def _left(seconds: float | None) -> str:
    return _NONE if seconds is None else duration(seconds)


def _why(tunnel: dict[str, Any]) -> str:
    parts = [part for part in (tunnel["cause"], tunnel["detail"]) if part]
    if tunnel["state"] in ("up", "rekeying") or not parts:
        return ""
    retry = f"; next attempt in {duration(tunnel['retry_in'])}" if tunnel["retry_in"] else ""
    return safe(": ".join(dict.fromkeys(parts)), 400) + retry


def _who(tunnel: dict[str, Any]) -> list[str]:
    """What only some peers have: a user, an address of ours or theirs; and ESP that does not arrive."""
    lines = []
    phase1 = tunnel["phase1"] or {}
    config = phase1.get("config")
    parts = [f"user {safe(phase1['user'])}"] if phase1.get("user") else []
    if config:
        parts.append(f"{'the peer has' if config['server'] else 'we have'} {safe(config['address'])}")
    if parts:
        lines.append(", ".join(parts))
    if tunnel.get("stalled"):
        lines.append(f"IKE answers, but no ESP comes in: {safe(tunnel['stalled'])}")
    return lines


def outcome_lines(answer: dict[str, Any]) -> list[tuple[bool, str]]:
    """The lines that tell what became of an order, each with whether it is good news."""
    lines = []
    for result in answer.get("results") or [answer]:
        lines.append((bool(result.get("ok")), safe(result.get("text", ""), 400)))
        lines += [(False, f"  {safe(hint, 400)}") for hint in result.get("hints", ())]
    return lines


def explanation(told: dict[str, Any]) -> str:
    """The mapping of ``control.explain`` in words."""
    name = safe(told["tunnel"])
    because = f": {safe(told['cause'])}" if told["cause"] else ""
    lines = [f"{name} is {safe(told['state'])}{because}"]
    if told["waits_for"]:
        lines.append(safe(told["waits_for"], 400))
    if told["retry_in"]:
        lines.append(f"next attempt in {duration(told['retry_in'])}")
    failure = told["failure"]
    if failure is None:
        if told["detail"]:
            lines.append(safe(told["detail"], VERDICT_LIMIT))
        return "\n".join([*lines, *_beside(told), "no failed negotiation is remembered"])
    row, rows = failure["row"], len(failure["rows"])
    where = f"after message {row} of {rows}" if row else "before the first message"
    lines.append(
        f"{safe(failure['kind'])} with {safe(failure['remote'])}, as {safe(failure['role'])}, failed"
        f" {duration(failure['ago'])} ago {where}: {safe(failure['cause'])}"
    )
    lines.append(safe(failure["verdict"], VERDICT_LIMIT))
    for title in ("offered", "expected", "notifies", "hints"):
        if failure[title]:
            lines.append(f"{_WORDS[title]}:")
            lines += [f"  {safe(each, 400)}" for each in failure[title]]
    return "\n".join([*lines, *_beside(told)])


def _beside(told: dict[str, Any]) -> list[str]:
    """What is known besides a failed negotiation."""
    lines = []
    if told.get("hints"):
        lines += [f"{_WORDS['hints']}:", *(f"  {safe(each, 400)}" for each in told["hints"])]
    if told.get("user_refused"):
        lines.append(f"user refused: {safe(told['user_refused'], 400)}")
    if told.get("stalled"):
        lines.append(f"IKE answers, but no ESP comes in: {safe(told['stalled'], 400)}")
    if told.get("dropped"):
        lines.append(f"of the peer were dropped: {safe(told['dropped'], 400)}")
    lines += [f"take care: {safe(each, 400)}" for each in told.get("warnings", ())]
    return lines


_WORDS = {"offered": "offered", "expected": "expected", "notifies": "the peer said", "hints": "what to do"}


def event_line(event: dict[str, Any]) -> str:
    """``12:03:44 tokyo/lan: tunnel is up after 310 ms``, in local time."""
    if "lost" in event:
        return f"({event['lost']} events were lost: not read in time)"
    moment = time.strftime("%H:%M:%S", time.localtime(event["wall"]))
    about = f"{safe(event['about'], 80)}: " if event["about"] else ""
    return f"{moment} {about}{safe(event['sentence'], 400)}"
