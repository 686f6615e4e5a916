"""Certificates judged by openssl too: a second opinion on every kind of chain, and the texts and keys that it makes."""

import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ikeview.crypto.certificates import BadCertificate, Certificate, Trust
from ikeview.crypto.names import name_text, parse_name, same_name
from ikeview.crypto.signatures import BadKey, PrivateKey
from tests.support.pki import WALL, Authority, Issued, crl_pem, ecdsa_key, key_usage, name_of, rsa_key, weakened
from tests.support.requirements import need

PAST = datetime(2024, 1, 1, tzinfo=UTC)
FUTURE = datetime(2030, 1, 1, tzinfo=UTC)
STRANGE = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\5\0")
LIMITS = x509.NameConstraints([x509.DNSName("example")], [x509.DNSName("bad.example")])


@pytest.fixture(autouse=True)
def openssl() -> None:
    need(shutil.which("openssl") is not None, "openssl is not installed")


def _run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=30, check=False)


Made = tuple[Authority, Issued]


def _under(middle: Callable[[Authority], Authority], leaf: Callable[[Authority], Issued] = Authority.issue) -> Made:
    root = Authority.root()
    return root, leaf(middle(root))


def _no_key_cert_sign(root: Authority) -> Authority:
    return root.authority(extensions=[(x509.BasicConstraints(True, None), True), (key_usage("crl_sign"), True)])


def _limited(root: Authority) -> Authority:
    return root.authority(more=[(LIMITS, True)])


def _revoked(root: Authority) -> Made:
    issued = root.issue()
    root.revoke(issued)
    return root, issued


def _weak() -> Made:
    root = Authority.root(key=rsa_key(1))
    return root, weakened(root.issue(), rsa_key(1), hashes.MD5())


CHAINS: dict[str, tuple[Callable[[], Made], bool]] = {
    "one level": (lambda: (root := Authority.root(), root.issue()), True),
    "two levels": (lambda: _under(Authority.authority), True),
    "RSA": (lambda: (root := Authority.root(key=rsa_key(1)), root.issue(key=rsa_key(0))), True),
    "three levels": (lambda: _under(lambda root: root.authority().authority("CN=deep", ecdsa_key(5))), True),
    "path length kept": (lambda: _under(lambda root: root.authority(path_length=0)), True),
    "path length exceeded": (
        lambda: _under(lambda root: root.authority(path_length=0).authority("CN=deep", ecdsa_key(5))), False,
    ),
    "expired": (lambda: (root := Authority.root(), root.issue(end=PAST)), False),
    "not yet": (lambda: (root := Authority.root(), root.issue(begin=FUTURE)), False),
    "intermediate expired": (lambda: _under(lambda root: root.authority(end=PAST)), False),
    "root expired": (lambda: (root := Authority.root(end=PAST), root.issue()), False),
    "another root": (lambda: (Authority.root("CN=other", ecdsa_key(6)), Authority.root().issue()), False),
    "forged": (lambda: (root := Authority.root(), root.issue(signer=ecdsa_key(66))), False),
    "forged intermediate": (lambda: _under(lambda root: root.authority(signer=ecdsa_key(66))), False),
    "no authority": (lambda: _under(lambda root: root.authority(extensions=[])), False),
    "not for issuing": (lambda: _under(_no_key_cert_sign), False),
    "strange but critical": (lambda: (root := Authority.root(), root.issue(more=[(STRANGE, True)])), False),
    "strange": (lambda: (root := Authority.root(), root.issue(more=[(STRANGE, False)])), True),
    "within limits": (lambda: _under(_limited, lambda above: above.issue(names=["gw.example"])), True),
    "outside limits": (lambda: _under(_limited, lambda above: above.issue(names=["gw.example.org"])), False),
    "excluded by limits": (lambda: _under(_limited, lambda above: above.issue(names=["a.bad.example"])), False),
    "revoked": (lambda: _revoked(Authority.root()), False),
    "MD5": (_weak, False),
}


@pytest.mark.parametrize("name", CHAINS)
def test_the_same_verdict(name: str, tmp_path: Path) -> None:
    make, good = CHAINS[name]
    made = make()
    root, issued = made[0], made[1]
    lists = (root.crl(),) if name == "revoked" else ()
    (tmp_path / "root.pem").write_bytes(root.issued.pem)
    (tmp_path / "chain.pem").write_bytes(issued.chain_pem)
    (tmp_path / "own.pem").write_bytes(issued.pem)
    (tmp_path / "crl.pem").write_bytes(b"".join(map(crl_pem, lists)))
    crl = ("-crl_check", "-CRLfile", tmp_path / "crl.pem") if lists else ()
    theirs = _run(
        # level 1: RSA of 1024 bits and more, no MD5 (the default of the library, Debian's is 2)
        "verify", "-auth_level", "1", "-no-CApath", "-no-CAstore", "-attime", f"{WALL:.0f}",
        "-CAfile", tmp_path / "root.pem", "-untrusted", tmp_path / "chain.pem", *crl, tmp_path / "own.pem",
    )  # fmt: skip
    assert (theirs.returncode == 0) == good, theirs.stderr + theirs.stdout
    trust = Trust((root.ours,), lists)
    if good:
        assert trust.judge(issued.sent, WALL).path[0] == issued.ours
    else:
        with pytest.raises(BadCertificate):
            trust.judge(issued.sent, WALL)


@pytest.mark.parametrize(
    "subject",
    ["C=CH, O=ikeview, CN=gw", "DC=example, DC=gw, CN=gw", "O=Bär & Söhne, CN=été", "CN=a + b",
     "CN=gw, emailAddress=a@b.example"],
)  # fmt: skip
def test_names_as_openssl_writes_them(subject: str, tmp_path: Path) -> None:
    issued = Authority.root().issue(subject)
    (tmp_path / "own.pem").write_bytes(issued.pem)
    for form in ("RFC2253,-esc_msb,utf8", "compat", "oneline,-esc_msb,utf8"):
        shown = _run("x509", "-in", tmp_path / "own.pem", "-noout", "-subject", "-nameopt", form).stdout
        text = shown.strip().removeprefix("subject=").strip()
        if "\\x" in text:
            # the old form writes octets that no other does
            continue
        der = parse_name(text)
        if form.startswith("RFC2253"):
            der = parse_name(", ".join(reversed(re.split(r"(?<!\\),", text))))
        assert same_name(der, issued.ours.subject), (form, text, name_text(issued.ours.subject))
    assert same_name(name_of(subject).public_bytes(), issued.ours.subject)


@pytest.mark.parametrize(
    "words",
    [
        ("genrsa", "2048"), ("genrsa", "-traditional", "2048"), ("ecparam", "-name", "prime256v1", "-genkey"),
        ("ecparam", "-name", "secp384r1", "-genkey", "-noout"), ("genpkey", "-algorithm", "EC", "-pkeyopt",
                                                                "ec_paramgen_curve:P-521"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_keys_as_openssl_makes_them(words: tuple[str, ...], tmp_path: Path) -> None:
    file, own = tmp_path / "key.pem", tmp_path / "own.pem"
    made = _run(words[0], "-out", file, *words[1:])
    assert made.returncode == 0, made.stderr
    key = PrivateKey.load(file.read_bytes())
    assert _run("req", "-x509", "-new", "-key", file, "-subj", "/CN=gw", "-days", "30", "-out", own).returncode == 0
    (certificate,) = Certificate.load_all(own.read_bytes())
    assert certificate.public_key == key.public
    digest = bytes({384: 48, 521: 64}.get(key.public.bits, 32))
    certificate.public_key.verify(digest, key.sign(digest))
    _run("pkey", "-in", file, "-aes256", "-passout", "pass:secret", "-out", tmp_path / "locked.pem")
    with pytest.raises(BadKey, match="openssl pkey -in OLD -out NEW"):
        PrivateKey.load((tmp_path / "locked.pem").read_bytes())
