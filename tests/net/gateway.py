"""ikeview as a gateway: ``ikeview run`` in a network namespace, and the commands that speak to it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.net.strongswan import SECRET
from tests.support.namespaces import Namespace

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 15.0


@dataclass
class TunnelFile:
    """A ``[[tunnel]]``; ``more`` are further keys as TOML lines."""

    name: str
    local: str
    remote: str
    proposals: tuple[str, ...]
    more: tuple[str, ...] = ()

    def text(self) -> str:
        """As TOML."""
        return "\n".join([
            "[[tunnel]]", f'name = "{self.name}"', f'local = "{self.local}"', f'remote = "{self.remote}"',
            f"proposals = {json.dumps(self.proposals)}", *self.more, "",
        ])


@dataclass
class PeerFile:
    """A file of ``peers/``. ``more`` are top-level lines, ``tables`` whole tables."""

    name: str
    local: str
    remote: str
    proposals: tuple[str, ...]
    tunnels: list[TunnelFile]
    secret: str = SECRET
    """The pre-shared key; empty: there is none."""
    phase1: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    tables: tuple[str, ...] = field(default=())
    auth: tuple[str, ...] = ()
    """Further lines of ``[auth]``."""

    def text(self) -> str:
        """As TOML."""
        secret = [f'secret_file = "../secrets/{self.name}.psk"'] if self.secret else []
        return "\n".join([
            f'name = "{self.name}"', f'local = "{self.local}"', f'remote = "{self.remote}"', *self.more,
            "[auth]", *secret, *self.auth,
            "[phase1]", f"proposals = {json.dumps(self.proposals)}", *self.phase1, *self.tables,
            *(each.text() for each in self.tunnels),
        ])


class Gateway:
    """One ``ikeview run``. ``start`` begins it with the peers given; ``stop`` ends it in order, ``kill`` at once."""

    def __init__(
        self, namespace: Namespace, folder: Path, peers: Iterable[PeerFile], files: Mapping[str, bytes] | None = None
    ) -> None:
        self.namespace, self.folder = namespace, folder
        self.peers = list(peers)
        self.files = dict(files or {})
        """What else is in the folder, by name in it: certificates, keys, users."""
        self._process: subprocess.Popen[bytes] | None = None
        self.runtime = folder / "runtime"
        for each in (folder, folder / "peers", folder / "secrets", folder / "state"):
            each.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Write the configuration, begin, wait until the control socket answers."""
        self.write()
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self.namespace.command(sys.executable, "-m", "ikeview", "run", "-c", str(self.folder)),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=self.environment(), cwd=ROOT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if self.status()["engine"]["running"]:
                    return
            except RuntimeError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    raise RuntimeError(f"ikeview run did not start: {self.output}") from error

    @property
    def output(self) -> str:
        """What ``ikeview run`` has printed."""
        return (self.folder / "output").read_text(errors="replace")

    def command(self, *words: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """An ``ikeview`` command."""
        return subprocess.run(
            [sys.executable, "-m", "ikeview", *words], capture_output=True, text=True, timeout=timeout,
            env=self.environment(), cwd=ROOT,
        )

    def status(self) -> dict[str, Any]:
        """``ikeview status --json``. Raises ``RuntimeError`` if there is no engine."""
        done = self.command("status", "--json")
        if done.returncode:
            raise RuntimeError(done.stderr)
        answer = json.loads(done.stdout)
        assert isinstance(answer, dict)
        return answer

    def tunnel(self, name: str) -> dict[str, Any]:
        """One tunnel's part of the status."""
        tunnel = next(each for each in self.status()["tunnels"] if each["name"] == name)
        assert isinstance(tunnel, dict)
        return tunnel

    def up(self, name: str, timeout: float = 30.0) -> None:
        """``ikeview up``, which has to succeed."""
        done = self.command("up", name, "--timeout", str(timeout))
        assert done.returncode == 0, done.stdout + done.stderr

    def events(self) -> list[dict[str, Any]]:
        """``ikeview events --json``."""
        done = self.command("events", "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def facts(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind."""
        return [each for each in self.events() if each.get("fact") == kind]

    def stop(self) -> int | None:
        """End in order; gives the exit status."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        status = self._process.returncode
        self._process = None
        return status

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def environment(self) -> dict[str, str]:
        """For its own commands: its own runtime folder, nothing of the caller's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IKEVIEW_")}
        return kept | {"IKEVIEW_RUNTIME": str(self.runtime), "PYTHONPATH": str(ROOT)}

    def write(self) -> None:
        """Its configuration and secrets."""
        (self.folder / "ikeview.toml").write_text(
            f'[engine]\ndataplane = "esp"\nstate = "{self.folder}/state"\n'
        )
        for peer in self.peers:
            (self.folder / "peers" / f"{peer.name}.toml").write_text(peer.text())
        secrets = {f"secrets/{peer.name}.psk": peer.secret.encode() for peer in self.peers if peer.secret}
        for name, data in (self.files | secrets).items():
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(data)
