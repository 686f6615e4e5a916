"""What the wheel holds is what a user gets: themes and example configurations are found from it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content as pip lays it out."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(_TOP)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.glob("*.whl")
    target = out / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def _python(installed: Path, code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=installed, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_installed_package_is_the_one_tried(installed: Path) -> None:
    assert _python(installed, "import ikeview; print(ikeview.__file__)").startswith(str(installed))


@pytest.mark.parametrize(("kind", "name"), [("themes", "night.toml"), ("config", "ikeview.toml")])
def test_resources_are_found_from_the_wheel(installed: Path, kind: str, name: str) -> None:
    code = f"from ikeview.resources import resource; print(resource({kind!r}).joinpath({name!r}).read_text())"
    assert _python(installed, code).strip() == (_TOP / kind / name).read_text().strip()


def test_every_theme_is_in_the_wheel(installed: Path) -> None:
    code = "from ikeview.resources import resource; print(*sorted(p.name for p in resource('themes').iterdir()))"
    there = set(_python(installed, code).split())
    assert {path.name for path in (_TOP / "themes").glob("*.toml")} <= there


def test_the_command_runs_from_the_wheel(installed: Path) -> None:
    code = """
import sys
from ikeview.cli import main
try:
    sys.exit(main(["--version"]))
except SystemExit as end:
    assert not end.code
"""
    assert _python(installed, code).startswith("ikeview")
