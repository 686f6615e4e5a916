"""Why Aggressive Mode, signatures, users and addresses did not come about, in the words that the operator reads, at
both ends; and what the model makes of it."""

import json
from typing import Any

import pytest

from ikeview.control.explain import explain
from ikeview.core.facts import (
    Cause,
    ExchangeFailed,
    Stamped,
    TunnelDown,
    UserRefused,
    stamped_from_dict,
    stamped_to_dict,
)
from ikeview.core.orders import Initiate
from ikeview.core.specs import Method, ModeConfigSpec, XauthSpec
from ikeview.crypto.certificates import Trust
from ikeview.crypto.secret import Secret
from ikeview.model import State, apply, dump, load
from tests.support.laws import tunnel_of
from tests.support.link import Link
from tests.support.network import End
from tests.support.proofs import proving
from tests.support.scenes import OTHER_SECRET, link


def attempt(some: Link, within: float = 40) -> Link:
    """The left end tries, and fails."""
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run_until(lambda: bool(some.left.of(TunnelDown)), within)
    some.run(0.5)
    return some


def model_of(end: End) -> State:
    """What the screen knows; the same from a journal, and in another process."""
    stamped = [Stamped(seq, at, 1e9 + at, fact) for seq, (at, fact) in enumerate(end.stamped, 1)]
    state, again = State(), State()
    for each in stamped:
        apply(state, each)
        apply(again, stamped_from_dict(json.loads(json.dumps(stamped_to_dict(each)))))
    assert again == state
    assert load(json.loads(json.dumps(dump(state)))) == state
    return state


def aggressive(**more: Any) -> Link:
    sides: dict[str, Any] = {"left": {"mode": "aggressive"}, "right": {"mode": "aggressive", "aggressive_psk": True}}
    return link(**{name: side | more.get(name, {}) for name, side in sides.items()})


def test_aggressive_mode_with_another_secret() -> None:
    some = attempt(aggressive(left={"secret": OTHER_SECRET}))
    failed = some.left.of(ExchangeFailed)[0]
    assert (failed.cause, failed.row) == (Cause.WRONG_SECRET, 1)
    assert failed.verdict == (
        "Message 2 of 10.99.0.2:500 does not prove that it knows our pre-shared key: most likely the keys of both ends "
        "differ."
    )
    assert failed.hints == (
        "compare the pre-shared keys of both ends: same octets, no blank or line end too many",
        "check that the peer takes the key of our identity 10.99.0.1",
    )


def test_a_peer_that_does_not_take_aggressive_mode() -> None:
    some = attempt(link(left={"mode": "aggressive"}))
    failed = some.left.of(ExchangeFailed)[0]
    assert failed.cause is Cause.NO_ANSWER
    assert "the peer does not take Aggressive Mode, or it ignores our address" in failed.verdict
    told = explain(model_of(some.right), tunnel_of(some.right), some.now)
    assert told["dropped"] == "12 messages, the last: not allowed by the configuration (peer left has mode = main)"


@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_our_certificate_is_not_trusted(mode: str) -> None:
    some = attempt(proving(Method.RSA, mode=mode, right={"trust": Trust(())}))
    theirs = some.right.of(ExchangeFailed)[0]
    assert theirs.cause is Cause.CERTIFICATE
    assert theirs.verdict.startswith(
        "The certificate of 10.99.0.1:500 was refused here: the certificate of C=CH, O=ikeview, CN=left was issued by "
    )
    assert theirs.hints == (
        "trust the authority that issued it (auth.ca_files), or have the peer send its whole chain",
    )
    if mode == "main":
        failed = some.left.of(ExchangeFailed)[0]
        assert failed.cause is Cause.CERTIFICATE
        assert failed.verdict == (
            "10.99.0.2:500 does not accept our certificate or signature: it said INVALID-CERTIFICATE."
        )
        assert failed.hints[0] == "check that the peer trusts the authority of our certificate"


def test_the_peers_certificate_is_not_trusted() -> None:
    some = attempt(proving(Method.ECDSA, left={"trust": Trust(())}))
    failed = some.left.of(ExchangeFailed)[0]
    assert failed.cause is Cause.CERTIFICATE
    assert "CN=right was issued by" in failed.verdict
    assert explain(model_of(some.left), tunnel_of(some.left), some.now)["failure"]["cause"] == "certificate refused"


def test_a_wrong_password_is_told_to_both_operators() -> None:
    wrong = XauthSpec(False, user="alice", password=Secret(b"x"))
    some = attempt(proving(Method.XAUTH_PSK, left={"xauth": wrong}))
    down = some.left.of(TunnelDown)[0]
    assert down.cause is Cause.USER
    assert "alice" in down.detail
    told = explain(model_of(some.left), tunnel_of(some.left), some.now)
    assert told["cause"] == "user refused"
    assert told["hints"][0] == "check user and password in our configuration"
    assert told["user_refused"].startswith("alice: ")
    assert not some.right.of(ExchangeFailed)
    refused = some.right.last(UserRefused)
    assert (refused.user, refused.server) == ("alice", True)
    assert model_of(some.right).peers["left"].user_refused == f"alice: {refused.why}"


def test_a_user_is_shown_while_it_is_connected() -> None:
    some = proving(Method.XAUTH_RSA)
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(2)
    here, there = model_of(some.left).peers["right"], model_of(some.right).peers["left"]
    assert (here.user, here.user_is_ours, there.user, there.user_is_ours) == ("alice", True, "alice", False)
    assert there.phase1 is not None
    assert there.phase1.certificate is not None
    assert there.phase1.certificate.subject == "C=CH, O=ikeview, CN=left"


def test_a_peer_that_gives_no_address() -> None:
    some = attempt(proving(Method.XAUTH_PSK, left={"config": ModeConfigSpec(False)}), 120)
    down = some.left.of(TunnelDown)[0]
    assert down.cause is Cause.NO_CONFIG
    told = explain(model_of(some.left), tunnel_of(some.left), some.now)
    hints = told["hints"] or told["failure"]["hints"]
    assert "check that the peer has mode config, with an address left in its pool" in hints
