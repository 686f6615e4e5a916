"""Password hashes: against RFC 7914, what a file may hold, and that no answer comes sooner than another."""

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikeview.crypto import passwords
from ikeview.crypto.passwords import BadPasswordHash, PasswordHash
from ikeview.crypto.secret import Secret


def _text(ln: object = 4, r: object = 8, p: object = 1, salt: bytes = bytes(16), key: bytes = bytes(32)) -> str:
    encoded = [base64.b64encode(each).decode().rstrip("=") for each in (salt, key)]
    return f"$scrypt$ln={ln},r={r},p={p}${encoded[0]}${encoded[1]}"


# RFC 7914 section 12
EXAMPLES = [
    ("pleaseletmein", b"SodiumChloride", 14, 8, 1,
     "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
     "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"),
]  # fmt: skip


@pytest.mark.parametrize(("password", "salt", "ln", "r", "p", "key"), EXAMPLES)
def test_examples(password: str, salt: bytes, ln: int, r: int, p: int, key: str) -> None:
    found = PasswordHash.parse(_text(ln, r, p, salt, bytes.fromhex(key)))
    assert found.fits(Secret(password.encode()))
    assert not found.fits(Secret(password.encode() + b"!"))


@pytest.mark.parametrize("password", [b"open sesame", b"", b"\0", "schlüssel".encode(), b"x" * 10_000])
def test_there_and_back(password: bytes) -> None:
    made = PasswordHash.of(Secret(password), bytes(range(16)))
    assert made.text().startswith("$scrypt$ln=14,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$")
    again = PasswordHash.parse(made.text())
    assert again == made
    assert again.fits(Secret(password))
    assert not again.fits(Secret(password + b"x"))


def test_a_salt_makes_another_hash() -> None:
    first, second = (PasswordHash.of(Secret(b"same"), bytes((n,)) * 16) for n in (1, 2))
    assert first.key != second.key


def test_it_never_shows_itself() -> None:
    made = PasswordHash.parse(_text(salt=b"salt" * 4, key=b"key!" * 8))
    for shown in (repr(made), str(made), f"{made}"):
        assert "***" in shown
        assert "salt" not in shown.replace("salt=", "")
        assert base64.b64encode(b"key!" * 8).decode()[:8] not in shown


@pytest.mark.parametrize(
    "text",
    ["", "open sesame", "$scrypt$", "$scrypt$ln=14,r=8,p=1$$", _text() + "$x", " " + _text(), _text() + "\n",
     _text().replace("ln=4", "ln=\u0664"), _text("04x"), _text(0), _text(-1), _text(100), _text(99), _text(r=0),
     _text(p=0), _text(r=100), _text(p=100), _text(salt=b"short"), _text(salt=bytes(65)), _text(key=bytes(15)),
     _text(key=bytes(65)), _text(key=b""), _text().replace("$AAAA", "$A!AA"), _text().replace("$AAAA", "$AAA=", 1),
     _text() + "AA", _text(16, 1), _text(60, 3), _text(18, 9), _text(17, 16, 99), _text(18, 8, 5),
     "$2b$12$abcdefghijklmnopqrstuv", "$6$salt$hash", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"],
    ids=range(33),
)  # fmt: skip
def test_what_is_no_hash(text: str) -> None:
    with pytest.raises(BadPasswordHash, match="ikeview passwd") as caught:
        PasswordHash.parse(text)
    assert "sesame" not in str(caught.value), "it may be a password"


@pytest.mark.parametrize(("ln", "r", "p"), [(1, 1, 1), (15, 1, 1), (18, 8, 4), (17, 16, 4), (14, 8, 16), (4, 99, 99)])
def test_what_is_taken_can_be_computed(ln: int, r: int, p: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # the library has the last word on the parameters: it is asked with less memory than they want, and must say that
    found = PasswordHash.parse(_text(ln, r, p))
    if 128 * r << ln <= 1 << 24:
        assert not found.fits(Secret(b"x"))
    else:
        with pytest.raises(ValueError, match=r"memory limit exceeded|Invalid parameter combination"):
            hashlib.scrypt(b"", salt=b"12345678", n=1 << ln, r=r, p=p, maxmem=1 << 20)
    assert 128 * r << ln <= passwords._MOST_MEMORY


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=60) | st.text("$scrypt=lnrp,0123456789AB+/", max_size=60))
def test_any_text_is_a_hash_or_refused(text: str) -> None:
    try:
        PasswordHash.parse(text)
    except BadPasswordHash:
        return


def test_every_answer_costs_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = PasswordHash.of(Secret(b"open sesame"), bytes(16))
    work: list[dict[str, Any]] = []
    compared: list[tuple[int, int]] = []

    def counting(password: bytes, **parameters: Any) -> bytes:
        work.append(parameters)
        return hashlib.sha256(password).digest()

    def comparing(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr(passwords.hashlib, "scrypt", counting)
    monkeypatch.setattr(passwords.hmac, "compare_digest", comparing)
    for password in (b"open sesame", b"open sesamf", b"", b"x" * 1000):
        stored.fits(Secret(password))
    assert len(work) == 4
    assert all(each == work[0] for each in work)
    assert work[0]["n"] == 1 << 14
    assert compared == [(32, 32)] * 4
