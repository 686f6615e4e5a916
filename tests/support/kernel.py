"""A host with a kernel of its own, for what this machine's kernel may lack (ESP, transport mode): user-mode Linux, an
ordinary process, joined to a network namespace by a TAP device. It sees this machine's files and writes to none of
them but those below the folder given.
"""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support.namespaces import Namespace, need_namespaces
from tests.support.requirements import need

_KERNEL = "/usr/bin/linux.uml"
_MODULES = "/usr/lib/uml/modules"
_NEEDED = "esp4 esp6 xfrm_user authenc echainiv seqiv gcm ccm ctr"
_START_SECONDS = 60.0
_PORT = 7
_AGENT = Path(__file__).with_name("kernel_agent.py")


def need_kernel() -> None:
    """Skips unless user-mode Linux is installed."""
    need_namespaces()
    need(Path(_KERNEL).exists(), "user-mode Linux (user-mode-linux) is not installed")
    need(Path("/usr/sbin/modprobe").exists() or Path("/sbin/modprobe").exists(), "modprobe (kmod) is not installed")


@dataclass
class Begun:
    """A command that runs on the host; ``end`` ends it, with its children, and gives what it has printed."""

    _link: socket.socket

    def wait(self, seconds: float) -> tuple[int, str]:
        """Exit status and output. Raises ``TimeoutError``."""
        self._link.settimeout(seconds)
        answer = b""
        while piece := self._link.recv(1 << 16):
            answer += piece
        self._link.close()
        told = json.loads(answer)
        return int(told["status"]), str(told["output"])

    def end(self) -> None:
        """Kill it."""
        self._link.close()


class KernelHost:
    """The machine. ``address`` (with prefix length) is its own on the link, ``link`` lines are for ip(8) in it, of
    which ``vec0`` is the link's device. A context manager."""

    DEVICE = "tap0"
    """The other end of the link, in the namespace."""

    def __init__(self, namespace: Namespace, folder: Path, control: tuple[str, str], lines: tuple[str, ...]) -> None:
        self._namespace, self.folder = namespace, folder
        self._here, self._there = control
        self._lines = lines
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self._namespace.ip(
            f"tuntap add {self.DEVICE} mode tap", f"link set {self.DEVICE} addrgenmode none up",
            f"addr add {self._here}/30 dev {self.DEVICE}",
        )
        script = self.folder / "init"
        script.write_text(self._script())
        script.chmod(0o700)
        with (self.folder / "console").open("wb") as console:
            self._process = subprocess.Popen(
                self._namespace.command(
                    _KERNEL, "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "mem=384M", f"init={script}",
                    f"vec0:transport=tap,ifname={self.DEVICE},depth=64", "con=null", "con0=null,fd:1", "quiet",
                ),
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.run("true")
                return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    console_text = (self.folder / "console").read_text(errors="replace")
                    raise RuntimeError(f"user-mode Linux did not start: {console_text}") from None
                time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        # it has nothing to lose; its threads are processes of this machine
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        self._namespace.ip(f"link del {self.DEVICE}")

    def begin(self, *words: str) -> Begun:
        """Start a command."""
        link = self._namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
        link.settimeout(2)
        try:
            link.connect((self._there, _PORT))
            link.sendall(json.dumps(words).encode() + b"\n")
        except OSError:
            link.close()
            raise
        return Begun(link)

    def run(self, *words: str, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run to the end; the caller looks at the status."""
        status, output = self.begin(*words).wait(timeout)
        return subprocess.CompletedProcess(words, status, output, "")

    def _script(self) -> str:
        links = [f"addr add {self._there}/30 dev vec0", *self._lines]
        return "\n".join([
            "#!/bin/sh",
            "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "mount -t proc proc /proc", "mount -t sysfs sys /sys", "mount -t tmpfs run /run", "mkdir -p /run/lock",
            "mkdir -p /run/kernel/lib /run/shm", f"ln -s {_MODULES} /run/kernel/lib/modules",
            f"mount -t hostfs none {self.folder} -o {self.folder}",
            "printf '#!/bin/sh\\nexec modprobe -d /run/kernel \"$@\"\\n' > /run/kernel/modprobe",
            "chmod 755 /run/kernel/modprobe", "echo /run/kernel/modprobe > /proc/sys/kernel/modprobe",
            f"for m in {_NEEDED}; do modprobe -d /run/kernel $m || echo no module $m; done",
            "ip link set lo up", "ip link set vec0 up", *(f"ip {line}" for line in links),
            f"exec {shlex.quote(sys.executable)} {shlex.quote(str(_AGENT))} {self._there} {_PORT}",
            "",
        ])
