"""What the README promises is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ikeview.settings.load import load
from tests.support.config_files import make_files
from tests.support.pki import WALL

_TOP = Path(__file__).parents[2]
_README = (_TOP / "README.md").read_text()


def test_the_first_tunnel_loads(tmp_path: Path) -> None:
    match = re.search(r"cat > /etc/ikeview/peers/tokyo.toml <<'EOF'\n(.*?)\nEOF\n", _README, re.DOTALL)
    assert match
    (tmp_path / "peers").mkdir()
    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "tokyo.psk"
    secret.touch(mode=0o600)
    secret.write_text("c2VjcmV0\n")
    (tmp_path / "peers" / "tokyo.toml").write_text(match[1])
    (peer,) = load(tmp_path).peers
    assert [tunnel.full_name for tunnel in peer.tunnels] == ["tokyo/lan"]
    assert str(peer.proposals[0]) in _README.split("For strongSwan:")[1]
    assert str(peer.tunnels[0].proposals[0]) in _README.split("For strongSwan:")[1]


@pytest.mark.parametrize("name", ["paris", "roadwarriors"])
def test_the_other_examples_load(tmp_path: Path, name: str) -> None:
    match = re.search(rf"<!-- peer: {name} -->\n```toml\n(.*?)```", _README, re.DOTALL)
    assert match
    (tmp_path / "peers").mkdir()
    (tmp_path / "peers" / f"{name}.toml").write_text(match[1])
    make_files(tmp_path)
    (peer,) = load(tmp_path, WALL).peers
    assert peer.warnings == ()


def _commands() -> list[str]:
    table = _README.split("## Commands")[1].split("Exit status")[0]
    return re.findall(r"^\| `ikeview (\w+)|^\| `ikeview \w+` / `(\w+)`", table, re.MULTILINE)


@pytest.mark.parametrize("command", sorted({word for pair in _commands() for word in pair if word}))
def test_every_command_is_known(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ikeview", command, "--help"], cwd=_TOP, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_commands_are_found_in_the_table() -> None:
    assert len(_commands()) >= 8


@pytest.mark.parametrize("theme", sorted((_TOP / "themes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_theme_has_its_screenshot_in_the_readme(theme: Path) -> None:
    assert (_TOP / "themes" / f"{theme.stem}.svg").exists()
    assert f"themes/{theme.stem}.svg" in _README


def test_the_files_of_the_tour_are_there() -> None:
    for name in re.findall(r"`((?:ikeview|tests|config|themes)/[\w/.]+)`", _README):
        assert (_TOP / name).exists(), name
