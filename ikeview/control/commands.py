"""The commands that speak to a running engine. Each prints and returns the exit status: 0 done, 1 it did not come
about. Raises ``NoEngine`` or ``EngineSilent`` for the caller to tell.
"""

import json
import os
import pwd
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ikeview.control.connection import Connection
from ikeview.control.report import event_line, explanation, outcome_lines, status_text

_SLACK = 5.0
"""Seconds that an answer may take beyond the wait that was asked for."""
_NOISE = "CountersSampled"


def show_status(folder: Path, *, as_json: bool) -> int:
    """``ikeview status``."""
    with Connection(folder) as connection:
        answer = connection.request({"do": "status"})
    if answer.get("ok") is not True:
        return _refused(answer)
    print(json.dumps(answer["status"], indent=2) if as_json else status_text(answer["status"]))
    return 0


def give_order(folder: Path, order: str, target: str, wait: float) -> int:
    """``ikeview up``, ``down``, ``rekey``: give the order for all that ``target`` means, wait, tell the outcome."""
    message = {"do": "order", "order": order, "tunnel": target, "by": _who(), "wait": wait}
    with Connection(folder) as connection:
        answer = connection.request(message, wait + _SLACK)
    for good, line in outcome_lines(answer):
        print(line, file=sys.stdout if good else sys.stderr)
    return 0 if answer.get("ok") is True else 1


def show_events(folder: Path, *, follow: bool, as_json: bool) -> int:
    """``ikeview events``."""
    with Connection(folder) as connection:
        connection.send({"do": "events", "follow": follow})
        for event in _events(connection):
            if as_json:
                print(json.dumps(event), flush=follow)
            elif event.get("fact") != _NOISE:
                print(event_line(event), flush=follow)
    return 0


def show_explanation(folder: Path, target: str) -> int:
    """``ikeview explain``."""
    with Connection(folder) as connection:
        answer = connection.request({"do": "explain", "tunnel": target})
    if answer.get("ok") is not True:
        return _refused(answer)
    print("\n\n".join(map(explanation, answer["tunnels"])))
    return 0


def _events(connection: Connection) -> Iterator[dict[str, Any]]:
    for message in connection.lines():
        if message.get("ok") is False:
            _refused(message)
            return
        yield message


def _refused(answer: dict[str, Any]) -> int:
    for _, line in outcome_lines(answer):
        print(line, file=sys.stderr)
    return 1


def _who() -> str:
    """``alice@pts/3``: who gives the order, for the record."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid {os.getuid()}"
    try:
        terminal = os.ttyname(0).removeprefix("/dev/")
    except OSError:
        terminal = "no terminal"
    return f"{name}@{terminal}"
