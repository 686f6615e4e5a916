"""Several peers in one folder: which can be told apart, and which cannot."""

from pathlib import Path

import pytest

from ikeview.settings.load import load

from .conftest import Broken, write
from .test_users import STORED
from .texts import AUTH, POOL, USERS, peer, selectors

AGGRESSIVE = 'mode = "aggressive"\n'
ANSWER = AUTH + "aggressive_psk = true\n"
XAUTH = AUTH + 'method = "xauth-psk"\n'


def aggressive(remote_id: str) -> str:
    return peer(f'{AGGRESSIVE}remote_id = "{remote_id}"\n', remote="any", auth=ANSWER)


def pool(text: str, remote: str) -> str:
    return peer(remote=remote, more=POOL.replace("10.3.0.0/24", text), tunnel=selectors("10.1.0.0/24", "dynamic"))


@pytest.fixture
def place(folder: Path) -> Path:
    write(folder / "secrets/users", f"alice:{STORED}\n", 0o600)
    (folder / "peers/tokyo.toml").unlink()
    return folder


APART = {
    "aggressive by identity": (aggressive("fqdn:a.example"), aggressive("fqdn:b.example")),
    "aggressive by pattern": (aggressive("fqdn:a.example"), aggressive("fqdn:*.example")),
    "by exchange": (peer(remote="any"), aggressive("fqdn:a.example")),
    "networks": (peer(remote="198.51.100.0/24"), peer(remote="198.51.100.0/25")),
    "a network and any": (peer(remote="198.51.100.0/24"), peer(remote="any")),
    "an address in a network": (peer(remote="198.51.100.0/24"), peer(remote="198.51.100.7")),
    "by role": (peer('role = "initiator"\n'), peer('role = "responder"\n')),
    "by local address": (peer('local = "192.0.2.1"\n'), peer('local = "192.0.2.2"\n')),
    "pools": (pool("10.3.0.0/25", "any"), pool("10.3.0.128/25", "198.51.100.0/24")),
}


@pytest.mark.parametrize(("one", "other"), APART.values(), ids=APART)
def test_peers_that_can_be_told_apart(place: Path, one: str, other: str) -> None:
    write(place / "peers/a.toml", one)
    write(place / "peers/b.toml", other)
    assert [each.name for each in load(place).peers] == ["a", "b"]


ALIKE = {
    "main with keys": (
        peer('remote_id = "fqdn:a"\n', remote="any"),
        peer('remote_id = "fqdn:b"\n', remote="any"),
        "remote",
        "a pre-shared key is chosen before the peer says who it is",
    ),
    "main with keys and users": (
        peer(remote="any"),
        peer(remote="any", auth=XAUTH, more=USERS),
        "remote",
        "a pre-shared key is chosen before the peer says who it is",
    ),
    "aggressive, one identity": (
        aggressive("fqdn:a.example"),
        aggressive("fqdn:a.example"),
        "remote",
        "their remote_id is the same",
    ),
    "pools that overlap": (
        pool("10.3.0.0/24", "any"),
        pool("10.3.0.128/25", "198.51.100.0/24"),
        "config.pool",
        "10.3.0.128/25 holds addresses that peers/a.toml gives to its clients too",
    ),
}


@pytest.mark.parametrize(("one", "other", "key", "said"), ALIKE.values(), ids=ALIKE)
def test_peers_that_cannot(place: Path, problems: Broken, one: str, other: str, key: str, said: str) -> None:
    write(place / "peers/a.toml", one)
    write(place / "peers/b.toml", other)
    (found,) = problems(place)
    assert (found.file, found.key) == ("peers/b.toml", key)
    assert said in found.text
    assert found.hint
