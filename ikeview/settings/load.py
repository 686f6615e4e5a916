"""A configuration folder into ``core.specs.Settings``, or all of its problems at once."""

import os
import re
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

from ikeview.core.specs import (
    EngineSpec,
    KeepaliveSpec,
    ModeConfigSpec,
    PeerSpec,
    Selector,
    Settings,
    TunnelSpec,
    UiSpec,
    XauthSpec,
)
from ikeview.settings.between import Named, between_peers
from ikeview.settings.credentials import Credentials, Files, read_credentials
from ikeview.settings.files import Content, read_file
from ikeview.settings.problems import BadValue, Problem, SettingsError
from ikeview.settings.rules import peer_findings, program_findings
from ikeview.settings.schema import Config, Keepalive, Peer, Program, Tunnel, Xauth
from ikeview.settings.shape import Finding, fit, relevant
from ikeview.settings.tunnel_rules import margin, versions
from ikeview.settings.values import Traffic, parse_name
from ikeview.settings.warn import warnings

T = TypeVar("T")

FILE_LIMIT = 1_000_000
"""Octets of one file."""
_TELLING_APART = frozenset({"remote", "role", "local", "mode", "auth.method", "remote_id"})
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def load(folder: Path, wall: float | None = None) -> Settings:
    """The validated settings of ``folder``: ``ikeview.toml`` (defaults without it) and ``peers/*.toml`` (may be none).
    What ends soon is judged by ``wall``, UTC seconds since 1970; None: now.

    Raises ``SettingsError`` with every problem of every file.
    """
    reading = _Reading(folder)
    settings = reading.settings(time.time() if wall is None else wall)
    if settings is None:
        raise SettingsError(tuple(reading.problems))
    return settings


@dataclass(slots=True)
class _PeerFile:
    """A peer's file as far as it could be read, and what is wrong with it by itself."""

    content: Content
    peer: Peer
    findings: list[Finding]
    credentials: Credentials
    name: str = ""

    def named(self, file: str) -> Named:
        """For the rules between peers."""
        unsure = any(each.key in _TELLING_APART for each in self.findings)
        return Named(file, self.name, None if unsure else self.peer.remote, self.peer)


class _Reading:
    """One pass over a folder; ``problems`` grows in the order of the files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self._files = Files()

    def settings(self, wall: float) -> Settings | None:
        """None if there are problems."""
        if not os.path.isdir(self.folder):
            there = os.path.lexists(self.folder)
            self._report(
                str(self.folder),
                "",
                "is no folder" if there else "there is no such folder",
                "name a folder with -c DIR" if there else "make it, or name another with -c DIR",
            )
            return None
        program = self._program()
        files = [read for path in self._peer_paths() if (read := self._peer_file(path)) is not None]
        by_name = {self._name(each.content.path): each for each in files}
        for name, finding in between_peers([each.named(name) for name, each in by_name.items()]):
            by_name[name].findings.append(finding)
        for name, each in by_name.items():
            self._report_all(name, each.findings)
        if self.problems or program is None:
            return None
        engine, ui = program.engine, program.ui
        return Settings(
            EngineSpec(tuple(engine.listen), engine.port, engine.nat_port, engine.dataplane, engine.state),
            UiSpec(ui.theme, tuple(ui.keys.items())),
            tuple(_with_warnings(_peer_spec(each), wall) for each in files),
            str(self.folder),
        )

    def _program(self) -> Program | None:
        path = self.folder / "ikeview.toml"
        if not os.path.lexists(path):
            return Program()
        read = self._parse(path)
        if read is None:
            return None
        program, findings = fit(Program, read[1])
        findings += relevant(program_findings(program), findings)
        self._report_all(self._name(path), findings)
        return program

    def _peer_paths(self) -> list[Path]:
        """Files of ``peers`` in order of name, without hidden ones (editors' locks and backups) and other endings."""
        peers = self.folder / "peers"
        try:
            return sorted(path for path in peers.iterdir() if path.suffix == ".toml" and not path.name.startswith("."))
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            self._report("peers", "", "is no folder", "make a folder of it, with one file for each peer")
        except OSError as error:
            self._report("peers", "", f"cannot be read: {error.strerror}", "correct its permissions")
        return []

    def _peer_file(self, path: Path) -> _PeerFile | None:
        read = self._parse(path)
        if read is None:
            return None
        content, data = read
        peer, findings = fit(Peer, data)
        file = _PeerFile(content, peer, findings + relevant(peer_findings(peer), findings), Credentials())
        if peer.name is not None:
            file.name = peer.name
        elif not any(each.key == "name" for each in findings):
            file.name = self._found(file, "name", lambda: parse_name(path.stem)) or ""
        file.credentials, wrong = read_credentials(peer, content, self._files)
        told = {each.key for each in file.findings}
        file.findings += [
            each for each in relevant(iter(wrong), findings) if each.key.partition("[")[0] not in told
        ]
        return file

    def _parse(self, path: Path) -> tuple[Content, dict[str, Any]] | None:
        """A file's text as TOML; None, and a problem, if it cannot be read or parsed."""
        try:
            content = read_file(path, FILE_LIMIT)
        except BadValue as error:
            self._report(self._name(path), "", error.text, error.hint)
            return None
        try:
            return content, tomllib.loads(content.data.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            broken = content.data.count(b"\n", 0, error.start) + 1
            self._report(self._name(path), "", "is not UTF-8 text", "save it as UTF-8", broken)
        except RecursionError:
            self._report(self._name(path), "", "is nested too deeply", "no key of ikeview needs more than two levels")
        except ValueError as error:
            text, line = _syntax(str(error), content.data)
            self._report(self._name(path), "", text, "correct the TOML syntax", line)
        return None

    def _found(self, file: _PeerFile, key: str, find: Callable[[], T]) -> T | None:
        try:
            return find()
        except BadValue as error:
            file.findings.append(Finding(key, error.text, error.hint))
            return None

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.folder))

    def _shown(self, path: Path) -> str:
        """The path as in ``Problem.file``."""
        return os.path.relpath(path, self.folder) if _lies_in(path, self.folder) else os.path.normpath(path)

    def _report_all(self, file: str, findings: list[Finding]) -> None:
        for each in findings:
            if each.file is None:
                self._report(file, each.key, each.text, each.hint)
                continue
            problem = Problem(self._shown(each.file), "", each.text, each.hint, each.line)
            if problem not in self.problems:
                # several peers may name one file
                self.problems.append(problem)

    def _report(self, file: str, key: str, text: str, hint: str, line: int | None = None) -> None:
        self.problems.append(Problem(file, key, text, hint, line))


def _lies_in(path: Path, folder: Path) -> bool:
    return Path(os.path.normpath(path)).is_relative_to(os.path.normpath(folder))


def _syntax(message: str, data: bytes) -> tuple[str, int | None]:
    """The TOML parser's message, with the column but without the line, and the line."""
    place = _PLACE.search(message)
    if place is None:
        return message, None
    text = message[: place.start()]
    if place[1] is None:
        return f"{text} at the end of the file", data.count(b"\n") + 1
    return f"{text} at column {place[2]}", int(place[1])


def _given(value: T | None) -> T:
    """A needed key's value; that it is there has been judged before."""
    if value is None:
        raise AssertionError("a needed key is missing and was not reported")
    return value


def _with_warnings(spec: PeerSpec, wall: float) -> PeerSpec:
    return replace(spec, warnings=warnings(spec, wall))


def _peer_spec(file: _PeerFile) -> PeerSpec:
    peer, got = file.peer, file.credentials
    remote, phase1, auth = _given(peer.remote), _given(peer.phase1), _given(peer.auth)
    return PeerSpec(
        name=file.name,
        remote=remote.text,
        remote_address=remote.address,
        remote_network=remote.network,
        secret=got.secret,
        proposals=tuple(_given(phase1.proposals)),
        tunnels=tuple(_tunnel_spec(file.name, peer, each) for each in _given(peer.tunnel)),
        local=peer.local,
        local_id=got.local_id(peer.local_id),
        remote_id=peer.remote_id,
        ike=peer.ike,
        mode=peer.mode,
        role=peer.role,
        auth_method=auth.method,
        certificates=got.certificates,
        key=got.key,
        trust=got.trust,
        aggressive_psk=auth.aggressive_psk,
        xauth=None if peer.xauth is None else _xauth_spec(peer.xauth, got),
        config=None if peer.config is None else _config_spec(peer.config),
        unique=peer.unique,
        fragmentation=peer.fragmentation,
        lifetime=phase1.lifetime,
        keepalive=_keepalive_spec(peer.keepalive),
        nat_traversal=peer.nat.traversal,
        nat_keepalive=peer.nat.keepalive,
    )


def _xauth_spec(xauth: Xauth, got: Credentials) -> XauthSpec:
    return XauthSpec(xauth.role == "server", xauth.user or "", got.password, got.users)


def _config_spec(config: Config) -> ModeConfigSpec:
    return ModeConfigSpec(
        server=config.role == "server",
        push=config.method == "push",
        pool=config.pool,
        dns=tuple(config.dns or ()),
        domain=config.domain or "",
        banner=config.banner or "",
        split_include=tuple(config.split_include or ()),
    )


def _keepalive_spec(keepalive: Keepalive) -> KeepaliveSpec:
    return KeepaliveSpec(
        keepalive.method,
        keepalive.interval,
        keepalive.timeout,
        keepalive.action,
        keepalive.when,
        keepalive.target,
        keepalive.source,
    )


def _tunnel_spec(name: str, peer: Peer, tunnel: Tunnel) -> TunnelSpec:
    local, remote = _given(tunnel.local), _given(tunnel.remote)
    mine, theirs = versions(peer, tunnel)
    return TunnelSpec(
        peer=name,
        name=_given(tunnel.name),
        local=_selector(local, mine or theirs),
        remote=_selector(remote, theirs or mine),
        proposals=tuple(_given(tunnel.proposals)),
        mode=tunnel.mode,
        lifetime=tunnel.lifetime,
        lifebytes=tunnel.lifebytes,
        rekey_margin=margin(tunnel),
        start=tunnel.start,
        when_down=tunnel.when_down,
        local_dynamic=local.dynamic,
        remote_dynamic=remote.dynamic,
    )


def _selector(traffic: Traffic, version: int | None) -> Selector:
    """The traffic as written; for a dynamic one a placeholder of the version that the other end's traffic has."""
    if not traffic.dynamic:
        return traffic.selector
    nowhere = ip_network("::/128" if version == 6 else "0.0.0.0/32")
    return replace(traffic.selector, network=nowhere)
