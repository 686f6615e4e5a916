"""The users of an XAUTH server, and the command that makes their lines."""

import io
import sys
from pathlib import Path

import pytest

from ikeview import cli
from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from ikeview.settings.load import load

from .conftest import PEER, Broken, write

STORED = "$scrypt$ln=1,r=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U"
SERVER = PEER.replace(
    "[auth]\n", '[xauth]\nrole = "server"\nusers_file = "../secrets/users"\n[auth]\nmethod = "xauth-psk"\n'
)


@pytest.fixture
def server(folder: Path) -> Path:
    write(folder / "peers/tokyo.toml", SERVER)
    return folder


def users(folder: Path, text: str | bytes) -> dict[str, PasswordHash]:
    write(folder / "secrets/users", text, 0o600)
    (peer,) = load(folder).peers
    assert peer.xauth is not None
    assert peer.xauth.server
    return dict(peer.xauth.users)


def test_a_users_file(server: Path) -> None:
    text = f"# who may come\r\n\n  \nalice:{STORED}\r\nbob smith:{STORED}\nü@example.net:{STORED}"
    assert users(server, text) == {each: PasswordHash.parse(STORED) for each in ("alice", "bob smith", "ü@example.net")}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"alice", "has no colon"),
        (b"alice:", "no password hash"),
        (b"alice:Zr4-canary-8Qx", "no password hash"),
        (b"Zr4-canary-8Qx", "has no colon"),
        (f"alice:{STORED} ".encode(), "no password hash"),
        (f"alice:{STORED.replace('ln=1,', 'ln=30,')}".encode(), "no password hash"),
        (f":{STORED}".encode(), "cannot be a user's name"),
        (f" alice:{STORED}".encode(), "cannot be a user's name"),
        (f"a\x1b[0m:{STORED}".encode(), "cannot be a user's name"),
        (f"{'x' * 256}:{STORED}".encode(), "cannot be a user's name"),
        (b"\xff:" + STORED.encode(), "is not UTF-8"),
        (f"good:{STORED}".encode(), "the user 'good' stands in line 2 too"),
    ],
)
def test_a_line_that_is_no_user(server: Path, problems: Broken, line: bytes, said: str) -> None:
    write(server / "secrets/users", f"# users\ngood:{STORED}\n".encode() + line + b"\n", 0o600)
    (found,) = problems(server)
    assert (found.file, found.key, found.line) == ("secrets/users", "", 3)
    assert said in found.text
    assert found.hint or "ikeview passwd" in found.text


def test_all_lines_are_told_at_once_but_not_without_end(server: Path, problems: Broken) -> None:
    write(server / "secrets/users", f"one\ngood:{STORED}\ntwo\n", 0o600)
    assert [each.line for each in problems(server)] == [1, 3]
    write(server / "secrets/users", "x\n" * 100_000, 0o600)
    assert len(problems(server)) == 50


def test_a_file_that_two_peers_name_is_told_once(server: Path, problems: Broken) -> None:
    write(server / "peers/osaka.toml", SERVER.replace("203.0.113.9", "203.0.113.8"))
    write(server / "secrets/users", "one\n", 0o600)
    assert len(problems(server)) == 1


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("# nobody\n", 0o600, "names no user"),
        (f"alice:{STORED}", 0o640, "can be read or changed by others"),
        ("#" * 4_000_001, 0o600, "larger than 4000000 octets"),
    ],
)
def test_a_users_file_that_is_not_taken(server: Path, problems: Broken, text: str, mode: int, said: str) -> None:
    write(server / "secrets/users", text, mode)
    (found,) = problems(server)
    assert (found.file, found.key) == ("peers/tokyo.toml", "xauth.users_file")
    assert said in found.text


class _Piped(io.TextIOWrapper):
    """A standard input that is no terminal."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))


def test_passwd_reads_a_line_where_there_is_no_terminal(
    server: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", _Piped("pass wörd \nmore".encode()))
    assert cli.main(["passwd", "alice"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("alice:$scrypt$ln=14,")
    stored = users(server, out)["alice"]
    assert stored.fits(Secret("pass wörd ".encode()))
    assert not stored.fits(Secret("pass wörd".encode()))


def _answers(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """A terminal on which the person types that; returns what it was asked."""
    asked: list[str] = []
    typed = iter(answers)

    def ask(prompt: str) -> str:
        asked.append(prompt)
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("ikeview.passwd.getpass", ask)
    return asked


def test_passwd_asks_twice_on_a_terminal(
    server: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = _answers(monkeypatch, "one two", "one two")
    assert cli.main(["passwd", "alice"]) == 0
    assert len(asked) == 2
    out = capsys.readouterr().out
    assert "one two" not in out
    assert users(server, out)["alice"].fits(Secret(b"one two"))


@pytest.mark.parametrize(
    ("answers", "said"),
    [(("one", "two"), "differ"), (("", ""), "is empty"), (("one",), "no password was given")],
)
def test_passwd_that_makes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answers: tuple[str, ...], said: str
) -> None:
    _answers(monkeypatch, *answers)
    assert cli.main(["passwd", "alice"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


@pytest.mark.parametrize("data", [b"", b"\n", b"x" * 4097])
def test_passwd_from_a_pipe_that_holds_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    monkeypatch.setattr(sys, "stdin", _Piped(data))
    assert cli.main(["passwd", "alice"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["a:b", "#a", "", " a", "a\nb", "a\udcff"])
def test_passwd_refuses_a_name_that_the_file_could_not_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setattr(sys, "stdin", _Piped(b"secret"))
    assert cli.main(["passwd", name]) == 2
    assert "cannot be a user's name" in capsys.readouterr().err


def test_passwd_takes_no_password_as_an_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["passwd", "alice", "secret"])
    assert "unrecognized arguments" in capsys.readouterr().err
