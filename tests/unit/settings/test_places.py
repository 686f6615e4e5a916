import os
from pathlib import Path

import pytest

from ikeview.resources import resource
from ikeview.settings.places import PlaceRefused, config_folder, runtime_folder, state_folder


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Not root, whoever runs the tests; without variables that name a place."""
    for name in ("CONFIG", "RUNTIME", "STATE"):
        monkeypatch.delenv(f"IKEVIEW_{name}", raising=False)
    for name in ("XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return monkeypatch


def test_config_folder_in_order_of_precedence(user: pytest.MonkeyPatch) -> None:
    user.setenv("XDG_CONFIG_HOME", "/home/me/.conf")
    assert config_folder() == Path("/home/me/.conf/ikeview")
    user.setattr("os.geteuid", lambda: 0)
    assert config_folder() == Path("/etc/ikeview")
    user.setenv("IKEVIEW_CONFIG", "/srv/vpn")
    assert config_folder() == Path("/srv/vpn")
    assert config_folder("here") == Path("here")


def test_runtime_folder_in_order_of_precedence(user: pytest.MonkeyPatch, tmp_path: Path) -> None:
    user.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    user.setenv("XDG_RUNTIME_DIR", "relative")
    assert runtime_folder() == tmp_path / "ikeview-1000"
    user.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert runtime_folder() == tmp_path / "run/ikeview"
    user.setenv("IKEVIEW_RUNTIME", str(tmp_path / "mine"))
    assert runtime_folder() == tmp_path / "mine"


def test_state_folder_in_order_of_precedence(user: pytest.MonkeyPatch, tmp_path: Path) -> None:
    user.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert state_folder() == tmp_path / "state/ikeview"
    user.setattr("os.geteuid", lambda: 0)
    assert state_folder() == Path("/var/lib/ikeview")
    assert state_folder(str(tmp_path / "written")) == tmp_path / "written"
    user.setenv("IKEVIEW_STATE", str(tmp_path / "mine"))
    assert state_folder(str(tmp_path / "written")) == tmp_path / "mine"


def test_state_folder_is_made_with_what_is_above_it(tmp_path: Path) -> None:
    folder = tmp_path / "a/b"
    assert state_folder(str(folder)) == folder
    assert not folder.exists()
    assert state_folder(str(folder), make=True) == folder
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o770)
    with pytest.raises(PlaceRefused, match="name another with IKEVIEW_STATE"):
        state_folder(str(folder))


def test_runtime_folder_is_made_for_its_owner_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    monkeypatch.setenv("IKEVIEW_RUNTIME", str(folder))
    assert not runtime_folder().exists()
    assert runtime_folder(make=True) == folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert runtime_folder(make=True) == runtime_folder() == folder


@pytest.mark.parametrize("trap", ["world-writable", "file", "link", "stranger", "orphan"])
def test_a_runtime_folder_that_cannot_be_trusted_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trap: str
) -> None:
    folder = tmp_path / "mine"
    monkeypatch.setenv("IKEVIEW_RUNTIME", str(folder))
    match trap:
        case "world-writable":
            folder.mkdir()
            folder.chmod(0o777)
        case "file":
            folder.write_text("")
        case "link":
            folder.symlink_to(tmp_path)
        case "stranger":
            folder.mkdir(mode=0o700)
            lstat = os.lstat
            monkeypatch.setattr(
                "pathlib.Path.lstat", lambda path: os.stat_result((*lstat(path)[:4], 4242, *lstat(path)[5:]))
            )
        case "orphan":
            monkeypatch.setenv("IKEVIEW_RUNTIME", str(folder / "deeper"))
    with pytest.raises(PlaceRefused, match="mine"):
        runtime_folder(make=True)


def test_the_example_configuration_is_found() -> None:
    assert resource("config").joinpath("ikeview.toml").is_file()
    assert resource("config").joinpath("peers", "tokyo.toml").is_file()


def test_the_installed_copy_goes_before_the_source_tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "ikeview"
    package.mkdir()
    monkeypatch.setattr("ikeview.resources.files", lambda name: package)
    with pytest.raises(FileNotFoundError, match="themes"):
        resource("themes")
    (tmp_path / "themes").mkdir()
    assert resource("themes") == tmp_path / "themes"
    (package / "_themes").mkdir()
    assert resource("themes") == package / "_themes"
