"""ruff, mypy and the import contracts hold for the whole tree."""

import subprocess
import sys
from pathlib import Path

import pytest

_TOP = Path(__file__).parents[2]


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=_TOP, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-8000:]


def test_ruff() -> None:
    _run(sys.executable, "-m", "ruff", "check", ".")


def test_mypy() -> None:
    _run(sys.executable, "-m", "mypy")


def test_import_contracts() -> None:
    _run(sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")


_FORBIDDEN = {
    "ikeview.wire.message": "asyncio socket textual pyroute2 cryptography pydantic",
    "ikeview.core.endpoint": "asyncio textual pyroute2 pydantic",
    "ikeview.ikev1.build": "asyncio textual pyroute2 pydantic",
    "ikeview.model": "asyncio textual pyroute2 pydantic",
    "ikeview.cli": "asyncio textual pyroute2 pydantic cryptography",
}


@pytest.mark.parametrize("module", _FORBIDDEN)
def test_imports_in_a_fresh_interpreter(module: str) -> None:
    """The contracts are read from the source; this one also sees imports that are made late or through a library."""
    names = _FORBIDDEN[module].split()
    code = f"import sys, {module}; found = [n for n in {names!r} if n in sys.modules]; sys.exit(' '.join(found) or 0)"
    _run(sys.executable, "-c", code)


def test_no_machine_paths() -> None:
    """Nothing in the repository names a folder of somebody's machine."""
    files = subprocess.run(["git", "ls-files"], cwd=_TOP, capture_output=True, text=True, check=True).stdout.split()
    for name in files:
        try:
            text = (_TOP / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        for path in (f"{_TOP}/", f"{Path.home()}/"):
            assert path not in text, f"{name} holds {path}"
