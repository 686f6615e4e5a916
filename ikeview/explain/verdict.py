"""From what is known about a failed negotiation to one sentence and what to do about it.

Nothing that the peer said without authentication is called a fact: the sentence names it as the peer's word.
"""

from dataclasses import dataclass

from ikeview.core.facts import Cause, DropReason


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known about a negotiation that did not come about.

    ``row`` is the last message sent or taken, ``sent`` whether that one was ours; ``refusal`` the last error notify
    that came in, ``authenticated`` whether that was protected; ``drops`` why messages of the peer were not taken.
    """

    kind: str
    initiator: bool
    row: int
    sent: bool
    sends: int
    seconds: float
    local: str
    remote: str
    cause: Cause = Cause.NO_ANSWER
    detail: str = ""
    refusal: str = ""
    authenticated: bool = False
    unreachable: str = ""
    floated: bool = False
    local_id: str = ""
    drops: tuple[DropReason, ...] = ()
    offered: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The cause, a plain sentence, and hints in order of likelihood."""

    cause: Cause
    sentence: str
    hints: tuple[str, ...] = ()


_SECRET_HINT = "compare the pre-shared keys of both ends: same octets, no blank or line end too many"


def explain(failure: Failure) -> Verdict:
    """The verdict on a failure."""
    if failure.cause is not Cause.NO_ANSWER:
        return _decided(failure)
    if failure.kind == "Main Mode":
        return _main_mode(failure) if failure.initiator else _main_mode_responder(failure)
    return _quick_mode(failure)


def _decided(failure: Failure) -> Verdict:
    """Failures whose cause our own end has found."""
    hints: tuple[str, ...] = ()
    sentence = failure.detail
    if failure.cause is Cause.NO_PROPOSAL:
        sentence = (
            f"No common proposal in {failure.kind}: {failure.remote} offers {_listed(failure.offered)}; "
            f"allowed here is {_listed(failure.expected)}."
        )
        hints = ("allow one of the offered proposals here, or change the peer's",)
    elif failure.cause is Cause.IDENTITY:
        sentence = (
            f"{failure.remote} calls itself {_listed(failure.offered)}, but the configuration expects "
            f"{_listed(failure.expected)}."
        )
        hints = (f'if that is the right peer, set remote_id = "{_listed(failure.offered)}"',)
    elif failure.cause is Cause.SELECTORS:
        sentence = (
            f"Selectors differ: {failure.remote} asks for {_listed(failure.offered)}; configured is "
            f"{_listed(failure.expected)}."
        )
        hints = ("both ends must name the same two networks, mirrored",)
    elif sentence and not sentence.endswith("."):
        sentence = f"{sentence[0].upper()}{sentence[1:]}."
    return Verdict(failure.cause, sentence, hints)


def _main_mode(failure: Failure) -> Verdict:
    tried = f"{_sends(failure.sends)} in {failure.seconds:.0f} s"
    if failure.row <= 1:
        if failure.unreachable:
            return Verdict(
                Cause.NOT_LISTENING,
                f"{failure.remote} cannot be reached: {failure.unreachable} (ICMP, which anybody can send), "
                f"no answer to {tried}.",
                ("start IKE on the peer", "check its address and the firewalls between"),
            )
        if failure.refusal == "NO-PROPOSAL-CHOSEN":
            return Verdict(
                Cause.NO_PROPOSAL,
                f"{failure.remote} refused with {failure.refusal} (not authenticated): either it allows none of our "
                f"phase 1 proposals ({_listed(failure.offered)}), or it has no configuration for our address "
                f"{_host(failure.local)}.",
                ("compare cipher, hash and group with the peer's", f"check that the peer knows {_host(failure.local)}"),
            )
        if failure.refusal:
            return Verdict(
                Cause.REFUSED, f"{failure.remote} refused message 1 with {failure.refusal} (not authenticated).",
                ("look at the peer's log",),
            )
        if failure.drops:
            return Verdict(
                Cause.BAD_ANSWER,
                f"{failure.remote} answered message 1, but not usably: {_drops(failure)}.",
                ("look at the dropped message among the events",),
            )
        return Verdict(
            Cause.NO_ANSWER,
            f"No answer from {failure.remote} to message 1 of Main Mode ({tried}): the host is down, "
            f"UDP {_port(failure.remote)} is blocked on the way, or the peer ignores our address "
            f"{_host(failure.local)}.",
            ("ping the peer", f"capture on the peer: does UDP {_port(failure.remote)} arrive, does an answer leave?"),
        )
    if failure.row <= 4:
        said = f", it said {failure.refusal} (not authenticated)" if failure.refusal else ""
        dropped = f"; what came was not usable: {_drops(failure)}" if failure.drops else ""
        return Verdict(
            Cause.REFUSED if failure.refusal else Cause.NO_ANSWER,
            f"{failure.remote} answered message 1 of Main Mode but not message {failure.row} ({tried}){said}{dropped}.",
            ("longer datagrams may be lost on the way: check the path MTU", "look at the peer's log"),
        )
    if failure.refusal and failure.authenticated:
        # protected with keys that both ends have, so the secret is right
        return Verdict(
            Cause.IDENTITY,
            f"{failure.remote} does not accept our identity {failure.local_id}: it said {failure.refusal}.",
            (f"check that the peer expects the identity {failure.local_id}", "look at the peer's log"),
        )
    if DropReason.UNDECRYPTABLE in failure.drops or DropReason.BAD_HASH in failure.drops or failure.refusal:
        said = f"it said {failure.refusal} (not authenticated)" if failure.refusal else (
            "its answer to message 5 does not decrypt with our keys"
        )
        return Verdict(
            Cause.WRONG_SECRET,
            f"Authentication with {failure.remote} failed: the pre-shared keys differ, or it does not accept our "
            f"identity {failure.local_id}; {said}.",
            (_SECRET_HINT, f"check that the peer expects the identity {failure.local_id}"),
        )
    causes = ["the pre-shared keys differ", f"the peer does not accept our identity {failure.local_id}"]
    if failure.floated:
        causes.append(f"UDP {_port(failure.remote)} is blocked on the way")
    return Verdict(
        Cause.NO_ANSWER,
        f"No answer from {failure.remote} to message 5, the first encrypted one ({tried}): "
        f"{', '.join(causes[:-1])}, or {causes[-1]}.",
        (_SECRET_HINT, f"check that the peer expects the identity {failure.local_id}")
        + ((f"open UDP {_port(failure.remote)} in the firewalls between",) if failure.floated else ()),
    )


def _main_mode_responder(failure: Failure) -> Verdict:
    if failure.row >= 4 and (DropReason.UNDECRYPTABLE in failure.drops or DropReason.BAD_HASH in failure.drops):
        return Verdict(
            Cause.WRONG_SECRET,
            f"Message 5 of {failure.remote} does not decrypt with our pre-shared key: the keys of both ends differ.",
            (_SECRET_HINT,),
        )
    dropped = f": {_drops(failure)}" if failure.drops else ""
    return Verdict(
        Cause.NO_ANSWER,
        f"{failure.remote} began Main Mode, but after message {failure.row} came nothing usable for "
        f"{failure.seconds:.0f} s{dropped}.",
        ("look at the peer's log: it may have refused our answer",),
    )


def _quick_mode(failure: Failure) -> Verdict:
    if failure.authenticated and failure.refusal == "NO-PROPOSAL-CHOSEN":
        return Verdict(
            Cause.NO_PROPOSAL,
            f"{failure.remote} refused Quick Mode with NO-PROPOSAL-CHOSEN: it allows none of our phase 2 proposals "
            f"({_listed(failure.offered)}); PFS and encapsulation count too.",
            (
                "compare cipher, integrity and PFS group with the peer's",
                "compare the networks: some stacks refuse those with the same words",
            ),
        )
    if failure.authenticated and failure.refusal == "INVALID-ID-INFORMATION":
        return Verdict(
            Cause.SELECTORS,
            f"{failure.remote} refused Quick Mode with INVALID-ID-INFORMATION: it has no tunnel for {failure.detail}.",
            ("both ends must name the same two networks, mirrored",),
        )
    if failure.refusal:
        return Verdict(
            Cause.REFUSED, f"{failure.remote} refused Quick Mode with {failure.refusal}.", ("look at the peer's log",)
        )
    dropped = f"; what came was not usable: {_drops(failure)}" if failure.drops else ""
    return Verdict(
        Cause.NO_ANSWER,
        f"No answer from {failure.remote} to message {failure.row} of Quick Mode ({_sends(failure.sends)} in "
        f"{failure.seconds:.0f} s), though phase 1 is up{dropped}.",
        ("look at the peer's log: many stacks refuse phase 2 in silence", "compare networks, proposals and PFS"),
    )


def waiting(failure: Failure) -> str:
    """One sentence for a negotiation that is still under way."""
    if failure.refusal or failure.unreachable or failure.drops:
        return explain(failure).sentence
    if not failure.row:
        return f"{failure.kind} with {failure.remote} is about to begin."
    if failure.sent:
        return (
            f"Still no answer from {failure.remote} to message {failure.row} of {failure.kind} "
            f"({_sends(failure.sends)} in {failure.seconds:.0f} s)."
        )
    return f"{failure.kind} with {failure.remote} has come to message {failure.row}."


def _sends(count: int) -> str:
    return "1 send" if count == 1 else f"{count} sends"


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(values) if values else "nothing"


def _drops(failure: Failure) -> str:
    return ", ".join(dict.fromkeys(str(each) for each in failure.drops))


def _host(spot: str) -> str:
    return spot.rpartition(":")[0].strip("[]") or spot


def _port(spot: str) -> str:
    return spot.rpartition(":")[2]
