"""From what is known about a failed negotiation to one sentence and what to do about it.

Nothing that the peer said without authentication is called a fact: the sentence names it as the peer's word.
"""

from ikeview.core.facts import Cause
from ikeview.explain.decided import decided
from ikeview.explain.failure import Failure, Verdict, sends
from ikeview.explain.phase1 import aggressive_mode, aggressive_mode_responder, main_mode, main_mode_responder
from ikeview.explain.phase2 import quick_mode, quick_mode_responder
from ikeview.explain.transactions import transaction

__all__ = ["Failure", "Verdict", "advice", "explain", "waiting"]

_BY_KIND = {
    "Main Mode": (main_mode, main_mode_responder),
    "Aggressive Mode": (aggressive_mode, aggressive_mode_responder),
    "Quick Mode": (quick_mode, quick_mode_responder),
}


def explain(failure: Failure) -> Verdict:
    """The verdict on a failure."""
    if failure.cause is not Cause.NO_ANSWER:
        return decided(failure)
    initiator, responder = _BY_KIND.get(failure.kind, (transaction, transaction))
    return initiator(failure) if failure.initiator else responder(failure)


def advice(cause: Cause, detail: str) -> tuple[str, ...]:
    """What to do about a tunnel that is down for a cause that no failed negotiation explains; we are the client."""
    if cause not in _WITHOUT_NEGOTIATION:
        return ()
    return decided(Failure("", False, 0, False, 0, 0.0, "", "", cause, detail)).hints


_WITHOUT_NEGOTIATION = (Cause.USER, Cause.NO_CONFIG, Cause.NOT_UNIQUE, Cause.ESP_DEAD)


def waiting(failure: Failure) -> str:
    """One sentence for a negotiation that is still under way."""
    if failure.refusal or failure.unreachable or failure.drops:
        return explain(failure).sentence
    if not failure.row:
        return f"{failure.kind} with {failure.remote} is about to begin."
    if failure.sent:
        return (
            f"Still no answer from {failure.remote} to message {failure.row} of {failure.kind} "
            f"({sends(failure.sends)} in {failure.seconds:.0f} s)."
        )
    return f"{failure.kind} with {failure.remote} has come to message {failure.row}."
