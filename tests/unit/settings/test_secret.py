"""Where secrets come from, and what is refused. Modes are looked at, not tried, so this holds for root too."""

import os
from pathlib import Path

import pytest

from ikeview.settings.load import load

from .conftest import PEER, SECRET, Broken, write

AUTH = 'secret_file = "../secrets/tokyo.psk"'


def revealed(folder: Path) -> bytes:
    return load(folder).peers[0].secret.reveal()


@pytest.mark.parametrize(
    ("data", "secret"),
    [
        (b"plain", b"plain"),
        (b"plain\n", b"plain"),
        (b"plain\r\n", b"plain"),
        (b"plain\n\n", b"plain\n"),
        (b" pl ain ", b" pl ain "),
        (b"\x00\xff\xfe", b"\x00\xff\xfe"),
        (b"0x00fF10\n", b"\x00\xff\x10"),
        (b"0sAP8Q\n", b"\x00\xff\x10"),
        (b"0Sx", b"0Sx"),
        (b"x" * 4096, b"x" * 4096),
    ],
)
def test_a_secret_file(folder: Path, data: bytes, secret: bytes) -> None:
    write(folder / "secrets/tokyo.psk", data, 0o600)
    assert revealed(folder) == secret


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"0x", "is empty"),
        (b"0s", "is empty"),
        (b"0xabc", "begins with 0x"),
        (b"0x" + SECRET.encode(), "begins with 0x"),
        (b"0s" + SECRET.encode(), "begins with 0s"),
        (SECRET.encode() * 400, "is larger than 4096 octets"),
    ],
)
def test_a_secret_file_that_holds_none(folder: Path, problems: Broken, data: bytes, said: str) -> None:
    write(folder / "secrets/tokyo.psk", data, 0o600)
    (found,) = problems(folder)
    assert (found.file, found.key) == ("peers/tokyo.toml", "auth.secret_file")
    assert said in found.text


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_a_private_file_is_taken(folder: Path, mode: int) -> None:
    (folder / "secrets/tokyo.psk").chmod(mode)
    assert revealed(folder) == SECRET.encode()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666])
def test_a_file_open_to_others_is_refused(folder: Path, problems: Broken, mode: int) -> None:
    path = folder / "secrets/tokyo.psk"
    path.chmod(mode)
    (found,) = problems(folder)
    assert (found.file, found.key) == ("peers/tokyo.toml", "auth.secret_file")
    assert f"can be read or changed by others (mode {mode:04o})" in found.text
    assert found.hint == f"run: chmod 600 {path}"


def test_a_link_is_judged_by_what_it_leads_to(folder: Path, problems: Broken) -> None:
    (folder / "secrets/tokyo.psk").rename(folder / "secrets/real")
    (folder / "secrets/tokyo.psk").symlink_to("real")
    assert revealed(folder) == SECRET.encode()
    (folder / "secrets/real").chmod(0o644)
    (found,) = problems(folder)
    assert found.hint == f"run: chmod 600 {folder / 'secrets/real'}"


def test_a_file_of_somebody_else_is_refused(folder: Path, problems: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen from another user; a file of root is taken by all who can read it."""
    owner = (folder / "secrets/tokyo.psk").stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 4242)
    if owner == 0:
        assert revealed(folder) == SECRET.encode()
        os.chown(folder / "secrets/tokyo.psk", 4711, -1)
        owner = 4711
    (found,) = problems(folder)
    assert found.key == "auth.secret_file"
    assert f"belongs to the user with number {owner}" in found.text
    assert "chown" in found.hint


def test_a_secret_from_the_environment(folder: Path, problems: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "peers/tokyo.toml", PEER.replace(AUTH, 'secret_env = "IKEVIEW_TEST_PSK"'))
    monkeypatch.setenv("IKEVIEW_TEST_PSK", "0x" + b"k\xff".hex())
    assert revealed(folder) == b"k\xff"
    monkeypatch.setenv("IKEVIEW_TEST_PSK", "")
    (found,) = problems(folder)
    assert (found.key, found.text) == ("auth.secret_env", "the secret is empty")


def test_a_secret_in_the_peers_own_file(folder: Path, problems: Broken) -> None:
    path = write(folder / "peers/tokyo.toml", PEER.replace(AUTH, f'secret = "{SECRET} ü"'), 0o600)
    assert revealed(folder) == f"{SECRET} ü".encode()
    path.chmod(0o640)
    (found,) = problems(folder)
    assert (found.file, found.key) == ("peers/tokyo.toml", "auth.secret")
    assert found.hint == f"run: chmod 600 {path}"


def test_no_secret_shows_in_the_settings(folder: Path) -> None:
    settings = load(folder)
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
