"""strongSwan as the other gateway: its charon in a network namespace, ESP in userspace (kernel-libipsec)."""

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.support.namespaces import Namespace, need_namespaces
from tests.support.requirements import need

_DAEMONS = ("/usr/lib/ipsec/charon", "/usr/libexec/ipsec/charon", "/usr/libexec/strongswan/charon", "charon-systemd",
            "/usr/sbin/charon-systemd")
_PLUGIN_FOLDERS = ("/usr/lib/ipsec/plugins", "/usr/lib/strongswan/plugins", "/usr/libexec/ipsec/plugins",
                   "/usr/lib64/strongswan/plugins")
_PLUGINS = (
    "random nonce openssl aes sha1 sha2 md5 hmac kdf gmp curve25519 gcm kernel-libipsec kernel-netlink "
    "socket-default vici updown"
)
START_SECONDS = 15.0
SECRET = "interop test secret"


def need_strongswan() -> None:
    """Skips unless strongSwan with userspace ESP is installed."""
    need_namespaces()
    need(_daemon() is not None, "strongSwan's charon (strongswan-charon or charon-systemd) is not installed")
    need(shutil.which("swanctl") is not None, "swanctl (strongswan-swanctl) is not installed")
    found = any(Path(folder, "libstrongswan-kernel-libipsec.so").exists() for folder in _PLUGIN_FOLDERS)
    need(found, "strongSwan's kernel-libipsec (libcharon-extra-plugins) is not installed")


def _daemon() -> str | None:
    return next((found for each in _DAEMONS if (found := shutil.which(each))), None)


@dataclass
class Child:
    """A phase 2 of strongSwan's; ``more`` are further lines of its section."""

    name: str
    local: str
    remote: str
    proposals: str
    more: tuple[str, ...] = ()

    def text(self) -> str:
        """Its section of swanctl.conf."""
        return _section(self.name, [
            f"local_ts = {self.local}", f"remote_ts = {self.remote}", f"esp_proposals = {self.proposals}", *self.more,
        ])


@dataclass
class Connection:
    """A peer of strongSwan's. ``secret`` is the pre-shared key; without one there is none for the pair."""

    name: str
    local: str
    remote: str
    proposals: str
    children: list[Child]
    local_id: str = ""
    """Empty: the address. One that is written is what it takes for strongSwan to send INITIAL-CONTACT."""
    remote_id: str = ""
    secret: str = SECRET
    more: tuple[str, ...] = ()

    def text(self) -> str:
        """Its section of swanctl.conf."""
        return _section(self.name, [
            "version = 1", f"local_addrs = {self.local}", f"remote_addrs = {self.remote}",
            f"proposals = {self.proposals}", *self.more,
            _section("local", ["auth = psk", f"id = {self.local_id or self.local}"]),
            _section("remote", ["auth = psk", f"id = {self.remote_id or self.remote}"]),
            _section("children", [child.text() for child in self.children]),
        ])

    def secret_text(self) -> str:
        """Its section of the secrets."""
        return _section(f"ike-{self.name}", [
            f"id-1 = {self.local_id or self.local}", f"id-2 = {self.remote_id or self.remote}",
            f'secret = "{self.secret}"',
        ])


def _section(name: str, lines: Iterable[str]) -> str:
    return "\n".join([f"{name} {{", *lines, "}"])


@dataclass
class Listed:
    """An IKE SA as ``swanctl --list-sas`` tells it; ``children`` are its IPsec SAs, a mapping each."""

    name: str
    children: list[dict[str, str]] = field(default_factory=list)


class StrongSwan:
    """One charon. ``start`` begins it with the connections given; ``stop`` ends it in order, ``kill`` at once."""

    def __init__(
        self, namespace: Namespace, folder: Path, connections: Iterable[Connection], *, ike_log: int = 2
    ) -> None:
        self.namespace, self.folder = namespace, folder
        self.connections = list(connections)
        self._ike_log = ike_log
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def uri(self) -> str:
        """Where the control socket is."""
        return f"unix://{self.folder}/vici"

    @property
    def log(self) -> str:
        """What charon has written so far."""
        try:
            return (self.folder / "log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def start(self) -> None:
        """Begin, wait for the control socket, load the connections."""
        (self.folder / "strongswan.conf").write_text(self._strongswan_conf())
        (self.folder / "vici").unlink(missing_ok=True)
        daemon = _daemon()
        assert daemon is not None
        # its process id file lies in a fixed place in /run: it gets a /run of its own
        script = (
            f"mount -t tmpfs run /run && mkdir -p /run/lock && STRONGSWAN_CONF='{self.folder}/strongswan.conf' "
            f"exec '{daemon}'"
        )
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                self.namespace.command("unshare", "-m", "bash", "-c", script),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not (self.folder / "vici").exists() or self.swanctl("--stats").returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"charon did not start: {(self.folder / 'output').read_text()}\n{self.log}")
            time.sleep(0.02)
        self.load()

    def load(self) -> None:
        """Load ``connections`` and their secrets; what is no longer among them is unloaded."""
        path = self.folder / "swanctl.conf"
        path.touch(mode=0o600)
        path.write_text("\n".join([
            _section("connections", [each.text() for each in self.connections]),
            _section("secrets", [each.secret_text() for each in self.connections if each.secret]),
        ]) + "\n")
        done = self.swanctl("--load-all", "--clear", "--noprompt", "--file", str(path))
        if done.returncode:
            raise RuntimeError(f"swanctl --load-all: {done.stderr}{done.stdout}")

    def swanctl(self, *words: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run swanctl on this charon."""
        return subprocess.run(
            ["swanctl", *words, "--uri", self.uri], capture_output=True, text=True, timeout=timeout
        )

    def sas(self) -> list[Listed]:
        """All IKE SAs with their children."""
        done = self.swanctl("--list-sas", "--raw")
        if done.returncode:
            raise RuntimeError(f"swanctl --list-sas: {done.stderr}")
        found = []
        for line in done.stdout.splitlines():
            match = re.match(r"list-sa event \{(\S+) \{(.*)\}\}$", line)
            if match:
                children = re.findall(r"\{([^{}]*)\}", match[2].partition("child-sas {")[2])
                found.append(Listed(match[1], [_values(each) for each in children if "spi-in=" in each]))
        return found

    def of(self, connection: str) -> list[Listed]:
        """The IKE SAs of one connection."""
        return [each for each in self.sas() if each.name == connection]

    def stop(self) -> None:
        """End in order: it deletes its SAs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End without a word to anybody."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _strongswan_conf(self) -> str:
        # charon-systemd reads its own section first and takes what it lacks from charon's
        return _section("charon", [
            f"load = {_PLUGINS}", "install_virtual_ip = no", "retransmit_base = 1.5", "retransmit_timeout = 1.0",
            _section("plugins", [_section("vici", [f"socket = {self.uri}"]),
                                 _section("kernel-libipsec", ["load = yes"])]),
            _section("filelog", [_section("log", [
                f"path = {self.folder}/log", "time_format = %H:%M:%S", "time_add_ms = yes", "default = 1",
                f"ike = {self._ike_log}", "flush_line = yes",
            ])]),
        ]) + "\n"


def _values(text: str) -> dict[str, str]:
    return dict(re.findall(r"([\w-]+)=(\[[^\]]*\]|\S+)", text))
