"""Identities as text, as octets of a peer, as names of a certificate, and patterns of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikeview.core.identity import BadIdentity, Identity, IdentityPattern, allowed_by, spelled_by
from ikeview.crypto.names import element, parse_name
from ikeview.wire.numbers import IdType
from tests.support.pki import Authority, name_of

V4, V6 = bytes((192, 0, 2, 1)), b"\x20\x01\x0d\xb8" + bytes(11) + b"\1"
GW = name_of("C=CH, O=ikeview, CN=gw").public_bytes()


@pytest.mark.parametrize(
    ("text", "kind", "data"),
    [
        ("192.0.2.1", IdType.IPV4_ADDR, V4),
        ("2001:db8::1", IdType.IPV6_ADDR, V6),
        ("fqdn:gw.example", IdType.FQDN, b"gw.example"),
        ("user:me@example", IdType.USER_FQDN, b"me@example"),
        ("keyid:any text, even with spaces", IdType.KEY_ID, b"any text, even with spaces"),
        ("fqdn:192.0.2.1", IdType.FQDN, b"192.0.2.1"),
        ("keyid:fqdn:x", IdType.KEY_ID, b"fqdn:x"),
        ("keyid:#00ff", IdType.KEY_ID, b"\0\xff"),
        ("keyid:#2361", IdType.KEY_ID, b"#a"),
        ("dn:C=CH, O=ikeview, CN=gw", IdType.DER_ASN1_DN, parse_name("C=CH, O=ikeview, CN=gw")),
        ("dn:CN=Zürich", IdType.DER_ASN1_DN, name_of("CN=Zürich").public_bytes()),
        ("subnet:10.0.0.0/8", IdType.IPV4_ADDR_SUBNET, bytes((10, 0, 0, 0, 255, 0, 0, 0))),
        ("subnet:2001:db8::/32", IdType.IPV6_ADDR_SUBNET, V6[:4] + bytes(12) + b"\xff" * 4 + bytes(12)),
        ("range:192.0.2.1-192.0.2.9", IdType.IPV4_ADDR_RANGE, V4 + bytes((192, 0, 2, 9))),
        ("range:2001:db8::1-2001:db8::1", IdType.IPV6_ADDR_RANGE, V6 + V6),
        ("gn:#820161", IdType.DER_ASN1_GN, b"\x82\1a"),
        ("type200:#00ff", 200, b"\0\xff"),
    ],
)
def test_identities(text: str, kind: int, data: bytes) -> None:
    identity = Identity.parse(text)
    assert (identity.kind, identity.data) == (kind, data)
    assert str(identity) == text
    assert Identity.parse(str(identity)) == identity
    assert bool(identity.problem) == (kind == 200)
    assert identity.same(identity) == (kind != 200)


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("gw.example", "fqdn:gw.example"),
        (" me@example ", "user:me@example"),
        ("ipv4:192.0.2.1", "192.0.2.1"),
        ("dns:gw.example", "fqdn:gw.example"),
        ("email:me@example", "user:me@example"),
        ("rfc822:me@example", "user:me@example"),
        ("asn1dn:CN=gw", "dn:CN=gw"),
        ("@gw.example", "fqdn:gw.example"),
        ("@@me@example", "user:me@example"),
        ("@#0aff", "keyid:#0aff"),
        ("C=CH, O=ikeview, CN=gw", "dn:C=CH, O=ikeview, CN=gw"),
        ("/C=CH/O=ikeview/CN=gw", "dn:C=CH, O=ikeview, CN=gw"),
        ("CN = gw ; O=ikeview", "dn:CN=gw, O=ikeview"),
        ("E=me@example, CN=me", "dn:emailAddress=me@example, CN=me"),
        ("2.5.4.3=gw", "dn:CN=gw"),
        ('dn:O="Fish, Chips", CN=\\#1', "dn:O=Fish\\, Chips, CN=\\#1"),
        ("strange:x", "fqdn:strange:x"),
    ],
)
def test_how_it_may_be_written(text: str, typed: str) -> None:
    assert str(Identity.parse(text)) == typed
    assert Identity.parse(text) == Identity.parse(typed)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "fqdn:", "keyid:", "user:", "dn:", "dn:x", "dn:CN=", "dn:CN=*", "dn:XX=1", "dn:#3000", "dn:#30", "a=b",
     "a b", "fqdn:a\x1bb", "a\nb", "x" * 256, "ipv4:x", "10.0.0.0/8", "subnet:10.0.0.1/8", "subnet:x",
     "range:10.0.0.2-10.0.0.1", "range:10.0.0.1", "range:10.0.0.1-::1", "gn:x", "gn:#8202", "keyid:#xx", "keyid:#",
     "type999:#00", "type2:x", "fqdn:\ud800", "dn:CN=\ud800", "O=Fish, Chips, CN=x", "dn:CN=" + "x" * 5000,
     "dn:1.2." + "9" * 5000 + "=x", "CN=x\\", 'CN="x'],
    ids=range(37),
)  # fmt: skip
def test_what_is_no_identity(text: str) -> None:
    with pytest.raises(BadIdentity) as caught:
        Identity.parse(text)
    assert str(caught.value)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        # K09: lengths, types, order; K10: names
        *((kind, bytes(size)) for kind in (1, 5) for size in (0, 1, 3, 5, 15, 17)),
        *((kind, bytes(size)) for kind in (4, 6, 7, 8) for size in (0, 4, 7, 9, 16, 31, 33)),
        (IdType.IPV4_ADDR, V6), (IdType.IPV6_ADDR, V4),
        (IdType.IPV4_ADDR_SUBNET, V4 + bytes((255, 0, 255, 0))), (IdType.IPV4_ADDR_RANGE, V4 + bytes((1, 1, 1, 1))),
        (0, b"x"), (12, b"x"), (255, b"x"),
        *((kind, b"") for kind in IdType),
        (IdType.DER_ASN1_DN, b"\x30\0"), (IdType.DER_ASN1_DN, b"garbage"), (IdType.DER_ASN1_DN, GW[:-1]),
        (IdType.DER_ASN1_DN, GW + b"\0"), (IdType.DER_ASN1_DN, b"\x30\x80" + GW[2:] + b"\0\0"),
        (IdType.DER_ASN1_GN, b"\x82\x09"),
    ],
)  # fmt: skip
def test_malformed_ones_match_nothing(kind: int, data: bytes) -> None:
    identity = Identity(kind, data)
    assert identity.problem
    assert not identity.same(identity)
    for text in ("any", "0.0.0.0/0", "fqdn:*", "keyid:*", "dn:CN=*", "user:*"):
        assert not IdentityPattern.parse(text).matches(identity)
    assert not IdentityPattern.of(identity).matches(identity)
    assert not allowed_by(identity, [("dn", data), ("fqdn", data), ("ip", data)])


@pytest.mark.parametrize(("kind", "levels"), [(0x30, 1000), (0x31, 1000), (0x30, 100_000)])
def test_nested_names_are_not_descended_into(kind: int, levels: int) -> None:
    data = b""
    for _ in range(levels):
        data = element(kind, data) if len(data) < 4000 else data + b"\x30\0"
    identity = Identity(IdType.DER_ASN1_DN, data)
    assert identity.problem
    assert str(identity) == f"dn:#{data[:256].hex()}..."
    inside = element(0x30, element(0x31, element(0x30, bytes.fromhex("0603550403") + data)))
    assert Identity(IdType.DER_ASN1_DN, inside).problem


@settings(max_examples=300, deadline=None, derandomize=True)
@given(kind=st.integers(0, 255), data=st.binary(max_size=40))
def test_any_identity_of_a_peer_has_a_text(kind: int, data: bytes) -> None:
    identity = Identity(kind, data)
    assert str(identity)
    assert isinstance(hash(identity.key), int)
    for text in ("any", "10.0.0.0/8", "fqdn:*", "user:*@example", "dn:C=CH, CN=*"):
        IdentityPattern.parse(text).matches(identity)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(at=st.integers(0, len(GW) - 1), value=st.integers(0, 255))
def test_names_with_one_octet_changed(at: int, value: int) -> None:
    identity = Identity(IdType.DER_ASN1_DN, GW[:at] + bytes((value,)) + GW[at + 1 :])
    assert str(identity).startswith("dn:")
    if not identity.problem:
        assert Identity.parse(str(identity)).same(identity)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=30) | st.text("CNO=,;+/*\"\\# ax@:dn.", max_size=20))
def test_any_text_is_an_identity_or_refused(text: str) -> None:
    try:
        identity = Identity.parse(text)
    except BadIdentity:
        return
    again = Identity.parse(str(identity))
    assert again == identity or again.same(identity) or identity.problem


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=30) | st.text("CNO=,;+/*\"\\# ax@:dn.", max_size=20))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        pattern = IdentityPattern.parse(text)
    except BadIdentity:
        return
    assert IdentityPattern.parse(str(pattern)).text == pattern.text
    assert pattern.specificity >= 0


# -- what is the same ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("fqdn:gw.example", "fqdn:GW.Example", True),
        ("fqdn:gw.example", "keyid:gw.example", False),
        ("user:me@example", "user:me@EXAMPLE", True),
        ("user:me@example", "user:Me@example", False),
        ("keyid:a", "keyid:A", False),
        ("dn:C=CH, O=ikeview, CN=gw", "dn:c=ch,o=IKEVIEW,cn= gw ", True),
        ("dn:C=CH, CN=a  b", "dn:C=CH, CN=A B", True),
        ("dn:C=CH, CN=gw", "dn:CN=gw, C=CH", False),
        ("dn:C=CH, CN=gw", "dn:C=CH, CN=gw, CN=gw", False),
        ("dn:CN=a + O=b", "dn:O=b + CN=a", True),
        ("dn:CN=a + O=b", "dn:CN=a, O=b", False),
        ("dn:CN=\\*", "dn:CN=\\2a", True),
        ("192.0.2.1", "fqdn:192.0.2.1", False),
    ],
)
def test_sameness(one: str, other: str, same: bool) -> None:
    first, second = Identity.parse(one), Identity.parse(other)
    assert first.same(second) == second.same(first) == same
    assert (first.key == second.key) == same


def test_the_kind_of_string_makes_no_difference() -> None:
    # C as PrintableString, the others as UTF8String here, all as PrintableString there
    written = Identity.parse("dn:C=CH, O=ikeview, CN=gw")
    assert written.data != GW
    assert written.same(Identity(IdType.DER_ASN1_DN, GW))
    wide = element(0x30, element(0x31, element(0x30, bytes.fromhex("06035504031e04") + "gw".encode("utf-16-be"))))
    assert Identity(IdType.DER_ASN1_DN, wide).same(Identity.parse("dn:CN=GW"))
    odd = element(0x30, element(0x31, element(0x30, bytes.fromhex("06035504030402") + b"gw")))
    assert not Identity(IdType.DER_ASN1_DN, odd).same(Identity.parse("dn:CN=gw"))
    assert str(Identity(IdType.DER_ASN1_DN, odd)) == "dn:CN=#04026777"


# -- certificates --------------------------------------------------------------------------------------------------


def test_what_a_certificate_allows() -> None:
    issued = Authority.root().issue(names=["gw.example", "me@gw.example", "192.0.2.1", "2001:db8::1"])
    names = issued.ours.names
    for text in ("dn:C=CH, O=ikeview, CN=gw", "fqdn:GW.example", "user:me@gw.example", "192.0.2.1", "2001:db8::1"):
        assert allowed_by(Identity.parse(text), names)
    for text in (
        "dn:CN=gw, O=ikeview, C=CH", "dn:CN=gw", "fqdn:gw", "fqdn:other.example", "keyid:gw.example", "192.0.2.2",
        "user:you@gw.example", "fqdn:192.0.2.1", "subnet:192.0.2.1/32", "range:192.0.2.1-192.0.2.1",
    ):  # fmt: skip
        assert not allowed_by(Identity.parse(text), names)
    spelled = spelled_by(Identity.parse("dn:c=ch, o=ikeview, cn=gw"), names)
    assert spelled == Identity(IdType.DER_ASN1_DN, issued.ours.subject)
    assert spelled_by(Identity.parse("fqdn:other"), names) is None
    assert not allowed_by(Identity.parse("fqdn:gw.example"), ())


def test_a_star_in_a_certificate_is_no_pattern() -> None:
    issued = Authority.root().issue("CN=*", names=["*.example"])
    assert not allowed_by(Identity.parse("fqdn:gw.example"), issued.ours.names)
    assert not allowed_by(Identity.parse("dn:CN=gw"), issued.ours.names)
    assert str(Identity(IdType.DER_ASN1_DN, issued.ours.subject)) == "dn:CN=\\2a"


# -- patterns ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "takes", "refuses"),
    [
        ("any", ["192.0.2.1", "fqdn:x", "keyid:#00", "dn:CN=x", "user:x"], []),
        ("%any", ["192.0.2.1"], []),
        ("192.0.2.1", ["192.0.2.1"], ["192.0.2.2", "fqdn:192.0.2.1"]),
        ("192.0.2.0/24", ["192.0.2.1", "192.0.2.255"], ["192.0.3.1", "::1", "subnet:192.0.2.0/24", "fqdn:192.0.2.1"]),
        ("2001:db8::/32", ["2001:db8::1"], ["2001:db9::1", "192.0.2.1"]),
        ("gw.example", ["fqdn:gw.example", "fqdn:GW.EXAMPLE"], ["keyid:gw.example", "fqdn:gw.example.evil"]),
        ("fqdn:*.example", ["fqdn:a.example", "fqdn:a.b.EXAMPLE"],
         ["fqdn:example", "fqdn:.example", "fqdn:aexample", "fqdn:a.example.evil", "user:a@b.example",
          "keyid:a.example"]),
        ("*.Example", ["fqdn:a.example"], ["fqdn:a.other"]),
        ("fqdn:gw.*.example", ["fqdn:gw.a.example"], ["fqdn:gw.example", "fqdn:gw.a.b.example", "fqdn:gw..example"]),
        ("fqdn:*", ["fqdn:x", "fqdn:a.b"], ["user:x@y", "192.0.2.1", "keyid:x"]),
        ("user:*@example", ["user:a@example", "user:a@b@EXAMPLE"],
         ["user:@example", "user:example", "user:a@x.example"]),
        ("me@*.example", ["user:me@a.example"], ["user:you@a.example", "user:me@example", "fqdn:me@a.example"]),
        ("user:*", ["user:a@example"], ["fqdn:a"]),
        ("keyid:branch-*", ["keyid:branch-1", "keyid:branch-"], ["keyid:branch", "fqdn:branch-1", "keyid:Branch-1"]),
        ("keyid:*", ["keyid:#00"], ["fqdn:x"]),
        ("dn:C=CH, O=ikeview, CN=*",
         ["dn:C=CH, O=ikeview, CN=a", "dn:c=ch, o=IKEview, CN=\\*", "dn:CN=a, O=ikeview, C=CH"],
         ["dn:C=CH, O=ikeview", "dn:C=CH, O=other, CN=a", "dn:C=CH, O=ikeview, OU=a", "dn:C=CH, O=ikeview, CN=a, CN=b",
          "dn:O=ikeview, C=CH, CN=a", "fqdn:CN"]),
        ("C=CH,CN=*", ["dn:C=CH, CN=a"], ["dn:C=DE, CN=a"]),
        ("dn:CN=gw, O=ikeview, C=CH", ["dn:C=CH, O=ikeview, CN=gw"], ["dn:O=ikeview, C=CH, CN=gw"]),
        ("dn:CN=* + UID=7, O=x", ["dn:UID=7 + CN=a, O=x"], ["dn:CN=a, O=x", "dn:CN=a + UID=8, O=x",
                                                           "dn:CN=a + UID=7 + UID=8, O=x"]),
        ("dn:CN=* + CN=a", ["dn:CN=a + CN=b"], ["dn:CN=b + CN=c", "dn:CN=a"]),
        ("dn:CN=\\*", ["dn:CN=\\2a"], ["dn:CN=a"]),
        ('dn:CN="*"', ["dn:CN=\\2a"], ["dn:CN=a"]),
    ],
)  # fmt: skip
def test_patterns(pattern: str, takes: list[str], refuses: list[str]) -> None:
    parsed = IdentityPattern.parse(pattern)
    for text in takes:
        assert parsed.matches(Identity.parse(text)), text
    for text in refuses:
        assert not parsed.matches(Identity.parse(text)), text
    again = IdentityPattern.parse(str(parsed))
    assert again == parsed
    assert all(again.matches(Identity.parse(text)) for text in takes)
    assert not any(again.matches(Identity.parse(text)) for text in refuses)


def test_patterns_match_what_stands_in_certificates() -> None:
    subject = Identity(IdType.DER_ASN1_DN, GW)
    for text in ("dn:C=CH, O=ikeview, CN=gw", "dn:CN=gw, O=ikeview, C=CH", "dn:C=CH, O=*, CN=*"):
        assert IdentityPattern.parse(text).matches(subject)


@pytest.mark.parametrize(
    "text",
    ["", "fqdn:gw*.example", "fqdn:*a", "user:a*@example", "user:*@gw*", "user:*x", "user:@*", "keyid:a*b", "keyid:**",
     "dn:CN=gw*", "dn:CN=*, O=x*", "dn:CN=*,", "dn:*", "dn:*=x", "192.0.2.*", "192.0.*.*", "2001:db8::*",
     "subnet:*", "type2:*", "a b*", "gn:*",
     "10.0.0.0/*"],
)  # fmt: skip
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(BadIdentity) as caught:
        IdentityPattern.parse(text)
    assert str(caught.value)


def test_narrower_patterns_come_first() -> None:
    texts = ["fqdn:gw.example", "fqdn:gw.a.*.example", "fqdn:*.a.example", "fqdn:*.example", "fqdn:*", "any"]
    patterns = [IdentityPattern.parse(text) for text in texts]
    assert sorted(patterns, key=lambda each: -each.specificity) == patterns
    networks = [IdentityPattern.parse(text) for text in ("10.1.0.0/16", "10.0.0.0/8", "0.0.0.0/0")]
    assert sorted(networks, key=lambda each: -each.specificity) == networks


def test_a_pattern_of_an_identity_is_that_alone() -> None:
    # although it has a star
    star = Identity(IdType.FQDN, b"*.example")
    assert IdentityPattern.of(star).matches(star)
    assert not IdentityPattern.of(star).matches(Identity.parse("fqdn:a.example"))
    assert not IdentityPattern("written", None).matches(star)
