"""Every way to prove oneself, in both modes and both roles; and proofs that do not hold."""

from dataclasses import replace
from typing import Any

import pytest

from ikeview.core.facts import (
    Cause,
    CertificateTaken,
    DropReason,
    ExchangeFailed,
    ExchangeStarted,
    MessageDropped,
    Phase1Established,
    TunnelUp,
    UserAuthenticated,
)
from ikeview.core.identity import Identity, IdentityPattern
from ikeview.core.orders import Initiate
from ikeview.core.specs import Method
from ikeview.crypto.certificates import Trust
from tests.support.laws import assert_lawful, tear_down, tunnel_of
from tests.support.link import Link
from tests.support.pki import Authority, rsa_key
from tests.support.proofs import authority, certified, issued, proving
from tests.support.scenes import OTHER_SECRET

METHODS = list(Method)


def start(some: Link, initiator: str = "left", seconds: float = 3) -> None:
    end = getattr(some, initiator)
    some.do(end, Initiate(tunnel_of(end)))
    some.run(seconds)


@pytest.mark.parametrize("client", ["left", "right"])
@pytest.mark.parametrize("mode", ["main", "aggressive"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_in_both_modes_from_both_sides(method: Method, mode: str, client: str) -> None:
    some = proving(method, mode=mode, client=client)
    start(some)
    for end in (some.left, some.right):
        assert end.of(TunnelUp), end.of(ExchangeFailed)
        established = end.last(Phase1Established)
        assert established.auth == str(method)
        assert established.mode == ("Main Mode" if mode == "main" else "Aggressive Mode")
        assert len(end.of(UserAuthenticated)) == method.xauth
    rows = some.left.of(ExchangeStarted)[0].rows
    signed = method in (Method.RSA, Method.ECDSA, Method.XAUTH_RSA)
    last, before = rows[-1], rows[-2]
    hybrid = method is Method.HYBRID
    assert ("SIG_I" in (last if mode == "aggressive" else before)) == (signed or (hybrid and client == "right"))
    assert ("SIG_R" in (before if mode == "aggressive" else last)) == (signed or (hybrid and client == "left"))
    assert_lawful(some)
    tear_down(some)


@pytest.mark.parametrize("bits", [256, 384, 521])
@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_ecdsa_on_every_curve(mode: str, bits: int) -> None:
    some = proving(Method.ECDSA, mode=mode, bits=bits)
    start(some)
    assert some.left.of(TunnelUp)
    taken = some.right.last(CertificateTaken)
    assert taken.subject == "C=CH, O=ikeview, CN=left"
    assert taken.names == ("fqdn:left.example.test", "10.99.0.1")
    assert taken.key == f"ECDSA {bits}"


def test_curves_that_differ_find_no_common_proposal() -> None:
    some = proving(Method.ECDSA, right=certified("right", Method.ECDSA, 384))
    start(some)
    assert some.right.last(ExchangeFailed).cause is Cause.NO_PROPOSAL
    assert "ecdsa" in some.right.last(ExchangeFailed).verdict


def test_the_default_identity_is_the_certificates_subject() -> None:
    some = proving(Method.RSA)
    start(some)
    assert some.right.last(Phase1Established).remote_id == "dn:C=CH, O=ikeview, CN=left"


@pytest.mark.parametrize("text", ["fqdn:left.example.test", "10.99.0.1", "dn:C=CH, O=ikeview, CN=left"])
def test_an_identity_that_the_certificate_has(text: str) -> None:
    expected = {"remote_id": IdentityPattern.parse(text)}
    some = proving(Method.RSA, left={"local_id": Identity.parse(text)}, right=expected)
    start(some)
    assert some.right.of(TunnelUp)


def test_an_identity_that_the_certificate_does_not_have_is_refused() -> None:
    some = proving(Method.RSA, left={"local_id": Identity.parse("fqdn:boss.example.test")})
    start(some)
    failed = some.right.last(ExchangeFailed)
    assert failed.cause is Cause.CERTIFICATE
    assert "boss.example.test" in failed.verdict
    assert not some.right.of(Phase1Established)
    assert some.left.last(ExchangeFailed).cause in (Cause.IDENTITY, Cause.CERTIFICATE)


def test_an_identity_that_the_configuration_does_not_expect_is_refused() -> None:
    some = proving(Method.RSA, right={"remote_id": IdentityPattern.parse("fqdn:other.example.test")})
    start(some)
    failed = some.right.last(ExchangeFailed)
    assert failed.cause is Cause.IDENTITY
    assert failed.expected == ("fqdn:other.example.test",)


def elsewhere() -> dict[str, Any]:
    """The left end with a certificate of somebody whom the right end does not know."""
    stranger = Authority.root("C=XX, CN=stranger", rsa_key(7))
    own = stranger.issue("C=CH, O=ikeview, CN=left", rsa_key(1))
    return {"certificates": (own.ours,), "key": own.private}


@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_a_certificate_of_somebody_else_is_refused_with_the_reason(mode: str) -> None:
    some = proving(Method.RSA, mode=mode, left=elsewhere())
    start(some, seconds=10)
    failed = some.right.last(ExchangeFailed)
    assert failed.cause is Cause.CERTIFICATE
    assert "CN=left" in failed.verdict
    assert not some.right.of(Phase1Established)


@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_a_signature_with_another_key_is_no_proof(mode: str) -> None:
    thief = {"key": issued("left", Method.XAUTH_RSA).private, "certificates": (issued("right", Method.RSA).ours,)}
    some = proving(Method.RSA, mode=mode, left=thief | {"local_id": Identity.parse("fqdn:right.example.test")})
    start(some, seconds=40)
    assert DropReason.BAD_SIGNATURE in {fact.reason for fact in some.right.of(MessageDropped)}
    assert not some.right.of(Phase1Established)
    assert some.empty()


def test_a_pinned_certificate_needs_no_authority() -> None:
    pinned = {
        "left": {"trust": Trust(pinned=issued("right", Method.RSA).ours)},
        "right": {"trust": Trust(pinned=issued("left", Method.RSA).ours)},
    }
    some = proving(Method.RSA, **pinned)
    start(some)
    assert some.left.of(TunnelUp)


def test_a_revoked_certificate_is_refused() -> None:
    root = Authority.root("C=CH, CN=root with list", rsa_key(5))
    own = root.issue("C=CH, CN=left", rsa_key(1))
    other = root.issue("C=CH, CN=right", rsa_key(2))
    root.revoke(own)
    trust = Trust((root.ours,), (root.crl(),))
    some = proving(
        Method.RSA,
        left={"certificates": (own.ours,), "key": own.private, "trust": trust},
        right={"certificates": (other.ours,), "key": other.private, "trust": trust},
    )
    start(some)
    failed = some.right.last(ExchangeFailed)
    assert failed.cause is Cause.CERTIFICATE
    assert "revoked" in failed.verdict


def test_a_chain_through_an_intermediate() -> None:
    middle = authority().authority(key=rsa_key(6))
    own = middle.issue("C=CH, CN=left", rsa_key(1))
    some = proving(Method.RSA, left={"certificates": own.sent, "key": own.private})
    start(some)
    assert some.right.of(TunnelUp)
    assert len(some.right.last(CertificateTaken).path) == 2


def test_a_chain_in_another_order() -> None:
    middle = authority().authority(key=rsa_key(6))
    own = middle.issue("C=CH, CN=left", rsa_key(1))
    some = proving(Method.RSA, left={
        "certificates": (own.sent[1], own.sent[0]), "key": own.private, "local_id": Identity.parse("dn:C=CH, CN=left"),
    })
    start(some)
    assert some.right.of(TunnelUp)
    assert some.right.last(CertificateTaken).subject == "C=CH, CN=left"


def test_an_authority_cannot_speak_for_those_below_it() -> None:
    """A certificate that may sign others is nobody's own beside one that may not."""
    middle = authority().authority(key=rsa_key(6))
    own = middle.issue("C=CH, CN=left", rsa_key(1))
    some = proving(Method.RSA, left={
        "certificates": own.sent, "key": middle.issued.private, "local_id": Identity.parse("dn:C=CH, CN=left"),
    })
    start(some, seconds=10)
    assert not some.right.of(Phase1Established)


def test_hybrid_takes_any_group_name_but_the_user_counts() -> None:
    some = proving(Method.HYBRID, left={"local_id": Identity.parse("keyid:whoever")})
    start(some)
    assert some.right.of(TunnelUp)
    assert some.right.last(UserAuthenticated).user == "alice"


def test_another_method_than_the_configured_one_finds_no_common_proposal() -> None:
    some = proving(Method.RSA, left={"auth_method": Method.PSK, "secret": OTHER_SECRET})
    start(some)
    failed = some.right.last(ExchangeFailed)
    assert failed.cause is Cause.NO_PROPOSAL
    assert any("rsa" in each for each in failed.expected)


def test_an_exact_identity_goes_before_a_pattern() -> None:
    """In whichever order the peers stand."""
    some = proving(Method.RSA, left={"local_id": Identity.parse("fqdn:left.example.test")})
    spec = replace(some.right.settings.peers[0], remote="any", remote_address=None)
    patterns = {"all": "any", "some": "fqdn:*.example.test", "one": "fqdn:left.example.test"}
    peers = tuple(
        replace(spec, name=name, remote_id=IdentityPattern.parse(text),
                tunnels=tuple(replace(each, peer=name) for each in spec.tunnels))
        for name, text in patterns.items()
    )
    some.replace_end("right", replace(some.right.settings, peers=peers))
    start(some)
    assert some.right.last(Phase1Established).peer == "one"
    some.replace_end("right", replace(some.right.settings, peers=peers[:2]))
    some.replace_end("left", some.left.settings)
    start(some)
    assert some.right.last(Phase1Established).peer == "some"


def test_two_peers_from_anywhere_are_told_apart_by_their_certificates() -> None:
    """In Main Mode the identity comes with message 5."""
    some = proving(Method.RSA, left={"local_id": Identity.parse("fqdn:left.example.test")})
    spec = replace(some.right.settings.peers[0], remote="any", remote_address=None)
    one = replace(spec, name="one", remote_id=IdentityPattern.parse("fqdn:one.example.test"),
                  tunnels=tuple(replace(each, peer="one") for each in spec.tunnels))
    two = replace(spec, name="two", remote_id=IdentityPattern.parse("fqdn:left.example.test"),
                  tunnels=tuple(replace(each, peer="two") for each in spec.tunnels))
    some.replace_end("right", replace(some.right.settings, peers=(one, two)))
    start(some)
    assert some.right.last(Phase1Established).peer == "two"
    assert some.right.last(TunnelUp).tunnel == "two/lan1"
    some.run(5)
    assert some.mirrored()
