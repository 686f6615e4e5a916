"""Quick Mode in which something did not come (RFC 2409 section 5.5)."""

from ikeview.core.facts import Cause
from ikeview.explain.failure import PEER_LOG, Failure, Verdict, listed


def _modes(failure: Failure) -> tuple[str, ...]:
    """Hints that only some offers need."""
    hints: tuple[str, ...] = ()
    words = " ".join(failure.offered).replace("-", " ").split()
    if "transport" in words:
        hints += ("transport mode must be set at both ends: compare mode",)
    if "esn" in words:
        hints += ("extended sequence numbers (esn) must be allowed by both: also offer a proposal without",)
    return hints


def quick_mode(failure: Failure) -> Verdict:
    """We began."""
    if failure.authenticated and failure.refusal == "NO-PROPOSAL-CHOSEN":
        return Verdict(
            Cause.NO_PROPOSAL,
            f"{failure.remote} refused Quick Mode with NO-PROPOSAL-CHOSEN: it allows none of our phase 2 proposals "
            f"({listed(failure.offered)}); PFS and encapsulation count too.",
            (
                *_modes(failure),
                "compare cipher, integrity and PFS group with the peer's",
                "compare the networks: some stacks refuse those with the same words",
            ),
        )
    if failure.authenticated and failure.refusal == "INVALID-ID-INFORMATION":
        return Verdict(
            Cause.SELECTORS,
            f"{failure.remote} refused Quick Mode with INVALID-ID-INFORMATION: it has no tunnel for {failure.detail}.",
            ("both ends must name the same two networks, mirrored", "protocols and ports count too"),
        )
    if failure.refusal:
        return Verdict(
            Cause.REFUSED, f"{failure.remote} refused Quick Mode with {failure.refusal}.", (*_modes(failure), PEER_LOG)
        )
    dropped = f"; what came was not usable: {failure.unusable}" if failure.drops else ""
    return Verdict(
        Cause.NO_ANSWER,
        f"No answer from {failure.remote} to message {failure.row} of Quick Mode ({failure.tried}), though phase 1 is "
        f"up{dropped}.",
        (
            "look at the peer's log: many stacks refuse phase 2 in silence", "compare networks, proposals and PFS",
            *_modes(failure), "a peer that wants a user first (XAUTH) does not answer before it has one",
        ),
    )


def quick_mode_responder(failure: Failure) -> Verdict:
    """The peer began."""
    if failure.refusal:
        return Verdict(
            Cause.REFUSED, f"{failure.remote} began Quick Mode and refused our answer with {failure.refusal}.",
            ("compare cipher, integrity, PFS group and networks with the peer's", PEER_LOG),
        )
    dropped = f": {failure.unusable}" if failure.drops else ""
    return Verdict(
        Cause.NO_ANSWER,
        f"{failure.remote} began Quick Mode, but after message {failure.row} came nothing usable for "
        f"{failure.seconds:.0f} s{dropped}.",
        ("look at the peer's log: it may have refused our answer", "our answer may be lost on the way"),
    )
