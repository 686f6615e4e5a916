"""How long from exec until the first paint, and how many bytes a quiet screen sends, on a pseudo-terminal.

    python tests/bench/first_paint.py [--peers 100] [--runs 5] [--quiet 10]

Starts the real program on a configuration of that many peers, on loopback with the memory plane, and in turn a Textual
program that shows one word; prints medians and their ratio, since the seconds depend on the machine. The first paint is
the one that shows the first tunnel of the list.
"""

import argparse
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

_BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("peer000/lan")
Bare().run(mouse=False)
"""
ROWS, COLUMNS = 24, 80
LIMIT = 20.0


def write_configuration(folder: Path, peers: int) -> None:
    """``peers`` peers with a tunnel each that nobody brings up."""
    (folder / "peers").mkdir()
    (folder / "ikeview.toml").write_text(
        '[engine]\nlisten = ["127.0.0.1"]\nport = 15500\nnat_port = 15501\ndataplane = "memory"\n'
    )
    secret = folder / "secret"
    secret.write_text("not a secret\n")
    secret.chmod(0o600)
    for number in range(peers):
        (folder / "peers" / f"peer{number:03}.toml").write_text(
            f'name = "peer{number:03}"\nremote = "198.18.{number // 250}.{number % 250 + 1}"\n'
            '[auth]\nmethod = "psk"\nsecret_file = "../secret"\n'
            '[phase1]\nproposals = ["aes256-sha256-modp2048"]\n'
            f'[[tunnel]]\nname = "lan"\nlocal = "10.1.0.0/24"\nremote = "10.{number // 250 + 2}.{number % 250}.0/24"\n'
            'proposals = ["aes256gcm16-modp2048"]\nstart = "manual"\n'
        )


def read_until(terminal: int, wanted: bytes, until: float) -> bytes:
    """What the program sent until ``wanted`` came. Raises ``SystemExit`` with the output if it does not come."""
    taken = b""
    while wanted not in taken:
        left = until - time.monotonic()
        if left <= 0 or not select.select([terminal], [], [], left)[0]:
            raise SystemExit(f"no first paint within {LIMIT} s:\n{taken.decode(errors='replace')}")
        try:
            taken += os.read(terminal, 65536)
        except OSError as error:
            raise SystemExit(f"the program ended:\n{taken.decode(errors='replace')}") from error
    return taken


def count_for(terminal: int, seconds: float) -> int:
    """Bytes sent in that time."""
    until = time.monotonic() + seconds
    total = 0
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            total += len(os.read(terminal, 65536))
    return total


def one_run(folder: Path, quiet: float, *words: str) -> tuple[float, float]:
    """Seconds to the first paint of a Python program, and bytes a second after it."""
    started = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        environment = dict(os.environ, TERM="xterm-256color", IKEVIEW_RUNTIME=str(folder / "run"))
        # an installed program has its modules compiled
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        os.execve(sys.executable, [sys.executable, *words], environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    try:
        read_until(terminal, b"peer000/lan", started + LIMIT)
        painted = time.monotonic() - started
        count_for(terminal, 1.0)
        rate = count_for(terminal, quiet) / quiet if quiet else 0.0
    finally:
        os.kill(pid, signal.SIGTERM)
        try:
            while os.read(terminal, 65536):
                pass
        except OSError:
            pass
        os.close(terminal)
        os.waitpid(pid, 0)
    return painted, rate


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quiet", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").mkdir(mode=0o700)
        write_configuration(folder, options.peers)
        words = ("-m", "ikeview", "-c", str(folder))
        # the first run compiles and fills the caches; it is the one whose bytes are counted
        _, rate = one_run(folder, options.quiet, *words)
        times: list[float] = []
        bare: list[float] = []
        for _ in range(options.runs):
            times.append(one_run(folder, 0.0, *words)[0])
            bare.append(one_run(folder, 0.0, "-c", _BARE)[0])
    middle, other = statistics.median(times), statistics.median(bare)
    print(f"first paint with {options.peers} peers: median {middle:.2f} s, {min(times):.2f} to {max(times):.2f}")
    print(f"bare Textual program: median {other:.2f} s; ratio {middle / other:.1f}")
    print(f"quiet screen: {rate:.0f} B/s at {COLUMNS}x{ROWS}")


if __name__ == "__main__":
    main()
