"""Certificates and lists that somebody has changed: nothing but ``BadCertificate`` comes of them, and never trust."""

from contextlib import suppress

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from ikeview.crypto import certificates
from ikeview.crypto.certificates import BadCertificate, Certificate, RevocationList, Trust
from ikeview.crypto.names import element
from tests.support.pki import SERVER, WALL, Authority, ecdsa_key, name_of, rsa_key

ROOT = Authority.root()
MIDDLE = ROOT.authority(more=[(x509.NameConstraints([x509.DNSName("example")], None), True)])
GATEWAY = MIDDLE.issue(names=["gw.example", "me@gw.example", "192.0.2.1"], extended=[SERVER])
RSA = Authority.root(key=rsa_key(1)).issue(key=rsa_key(0), names=["gw.example"])
MIDDLE.revoke(MIDDLE.issue())
LISTS = (MIDDLE.crl(), ROOT.crl())
TRUST = Trust((ROOT.ours, Authority.root(key=rsa_key(1)).ours), LISTS, strict=True)


def _ask(certificate: Certificate) -> None:
    """Everything that can be asked of one."""
    asked = ("check", "public_key", "subject", "issuer", "serial", "validity", "names", "is_authority", "self_issued")
    for ask in asked:
        with suppress(BadCertificate):
            value = getattr(certificate, ask)
            if callable(value):
                value()
    assert str(certificate)
    assert repr(certificate)


def _never_trusted(chain: list[Certificate], trust: Trust = TRUST) -> None:
    with pytest.raises(BadCertificate) as caught:
        trust.judge(chain, WALL)
    assert str(caught.value)


def test_unchanged_they_are_trusted() -> None:
    assert TRUST.judge(GATEWAY.sent, WALL).revocation == "checked"
    assert Trust(TRUST.authorities).judge(RSA.sent, WALL).path[0] == RSA.ours


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_every_truncation(kind: str) -> None:
    der = (GATEWAY if kind == "ecdsa" else RSA).der
    for size in range(len(der)):
        certificate = Certificate(der[:size])
        _ask(certificate)
        _never_trusted([certificate, MIDDLE.ours])


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_every_octet_changed(kind: str, flip: int) -> None:
    der = (GATEWAY if kind == "ecdsa" else RSA).der
    trust = TRUST if kind == "ecdsa" else Trust(TRUST.authorities)
    for at in range(len(der)):
        certificate = Certificate(der[:at] + bytes((der[at] ^ flip,)) + der[at + 1 :])
        _ask(certificate)
        _never_trusted([certificate, MIDDLE.ours], trust)


@pytest.mark.parametrize("flip", [0x01, 0xFF])
def test_every_octet_of_an_intermediate_changed(flip: int) -> None:
    der = MIDDLE.issued.der
    for at in range(len(der)):
        _never_trusted([GATEWAY.ours, Certificate(der[:at] + bytes((der[at] ^ flip,)) + der[at + 1 :])])


@pytest.mark.parametrize("flip", [0x01, 0xFF])
def test_every_octet_of_a_list_changed(flip: int) -> None:
    der = LISTS[0].der
    trust = Trust(TRUST.authorities, (RevocationList(der), LISTS[1]), strict=True)
    assert trust.judge(GATEWAY.sent, WALL).revocation == "checked"
    for at in range(len(der)):
        changed = RevocationList(der[:at] + bytes((der[at] ^ flip,)) + der[at + 1 :])
        assert str(changed)
        _never_trusted(list(GATEWAY.sent), Trust(TRUST.authorities, (changed, LISTS[1]), strict=True))
    for size in range(len(der)):
        with pytest.raises(BadCertificate):
            RevocationList.load_all(der[:size])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data(), wall=st.floats(-1e9, 1e11))
def test_several_changes_at_once(data: st.DataObject, wall: float) -> None:
    chain = []
    of = st.sampled_from([GATEWAY.der, MIDDLE.issued.der, ROOT.issued.der, RSA.der])
    for der in data.draw(st.lists(of, max_size=9)):
        changed = bytearray(der)
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(0, len(changed) - 1))
            changed[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
            if not changed:
                break
        chain.append(Certificate(bytes(changed)))
        _ask(chain[-1])
    try:
        judged = Trust(TRUST.authorities).judge(chain, wall)
    except BadCertificate:
        return
    # only what was issued is trusted, however it came
    assert {each.der for each in judged.path} <= {each.ours.der for each in (GATEWAY, MIDDLE.issued, RSA)} | {
        each.der for each in TRUST.authorities
    }


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_any_octets(octets: bytes) -> None:
    _ask(Certificate(octets))
    _never_trusted([Certificate(octets)])
    for load in (Certificate.load_all, RevocationList.load_all):
        for framed in (octets, b"-----BEGIN CERTIFICATE-----\n" + octets + b"\n-----END CERTIFICATE-----\n"):
            with suppress(BadCertificate):
                load(framed)


@pytest.mark.parametrize("levels", [10, 1000, 10_000])
def test_nested_names(levels: int) -> None:
    # K10: a subject nested as deep as a certificate allows
    nested = b""
    for _ in range(levels):
        nested = element(0x30, nested) if len(nested) < 30_000 else nested
    plain = name_of("C=CH, O=ikeview, CN=gw").public_bytes()
    signed = GATEWAY.certificate.tbs_certificate_bytes
    content = signed[signed.index(b"\xa0\3\2\1\2") :].replace(plain, nested)
    rest = GATEWAY.der[GATEWAY.der.index(signed) + len(signed) :]
    certificate = Certificate(element(0x30, element(0x30, content) + rest))
    _ask(certificate)
    _never_trusted([certificate, MIDDLE.ours])


def test_subjects_that_are_none() -> None:
    for subject in (b"\x30\0", b"\x30\2\x31\0", element(0x30, element(0x31, b"\x30\0")), b"\x04\1a", b""):
        plain = name_of("C=CH, O=ikeview, CN=gw").public_bytes()
        signed = GATEWAY.certificate.tbs_certificate_bytes
        content = signed[signed.index(b"\xa0\3\2\1\2") :].replace(plain, subject)
        rest = GATEWAY.der[GATEWAY.der.index(signed) + len(signed) :]
        certificate = Certificate(element(0x30, element(0x30, content) + rest))
        _ask(certificate)
        _never_trusted([certificate, MIDDLE.ours])


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    # K14: addresses of lists and of status servers are the peer's to choose
    import socket

    def no_socket(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", no_socket)
    monkeypatch.setattr(socket, "create_connection", no_socket)
    address = x509.UniformResourceIdentifier("http://192.0.2.66/list.crl")
    more = [
        (x509.CRLDistributionPoints([x509.DistributionPoint([address], None, None, None)]), True),
        (x509.AuthorityInformationAccess([
            x509.AccessDescription(x509.OID_OCSP, address), x509.AccessDescription(x509.OID_CA_ISSUERS, address),
        ]), False),
    ]  # fmt: skip
    issued = ROOT.issue(more=more)
    judged = Trust((ROOT.ours,)).judge(issued.sent, WALL)
    assert "there is no revocation list" in judged.revocation


@pytest.mark.parametrize(("name", "caught"), [("PanicException", True), ("KeyboardInterrupt", False)])
def test_a_fault_of_the_library(name: str, caught: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    kind: type[BaseException] = type(name, (BaseException,), {})

    def fails(der: bytes) -> None:
        raise kind("in the library")

    monkeypatch.setattr(certificates.x509, "load_der_x509_certificate", fails)
    with pytest.raises(BadCertificate if caught else kind):
        Certificate(b"never seen before, by " + name.encode()).check()


def test_more_certificates_than_are_looked_at() -> None:
    # K15: twenty, the true one last
    others = [Authority.root(f"CN={n}", ecdsa_key(20 + n % 3)).ours for n in range(20)]
    _never_trusted([*others, *GATEWAY.sent], Trust((ROOT.ours,)))
    assert Trust((ROOT.ours,)).judge([*GATEWAY.sent, *others], WALL).path[0] == GATEWAY.ours


def test_a_large_certificate() -> None:
    big = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), bytes(40_000))
    _never_trusted(list(ROOT.issue(more=[(big, False)]).sent), Trust((ROOT.ours,)))
