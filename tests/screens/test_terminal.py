"""On a real (pseudo-)terminal: what is sent to it, and that it is given back as it was."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ikeview.ui import terminal

PATIENCE = 20.0
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class Screen:
    """The child and what it has sent."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid = pid
        self.fd = fd
        self.sent = b""

    def wait_for(self, wanted: bytes) -> None:
        until = time.monotonic() + PATIENCE
        while wanted not in self.sent:
            ready = select.select([self.fd], [], [], max(0.0, until - time.monotonic()))[0]
            assert ready, f"{wanted!r} did not come: {self.sent[-2000:]!r}"
            self.sent += self._read()

    def _read(self) -> bytes:
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        assert data, f"the child ended: {self.sent[-2000:]!r}"
        return data


@contextmanager
def screen(*words: str, **environment: str) -> Iterator[Screen]:
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(Path(__file__).parents[2])
        values = {**os.environ, "TERM": "xterm-256color", **environment}
        os.execve(sys.executable, [sys.executable, "-m", "tests.support.screen_child", *words], values)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    child = Screen(pid, fd)
    try:
        child.wait_for(b"tokyo/lan")
        child.wait_for(b"filter")
        yield child
    finally:
        os.close(fd)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.parametrize(
    ("words", "number", "left"),
    [
        ((), signal.SIGTERM, b"left: teardown"),
        ((), signal.SIGHUP, b"left: gone"),
        (("attached",), signal.SIGTERM, b"left: leave"),
    ],
    ids=["term", "hup", "term-attached"],
)
def test_a_signal_gives_the_terminal_back(words, number, left):
    with screen(*words) as child:
        os.kill(child.pid, number)
        child.wait_for(left)
        assert child.sent.index(ENTER) < child.sent.index(LEAVE) < child.sent.index(left)


def test_no_mouse_and_no_blinking_is_asked_for():
    with screen("attached") as child:
        os.write(child.fd, b"q")
        child.wait_for(b"left: leave")
        for sequence in (b"?1000h", b"?1003h", b"?1006h", b"\x1b[5m"):
            assert sequence not in child.sent


def test_plain_means_no_colour_and_ascii():
    with screen("plain", "attached") as child:
        os.write(child.fd, b"q")
        child.wait_for(b"left: leave")
        painted = child.sent[child.sent.index(ENTER) : child.sent.index(LEAVE)]
        assert painted.isascii()
        colours = {code for run in re.findall(rb"\x1b\[([0-9;]+)m", painted) for code in run.split(b";")}
        assert not {code for code in colours if code[:1] in b"34" and len(code) == 2} - {b"39", b"49"}
        assert b"38" not in colours


def test_a_defect_of_the_screen_prints_no_call_stack():
    with screen("broken") as child:
        os.write(child.fd, b"u")
        child.wait_for(b"failed: RuntimeError")
        after = child.sent[child.sent.index(LEAVE) :]
        assert b"Traceback" not in after
        assert b"secret words" not in child.sent


def test_gnu_screen_gets_no_true_colour(monkeypatch):
    monkeypatch.setenv("STY", "1.pts-0.gw")
    for name in ("TEXTUAL_COLOR_SYSTEM", "TEXTUAL_ANIMATIONS", "TEXTUAL_SMOOTH_SCROLL"):
        monkeypatch.delenv(name, raising=False)
    terminal.prepare()
    assert os.environ["TEXTUAL_COLOR_SYSTEM"] == "256"
    assert os.environ["TEXTUAL_ANIMATIONS"] == "none"


def test_the_users_own_settings_stay(monkeypatch):
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "full")
    terminal.prepare()
    assert os.environ["TEXTUAL_ANIMATIONS"] == "full"


def test_who_sits_there(monkeypatch):
    monkeypatch.setenv("SUDO_USER", "al\x1bice")
    assert re.fullmatch(r"al�ice@.+", terminal.who())
