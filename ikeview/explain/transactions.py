"""XAUTH and mode config in which something did not come (draft-beaulieu-ike-xauth-02, draft-dukes-ike-mode-cfg-02).

The server begins XAUTH, whoever began phase 1. In mode config the client asks, or the server pushes.
"""

from ikeview.core.facts import Cause
from ikeview.explain.failure import PEER_LOG, Failure, Verdict


def transaction(failure: Failure) -> Verdict:
    """Of either kind, in either role."""
    if failure.refusal:
        return _refused(failure)
    dropped = f"; what came was not usable: {failure.unusable}" if failure.drops else ""
    if failure.kind == "XAUTH":
        return _xauth(failure, dropped)
    if failure.initiator:
        return Verdict(
            Cause.NO_CONFIG,
            f"No answer from {failure.remote} to message {failure.row} of {failure.kind} ({failure.tried}), though "
            f"phase 1 is up{dropped}.",
            (
                "check that the peer has mode config, with an address left in its pool",
                "one end must ask and the other answer: compare push and pull",
                PEER_LOG,
            ),
        )
    return Verdict(
        Cause.NO_CONFIG,
        f"{failure.remote} began {failure.kind}, but after message {failure.row} came nothing usable for "
        f"{failure.seconds:.0f} s{dropped}.",
        (PEER_LOG, "compare push and pull of mode config at both ends"),
    )


def _xauth(failure: Failure, dropped: str) -> Verdict:
    if failure.initiator:
        return Verdict(
            Cause.USER,
            f"{failure.remote} does not answer when asked for user and password ({failure.tried}), though phase 1 is "
            f"up: it has no XAUTH, or waits for somebody to type them{dropped}.",
            ("set up XAUTH with user and password on the peer", PEER_LOG),
        )
    return Verdict(
        Cause.USER,
        f"{failure.remote} asked for user and password, but did not say what it thinks of them for "
        f"{failure.seconds:.0f} s{dropped}.",
        ("look at the peer's log: its server of passwords may not answer",),
    )


def _refused(failure: Failure) -> Verdict:
    said = f"{failure.refusal}{'' if failure.authenticated else ' (not authenticated)'}"
    if failure.kind == "XAUTH":
        if failure.initiator:
            sentence = f"{failure.remote} does not want to be asked for a user: it said {said}."
            return Verdict(Cause.USER, sentence, ("compare the authentication of both ends: XAUTH or not", PEER_LOG))
        return Verdict(
            Cause.USER, f"{failure.remote} refused our user or password: it said {said}.",
            ("check user and password", PEER_LOG),
        )
    return Verdict(
        Cause.NO_CONFIG, f"{failure.remote} refused {failure.kind}: it said {said}.",
        ("check that the peer has mode config, with an address left in its pool", PEER_LOG),
    )
