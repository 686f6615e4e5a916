"""Why a tunnel is not up: the last failed negotiation with both sides' values, from the model."""

from typing import Any

from ikeview.core.facts import Cause
from ikeview.explain.verdict import advice
from ikeview.model import State
from ikeview.model.negotiations import latest_exchange, latest_failure, waits_for


def explain(state: State, tunnel: str, now: float) -> dict[str, Any]:
    """JSON-able::

        {"tunnel", "state", "cause": text | null, "detail": text | null, "retry_in": seconds | null,
         "waits_for": text | null, "hints": [text], "stalled": text | null, "user_refused": text | null,
         "dropped": text | null, "warnings": [text],
         "failure": {"kind", "remote", "role", "ago", "row", "rows": [text], "cause", "verdict", "hints", "offered",
                     "expected", "notifies"} | null}

    ``hints`` are for a ``cause`` that is not that of the failed negotiation: a refused user, say, who was refused in
    one that succeeded. Raises ``KeyError`` for a tunnel that is not configured. Text may quote the peer.
    """
    known = state.tunnels[tunnel]
    latest = latest_exchange(state, tunnel)
    failure = latest_failure(state, tunnel)
    peer = state.peers.get(known.peer)
    hints = advice(Cause(known.cause), known.detail) if known.cause in list(Cause) else ()
    if failure is not None and failure.cause == known.cause:
        hints = ()
    return {
        "tunnel": tunnel,
        "state": known.state,
        "cause": known.cause or None,
        "detail": known.detail or None,
        "retry_in": round(known.retry_at - now, 1) if known.retry_at > now else None,
        "waits_for": (waits_for(latest, now) or None) if latest else None,
        "hints": list(hints),
        "stalled": known.stalled or None,
        "user_refused": (peer.user_refused or None) if peer else None,
        "dropped": f"{peer.drops} messages, the last: {peer.last_drop}" if peer and peer.drops else None,
        "warnings": list(peer.warnings) if peer else [],
        "failure": None
        if failure is None
        else {
            "kind": failure.kind,
            "remote": failure.remote,
            "role": failure.role,
            "ago": round(max(0.0, now - failure.ended_at), 1),
            "row": failure.last_row,
            "rows": [row.text for row in failure.rows],
            "cause": failure.cause,
            "verdict": failure.verdict,
            "hints": list(failure.hints),
            "offered": list(failure.offered),
            "expected": list(failure.expected),
            "notifies": list(failure.notifies),
        },
    }
