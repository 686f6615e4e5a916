"""vpnc as the client: Cisco's way of remote access (Aggressive Mode, XAUTH, mode config) by a program of its own."""

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self

from tests.support.namespaces import Namespace
from tests.support.requirements import need

_SCRIPT = """#!/bin/sh
# what vpnc-script does, for this test: vpnc tells it by its environment
set -e
env | grep -E '^(INTERNAL_|CISCO_|reason=|TUNDEV=)' > '{folder}/environment'.$reason
case "$reason" in
connect)
    ip link set dev "$TUNDEV" mtu 1300 up
    ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
    ip route add {network} dev "$TUNDEV" src "$INTERNAL_IP4_ADDRESS"
    ;;
esac
"""


def need_vpnc() -> None:
    """Skips unless vpnc is installed."""
    need(shutil.which("vpnc") is not None, "vpnc is not installed")


class Vpnc:
    """One vpnc; ``network`` is what it sends into the tunnel, ``lines`` are further ones of its configuration. A
    context manager: it has begun, and ends in order."""

    def __init__(
        self, namespace: Namespace, folder: Path, gateway: str, group: str, secret: str, user: str, password: str,
        network: str, lines: tuple[str, ...] = (),
    ) -> None:
        self._namespace, self._folder = namespace, folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        script = folder / "script"
        script.write_text(_SCRIPT.format(folder=folder, network=network))
        script.chmod(0o700)
        configuration = folder / "vpnc.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("\n".join([
            f"IPSec gateway {gateway}", f"IPSec ID {group}", f"IPSec secret {secret}", f"Xauth username {user}",
            f"Xauth password {password}", f"Script {script}", f"Pidfile {folder}/pid", "No Detach", "Noninteractive",
            "Interface name vpnc0", *lines, "",
        ]))

    def __enter__(self) -> Self:
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                self._namespace.command("vpnc", "--debug", "2", str(self._folder / "vpnc.conf")),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def output(self) -> str:
        """What it has printed."""
        return (self._folder / "output").read_text(errors="replace")

    @property
    def running(self) -> bool:
        """Whether it is still there."""
        return self._process is not None and self._process.poll() is None

    @property
    def told(self) -> dict[str, str]:
        """What it has told its script about the connection; empty until it is up."""
        path = self._folder / "environment.connect"
        if not path.exists():
            return {}
        return dict(line.split("=", 1) for line in path.read_text().splitlines())

    def stop(self) -> None:
        """End in order: it deletes its SAs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End without a word to anybody."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None
