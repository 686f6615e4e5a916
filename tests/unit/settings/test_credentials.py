"""Certificates and keys: what loads, how it reaches the peer's spec, and what is refused."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ikeview.core.identity import Identity
from ikeview.core.specs import Method, PeerSpec
from ikeview.crypto.signatures import PrivateKey
from ikeview.settings.load import load
from tests.support.pki import WALL, Authority, Issued, crl_pem, ecdsa_key, rsa_key

from .conftest import Broken, write
from .test_users import STORED
from .texts import ALICE, USERS, peer

OURS = 'cert_file = "../pki/own.pem"\nkey_file = "../pki/own.key"\n'
TRUST = 'ca_files = ["../pki/ca.pem"]\n'
RSA = f'method = "rsa"\n{OURS}{TRUST}'
ECDSA = f'method = "ecdsa"\n{OURS}{TRUST}'


class Pki:
    """A folder's files of certificates, and the authority that makes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = Authority.root()
        write(folder / "pki/ca.pem", self.root.issued.pem)
        self.list = self.root.crl()
        write(folder / "pki/ca.crl", crl_pem(self.list))
        write(folder / "secrets/users", f"alice:{STORED}\n", 0o600)
        write(folder / "secrets/alice", "password", 0o600)

    def own(self, *arguments: Any, **more: Any) -> Issued:
        issued = self.root.issue(*arguments, **more)
        write(self.folder / "pki/own.pem", issued.chain_pem)
        write(self.folder / "pki/own.key", issued.key_pem, 0o600)
        return issued

    def load(self, text: str, wall: float = WALL) -> PeerSpec:
        write(self.folder / "peers/tokyo.toml", text)
        (spec,) = load(self.folder, wall).peers
        return spec


@pytest.fixture
def pki(folder: Path) -> Pki:
    made = Pki(folder)
    made.own("C=CH, O=ikeview, CN=gw", rsa_key(1), names=("gw.example.net", "192.0.2.1", "me@example.net"))
    return made


def ecdsa(pki: Pki, bits: int = 256) -> Issued:
    return pki.own("C=CH, O=ikeview, CN=gw", ecdsa_key(1, bits))


def test_rsa_reaches_its_spec(pki: Pki) -> None:
    issued = pki.own("C=CH, O=ikeview, CN=gw", rsa_key(1))
    more = 'crl_files = ["../pki/ca.crl"]\ncrl = "strict"\n'
    spec = pki.load(peer(auth=RSA + more))
    assert (spec.auth_method, spec.secret, spec.warnings) == (Method.RSA, None, ())
    assert spec.certificates == (issued.ours,)
    assert spec.key is not None
    assert spec.key.public == issued.ours.public_key
    assert str(spec.local_id) == "dn:C=CH, O=ikeview, CN=gw", "its subject"
    assert spec.trust is not None
    assert spec.trust.authorities == (pki.root.ours,)
    assert spec.trust.revocation_lists == (pki.list,)
    assert spec.trust.strict
    assert spec.trust.pinned is None
    assert "PRIVATE" not in repr(spec)


@pytest.mark.parametrize("bits", [256, 384, 521])
def test_ecdsa_reaches_its_spec(pki: Pki, bits: int) -> None:
    issued = ecdsa(pki, bits)
    spec = pki.load(peer(auth=ECDSA))
    assert spec.auth_method is Method.ECDSA
    assert spec.certificates == (issued.ours,)
    assert spec.key is not None
    assert (spec.key.public.kind, spec.key.public.bits) == ("ecdsa", bits)
    assert spec.trust is not None
    assert not spec.trust.strict


def test_the_chain_comes_after_our_certificate(pki: Pki) -> None:
    middle = pki.root.authority()
    issued = middle.issue("CN=gw", rsa_key(1))
    write(pki.folder / "pki/own.pem", issued.chain_pem)
    assert pki.load(peer(auth=RSA)).certificates == (issued.ours, middle.ours)


def test_a_certificate_that_is_pinned_needs_no_authority(pki: Pki) -> None:
    other = pki.root.issue("CN=other", rsa_key(2))
    write(pki.folder / "pki/other.pem", other.pem)
    spec = pki.load(peer(auth=f'method = "rsa"\n{OURS}remote_cert_file = "../pki/other.pem"\n'))
    assert spec.trust is not None
    assert (spec.trust.pinned, spec.trust.authorities) == (other.ours, ())


def test_der_files_are_taken(pki: Pki) -> None:
    issued = pki.own("CN=gw", rsa_key(1))
    write(pki.folder / "pki/own.pem", issued.der)
    write(pki.folder / "pki/ca.pem", pki.root.issued.der)
    assert pki.load(peer(auth=RSA)).certificates == (issued.ours,)


def test_text_between_the_certificates_of_a_file_does_no_harm(pki: Pki) -> None:
    other = Authority.root("CN=another root", ecdsa_key(7))
    text = b"# two of them\n" + pki.root.issued.pem + b"\xff junk -----\n\n" + other.issued.pem + b"end\n"
    write(pki.folder / "pki/ca.pem", text)
    spec = pki.load(peer(auth=RSA))
    assert spec.trust is not None
    assert spec.trust.authorities == (pki.root.ours, other.ours)


def test_hybrid_has_one_certificate_between_two(pki: Pki) -> None:
    server = pki.load(peer(auth=f'method = "hybrid"\n{OURS}', more=USERS))
    assert (len(server.certificates), server.trust) == (1, None)
    client = pki.load(peer(auth=f'method = "hybrid"\n{TRUST}', more=ALICE))
    assert (client.certificates, client.key, client.local_id) == ((), None, None)
    assert client.trust is not None


def test_xauth_rsa_has_both(pki: Pki) -> None:
    spec = pki.load(peer(auth=RSA.replace("rsa", "xauth-rsa", 1), more=USERS))
    assert spec.auth_method is Method.XAUTH_RSA
    assert spec.certificates
    assert spec.trust is not None


@pytest.mark.parametrize(
    "name", ["fqdn:gw.example.net", "192.0.2.1", "user:me@example.net", "dn:C=CH, O=ikeview, CN=gw"]
)
def test_local_id_is_a_name_of_the_certificate(pki: Pki, name: str) -> None:
    assert str(pki.load(peer(f'local_id = "{name}"\n', auth=RSA)).local_id) == name


NO_SUBJECT = 'local_id = "fqdn:gw.example.net"\n'


def test_a_certificate_without_a_subject(pki: Pki, problems: Broken) -> None:
    pki.own("", rsa_key(1), names=("gw.example.net",))
    assert pki.load(peer(NO_SUBJECT, auth=RSA)).local_id == Identity.parse("fqdn:gw.example.net")
    write(pki.folder / "peers/tokyo.toml", peer(auth=RSA))
    (found,) = problems(pki.folder)
    assert (found.key, found.hint) == ("local_id", "write one of its names: fqdn:gw.example.net")


BAD = [
    # auth, further tables, top, key, text, hint
    (RSA.replace(TRUST, ""), "", "", "auth.ca_files", 'method = "rsa" needs it or remote_cert_file', "write ca_files"),
    (f'method = "rsa"\n{TRUST}', "", "", "auth.cert_file", 'missing, and method = "rsa" needs it', "write cert_file"),
    (f'method = "rsa"\n{TRUST}', "", "", "auth.key_file", 'missing, and method = "rsa" needs it', "write key_file"),
    (RSA + 'secret = "Zr4-canary-8Qx"\n', "", "", "auth.secret", 'has no meaning with method = "rsa"', "take it out"),
    (RSA + "aggressive_psk = false\n", "", "", "auth.aggressive_psk", "has no meaning with method", "take it out"),
    (RSA.replace(TRUST, "ca_files = []\n"), "", "", "auth.ca_files", "is empty", "name a file"),
    (RSA + "crl_files = []\n", "", "", "auth.crl_files", "is empty", "name a file"),
    (RSA + 'crl = "strict"\n', "", "", "auth.crl", "would refuse every certificate", "write crl_files"),
    (
        f'method = "rsa"\n{OURS}remote_cert_file = "../pki/own.pem"\ncrl_files = ["../pki/ca.crl"]\n',
        "",
        "",
        "auth.crl_files",
        "has no meaning with remote_cert_file",
        "take it out",
    ),
    (RSA + 'remote_cert_file = "../pki/own.pem"\n', "", "", "auth.ca_files", "no meaning with remote_cert_file", ""),
    (RSA, USERS, "", "xauth", 'does not go with method = "rsa"', 'method = "xauth-rsa"'),
    (
        f'method = "hybrid"\n{TRUST}{OURS}',
        ALICE,
        "",
        "auth.cert_file",
        'has no meaning with method = "hybrid" and xauth.role = "client"',
        "take it out",
    ),
    (
        f'method = "hybrid"\n{TRUST}{OURS}',
        USERS,
        "",
        "auth.ca_files",
        'has no meaning with method = "hybrid" and xauth.role = "server"',
        "take it out",
    ),
    ('method = "hybrid"\n', USERS, "", "auth.key_file", 'xauth.role = "server" needs it', "write key_file"),
    ('method = "hybrid"\n', ALICE, "", "auth.ca_files", 'xauth.role = "client" needs it', "write ca_files"),
    (f'method = "hybrid"\n{OURS}', "", "", "xauth", 'is missing, and method = "hybrid" needs it', "write [xauth]"),
    (
        ECDSA,
        "",
        "",
        "auth.method",
        "ecdsa wants a key of the kind ecdsa, and this one is rsa with 2048 bits",
        'write method = "rsa"',
    ),
    (
        RSA,
        "",
        'local_id = "fqdn:other.example.net"\n',
        "local_id",
        "fqdn:other.example.net is not among the names of our certificate",
        "its names are: dn:C=CH, O=ikeview, CN=gw, fqdn:gw.example.net, 192.0.2.1, user:me@example.net",
    ),
    (RSA, "", 'local_id = "keyid:gw"\n', "local_id", "keyid:gw is not among the names", "its names are"),
    (RSA.replace("own.pem", "none.pem"), "", "", "auth.cert_file", "pki/none.pem does not exist", "make it"),
    (RSA.replace("own.key", "none.key"), "", "", "auth.key_file", "pki/none.key does not exist", "make it"),
    (RSA.replace("ca.pem", "none.pem"), "", "", "auth.ca_files[0]", "pki/none.pem does not exist", "make it"),
    (RSA + 'crl_files = ["../pki/none"]\n', "", "", "auth.crl_files[0]", "pki/none does not exist", "make it"),
    (RSA + 'remote_cert_file = "../pki"\n', "", "", "auth.remote_cert_file", "is a folder", "put a file"),
    (RSA + 'remote_cert_file = "../pki/two.pem"\n', "", "", "auth.remote_cert_file", "holds 2 certificates", "own"),
    (RSA.replace("own.key", "own.pem"), "", "", "auth.key_file", "can be read or changed by others", "chmod 600"),
    (RSA.replace("own.key", "secret.pem"), "", "", "auth.key_file", "", ""),
    (RSA.replace("own.pem", "own.key"), "", "", "auth.cert_file", "", ""),
    (RSA.replace("own.key", "other.key"), "", "", "auth.key_file", "is not the key of the certificate", "asked for"),
]


@pytest.mark.parametrize(("auth", "more", "top", "key", "said", "hint"), BAD, ids=lambda value: value[-40:].strip())
def test_what_does_not_fit_is_told(
    pki: Pki, problems: Broken, auth: str, more: str, top: str, key: str, said: str, hint: str
) -> None:
    own = pki.root.issue("CN=x", rsa_key(1))
    write(pki.folder / "pki/two.pem", own.pem + own.pem)
    write(pki.folder / "pki/secret.pem", own.pem, 0o600)
    write(pki.folder / "pki/other.key", pki.root.issue("CN=x", rsa_key(2)).key_pem, 0o600)
    write(pki.folder / "peers/tokyo.toml", peer(top, auth=auth, more=more))
    found = problems(pki.folder)
    assert {each.file for each in found} == {"peers/tokyo.toml"}
    match = [each for each in found if each.key == key]
    assert len(match) == 1, f"{key} is not in {[str(each) for each in found]}"
    assert said in match[0].text
    assert hint in match[0].hint


@pytest.mark.parametrize("key", ["cert_file", "ca_files", "crl_files", "key_file"])
@pytest.mark.parametrize("kind", ["fifo", "megabyte", "empty", "junk", "cut", "not text"])
def test_hostile_files_are_refused_in_words(pki: Pki, problems: Broken, key: str, kind: str) -> None:
    path = pki.folder / {"cert_file": "pki/own.pem", "ca_files": "pki/ca.pem", "key_file": "pki/own.key"}.get(
        key, "pki/ca.crl"
    )
    whole = path.read_bytes()
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path, 0o600)
    else:
        data = {
            "megabyte": b"A" * 1_000_001,
            "empty": b"",
            "junk": b"Zr4-canary-8Qx\n" * 20,
            "cut": whole[: len(whole) // 2],
            "not text": b"\x30\x82\x01\x00" + bytes(range(256)),
        }[kind]
        write(path, data, 0o600)
    write(pki.folder / "peers/tokyo.toml", peer(auth=RSA + 'crl_files = ["../pki/ca.crl"]\n'))
    (found,) = problems(pki.folder)
    assert found.key.partition("[")[0] == f"auth.{key}"
    assert found.text


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_can_read_is_refused(pki: Pki, problems: Broken, mode: int) -> None:
    (pki.folder / "pki/own.key").chmod(mode)
    write(pki.folder / "peers/tokyo.toml", peer(auth=RSA))
    (found,) = problems(pki.folder)
    assert (found.file, found.key) == ("peers/tokyo.toml", "auth.key_file")
    assert "chmod 600" in found.hint


@pytest.mark.parametrize("which", ["own", "ca", "pinned"])
@pytest.mark.parametrize(
    ("ends", "said"),
    [(timedelta(days=-1), "has ended on"), (timedelta(days=29), "in 29 days"), (timedelta(days=31), "")],
)
def test_a_certificate_about_to_end_is_a_warning(pki: Pki, which: str, ends: timedelta, said: str) -> None:
    end = datetime.fromtimestamp(WALL, UTC) + ends
    auth = RSA
    if which == "own":
        pki.own("CN=short", rsa_key(1), end=end)
    elif which == "ca":
        write(pki.folder / "pki/ca.pem", Authority.root("CN=short", end=end).issued.pem)
    else:
        write(pki.folder / "pki/other.pem", pki.root.issue("CN=short", rsa_key(2), end=end).pem)
        auth = f'method = "rsa"\n{OURS}remote_cert_file = "../pki/other.pem"\n'
    warnings = pki.load(peer(auth=auth)).warnings
    if not said:
        assert warnings == ()
        return
    (warning,) = warnings
    key = {"own": "auth.cert_file", "ca": "auth.ca_files", "pinned": "auth.remote_cert_file"}[which]
    assert warning.startswith(f"{key}: the certificate of CN=short ")
    assert said in warning
    assert f"{end:%Y-%m-%d}" in warning


def test_a_file_that_many_peers_name_is_read_once(pki: Pki, monkeypatch: pytest.MonkeyPatch, problems: Broken) -> None:
    for number in range(20):
        write(pki.folder / f"peers/p{number}.toml", peer(remote=f"198.51.100.{number + 1}", auth=RSA))
    loaded: list[int] = []
    right = PrivateKey.load.__func__  # type: ignore[attr-defined]

    def counted(kind: type[PrivateKey], data: bytes) -> PrivateKey:
        loaded.append(len(data))
        return right(kind, data)  # type: ignore[no-any-return]

    monkeypatch.setattr(PrivateKey, "load", classmethod(counted))
    peers = load(pki.folder, WALL).peers
    assert len(peers) == 21
    assert len(loaded) == 1
    write(pki.folder / "pki/own.key", "junk", 0o600)
    assert len(problems(pki.folder)) == 20, "each peer is told what is wrong with it"


def test_a_certificate_of_the_future_is_a_warning(pki: Pki) -> None:
    pki.own("CN=early", rsa_key(1), begin=datetime.fromtimestamp(WALL, UTC) + timedelta(days=1))
    (warning,) = pki.load(peer(auth=RSA)).warnings
    assert "is valid only from" in warning


def test_a_short_rsa_key_is_a_warning(pki: Pki) -> None:
    pki.own("CN=weak", rsa_key(9, 1024))
    assert [each for each in pki.load(peer(auth=RSA)).warnings if each.startswith("auth.cert_file: an RSA key of 1024")]


def test_an_end_among_the_authorities_is_a_warning(pki: Pki) -> None:
    write(pki.folder / "pki/ca.pem", pki.root.issue("CN=no authority", rsa_key(2)).pem)
    (warning,) = pki.load(peer(auth=RSA)).warnings
    assert warning.startswith("auth.ca_files: the certificate of CN=no authority does not call itself an authority's")


def test_a_hostile_subject_is_shown_printable(pki: Pki) -> None:
    pki.own("CN=a\x1b]0;b\x07c", rsa_key(1), end=datetime.fromtimestamp(WALL, UTC))
    (warning,) = pki.load(peer(auth=RSA), WALL + 1).warnings
    assert warning.isprintable()


def test_two_peers_from_anywhere_with_certificates_are_told_apart_by_identity(pki: Pki, problems: Broken) -> None:
    write(pki.folder / "peers/a.toml", peer('remote_id = "fqdn:a.example"\n', remote="any", auth=RSA))
    write(pki.folder / "peers/tokyo.toml", peer('remote_id = "fqdn:b.example"\n', remote="any", auth=RSA))
    write(pki.folder / "peers/z.toml", peer(remote="any"))
    assert len(load(pki.folder, WALL).peers) == 3, "one with a pre-shared key is told apart by what it offers"
    write(pki.folder / "peers/tokyo.toml", peer('remote_id = "fqdn:A.Example"\n', remote="any", auth=RSA))
    (found,) = problems(pki.folder)
    assert (found.file, found.key) == ("peers/tokyo.toml", "remote")
    assert "nothing tells them apart" in found.text
    write(pki.folder / "peers/a.toml", peer('remote_id = "any"\n', remote="any", auth=RSA))
    write(pki.folder / "peers/tokyo.toml", peer(remote="any", auth=RSA))
    (found,) = problems(pki.folder)
    assert "nothing tells them apart" in found.text, "whatever the certificate says"


def test_local_id_is_sent_as_the_certificate_spells_it(pki: Pki) -> None:
    issued = pki.own("C=CH, O=ikeview, CN=Gateway", rsa_key(1), names=("GW.example.net",))
    for written, spelled in (
        ("dn:c=ch, o=IKEVIEW, cn=gateway", Identity.of_general_name(("dn", issued.ours.subject))),
        ("fqdn:gw.Example.net", Identity.parse("fqdn:GW.example.net")),
    ):
        local_id = pki.load(peer(f'local_id = "{written}"\n', auth=RSA)).local_id
        assert local_id is not None
        assert local_id.data == spelled.data
