"""Certificates: read, named and judged; what is wrong with one is told with its name, dates and what to do."""

from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from ikeview.crypto import certificates
from ikeview.crypto.certificates import BadCertificate, Certificate, Judged, RevocationList, Trust
from ikeview.crypto.names import same_name
from tests.support.pki import (
    BEGIN,
    CLIENT,
    END,
    IKE_INTERMEDIATE,
    SERVER,
    WALL,
    Authority,
    Issued,
    alternative,
    crl_pem,
    ecdsa_key,
    key_usage,
    name_of,
    rsa_key,
    weakened,
)
from tests.support.vectors import FOLDER

ROOT = Authority.root()
MIDDLE = ROOT.authority(path_length=0)
GATEWAY = MIDDLE.issue(names=["gw.example", "me@gw.example", "192.0.2.1", "2001:db8::1", "uri:ike://gw"])
TRUST = Trust((ROOT.ours,))


def _refused(
    told: str, chain: Iterable[Certificate], trust: Trust = TRUST, wall: float = WALL
) -> str:
    with pytest.raises(BadCertificate, match=told) as caught:
        trust.judge(tuple(chain), wall)
    return str(caught.value)


def _subjects(judged: Judged) -> list[str]:
    return [str(each) for each in judged.path]


PATH = ["C=CH, O=ikeview, CN=gw", "C=CH, O=ikeview, CN=test intermediate", "C=CH, O=ikeview, CN=test root"]


# -- read ----------------------------------------------------------------------------------------------------------


def test_what_a_certificate_says() -> None:
    found = GATEWAY.ours
    assert str(found) == "C=CH, O=ikeview, CN=gw"
    assert found.subject == name_of("C=CH, O=ikeview, CN=gw").public_bytes()
    assert found.issuer == MIDDLE.ours.subject
    assert found.validity == (found.not_before, found.not_after) == (BEGIN.timestamp(), END.timestamp())
    assert found.serial == "10:01"
    assert str(found.public_key) == "ECDSA 256"
    assert found.names == (
        ("dn", found.subject), ("fqdn", b"gw.example"), ("user", b"me@gw.example"), ("ip", bytes((192, 0, 2, 1))),
        ("ip", b"\x20\x01\x0d\xb8" + bytes(11) + b"\1"),
    )  # fmt: skip
    assert not found.is_authority
    assert MIDDLE.ours.is_authority
    assert ROOT.ours.self_issued
    assert not MIDDLE.ours.self_issued
    assert repr(found) == "Certificate(C=CH, O=ikeview, CN=gw)"


def test_a_foreign_certificate() -> None:
    (left,) = Certificate.load_all((FOLDER / "left.pem").read_bytes())
    (authority,) = Certificate.load_all((FOLDER / "ca.pem").read_bytes())
    assert (str(left), left.serial) == ("CN=left.example", "0b:79:03:97:a4:29:c7:5a")
    assert _subjects(Trust((authority,)).judge((left,), WALL)) == ["CN=left.example", "CN=ikeview test CA"]
    assert Trust((authority,)).authority_names == (authority.subject,)


def test_the_subject_is_given_as_it_stands() -> None:
    # not as anybody would write it anew from its text: strings of two kinds in one set
    attributes = (bytes.fromhex("300806035504031401") + b"a", bytes.fromhex("300906035504031e02") + b"\0z")
    part = b"\x31" + bytes((sum(map(len, attributes)),)) + b"".join(attributes)
    subject = b"\x30" + bytes((len(part),)) + part
    plain = name_of("CN=" + "x" * (len(subject) - 13)).public_bytes()
    assert len(plain) == len(subject)
    der = ROOT.issue("CN=" + "x" * (len(subject) - 13)).der
    found = Certificate(der.replace(plain, subject))
    assert (found.subject, str(found)) == (subject, "CN=a + CN=z")


def test_files_of_several() -> None:
    data = b"Bag Attributes\n" + GATEWAY.chain_pem + GATEWAY.key_pem + ROOT.issued.pem.replace(b"\n", b"\r\n")
    assert Certificate.load_all(data) == (*GATEWAY.sent, ROOT.ours)
    assert Certificate.load_all(GATEWAY.der) == (GATEWAY.ours,)
    lists = (ROOT.crl(), MIDDLE.crl())
    assert RevocationList.load_all(b"".join(map(crl_pem, lists))) == lists
    assert RevocationList.load_all(lists[0].der) == lists[:1]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "cannot be read"),
        (b"no certificate at all", "certificate 1 of the file cannot be read"),
        (GATEWAY.key_pem, "holds no certificate"),
        (GATEWAY.pem + ROOT.issued.pem.replace(b"MII", b"M!I", 1), "certificate 2 of the file is damaged"),
        (GATEWAY.pem + ROOT.issued.pem[:-20], "certificate 2 of the file is damaged"),
        (GATEWAY.pem + ROOT.issued.pem.replace(b"MII", b"MIJ", 1), "certificate 2 of the file cannot be read"),
        (GATEWAY.der + b"\0", "cannot be read"),
        (GATEWAY.der[:-1], "cannot be read"),
        (b"\x30\x80" + bytes(100), "cannot be read"),
        (bytes(40_000), "cannot be read"),
        (crl_pem(ROOT.crl()), "holds no certificate"),
    ],
    ids=range(11),
)
def test_files_that_are_none(data: bytes, told: str) -> None:
    with pytest.raises(BadCertificate, match=told):
        Certificate.load_all(data)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "cannot be read"),
        (GATEWAY.pem, "holds no revocation list"),
        (crl_pem(ROOT.crl())[:-20], "is damaged"),
        (ROOT.crl().der[:-1], "cannot be read"),
    ],
    ids=range(4),
)
def test_lists_that_are_none(data: bytes, told: str) -> None:
    with pytest.raises(BadCertificate, match=told):
        RevocationList.load_all(data)


def test_keys_that_cannot_sign() -> None:
    for key, told in (
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
    ):
        issued = ROOT.issue(key=key)
        with pytest.raises(BadCertificate, match=f"CN=gw has a.* key.*{told}|CN=gw has .*{told}"):
            _ = issued.ours.public_key
        _refused(told, issued.sent)


# -- the way up ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 1, 0), (1, 1, 0)])
def test_any_order_and_duplicates(order: tuple[int, ...]) -> None:
    assert _subjects(TRUST.judge([GATEWAY.sent[at] for at in order], WALL)) == PATH


def test_junk_among_them() -> None:
    other = Authority.root("CN=other", ecdsa_key(7))
    junk = [Certificate(b""), Certificate(b"\x30\x80"), other.ours, ROOT.ours, Certificate(GATEWAY.der[:-1])]
    assert _subjects(TRUST.judge([*junk, *GATEWAY.sent], WALL)) == PATH
    assert _subjects(TRUST.judge([*GATEWAY.sent, *junk], WALL)) == PATH


@pytest.mark.parametrize("key", [rsa_key(0, 1024), rsa_key(0), *(ecdsa_key(0, bits) for bits in (256, 384, 521))])
@pytest.mark.parametrize("signer", [rsa_key(1), ecdsa_key(9, 384), ed25519.Ed25519PrivateKey.generate()])
def test_kinds_of_keys(key: rsa.RSAPrivateKey, signer: rsa.RSAPrivateKey) -> None:
    root = Authority.root(key=signer)
    judged = Trust((root.ours,)).judge(root.issue(key=key).sent, WALL)
    assert judged.path[0].public_key == root.issue(key=key).private.public


def test_rsa_pss() -> None:
    root = Authority.root(key=rsa_key(1))
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    good = root.issue(padding=pss)
    assert len(Trust((root.ours,)).judge(good.sent, WALL).path) == 2
    # K14: the parameters are the forger's to choose: a salt of 2 GB, one below nothing
    at = good.der.rindex(bytes.fromhex("a203020120"))
    for salt in (bytes.fromhex("a203020121"), bytes.fromhex("a203020180"), bytes.fromhex("a20302017f")):
        changed = good.der.replace(bytes.fromhex("a203020120"), salt)
        assert changed[at : at + 5] == salt
        with pytest.raises(BadCertificate):
            Trust((root.ours,)).judge((Certificate(changed),), WALL)


def test_an_intermediate_may_be_the_authority() -> None:
    assert _subjects(Trust((MIDDLE.ours,)).judge(GATEWAY.sent[:1], WALL)) == PATH[:2]
    assert _subjects(Trust((MIDDLE.ours, ROOT.ours)).judge(GATEWAY.sent, WALL)) == PATH[:2]


def test_a_certificate_may_be_its_own_authority() -> None:
    alone = Authority.root("CN=alone", ecdsa_key(3), extensions=[])
    assert _subjects(Trust((alone.ours,)).judge((alone.ours,), WALL)) == ["CN=alone"]
    assert "its own authority" in _refused("CN=alone", (alone.ours,))


def test_names_of_the_authorities() -> None:
    other = Authority.root("CN=other", ecdsa_key(7))
    twin = Authority.root("CN=other", ecdsa_key(8))
    assert Trust((ROOT.ours, other.ours, twin.ours)).authority_names == (ROOT.ours.subject, other.ours.subject)
    assert Trust(pinned=GATEWAY.ours).authority_names == (MIDDLE.ours.subject,)
    assert Trust().authority_names == ()


def test_of_two_authorities_with_one_name_the_one_that_signed_counts() -> None:
    old = Authority.root(key=ecdsa_key(30))
    assert _subjects(Trust((old.ours, ROOT.ours)).judge(GATEWAY.sent, WALL)) == PATH


def test_a_renewed_authority_serves_beside_the_expired_one() -> None:
    old = Authority.root(end=datetime(2024, 1, 1, tzinfo=UTC))
    assert TRUST.judge(GATEWAY.sent, WALL) == Trust((old.ours, ROOT.ours)).judge(GATEWAY.sent, WALL)
    assert "2024-01-01" in _refused("test root expired", GATEWAY.sent, Trust((old.ours,)))


def test_nothing_sent() -> None:
    _refused("sent no certificate", ())
    _refused("cannot be read", (Certificate(b"x"), Certificate(b"")))


def test_no_way() -> None:
    told = _refused("issued by C=CH, O=ikeview, CN=test intermediate", GATEWAY.sent[:1])
    assert "ours: C=CH, O=ikeview, CN=test root" in told
    assert "send the whole chain" in told
    other = Authority.root("CN=other", ecdsa_key(7))
    assert "(ours: CN=other)" in _refused("issued by C=CH, O=ikeview, CN=test root", GATEWAY.sent, Trust((other.ours,)))
    assert "(ours: none)" in _refused("none of our", GATEWAY.sent, Trust())


def test_forged_signatures() -> None:
    for forged in (
        MIDDLE.issue(signer=ecdsa_key(66)).sent,
        MIDDLE.issue(signer=rsa_key(1)).sent,
        ROOT.authority(signer=ecdsa_key(66)).issue().sent,
        Authority.root(key=ecdsa_key(66)).issue().sent,
    ):
        _refused("not signed with the key", forged)


# -- what a certificate may be used for ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "end", "wall", "told"),
    [
        ((2026, 11, 24), (2027, 1, 1), 0, ""),
        ((2025, 1, 1), (2026, 11, 24), 0, ""),
        ((2026, 11, 24), (2027, 1, 1), -1, "CN=gw is not good before 2026-11-24 00:00 UTC, and here it is 2026-11-2"),
        ((2025, 1, 1), (2026, 11, 24), 1, "CN=gw expired on 2026-11-24 00:00 UTC, and here it is 2026-11-24 00:00 UTC"),
    ],
)
def test_dates(begin: tuple[int, int, int], end: tuple[int, int, int], wall: float, told: str) -> None:
    issued = ROOT.issue(begin=datetime(*begin, tzinfo=UTC), end=datetime(*end, tzinfo=UTC))
    if told:
        _refused(told, issued.sent, wall=WALL + wall)
    else:
        TRUST.judge(issued.sent, WALL + wall)


def test_dates_of_those_above() -> None:
    past = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)
    _refused("test intermediate expired on 2024-05-06 07:08 UTC", ROOT.authority(end=past).issue().sent)
    future = datetime(2030, 1, 1, tzinfo=UTC)
    _refused("test intermediate is not good before 2030-01-01", ROOT.authority(begin=future).issue().sent)


@pytest.mark.parametrize("uses", [("digital_signature",), ("content_commitment",), ("digital_signature", "crl_sign")])
def test_usage_for_signatures(uses: tuple[str, ...]) -> None:
    TRUST.judge(ROOT.issue(usage=key_usage(*uses)).sent, WALL)


def test_usage_for_something_else() -> None:
    _refused("lacks digitalSignature", ROOT.issue(usage=key_usage("key_encipherment")).sent)
    no_signing = [(x509.BasicConstraints(True, None), True), (key_usage("crl_sign"), True)]
    _refused("lacks keyCertSign", ROOT.authority(extensions=no_signing).issue().sent)
    _refused("lacks keyCertSign", (ROOT.issue().ours,), Trust((Authority.root(extensions=no_signing).ours,)))


@pytest.mark.parametrize(
    "extended",
    [[SERVER], [CLIENT], [IKE_INTERMEDIATE], ["2.5.29.37.0"], ["1.3.6.1.5.5.7.3.17"], ["1.3.6.1.5.5.7.3.5"],
     ["1.3.6.1.5.5.7.3.6"], ["1.3.6.1.5.5.7.3.7"], ["1.3.6.1.5.5.7.3.4", SERVER]],
)  # fmt: skip
def test_extended_usage(extended: list[x509.ObjectIdentifier | str]) -> None:
    uses = [each if isinstance(each, x509.ObjectIdentifier) else x509.ObjectIdentifier(each) for each in extended]
    TRUST.judge(ROOT.issue(extended=uses).sent, WALL)


def test_extended_usage_for_something_else() -> None:
    mail = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.4")
    assert "serverAuth" in _refused(r"other uses \(1.3.6.1.5.5.7.3.4\)", ROOT.issue(extended=[mail]).sent)


def test_who_may_issue() -> None:
    _refused("no authority's", (ROOT.authority(extensions=[]).issue().sent))
    leaf = Authority(ROOT.issue("CN=leaf"))
    _refused("CN=leaf is no authority's, so that of C=CH, O=ikeview, CN=gw is not trusted",
             (leaf.issue().ours, leaf.ours))
    # one without extensions is an authority if the operator says so, one that denies it is not
    plain = Authority.root("CN=plain", ecdsa_key(40), extensions=[])
    Trust((plain.ours,)).judge(plain.issue().sent, WALL)
    denies = Authority.root("CN=denies", ecdsa_key(41), extensions=[(x509.BasicConstraints(False, None), True)])
    _refused("CN=denies is no authority's", denies.issue().sent, Trust((denies.ours,)))


def test_path_length() -> None:
    deep = MIDDLE.authority("CN=deep", ecdsa_key(50))
    _refused("intermediate allows 0 others between itself and a peer, and there are 1", deep.issue().sent)
    root = Authority.root("CN=one", ecdsa_key(51), path_length=1)
    first = root.authority("CN=a", ecdsa_key(52))
    Trust((root.ours,)).judge(first.issue().sent, WALL)
    _refused("CN=one allows 1 others", first.authority("CN=b", ecdsa_key(53)).issue().sent, Trust((root.ours,)))
    # one that renews its own key does not count (RFC 5280 section 4.2.1.9)
    again = first.authority("CN=a", ecdsa_key(54))
    Trust((root.ours,)).judge(again.issue().sent, WALL)


def test_extensions_that_must_be_understood() -> None:
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\5\0")
    TRUST.judge(ROOT.issue(more=[(strange, False)]).sent, WALL)
    _refused("must be understood and is not: 1.3.6.1.4.1.99999.1", ROOT.issue(more=[(strange, True)]).sent)
    _refused("test intermediate has an extension", ROOT.authority(more=[(strange, True)]).issue().sent)
    policies = x509.PolicyConstraints(0, None)
    _refused("2.5.29.36", ROOT.authority(more=[(policies, True)]).issue().sent)


@pytest.mark.parametrize(("algorithm", "told"), [(hashes.SHA1(), "SHA-1"), (hashes.MD5(), "MD5")])
def test_weak_signatures(algorithm: hashes.HashAlgorithm, told: str) -> None:
    strong = Authority.root(key=rsa_key(1))
    weak = Authority(weakened(strong.issued, rsa_key(1), algorithm), is_root=True)
    assert weak.ours != strong.ours
    # nobody relies on the signature under a root
    Trust((weak.ours,)).judge(weak.issue().sent, WALL)
    _refused(f"CN=gw is signed with {told}, which can be forged", weakened(strong.issue(), rsa_key(1), algorithm).sent,
             Trust((weak.ours,)))
    middle = Authority(weakened(strong.authority().issued, rsa_key(1), algorithm))
    _refused(f"intermediate is signed with {told}", middle.issue().sent, Trust((weak.ours,)))


def test_inner_and_outer_algorithm_must_agree() -> None:
    sha256, sha384 = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d040303")
    der = GATEWAY.der
    assert der.count(sha256) == 2
    at = der.index(sha256)
    outer = der[: at + 10] + der[at + 10 :].replace(sha256, sha384)
    _refused("contradicts itself", (Certificate(outer), MIDDLE.ours))
    inner = der[:at] + sha384 + der[at + 10 :]
    _refused("contradicts itself", (Certificate(inner), MIDDLE.ours))


# -- name constraints ----------------------------------------------------------------------------------------------


def _limited(permitted: list[x509.GeneralName] | None, excluded: list[x509.GeneralName] | None = None) -> Authority:
    return ROOT.authority(more=[(x509.NameConstraints(permitted, excluded), True)])


DNS = [x509.DNSName("example.org")]
DIRECTORY = [x509.DirectoryName(name_of("C=CH, O=ikeview"))]


@pytest.mark.parametrize(
    ("permitted", "excluded", "subject", "names", "good"),
    [
        (DNS, None, "CN=gw", ["gw.example.org"], True),
        (DNS, None, "CN=gw", ["EXAMPLE.org"], True),
        (DNS, None, "CN=gw", ["gwexample.org"], False),
        (DNS, None, "CN=gw", ["gw.example.org", "evil.example"], False),
        (DNS, None, "CN=gw", ["10.0.0.1"], True),
        (None, DNS, "CN=gw", ["gw.example.org"], False),
        (None, DNS, "CN=gw", ["gw.example.com"], True),
        ([x509.DNSName(".example.org")], None, "CN=gw", ["a.b.example.org"], True),
        (DIRECTORY, None, "C=CH, O=ikeview, CN=gw", [], True),
        (DIRECTORY, None, "C=ch, O=IKEVIEW, CN=gw", [], True),
        (DIRECTORY, None, "C=CH, O=other, CN=gw", [], False),
        (DIRECTORY, None, "C=CH", [], False),
        (None, DIRECTORY, "C=CH, O=ikeview, CN=gw", [], False),
        ([x509.IPAddress(ip_network("10.0.0.0/8"))], None, "CN=gw", ["10.1.2.3"], True),
        ([x509.IPAddress(ip_network("10.0.0.0/8"))], None, "CN=gw", ["11.1.2.3"], False),
        ([x509.IPAddress(ip_network("10.0.0.0/8"))], None, "CN=gw", ["2001:db8::1"], False),
        (None, [x509.IPAddress(ip_network("2001:db8::/32"))], "CN=gw", ["2001:db8::1"], False),
        ([x509.RFC822Name("example.org")], None, "CN=gw", ["a@example.org"], True),
        ([x509.RFC822Name("example.org")], None, "CN=gw", ["a@sub.example.org"], False),
        ([x509.RFC822Name(".example.org")], None, "CN=gw", ["a@sub.example.org"], True),
        ([x509.RFC822Name("a@example.org")], None, "CN=gw", ["a@EXAMPLE.org"], True),
        ([x509.RFC822Name("a@example.org")], None, "CN=gw", ["b@example.org"], False),
        ([x509.RFC822Name("example.org")], None, "CN=gw, emailAddress=a@example.com", [], False),
        ([x509.RFC822Name("example.org")], None, "CN=gw, emailAddress=a@example.org", [], True),
        ([x509.UniformResourceIdentifier("example.org")], None, "CN=gw", ["uri:http://example.org"], False),
        ([x509.UniformResourceIdentifier("example.org")], None, "CN=gw", ["gw.example.org"], True),
    ],
)  # fmt: skip
def test_name_constraints(
    permitted: list[x509.GeneralName] | None, excluded: list[x509.GeneralName] | None, subject: str, names: list[str],
    good: bool,
) -> None:
    issued = _limited(permitted, excluded).issue(subject, names=names)
    if good:
        TRUST.judge(issued.sent, WALL)
    else:
        _refused("test intermediate (may not give out|limits names)", issued.sent)


def test_name_constraints_hold_further_down() -> None:
    limited = _limited(DNS)
    below = limited.authority("CN=below", ecdsa_key(60))
    TRUST.judge(below.issue(names=["a.example.org"]).sent, WALL)
    _refused("may not give out", below.issue(names=["a.example.com"]).sent)
    directory = _limited(DIRECTORY)
    _refused("CN=outside has a name", directory.authority("CN=outside", ecdsa_key(61)).issue().sent)


def test_too_many_names_and_constraints() -> None:
    _refused("more than 256 subjectAltNames", ROOT.issue(names=[f"{n}.example" for n in range(257)]).sent)
    TRUST.judge(ROOT.issue(names=[f"{n}.example" for n in range(256)]).sent, WALL)
    many = _limited([x509.DNSName(f"{n}.example") for n in range(257)])
    _refused("more than 256 name constraints", many.issue(names=["1.example"]).sent)


# -- pinned --------------------------------------------------------------------------------------------------------


def test_pinned() -> None:
    trust = Trust(pinned=GATEWAY.ours)
    for chain in (GATEWAY.sent[:1], GATEWAY.sent, GATEWAY.sent[::-1], ()):
        judged = trust.judge(chain, WALL)
        assert judged == Judged((GATEWAY.ours,), "not checked: the certificate itself is in the configuration")
    twin = MIDDLE.issue(names=["gw.example"])
    told = _refused("put that in the configuration", twin.sent, trust)
    assert GATEWAY.ours.serial in told
    assert twin.ours.serial in told
    _refused("expired", GATEWAY.sent, trust, END.timestamp() + 1)
    _refused("cannot be read", (Certificate(b"x"),), trust)


# -- revocation ----------------------------------------------------------------------------------------------------


@pytest.fixture
def middle() -> Authority:
    return ROOT.authority()


def test_checked(middle: Authority) -> None:
    issued = middle.issue()
    assert Trust((ROOT.ours,), (middle.crl(), ROOT.crl()), strict=True).judge(issued.sent, WALL).revocation == "checked"
    assert Trust((ROOT.ours,), (middle.crl(), ROOT.crl())).judge(issued.sent, WALL).revocation == "checked"


def test_without_lists(middle: Authority) -> None:
    issued = middle.issue()
    for lists, missing in (((), "intermediate"), ((middle.crl(),), "root"), ((ROOT.crl(),), "intermediate")):
        why = f"there is no revocation list of C=CH, O=ikeview, CN=test {missing}"
        assert Trust((ROOT.ours,), lists).judge(issued.sent, WALL).revocation == f"not checked: {why}"
        _refused(why, issued.sent, Trust((ROOT.ours,), lists, strict=True))


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (None, "revoked on 2025-03-04 05:06 UTC: "),
        (x509.ReasonFlags.unspecified, "revoked on 2025-03-04 05:06 UTC: "),
        (x509.ReasonFlags.key_compromise, "since its key was stolen: "),
        (x509.ReasonFlags.certificate_hold, r"for the time being \(on hold\)"),
    ],
)
def test_revoked(middle: Authority, reason: x509.ReasonFlags | None, told: str) -> None:
    issued, other = middle.issue(), middle.issue()
    middle.revoke(issued, datetime(2025, 3, 4, 5, 6, tzinfo=UTC), reason)
    for strict in (False, True):
        trust = Trust((ROOT.ours,), (middle.crl(), ROOT.crl()), strict)
        assert issued.ours.serial in _refused(told, issued.sent, trust)
        assert trust.judge(other.sent, WALL).revocation == "checked"


def test_every_reason_has_words(middle: Authority) -> None:
    for reason in x509.ReasonFlags:
        issued = middle.issue()
        middle.revoke(issued, reason=reason)
        trust = Trust((ROOT.ours,), (middle.crl(), ROOT.crl()))
        if reason == x509.ReasonFlags.remove_from_crl:
            assert trust.judge(issued.sent, WALL).revocation == "checked"
        else:
            told = _refused("was revoked on", issued.sent, trust)
            assert (reason == x509.ReasonFlags.unspecified) != ("UTC, " in told)


def test_an_authority_can_be_revoked(middle: Authority) -> None:
    root = Authority.root(key=ecdsa_key(70))
    below = root.authority()
    root.revoke(below.issued, reason=x509.ReasonFlags.ca_compromise)
    trust = Trust((root.ours,), (root.crl(),))
    _refused("test intermediate .serial number 10:01. was revoked", below.issue().sent, trust)


def test_out_of_date(middle: Authority) -> None:
    due = datetime(2026, 1, 1, tzinfo=UTC)
    issued, revoked = middle.issue(), middle.issue()
    middle.revoke(revoked)
    old, fresh = middle.crl(due=due), middle.crl(made=due)
    why = "was good until 2026-01-01 00:00 UTC"
    assert why in Trust((ROOT.ours,), (ROOT.crl(), old)).judge(issued.sent, WALL).revocation
    _refused(why, issued.sent, Trust((ROOT.ours,), (ROOT.crl(), old), strict=True))
    # who was revoked then still is
    _refused("was revoked", revoked.sent, Trust((ROOT.ours,), (ROOT.crl(), old)))
    for lists in ((ROOT.crl(), old, fresh), (fresh, old, ROOT.crl())):
        assert Trust((ROOT.ours,), lists, strict=True).judge(issued.sent, WALL).revocation == "checked"
    future = middle.crl(made=datetime(2027, 1, 1, tzinfo=UTC))
    _refused("yet to come", issued.sent, Trust((ROOT.ours,), (ROOT.crl(), future), strict=True))


def _part(**given: object) -> x509.IssuingDistributionPoint:
    base: dict[str, object] = {
        "full_name": None, "relative_name": None, "only_contains_user_certs": False, "only_contains_ca_certs": False,
        "only_some_reasons": None, "indirect_crl": False, "only_contains_attribute_certs": False,
    }  # fmt: skip
    return x509.IssuingDistributionPoint(**(base | given))  # type: ignore[arg-type]


def test_lists_that_say_nothing_about_it(middle: Authority) -> None:
    issued = middle.issue()
    middle.revoke(issued)
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\5\0")
    for found, told in (
        (middle.crl(signer=ecdsa_key(66)), "not signed with the key"),
        (middle.crl(signer=rsa_key(1)), "not signed with the key"),
        (middle.crl(more=[(_part(only_contains_ca_certs=True), True)]), "other certificates only"),
        (middle.crl(more=[(_part(only_contains_attribute_certs=True), True)]), "other certificates only"),
        (middle.crl(more=[(_part(indirect_crl=True), True)]), "other certificates only"),
        (middle.crl(more=[(_part(only_some_reasons=frozenset([x509.ReasonFlags.key_compromise])), True)]),
         "other certificates only"),
        (middle.crl(more=[(x509.DeltaCRLIndicator(1), True)]), "a delta"),
        (middle.crl(more=[(strange, True)]), "not understood"),
    ):
        assert told in Trust((ROOT.ours,), (ROOT.crl(), found)).judge(issued.sent, WALL).revocation
        _refused(told, issued.sent, Trust((ROOT.ours,), (ROOT.crl(), found), strict=True))
    for more in ([(_part(only_contains_user_certs=True), True)], [(strange, False)]):
        _refused("was revoked", issued.sent, Trust((ROOT.ours,), (ROOT.crl(), middle.crl(more=more))))


def test_who_may_make_lists() -> None:
    only_issues = [(x509.BasicConstraints(True, None), True), (key_usage("key_cert_sign"), True)]
    middle = ROOT.authority(extensions=only_issues)
    found = Trust((ROOT.ours,), (ROOT.crl(), middle.crl())).judge(middle.issue().sent, WALL)
    assert "lacks cRLSign" in found.revocation


def test_a_list_that_names_no_end() -> None:
    der = ROOT.crl().der
    ends = x509.load_der_x509_crl(der).next_update_utc
    assert ends is not None
    # built anew without it: the library does not make such lists
    due = b"\x18\x0f" + f"{ends:%Y%m%d%H%M%SZ}".encode()
    signed = x509.load_der_x509_crl(der).tbs_certlist_bytes
    body = signed[signed.index(b"\2\1\1") :].replace(due, b"", 1)
    tbs = b"\x30\x81" + bytes((len(body),)) + body if len(body) > 127 else b"\x30" + bytes((len(body),)) + body
    signature = ROOT.issued.key.sign(tbs, ec.ECDSA(hashes.SHA256()))  # type: ignore[union-attr, call-arg, arg-type]
    rest = bytes.fromhex("300a06082a8648ce3d040302") + b"\3" + bytes((len(signature) + 1, 0)) + signature
    whole = tbs + rest
    found = RevocationList(b"\x30\x81" + bytes((len(whole),)) + whole if len(whole) < 256 else
                           b"\x30\x82" + len(whole).to_bytes(2) + whole)
    assert found.next_update is None
    judged = Trust((ROOT.ours,), (found,)).judge(ROOT.issue().sent, WALL)
    assert "does not say how long" in judged.revocation


# -- the work is bounded -------------------------------------------------------------------------------------------


@pytest.fixture
def signatures(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for every signature that was checked."""
    counted: list[int] = []
    true = certificates._fits

    def counting(*given: object) -> bool:
        counted.append(1)
        return true(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(certificates, "_fits", counting)
    certificates._signed.cache_clear()
    return counted


def _loop(size: int) -> list[Certificate]:
    """Authorities that all have one name, each issued by each other as far as the name says."""
    same = "CN=same"
    keys = [ecdsa_key(80 + n) for n in range(size)]
    made = Authority.root(same, keys[0])
    return [made.authority(same, key, signer=keys[n - 1]).ours for n, key in enumerate(keys)]


def test_loops_end(signatures: list[int]) -> None:
    loop = _loop(7)
    leaf = Authority.root("CN=same", ecdsa_key(80)).issue().ours
    _refused("none of our", [leaf, *loop])
    assert 7 <= len(signatures) <= 8 * 7


def test_a_long_chain_is_cut(signatures: list[int]) -> None:
    # K14: 500 levels, of which 8 certificates are looked at
    above = Authority.root("CN=top", ecdsa_key(90))
    top = above
    for level in range(500):
        above = above.authority(f"CN=level {level}", ecdsa_key(91 + level % 2))
    sent = above.issue().sent
    assert len(sent) == 501
    _refused("send the whole chain", sent, Trust((top.ours,)))
    assert len(signatures) <= 8


def test_eight_are_enough_for_anybody() -> None:
    above = Authority.root("CN=top", ecdsa_key(90))
    top = above
    for level in range(7):
        above = above.authority(f"CN=level {level}", ecdsa_key(91 + level % 2))
    sent = above.issue().sent
    assert len(Trust((top.ours,)).judge(sent, WALL).path) == 9
    assert len(Trust((top.ours,)).judge((sent[0], *sent[:0:-1]), WALL).path) == 9


def test_what_was_found_is_remembered(signatures: list[int]) -> None:
    for _ in range(5):
        TRUST.judge(GATEWAY.sent, WALL)
    assert len(signatures) == 2


def test_huge_keys_are_not_used(signatures: list[int]) -> None:
    # K14: 16,384 bits, an exponent as long as the modulus
    for exponent, modulus in ((65537, (1 << 16384) - 1), (int.from_bytes(b"\xff" * 250), 1 << 2047 | 1)):
        key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        builder = x509.CertificateBuilder().subject_name(name_of("CN=huge"))
        builder = builder.issuer_name(ROOT.issued.certificate.subject).public_key(key).serial_number(5)
        builder = builder.not_valid_before(BEGIN).not_valid_after(END)
        _refused("CN=huge has an RSA key", (_by_root(builder),))
        authority = _by_root(builder.add_extension(x509.BasicConstraints(True, None), True))
        forged = Authority.root("CN=huge", ecdsa_key(66)).issue()
        _refused("CN=huge has an RSA key", (forged.ours, authority))
    assert len(signatures) == 2, "that of each huge authority by the root, before its key was looked at"


def _by_root(builder: x509.CertificateBuilder) -> Certificate:
    made = builder.sign(ROOT.issued.key, hashes.SHA256())  # type: ignore[arg-type]
    return Certificate(made.public_bytes(serialization.Encoding.DER))


def test_names_compare_as_authorities_write_them() -> None:
    assert same_name(name_of("C=CH, O=ikeview").public_bytes(), name_of("C=ch, O=Ike View").public_bytes()) is False
    assert same_name(name_of("C=CH, O=ike  view").public_bytes(), name_of("C=ch, O= IKE View").public_bytes())


def test_alternative_names_of_other_kinds_are_left_out() -> None:
    issued = ROOT.issue(names=["uri:http://a.example", "gw.example"])
    assert issued.ours.names[1:] == (("fqdn", b"gw.example"),)
    nameless = ROOT.issue("", names=["gw.example"])
    assert nameless.ours.names == (("fqdn", b"gw.example"),)
    assert str(nameless.ours) == f"serial number {nameless.ours.serial}"
    TRUST.judge(nameless.sent, WALL)
    assert isinstance(alternative("a@b"), x509.RFC822Name)


def test_issued_reads_back(tmp_path: object) -> None:
    assert isinstance(GATEWAY, Issued)
    assert GATEWAY.private.public == GATEWAY.ours.public_key
