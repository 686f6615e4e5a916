"""Main Mode and Aggressive Mode in which something did not come (RFC 2409 sections 5.1, 5.4)."""

from ikeview.core.facts import Cause, DropReason
from ikeview.explain.failure import (
    LARGE_HINTS,
    PEER_LOG,
    SECRET_HINT,
    Failure,
    Verdict,
    alternatives,
    host,
    knows_us_by,
    listed,
    port,
    too_large,
)

_CERTIFICATE_NOTIFIES = (
    "INVALID-CERT-ENCODING", "INVALID-CERTIFICATE", "CERT-TYPE-UNSUPPORTED", "INVALID-CERT-AUTHORITY",
    "INVALID-SIGNATURE", "AUTHENTICATION-FAILED", "CERTIFICATE-UNAVAILABLE",
)  # fmt: skip
_MODE_NOTIFIES = ("INVALID-EXCHANGE-TYPE", "UNSUPPORTED-EXCHANGE-TYPE")
_OUR_CERTIFICATE = (
    "check that the peer trusts the authority of our certificate",
    "check the dates of our certificate, and the peer's clock",
)


# -- Main Mode -----------------------------------------------------------------------------------------------------


def main_mode(failure: Failure) -> Verdict:
    """We began."""
    if failure.row <= 1:
        return _first(failure)
    if failure.row <= 4:
        said = f", it said {failure.refusal} (not authenticated)" if failure.refusal else ""
        dropped = f"; what came was not usable: {failure.unusable}" if failure.drops else ""
        return Verdict(
            Cause.REFUSED if failure.refusal else Cause.NO_ANSWER,
            f"{failure.remote} answered message 1 of Main Mode but not message {failure.row} ({failure.tried}){said}"
            f"{dropped}.",
            ("longer datagrams may be lost on the way: check the path MTU", PEER_LOG),
        )
    if failure.refusal and failure.authenticated:
        return _refused_us(failure)
    if failure.secret:
        return _fifth_with_secret(failure)
    return _fifth_signed(failure)


def _first(failure: Failure) -> Verdict:
    """Nothing usable has come in reply to the first message."""
    aggressive = failure.kind == "Aggressive Mode"
    if failure.unreachable:
        return Verdict(
            Cause.NOT_LISTENING,
            f"{failure.remote} cannot be reached: {failure.unreachable} (ICMP, which anybody can send), "
            f"no answer to {failure.tried}.",
            ("start IKE on the peer", "check its address and the firewalls between"),
        )
    if failure.refusal == "NO-PROPOSAL-CHOSEN":
        return _no_proposal(failure, aggressive)
    if failure.refusal in _MODE_NOTIFIES:
        other = "main" if aggressive else "aggressive"
        return Verdict(
            Cause.REFUSED,
            f"{failure.remote} does not take {failure.kind}: it said {failure.refusal} (not authenticated).",
            (f'set mode = "{other}" here, if the peer does that', f"allow {failure.kind} on the peer"),
        )
    if failure.refusal:
        return Verdict(
            Cause.REFUSED, f"{failure.remote} refused message 1 with {failure.refusal} (not authenticated).",
            (knows_us_by(failure), PEER_LOG) if aggressive else (PEER_LOG,),
        )
    if failure.drops:
        return Verdict(
            Cause.BAD_ANSWER,
            f"{failure.remote} answered message 1, but not usably: {failure.unusable}.",
            ("look at the dropped message among the events",),
        )
    causes = ["the host is down", f"UDP {port(failure.remote)} is blocked on the way"]
    hints = [
        "ping the peer",
        f"capture on the peer: does UDP {port(failure.remote)} arrive, does an answer leave?",
    ]
    if aggressive:
        causes += [
            "the peer does not take Aggressive Mode",
            f"it ignores our address {host(failure.local)} or our identity {failure.local_id}",
        ]
        hints += ["allow Aggressive Mode on the peer; many refuse it in silence", knows_us_by(failure)]
    else:
        causes.append(f"the peer ignores our address {host(failure.local)}")
    if too_large(failure):
        causes.insert(2, f"its {failure.size} octets are lost as IP fragments")
    return Verdict(
        Cause.NO_ANSWER,
        f"No answer from {failure.remote} to message 1 of {failure.kind} ({failure.tried}): {alternatives(causes)}.",
        tuple(hints),
    )


def _no_proposal(failure: Failure, aggressive: bool) -> Verdict:
    causes = [f"it allows none of our phase 1 proposals ({listed(failure.offered)})"]
    hints = ["compare cipher, hash and group with the peer's", f"check that the peer knows {host(failure.local)}"]
    if aggressive:
        causes += [
            f"it has no configuration for our address {host(failure.local)} and our identity {failure.local_id}",
            "it does not take Aggressive Mode",
        ]
        hints += [
            knows_us_by(failure),
            "Aggressive Mode offers one group alone, that of our first proposal: put the peer's first",
        ]
    else:
        causes.append(f"it has no configuration for our address {host(failure.local)}")
    if not failure.secret or failure.method != "psk":
        hints.append(f"compare the authentication: ours is {failure.method}")
    either = alternatives(causes)
    return Verdict(
        Cause.NO_PROPOSAL,
        f"{failure.remote} refused with {failure.refusal} (not authenticated): either {either}.",
        tuple(hints),
    )


def _refused_us(failure: Failure) -> Verdict:
    """An error under the keys of both ends. With a pre-shared key that shows that the secret is right; else the keys
    prove nothing, but nobody who merely forges datagrams has them."""
    if failure.refusal in _CERTIFICATE_NOTIFIES and failure.ours_certified:
        return Verdict(
            Cause.CERTIFICATE,
            f"{failure.remote} does not accept our certificate or signature: it said {failure.refusal}.",
            (*_OUR_CERTIFICATE, f"check that our certificate names our identity {failure.local_id}", PEER_LOG),
        )
    return Verdict(
        Cause.IDENTITY,
        f"{failure.remote} does not accept our identity {failure.local_id}: it said {failure.refusal}.",
        (knows_us_by(failure), PEER_LOG),
    )


def _fifth_with_secret(failure: Failure) -> Verdict:
    if DropReason.UNDECRYPTABLE in failure.drops or failure.proof_wrong or failure.refusal:
        said = f"it said {failure.refusal} (not authenticated)" if failure.refusal else (
            "its answer to message 5 does not decrypt with our keys"
        )
        return Verdict(
            Cause.WRONG_SECRET,
            f"Authentication with {failure.remote} failed: the pre-shared keys differ, or it does not accept our "
            f"identity {failure.local_id}; {said}.",
            (SECRET_HINT, knows_us_by(failure)),
        )
    causes = ["the pre-shared keys differ", f"the peer does not accept our identity {failure.local_id}"]
    if failure.floated:
        causes.append(f"UDP {port(failure.remote)} is blocked on the way")
    return Verdict(
        Cause.NO_ANSWER,
        f"No answer from {failure.remote} to message 5, the first encrypted one ({failure.tried}): "
        f"{alternatives(causes)}.",
        (SECRET_HINT, knows_us_by(failure), *_nat_port(failure)),
    )


def _nat_port(failure: Failure) -> tuple[str, ...]:
    return (f"open UDP {port(failure.remote)} in the firewalls between",) if failure.floated else ()


def _fifth_signed(failure: Failure) -> Verdict:
    """Keys do not come of a secret here, so what does not decrypt says nothing about one."""
    if failure.proof_wrong:
        return Verdict(
            Cause.WRONG_SECRET,
            f"The signature of {failure.remote} in message 6 is not one that the key of its certificate made.",
            ("check that certificate and key of the peer belong together", PEER_LOG),
        )
    if failure.refusal or failure.drops:
        said = f"it said {failure.refusal} (not authenticated)" if failure.refusal else (
            f"what came was not usable: {failure.unusable}"
        )
        ours = "our certificate, signature or identity" if failure.ours_certified else "our identity"
        return Verdict(
            Cause.CERTIFICATE if failure.ours_certified else Cause.IDENTITY,
            f"Authentication with {failure.remote} failed: it does not accept {ours} {failure.local_id}; {said}.",
            (*(_OUR_CERTIFICATE if failure.ours_certified else ()), knows_us_by(failure), PEER_LOG),
        )
    return _lost_or_refused(failure, "No answer", "message 5, the first encrypted one")


def _lost_or_refused(failure: Failure, what: str, message: str) -> Verdict:
    """Our proof went out, and nothing came: the datagram was too large, or the peer refuses in silence."""
    certified = failure.ours_certified
    causes = [
        f"the peer does not accept our {'certificate' if certified else 'identity'} {failure.local_id}",
        f"its own answer{' with its certificate' if failure.theirs_certified else ''} is lost on the way",
    ]
    hints = [*(_OUR_CERTIFICATE if certified else ()), knows_us_by(failure)]
    if failure.floated:
        causes.append(f"UDP {port(failure.remote)} is blocked on the way")
    if too_large(failure):
        causes.insert(0, f"its {failure.size} octets are lost on the way as IP fragments")
        hints = [*LARGE_HINTS, *hints]
    elif failure.theirs_certified:
        hints.append('set fragmentation = "force" on the peer: its certificate may be too large for one packet')
    return Verdict(
        Cause.NO_ANSWER,
        f"{what} from {failure.remote} to {message} ({failure.tried}): {alternatives(causes)}.",
        (*hints, *_nat_port(failure)),
    )


def main_mode_responder(failure: Failure) -> Verdict:
    """The peer began."""
    if failure.row >= 4 and (DropReason.UNDECRYPTABLE in failure.drops or failure.proof_wrong):
        if failure.secret:
            return Verdict(
                Cause.WRONG_SECRET,
                f"Message 5 of {failure.remote} does not decrypt with our pre-shared key: the keys of both ends "
                f"differ.",
                (SECRET_HINT,),
            )
        return _signature_wrong(failure, 5)
    dropped = f": {failure.unusable}" if failure.drops else ""
    lost = ""
    hints = ["look at the peer's log: it may have refused our answer"]
    if failure.row >= 4 and failure.theirs_certified and not failure.drops:
        lost = ": message 5 with the peer's certificate may be too large for one packet and lost on the way"
        hints = ['set fragmentation = "force" on the peer', LARGE_HINTS[-1], *hints]
    return Verdict(
        Cause.NO_ANSWER,
        f"{failure.remote} began Main Mode, but after message {failure.row} came nothing usable for "
        f"{failure.seconds:.0f} s{dropped}{lost}.",
        tuple(hints),
    )


def _signature_wrong(failure: Failure, message: int) -> Verdict:
    if not failure.theirs_certified or not failure.proof_wrong:
        return Verdict(
            Cause.WRONG_SECRET,
            f"The proof of {failure.remote} in message {message} does not fit: {failure.unusable}.",
            ("look at the dropped message among the events", PEER_LOG),
        )
    return Verdict(
        Cause.WRONG_SECRET,
        f"The signature of {failure.remote} in message {message} is not one that the key of its certificate made.",
        ("check that certificate and key of the peer belong together", PEER_LOG),
    )


# -- Aggressive Mode -------------------------------------------------------------------------------------------------


def aggressive_mode(failure: Failure) -> Verdict:
    """We began. The peer proves itself in message 2, we in message 3."""
    if failure.row <= 1:
        if not failure.proof_wrong:
            return _first(failure)
        if failure.theirs_certified:
            return _signature_wrong(failure, 2)
        return Verdict(
            Cause.WRONG_SECRET,
            f"Message 2 of {failure.remote} does not prove that it knows our pre-shared key: most likely the keys of "
            f"both ends differ.",
            (SECRET_HINT, "check that the peer takes the key of our identity " + failure.local_id),
        )
    if failure.refusal and failure.authenticated:
        return _refused_us(failure)
    if failure.secret:
        said = f"it said {failure.refusal} (not authenticated)" if failure.refusal else failure.tried
        return Verdict(
            Cause.WRONG_SECRET if failure.refusal else Cause.NO_ANSWER,
            f"{failure.remote} proved itself in message 2 of Aggressive Mode, but does not accept message "
            f"{failure.row}, our proof: {said}.",
            (SECRET_HINT, PEER_LOG),
        )
    return _lost_or_refused(failure, "No sign", f"message {failure.row} of Aggressive Mode, our proof")


def aggressive_mode_responder(failure: Failure) -> Verdict:
    """The peer began, and has our proof since message 2."""
    if failure.row >= 2 and (DropReason.UNDECRYPTABLE in failure.drops or failure.proof_wrong):
        if failure.secret:
            return Verdict(
                Cause.WRONG_SECRET,
                f"Message 3 of {failure.remote} does not prove that it knows our pre-shared key: the keys of both ends "
                f"differ.",
                (SECRET_HINT,),
            )
        return _signature_wrong(failure, 3)
    if failure.refusal:
        likely = "the pre-shared keys differ" if failure.secret else "our certificate is not accepted"
        return Verdict(
            Cause.REFUSED,
            f"{failure.remote} began Aggressive Mode and refused our message {failure.row} with {failure.refusal} (not "
            f"authenticated): most likely {likely}.",
            ((SECRET_HINT,) if failure.secret else _OUR_CERTIFICATE) + (knows_us_by(failure),),
        )
    if failure.drops:
        return Verdict(
            Cause.NO_ANSWER,
            f"{failure.remote} began Aggressive Mode, but after message {failure.row} came nothing usable for "
            f"{failure.seconds:.0f} s: {failure.unusable}.",
            ("look at the dropped message among the events", PEER_LOG),
        )
    if failure.secret:
        causes = ["the pre-shared keys differ", f"it does not accept our identity {failure.local_id}"]
        hints: tuple[str, ...] = (SECRET_HINT, knows_us_by(failure))
    else:
        causes = [f"it does not accept our certificate {failure.local_id}"]
        hints = (*_OUR_CERTIFICATE, knows_us_by(failure))
        if too_large(failure):
            causes.insert(0, f"the {failure.size} octets of message {failure.row} are lost as IP fragments")
            hints = (*LARGE_HINTS, *hints)
    causes.append("our answer does not reach it")
    return Verdict(
        Cause.NO_ANSWER,
        f"{failure.remote} began Aggressive Mode, but did not answer message {failure.row}, our proof, for "
        f"{failure.seconds:.0f} s: {alternatives(causes)}.",
        (*hints, "look at the peer's log: it may have refused our answer"),
    )
