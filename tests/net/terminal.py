"""A real terminal: tmux with a server of its own, keys sent to it and its screen read back."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from tests.support.requirements import need

PATIENCE = 20.0


def need_tmux() -> None:
    """Skips unless tmux is installed."""
    need(shutil.which("tmux") is not None, "tmux is not installed")


class Terminal:
    """A terminal of ``columns`` x ``lines`` that runs one command and stays open after it."""

    def __init__(
        self, folder: Path, command: list[str], environment: Mapping[str, str], columns: int = 80, lines: int = 24
    ) -> None:
        self._socket = folder / "tmux"
        self._ended = folder / "exit-status"
        self._ended.unlink(missing_ok=True)
        script = f"{shlex.join(command)}; echo $? > {shlex.quote(str(self._ended))}; sleep 1000"
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines), script,
            environment={**environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tmux(self, *words: str, environment: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *words], capture_output=True, text=True, timeout=30,
            env=dict(os.environ if environment is None else environment),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Type; names as tmux knows them (Enter, Escape)."""
        self._tmux("send-keys", *keys)

    @property
    def screen(self) -> str:
        """What is to be seen."""
        return self._tmux("capture-pane", "-p")

    def until(self, condition: Callable[[str], bool], what: str) -> str:
        """The first screen for which the condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition(screen := self.screen):
            assert time.monotonic() < deadline, f"never saw {what}:\n{screen}"
            time.sleep(0.05)
        return screen

    def see(self, *words: str) -> str:
        """The first screen with all of these on it."""
        return self.until(lambda screen: all(word in screen for word in words), " and ".join(words))

    def line(self, word: str) -> str:
        """The first line of the present screen with that word, or nothing."""
        return next((line for line in self.screen.splitlines() if word in line), "")

    def exit_status(self) -> int:
        """The command's exit status, once it has ended."""
        deadline = time.monotonic() + PATIENCE
        while not self._ended.exists() or not self._ended.read_text():
            assert time.monotonic() < deadline, f"it has not ended:\n{self.screen}"
            time.sleep(0.05)
        return int(self._ended.read_text())

    def close(self) -> None:
        """End the terminal and what runs in it."""
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], capture_output=True, timeout=30)
