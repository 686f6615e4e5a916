"""The control socket's language: one JSON mapping a line, UTF-8, both ways.

Requests, each with ``do``; durations are seconds::

    {"do": "status"}
        {"ok": true, "status": model.status()}
    {"do": "order", "order": "initiate", "tunnel": "tokyo/lan", "by": "", "wait": 30}
        {"ok": bool, "text", "results": [{"target", "ok", "text", "hints": [text]}]}
    {"do": "explain", "tunnel": "tokyo/lan"}
        {"ok": true, "text": "", "tunnels": [control.explain.explain()]}
    {"do": "events", "follow": bool}
        a line a fact: core.facts.stamped_to_dict with "about", "level", "sentence"; then the end, or what comes
    {"do": "attach"}
        {"ok": true, "snapshot": model.dump()}, then a line a fact; order lines (core.orders.order_to_dict) are taken
        meanwhile and not answered

An order's ``tunnel`` may be a tunnel, a peer (all its tunnels) or ``*`` (all). Where facts were lost because they were
not read in time, a line ``{"lost": n}`` says how many. A refusal is ``{"ok": false, "text": why}``.
"""

import json
from typing import Any

SOCKET_NAME = "control.sock"
LOCK_NAME = "engine.lock"
REQUEST_LIMIT = 64 * 1024
"""Octets of a request: the longest has a few hundred."""
ANSWER_LIMIT = 64 * 1024 * 1024
"""Octets of an answer: the snapshot of a thousand tunnels with full rings has some ten million."""
ALL = "*"


class BadLine(ValueError):
    """A line is no message; the text says why."""


def encode(message: dict[str, Any]) -> bytes:
    """As one line."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Back from a line. Raises ``BadLine``."""
    try:
        message = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise BadLine("not a line of JSON") from error
    if not isinstance(message, dict):
        raise BadLine("not a JSON mapping")
    return message
