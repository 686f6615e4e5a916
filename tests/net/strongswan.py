"""strongSwan as the other gateway: its charon in a network namespace, ESP in userspace (kernel-libipsec)."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.support.kernel import Begun, KernelHost
from tests.support.namespaces import Namespace, need_namespaces
from tests.support.requirements import need

_DAEMONS = ("/usr/lib/ipsec/charon", "/usr/libexec/ipsec/charon", "/usr/libexec/strongswan/charon", "charon-systemd",
            "/usr/sbin/charon-systemd")
_PLUGIN_FOLDERS = ("/usr/lib/ipsec/plugins", "/usr/lib/strongswan/plugins", "/usr/libexec/ipsec/plugins",
                   "/usr/lib64/strongswan/plugins")
_PLUGINS = (
    "random nonce x509 revocation constraints pubkey pkcs1 pkcs8 pem openssl aes sha1 sha2 md5 hmac kdf gmp curve25519 "
    "gcm ccm ctr cmac xcbc {esp}kernel-netlink socket-default vici updown xauth-generic unity"
)
_SWANCTL_PLUGINS = "pem pkcs1 pkcs8 x509 openssl random"
_PACKAGES = {"kernel-libipsec": "libcharon-extra-plugins", "unity": "libcharon-extra-plugins",
             "xauth-generic": "libcharon-extauth-plugins", "ctr": "libstrongswan-extra-plugins"}
_CERTIFICATES, _AUTHORITIES, _KEYS, _LISTS = "x509", "x509ca", "private", "x509crl"
START_SECONDS = 15.0
SECRET = "interop test secret"


def need_strongswan() -> None:
    """Skips unless strongSwan with userspace ESP is installed."""
    need_namespaces()
    need(_daemon() is not None, "strongSwan's charon (strongswan-charon or charon-systemd) is not installed")
    need(shutil.which("swanctl") is not None, "swanctl (strongswan-swanctl) is not installed")
    for plugin, package in _PACKAGES.items():
        found = any(Path(folder, f"libstrongswan-{plugin}.so").exists() for folder in _PLUGIN_FOLDERS)
        need(found, f"strongSwan's {plugin} ({package}) is not installed")


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
    local_rounds: tuple[tuple[str, ...], ...] = (("auth = psk",),)
    """How this end authenticates: the lines of ``local``, then of ``local-2``."""
    remote_rounds: tuple[tuple[str, ...], ...] = (("auth = psk",),)
    users: tuple[tuple[str, str], ...] = ()
    """Names and passwords for XAUTH: those it lets in, or the one it is."""
    pool: tuple[str, ...] = ()
    """The lines of a pool of addresses, if it has one to give."""

    def text(self) -> str:
        """Its section of swanctl.conf."""
        rounds = [
            _section(f"{side}-{number}", [*lines, *([f"id = {ident}"] if ident and number == 1 else [])])
            for side, ident, those in (("local", self.local_id or self.local, self.local_rounds),
                                       ("remote", self.remote_id or self.remote, self.remote_rounds))
            for number, lines in enumerate(those, 1)
        ]
        return _section(self.name, [
            "version = 1", f"local_addrs = {self.local}", f"remote_addrs = {self.remote}",
            f"proposals = {self.proposals}", *self.more, *([f"pools = {self.name}"] if self.pool else []), *rounds,
            _section("children", [child.text() for child in self.children]),
        ])

    def secret_texts(self) -> list[str]:
        """Its sections of the secrets."""
        idents = dict.fromkeys(
            each for each in (self.local_id, self.local, self.remote_id, self.remote) if each and each != "%any"
        )
        found = [
            _section(f"xauth-{self.name}-{number}", [f"id = {user}", f'secret = "{password}"'])
            for number, (user, password) in enumerate(self.users)
        ]
        if self.secret:
            lines = [f"id-{number} = {ident}" for number, ident in enumerate(idents)]
            found.append(_section(f"ike-{self.name}", [*lines, f'secret = "{self.secret}"']))
        return found


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
        self, namespace: Namespace, folder: Path, connections: Iterable[Connection], *, ike_log: int = 2,
        files: Mapping[str, bytes] | None = None, charon: tuple[str, ...] = (), kernel_esp: bool = False,
    ) -> None:
        self.namespace, self.folder = namespace, folder
        self.connections = list(connections)
        self._ike_log, self._charon, self._kernel_esp = ike_log, charon, kernel_esp
        self._process: subprocess.Popen[bytes] | None = None
        for each in (_CERTIFICATES, _AUTHORITIES, _KEYS, _LISTS):
            (folder / each).mkdir(parents=True, exist_ok=True)
        for name, data in (files or {}).items():
            path = folder / name
            path.touch(mode=0o600)
            path.write_bytes(data)

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
        daemon = _daemon()
        assert daemon is not None
        self._launch(daemon)
        deadline = time.monotonic() + START_SECONDS
        while self.swanctl("--stats").returncode:
            if self._ended() or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"charon did not start: {(self.folder / 'output').read_text()}\n{self.log}")
            time.sleep(0.02)
        self.load()

    def _launch(self, daemon: str) -> None:
        (self.folder / "vici").unlink(missing_ok=True)
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

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def load(self) -> None:
        """Load ``connections`` and their secrets; what is no longer among them is unloaded."""
        path = self.folder / "swanctl.conf"
        path.touch(mode=0o600)
        path.write_text("\n".join([
            _section("connections", [each.text() for each in self.connections]),
            _section("secrets", [text for each in self.connections for text in each.secret_texts()]),
            _section("pools", [_section(each.name, each.pool) for each in self.connections if each.pool]),
        ]) + "\n")
        done = self.swanctl("--load-all", "--clear", "--noprompt", "--file", str(path))
        if done.returncode:
            raise RuntimeError(f"swanctl --load-all: {done.stderr}{done.stdout}")

    def swanctl(self, *words: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run swanctl on this charon."""
        return subprocess.run(
            ["swanctl", *words, "--uri", self.uri], capture_output=True, text=True, timeout=timeout,
            env=os.environ | {"STRONGSWAN_CONF": f"{self.folder}/strongswan.conf"},
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
        libipsec = "" if self._kernel_esp else "kernel-libipsec "
        return _section("charon", [
            f"load = {_PLUGINS.format(esp=libipsec)}", "retransmit_base = 1.5", "retransmit_timeout = 1.0",
            "i_dont_care_about_security_and_use_aggressive_mode_psk = yes", *self._charon,
            _section("plugins", [_section("vici", [f"socket = {self.uri}"]),
                                 _section("kernel-libipsec", [f"load = {'no' if self._kernel_esp else 'yes'}"])]),
            _section("filelog", [_section("log", [
                f"path = {self.folder}/log", "time_format = %H:%M:%S", "time_add_ms = yes", "default = 1",
                f"ike = {self._ike_log}", "flush_line = yes",
            ])]),
        ]) + "\n" + _section("swanctl", [f"load = {_SWANCTL_PLUGINS}"]) + "\n"


class KernelStrongSwan(StrongSwan):
    """strongSwan on a host with a kernel of its own, which does ESP: what libipsec lacks (transport mode, ESN, the
    truncation to 96 bits) is there."""

    def __init__(self, host: KernelHost, connections: Iterable[Connection], **more: Any) -> None:
        super().__init__(Namespace(""), host.folder / "strongswan", connections, kernel_esp=True, **more)
        self._host = host
        self._begun: Begun | None = None

    @property
    def uri(self) -> str:
        return "unix:///run/vici"

    def swanctl(self, *words: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        settings = f"STRONGSWAN_CONF={self.folder}/strongswan.conf"
        return self._host.run("env", settings, "swanctl", *words, "--uri", self.uri, timeout=timeout)

    def _launch(self, daemon: str) -> None:
        (self.folder / "output").touch()
        self._begun = self._host.begin(
            "env", f"STRONGSWAN_CONF={self.folder}/strongswan.conf", "sh", "-c",
            f"exec '{daemon}' > '{self.folder}/output' 2>&1",
        )

    def _ended(self) -> bool:
        return False

    def stop(self) -> None:
        self.kill()

    def kill(self) -> None:
        if self._begun is not None:
            self._begun.end()
        self._begun = None


def _values(text: str) -> dict[str, str]:
    return dict(re.findall(r"([\w-]+)=(\[[^\]]*\]|\S+)", text))
