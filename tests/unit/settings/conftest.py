"""A configuration folder that loads, to be broken by the tests in one way each."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ikeview.settings.load import load
from ikeview.settings.problems import Problem, SettingsError

PEER = """\
remote = "203.0.113.9"

[auth]
secret_file = "../secrets/tokyo.psk"

[phase1]
proposals = ["aes256-sha256-modp2048"]

[[tunnel]]
name = "lan"
local = "10.1.0.0/24"
remote = "10.2.0.0/24"
proposals = ["aes256gcm16-modp2048"]
"""

SECRET = "Zr4-canary-8Qx"

Broken = Callable[[Path], tuple[Problem, ...]]


def write(path: Path, text: str | bytes, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "ikeview.toml", "")
    write(tmp_path / "peers/tokyo.toml", PEER)
    write(tmp_path / "secrets/tokyo.psk", f"{SECRET}\n", 0o600)
    return tmp_path


@pytest.fixture
def problems() -> Broken:
    """The problems of a folder, which must have some and must not tell the secret."""

    def of(folder: Path) -> tuple[Problem, ...]:
        with pytest.raises(SettingsError) as caught:
            load(folder)
        assert caught.value.problems
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(caught.value.problems)
        assert caught.value.__context__ is None, "a chained error of the parser may hold what was read"
        return caught.value.problems

    return of
