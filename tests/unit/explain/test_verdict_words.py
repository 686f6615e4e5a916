"""Verdicts in the exact words that the operator reads, from what is known alone."""

from typing import Any

import pytest

from ikeview.core.facts import Cause, DropReason
from ikeview.explain.proposals import nearest
from ikeview.explain.verdict import Failure, advice, explain, waiting


def failure(**changes: Any) -> Failure:
    known: dict[str, Any] = {
        "kind": "Main Mode", "initiator": True, "row": 1, "sent": True, "sends": 12, "seconds": 26.2,
        "local": "192.0.2.1:500", "remote": "192.0.2.9:500", "local_id": "fqdn:me.example",
    }  # fmt: skip
    return Failure(**(known | changes))


def aggressive(**changes: Any) -> Failure:
    return failure(**({"kind": "Aggressive Mode"} | changes))


BAD_HASH = (DropReason.BAD_HASH,)
CERTIFIED = {"method": "rsa", "local_id": "dn:CN=me"}


@pytest.mark.parametrize(
    ("known", "cause", "sentence", "hint"),
    [
        # -- Aggressive Mode, we began
        (
            aggressive(),
            Cause.NO_ANSWER,
            "No answer from 192.0.2.9:500 to message 1 of Aggressive Mode (12 sends in 26 s): the host is down, UDP "
            "500 "
            "is blocked on the way, the peer does not take Aggressive Mode, or it ignores our address 192.0.2.1 or our "
            "identity fqdn:me.example.",
            "allow Aggressive Mode on the peer; many refuse it in silence",
        ),
        (
            aggressive(refusal="NO-PROPOSAL-CHOSEN", offered=("aes256-sha256-modp2048",)),
            Cause.NO_PROPOSAL,
            "192.0.2.9:500 refused with NO-PROPOSAL-CHOSEN (not authenticated): either it allows none of our phase 1 "
            "proposals (aes256-sha256-modp2048), it has no configuration for our address 192.0.2.1 and our identity "
            "fqdn:me.example, or it does not take Aggressive Mode.",
            "Aggressive Mode offers one group alone, that of our first proposal: put the peer's first",
        ),
        (
            aggressive(refusal="UNSUPPORTED-EXCHANGE-TYPE"),
            Cause.REFUSED,
            "192.0.2.9:500 does not take Aggressive Mode: it said UNSUPPORTED-EXCHANGE-TYPE (not authenticated).",
            'set mode = "main" here, if the peer does that',
        ),
        (
            aggressive(refusal="INVALID-ID-INFORMATION"),
            Cause.REFUSED,
            "192.0.2.9:500 refused message 1 with INVALID-ID-INFORMATION (not authenticated).",
            "check that the peer expects the identity fqdn:me.example",
        ),
        (
            aggressive(drops=BAD_HASH),
            Cause.WRONG_SECRET,
            "Message 2 of 192.0.2.9:500 does not prove that it knows our pre-shared key: most likely the keys of both "
            "ends differ.",
            "compare the pre-shared keys of both ends: same octets, no blank or line end too many",
        ),
        (
            aggressive(drops=BAD_HASH, **CERTIFIED),
            Cause.WRONG_SECRET,
            "The signature of 192.0.2.9:500 in message 2 is not one that the key of its certificate made.",
            "check that certificate and key of the peer belong together",
        ),
        (
            aggressive(row=3, refusal="INVALID-ID-INFORMATION", authenticated=True),
            Cause.IDENTITY,
            "192.0.2.9:500 does not accept our identity fqdn:me.example: it said INVALID-ID-INFORMATION.",
            "check that the peer expects the identity fqdn:me.example",
        ),
        (
            aggressive(row=3, refusal="AUTHENTICATION-FAILED", sends=1, seconds=0.1),
            Cause.WRONG_SECRET,
            "192.0.2.9:500 proved itself in message 2 of Aggressive Mode, but does not accept message 3, our proof: it "
            "said AUTHENTICATION-FAILED (not authenticated).",
            "look at the peer's log",
        ),
        (
            aggressive(row=3, size=1900, **CERTIFIED),
            Cause.NO_ANSWER,
            "No sign from 192.0.2.9:500 to message 3 of Aggressive Mode, our proof (12 sends in 26 s): its 1900 octets "
            "are lost on the way as IP fragments, the peer does not accept our certificate "
            "dn:CN=me, or its own answer with its certificate is lost on the way.",
            'set fragmentation = "force" for the peer, if both ends speak IKE fragmentation',
        ),
        # -- Aggressive Mode, the peer began
        (
            aggressive(initiator=False, row=2, drops=BAD_HASH),
            Cause.WRONG_SECRET,
            "Message 3 of 192.0.2.9:500 does not prove that it knows our pre-shared key: the keys of both ends differ.",
            "compare the pre-shared keys of both ends: same octets, no blank or line end too many",
        ),
        (
            aggressive(initiator=False, row=2, seconds=30),
            Cause.NO_ANSWER,
            "192.0.2.9:500 began Aggressive Mode, but did not answer message 2, our proof, for 30 s: the pre-shared "
            "keys "
            "differ, it does not accept our identity fqdn:me.example, or our answer does not reach it.",
            "look at the peer's log: it may have refused our answer",
        ),
        (
            aggressive(initiator=False, row=2, refusal="AUTHENTICATION-FAILED"),
            Cause.REFUSED,
            "192.0.2.9:500 began Aggressive Mode and refused our message 2 with AUTHENTICATION-FAILED (not "
            "authenticated): most likely the pre-shared keys differ.",
            "compare the pre-shared keys of both ends: same octets, no blank or line end too many",
        ),
        (
            aggressive(initiator=False, row=2, seconds=30, size=1700, **CERTIFIED),
            Cause.NO_ANSWER,
            "192.0.2.9:500 began Aggressive Mode, but did not answer message 2, our proof, for 30 s: the 1700 octets "
            "of "
            "message 2 are lost as IP fragments, it does not accept our certificate dn:CN=me, or our answer does not "
            "reach it.",
            'set fragmentation = "force" for the peer, if both ends speak IKE fragmentation',
        ),
        # -- signatures in Main Mode
        (
            failure(row=5, refusal="INVALID-CERT-AUTHORITY", authenticated=True, **CERTIFIED),
            Cause.CERTIFICATE,
            "192.0.2.9:500 does not accept our certificate or signature: it said INVALID-CERT-AUTHORITY.",
            "check that the peer trusts the authority of our certificate",
        ),
        (
            failure(row=5, refusal="AUTHENTICATION-FAILED", authenticated=True, method="hybrid"),
            Cause.IDENTITY,
            "192.0.2.9:500 does not accept our identity fqdn:me.example: it said AUTHENTICATION-FAILED.",
            "check that the peer expects the identity fqdn:me.example",
        ),
        (
            failure(row=5, drops=BAD_HASH, **CERTIFIED),
            Cause.WRONG_SECRET,
            "The signature of 192.0.2.9:500 in message 6 is not one that the key of its certificate made.",
            "check that certificate and key of the peer belong together",
        ),
        (
            failure(row=5, refusal="INVALID-CERTIFICATE", **CERTIFIED),
            Cause.CERTIFICATE,
            "Authentication with 192.0.2.9:500 failed: it does not accept our certificate, signature or identity "
            "dn:CN=me; it said INVALID-CERTIFICATE (not authenticated).",
            "check the dates of our certificate, and the peer's clock",
        ),
        (
            failure(row=5, size=2312, **CERTIFIED),
            Cause.NO_ANSWER,
            "No answer from 192.0.2.9:500 to message 5, the first encrypted one (12 sends in 26 s): its 2312 octets "
            "are lost on the way as IP fragments, the peer does not accept our certificate "
            "dn:CN=me, or its own answer with its certificate is lost on the way.",
            "send a smaller certificate or a shorter chain: ECDSA ones are a third of RSA ones",
        ),
        (
            failure(row=5, size=700, method="hybrid"),
            Cause.NO_ANSWER,
            "No answer from 192.0.2.9:500 to message 5, the first encrypted one (12 sends in 26 s): the peer does not "
            "accept our identity fqdn:me.example, or its own answer with its certificate is lost on the way.",
            'set fragmentation = "force" on the peer: its certificate may be too large for one packet',
        ),
        (
            failure(initiator=False, row=4, seconds=30, **CERTIFIED),
            Cause.NO_ANSWER,
            "192.0.2.9:500 began Main Mode, but after message 4 came nothing usable for 30 s: message 5 with the "
            "peer's "
            "certificate may be too large for one packet and lost on the way.",
            'set fragmentation = "force" on the peer',
        ),
        (
            failure(initiator=False, row=4, drops=BAD_HASH, **CERTIFIED),
            Cause.WRONG_SECRET,
            "The signature of 192.0.2.9:500 in message 5 is not one that the key of its certificate made.",
            "check that certificate and key of the peer belong together",
        ),
        (
            failure(initiator=False, row=4, drops=(DropReason.UNDECRYPTABLE,), **CERTIFIED),
            Cause.WRONG_SECRET,
            "The proof of 192.0.2.9:500 in message 5 does not fit: does not decrypt to payloads.",
            "look at the dropped message among the events",
        ),
        (
            failure(refusal="NO-PROPOSAL-CHOSEN", offered=("aes256-sha256-modp2048",), method="xauth-psk"),
            Cause.NO_PROPOSAL,
            "192.0.2.9:500 refused with NO-PROPOSAL-CHOSEN (not authenticated): either it allows none of our phase 1 "
            "proposals (aes256-sha256-modp2048), or it has no configuration for our address 192.0.2.1.",
            "compare the authentication: ours is xauth-psk",
        ),
        # -- what our own end has found
        (
            failure(cause=Cause.CERTIFICATE, detail="CN=right expired on 2026-01-31"),
            Cause.CERTIFICATE,
            "The certificate of 192.0.2.9:500 was refused here: CN=right expired on 2026-01-31.",
            "have the certificate renewed; if it is not too old, check our clock",
        ),
        (
            failure(
                cause=Cause.CERTIFICATE,
                detail="the peer's certificate is refused: CN=right was issued by CN=other, none of our authorities.",
            ),
            Cause.CERTIFICATE,
            "The certificate of 192.0.2.9:500 was refused here: CN=right was issued by CN=other, none of "
            "our authorities.",
            "trust the authority that issued it (auth.ca_files), or have the peer send its whole chain",
        ),
        (
            failure(cause=Cause.CERTIFICATE, detail="CN=right was revoked on 2026-02-01"),
            Cause.CERTIFICATE,
            "The certificate of 192.0.2.9:500 was refused here: CN=right was revoked on 2026-02-01.",
            "have a new certificate issued: its authority has taken this one back",
        ),
        (
            failure(kind="XAUTH", cause=Cause.USER, detail="user alice gave a wrong password"),
            Cause.USER,
            "User alice gave a wrong password.",
            "check that the users file holds that user; set the password anew with ikeview passwd",
        ),
        (
            failure(kind="XAUTH", initiator=False, cause=Cause.USER, detail="the peer refused user alice"),
            Cause.USER,
            "The peer refused user alice.",
            "check user and password in our configuration",
        ),
        (
            failure(kind="Mode Config", cause=Cause.NO_CONFIG, detail="the pool 10.9.0.0/30 is used up"),
            Cause.NO_CONFIG,
            "The pool 10.9.0.0/30 is used up.",
            "make the pool larger, or take down peers that are not needed",
        ),
        (
            failure(kind="Mode Config", cause=Cause.NO_CONFIG, detail="the peer gave us no address"),
            Cause.NO_CONFIG,
            "The peer gave us no address.",
            "check that the peer has mode config, with an address left in its pool",
        ),
        (
            failure(cause=Cause.NOT_UNIQUE, detail="fqdn:me.example came from 192.0.2.77:500"),
            Cause.NOT_UNIQUE,
            "fqdn:me.example came from 192.0.2.77:500.",
            'set unique = "never" for the peer, if several are meant to share one',
        ),
        (
            failure(cause=Cause.ESP_DEAD, detail="IKE answers, but no ESP has come in for 60 s"),
            Cause.ESP_DEAD,
            "IKE answers, but no ESP has come in for 60 s.",
            "check that both ends truncate SHA-256 alike: old ones cut it to 96 bits",
        ),
        (failure(cause=Cause.OPERATOR), Cause.OPERATOR, "By the operator.", None),
        # -- transactions
        (
            failure(kind="XAUTH"),
            Cause.USER,
            "192.0.2.9:500 does not answer when asked for user and password (12 sends in 26 s), though phase 1 is up: "
            "it "
            "has no XAUTH, or waits for somebody to type them.",
            "set up XAUTH with user and password on the peer",
        ),
        (
            failure(kind="XAUTH", initiator=False, row=2, seconds=20),
            Cause.USER,
            "192.0.2.9:500 asked for user and password, but did not say what it thinks of them for 20 s.",
            "look at the peer's log: its server of passwords may not answer",
        ),
        (
            failure(kind="XAUTH", initiator=False, row=2, refusal="AUTHENTICATION-FAILED", authenticated=True),
            Cause.USER,
            "192.0.2.9:500 refused our user or password: it said AUTHENTICATION-FAILED.",
            "check user and password",
        ),
        (
            failure(kind="XAUTH", refusal="INVALID-EXCHANGE-TYPE", authenticated=True),
            Cause.USER,
            "192.0.2.9:500 does not want to be asked for a user: it said INVALID-EXCHANGE-TYPE.",
            "compare the authentication of both ends: XAUTH or not",
        ),
        (
            failure(kind="Mode Config"),
            Cause.NO_CONFIG,
            "No answer from 192.0.2.9:500 to message 1 of Mode Config (12 sends in 26 s), though phase 1 is up.",
            "one end must ask and the other answer: compare push and pull",
        ),
        (
            failure(kind="Mode Config", initiator=False, row=1, sent=False, seconds=20, drops=(DropReason.MALFORMED,)),
            Cause.NO_CONFIG,
            "192.0.2.9:500 began Mode Config, but after message 1 came nothing usable for 20 s; what came was not "
            "usable: malformed payload.",
            "look at the peer's log",
        ),
        (
            failure(kind="Mode Config", refusal="NO-PROPOSAL-CHOSEN"),
            Cause.NO_CONFIG,
            "192.0.2.9:500 refused Mode Config: it said NO-PROPOSAL-CHOSEN (not authenticated).",
            "check that the peer has mode config, with an address left in its pool",
        ),
        # -- Quick Mode
        (
            failure(
                kind="Quick Mode", refusal="NO-PROPOSAL-CHOSEN", authenticated=True,
                offered=("aes256-sha256-esn transport",),
            ),
            Cause.NO_PROPOSAL,
            "192.0.2.9:500 refused Quick Mode with NO-PROPOSAL-CHOSEN: it allows none of our phase 2 proposals "
            "(aes256-sha256-esn transport); PFS and encapsulation count too.",
            "transport mode must be set at both ends: compare mode",
        ),
        (
            failure(kind="Quick Mode", initiator=False, row=2, seconds=20),
            Cause.NO_ANSWER,
            "192.0.2.9:500 began Quick Mode, but after message 2 came nothing usable for 20 s.",
            "our answer may be lost on the way",
        ),
        (
            failure(kind="Quick Mode", initiator=False, row=2, refusal="INVALID-SPI", authenticated=True),
            Cause.REFUSED,
            "192.0.2.9:500 began Quick Mode and refused our answer with INVALID-SPI.",
            "look at the peer's log",
        ),
    ],
)  # fmt: skip
def test_words(known: Failure, cause: Cause, sentence: str, hint: str | None) -> None:
    verdict = explain(known)
    assert (verdict.cause, verdict.sentence) == (cause, sentence)
    assert hint is None or hint in verdict.hints


def test_no_common_proposal_names_the_nearest_pair() -> None:
    verdict = explain(
        failure(
            cause=Cause.NO_PROPOSAL, initiator=False,
            offered=("3des-md5-modp1024", "aes256-sha256-modp1024"), expected=("aes256-sha256-modp2048",),
        )
    )  # fmt: skip
    assert verdict.hints == (
        "nearest are the peer's aes256-sha256-modp1024 and our aes256-sha256-modp2048: they differ in the group "
        "(modp1024 there, modp2048 here)",
        "allow one of the offered proposals here, or change the peer's",
    )


@pytest.mark.parametrize(
    ("offered", "expected", "method", "end"),
    [
        ("aes256-sha256 tunnel", "aes256-sha256-modp2048 tunnel", "psk", "the group (none there, modp2048 here)"),
        ("aes256gcm16 transport", "aes256gcm16 tunnel", "psk", "the mode (transport there, tunnel here)"),
        ("aes256gcm16-esn tunnel", "aes256gcm16 tunnel", "psk", "the ESN (yes there, none here)"),
        ("aes128-sha1 tunnel in UDP", "aes128-sha1 tunnel", "psk", "the mode (tunnel in UDP there, tunnel here)"),
        ("aes256-sha256-ecp256", "aes256-sha256-ecp256", "rsa", "the authentication (psk there, rsa here)"),
        ("aes256-sha256-ecp256 with rsa", "aes256-sha256-ecp256", "psk", "the authentication (rsa there, psk here)"),
        ("aes256-sha256-ecp256", "aes128-sha1-ecp256", "psk", "the cipher (aes256 there, aes128 here) and the hash "
         "(sha256 there, sha1 here)"),
    ],
)  # fmt: skip
def test_where_proposals_differ(offered: str, expected: str, method: str, end: str) -> None:
    assert nearest((offered,), (expected,), method).endswith(f"they differ in {end}")


@pytest.mark.parametrize(
    ("offered", "expected"),
    [((), ("aes256-sha256-ecp256",)), (("aes256-sha256-ecp256",), ()),
     (("3des-md5-modp1024",), ("aes256-sha256-ecp256",)),
     (("aes256-sha256-ecp256",), ("aes256-sha256-ecp256",))],
)  # fmt: skip
def test_nothing_is_near(offered: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert nearest(offered, expected) == ""


@pytest.mark.parametrize(
    ("asked", "configured", "told"),
    [
        (
            "10.1.0.0/24 === 10.2.0.0/16", ("10.9.0.0/24 === 10.8.0.0/24", "10.1.0.0/24 === 10.2.0.0/24"),
            "nearest is 10.1.0.0/24 === 10.2.0.0/24: its side is larger there (10.2.0.0/16) than here (10.2.0.0/24)",
        ),
        (
            "10.1.0.0/25 === 10.2.0.0/24", ("10.1.0.0/24 === 10.2.0.0/24",),
            "nearest is 10.1.0.0/24 === 10.2.0.0/24: our side is smaller there (10.1.0.0/25) than here (10.1.0.0/24)",
        ),
        (
            "10.1.0.0/24 === 10.2.0.0/24 tcp/22", ("10.1.0.0/24 === 10.2.0.0/24",),
            "nearest is 10.1.0.0/24 === 10.2.0.0/24: for its 10.2.0.0/24 it asks for tcp/22, not all",
        ),
        (
            "2001:db8::/32 === ::/0", ("2001:db8::/48 === ::/0 udp/53",),
            "nearest is 2001:db8::/48 === ::/0 udp/53: our side is larger there (2001:db8::/32) than here "
            "(2001:db8::/48), and for its ::/0 it asks for all protocols, not udp/53",
        ),
        (
            "10.2.0.0/24 === 10.1.0.0/24", ("10.1.0.0/24 === 10.2.0.0/24",),
            "the networks of 10.1.0.0/24 === 10.2.0.0/24 are the right ones, but swapped: mirror them at one end",
        ),
        ("10.1.0.0/24 === 10.2.0.0/24", ("10.1.0.0/24 === 10.3.0.0/24",), ""),
        ("10.1.0.0/24 === 10.2.0.0/24", ("10.1.0.0/24 === 2001:db8::/32",), ""),
        ("10.1.0.0/24 === 10.2.0.0/24", ("10.1.0.0/24 === 10.2.0.0/24",), ""),
        ("nonsense === 10.2.0.0/24", ("10.1.0.0/24 === 10.2.0.0/24",), ""),
        ("10.1.0.0/24", ("10.1.0.0/24 === 10.2.0.0/24",), ""),
        ("10.1.0.0/24 === 10.2.0.0/24", (), ""),
    ],
)  # fmt: skip
def test_where_selectors_differ(asked: str, configured: tuple[str, ...], told: str) -> None:
    verdict = explain(failure(kind="Quick Mode", cause=Cause.SELECTORS, offered=(asked,), expected=configured))
    assert verdict.hints == (*((told,) if told else ()), "both ends must name the same two networks, mirrored")


METHODS = ("psk", "rsa", "ecdsa", "xauth-psk", "xauth-rsa", "hybrid")
KINDS = ("Main Mode", "Aggressive Mode", "Quick Mode", "XAUTH", "Mode Config", "Transaction")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_every_verdict_is_a_sentence_with_hints(kind: str, method: str) -> None:
    for initiator in (True, False):
        for row in range(7):
            for refusal in ("", "NO-PROPOSAL-CHOSEN", "INVALID-ID-INFORMATION", "AUTHENTICATION-FAILED"):
                for authenticated in (False, True):
                    for drops in ((), BAD_HASH * 2, (DropReason.MALFORMED,)):
                        for size in (100, 2000):
                            known = failure(
                                kind=kind, method=method, initiator=initiator, row=row, refusal=refusal, drops=drops,
                                authenticated=authenticated, size=size, floated=size > 1000,
                            )  # fmt: skip
                            verdict = explain(known)
                            assert verdict.sentence.endswith("."), verdict
                            assert ".." not in verdict.sentence
                            assert "  " not in verdict.sentence
                            assert verdict.hints
                            assert len(set(verdict.hints)) == len(verdict.hints), verdict
                            assert all(not hint.endswith(".") for hint in verdict.hints)
                            if method not in ("psk", "xauth-psk"):
                                assert "pre-shared" not in verdict.sentence + " ".join(verdict.hints)
                            if refusal and not authenticated and refusal in verdict.sentence and kind != "Quick Mode":
                                assert "(not authenticated)" in verdict.sentence


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_sentence_even_without_detail(cause: Cause) -> None:
    for kind in KINDS:
        sentence = explain(failure(cause=cause, kind=kind)).sentence
        assert sentence.endswith(".")
        assert sentence[0].isupper() or sentence[0].isdigit()


def test_a_negotiation_under_way_says_what_it_waits_for() -> None:
    assert waiting(failure(kind="XAUTH", sends=1, seconds=3)) == (
        "Still no answer from 192.0.2.9:500 to message 1 of XAUTH (1 send in 3 s)."
    )
    assert waiting(failure(kind="Aggressive Mode", row=2, sent=False)) == (
        "Aggressive Mode with 192.0.2.9:500 has come to message 2."
    )


def test_advice_where_no_negotiation_has_failed() -> None:
    assert advice(Cause.USER, "the peer refuses the user anna")[0] == "check user and password in our configuration"
    assert advice(Cause.NO_ANSWER, "") == ()
    assert all(advice(each, "") for each in (Cause.USER, Cause.NO_CONFIG, Cause.NOT_UNIQUE, Cause.ESP_DEAD))
