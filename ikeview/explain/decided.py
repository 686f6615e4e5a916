"""Failures whose cause our own end has found: what both sides say, and what to do."""

from ikeview.core.facts import Cause
from ikeview.explain.failure import PEER_LOG, SECRET_HINT, Failure, Verdict, as_sentence, listed
from ikeview.explain.proposals import nearest
from ikeview.explain.selectors import nearest_selectors


def decided(failure: Failure) -> Verdict:
    """The verdict for ``failure.cause``."""
    special = _BY_CAUSE.get(failure.cause)
    if special is not None:
        return special(failure)
    return Verdict(failure.cause, as_sentence(failure.detail) or as_sentence(str(failure.cause)))


def _no_proposal(failure: Failure) -> Verdict:
    sentence = (
        f"No common proposal in {failure.kind}: {failure.remote} offers {listed(failure.offered)}; "
        f"allowed here is {listed(failure.expected)}."
    )
    hints = ["allow one of the offered proposals here, or change the peer's"]
    # a phase 2 has no authentication of its own
    ours = "psk" if failure.kind == "Quick Mode" else failure.method
    closest = nearest(failure.offered, failure.expected, ours)
    if closest:
        hints.insert(0, closest)
    return Verdict(failure.cause, sentence, tuple(hints))


def _identity(failure: Failure) -> Verdict:
    return Verdict(
        failure.cause,
        f"{failure.remote} calls itself {listed(failure.offered)}, but the configuration expects "
        f"{listed(failure.expected)}.",
        (f'if that is the right peer, set remote_id = "{listed(failure.offered)}"',),
    ) if failure.offered or failure.expected else _told(failure, "compare remote_id here with the peer's own identity")


def _selectors(failure: Failure) -> Verdict:
    if not failure.offered and not failure.expected:
        return _told(failure, _MIRRORED)
    return Verdict(
        failure.cause,
        f"Selectors differ: {failure.remote} asks for {listed(failure.offered)}; configured is "
        f"{listed(failure.expected)}.",
        (*filter(None, [nearest_selectors(failure.offered, failure.expected)]), _MIRRORED),
    )


_MIRRORED = "both ends must name the same two networks, mirrored"


def _told(failure: Failure, *hints: str) -> Verdict:
    return Verdict(failure.cause, as_sentence(failure.detail) or as_sentence(str(failure.cause)), hints)


_CERTIFICATE_WORDS = (
    (("expired", "ended"), "have the certificate renewed; if it is not too old, check our clock"),
    (("not good before", "not yet"), "check the clocks of both ends"),
    (("was revoked",), "have a new certificate issued: its authority has taken this one back"),
    (("cannot be told",), "fetch a new revocation list (auth.crl_files), or do without strict checking"),
    (("only that of",), "if the peer has a new certificate, put that one in place of the old"),
    (
        ("our authorities", "none of ours", "not trusted"),
        "trust the authority that issued it (auth.ca_files), or have the peer send its whole chain",
    ),
    (("sent no certificate",), "give the peer a certificate and have it send that always"),
    (("keyusage",), "have the certificate issued anew, for signatures"),
    (("calls itself",), "have the identity put into the certificate, or the peer name itself as it says"),
)


def _certificate(failure: Failure) -> Verdict:
    detail = failure.detail.strip().rstrip(".").removeprefix("the peer's certificate is refused: ")
    words = detail.lower()
    hints = tuple(hint for keys, hint in _CERTIFICATE_WORDS if any(key in words for key in keys))
    return Verdict(
        failure.cause,
        f"The certificate of {failure.remote} was refused here" + (f": {detail}." if detail else "."),
        hints or ("compare the certificate with what is trusted here",),
    )


def _secret(failure: Failure) -> Verdict:
    if failure.secret:
        return _told(failure, SECRET_HINT)
    return _told(failure, "check that certificate and key of the peer belong together", PEER_LOG)


def _user(failure: Failure) -> Verdict:
    # the server begins
    if failure.initiator:
        return _told(failure, "check that the users file holds that user; set the password anew with ikeview passwd")
    return _told(failure, "check user and password in our configuration", PEER_LOG)


def _no_config(failure: Failure) -> Verdict:
    if "pool" in failure.detail.lower():
        return _told(failure, "make the pool larger, or take down peers that are not needed")
    return _told(failure, "check that the peer has mode config, with an address left in its pool", PEER_LOG)


def _not_unique(failure: Failure) -> Verdict:
    return _told(
        failure,
        "two peers use the same identity: give each its own",
        'set unique = "never" for the peer, if several are meant to share one',
    )


def _esp_dead(failure: Failure) -> Verdict:
    return _told(
        failure,
        "let ESP pass in the firewalls between: UDP 4500, or IP protocol 50 where there is no NAT",
        "check that both ends truncate SHA-256 alike: old ones cut it to 96 bits",
        "check the routes and firewalls behind the peer",
    )


_BY_CAUSE = {
    Cause.NO_PROPOSAL: _no_proposal,
    Cause.IDENTITY: _identity,
    Cause.SELECTORS: _selectors,
    Cause.CERTIFICATE: _certificate,
    Cause.WRONG_SECRET: _secret,
    Cause.USER: _user,
    Cause.NO_CONFIG: _no_config,
    Cause.NOT_UNIQUE: _not_unique,
    Cause.ESP_DEAD: _esp_dead,
}
