"""A configuration folder into ``core.specs.Settings``, or all of its problems at once."""

import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ikeview.core.specs import EngineSpec, KeepaliveSpec, PeerSpec, Settings, TunnelSpec, UiSpec
from ikeview.crypto.secret import Secret
from ikeview.settings import secret
from ikeview.settings.files import Content, read_file
from ikeview.settings.problems import BadValue, Problem, SettingsError
from ikeview.settings.rules import Named, between_peers, margin, peer_findings, program_findings
from ikeview.settings.schema import Auth, Peer, Program, Tunnel
from ikeview.settings.shape import Finding, fit, relevant
from ikeview.settings.values import parse_name

T = TypeVar("T")

FILE_LIMIT = 1_000_000
"""Octets of one file."""
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def load(folder: Path) -> Settings:
    """The validated settings of ``folder``: ``ikeview.toml`` (defaults without it) and ``peers/*.toml`` (may be none).

    Raises ``SettingsError`` with every problem of every file.
    """
    reading = _Reading(folder)
    settings = reading.settings()
    if settings is None:
        raise SettingsError(tuple(reading.problems))
    return settings


@dataclass(slots=True)
class _PeerFile:
    """A peer's file as far as it could be read, and what is wrong with it by itself."""

    content: Content
    peer: Peer
    findings: list[Finding]
    name: str = ""
    secret: Secret | None = None

    def named(self, file: str) -> Named:
        """For the rules between peers."""
        unsure = any(each.key in ("remote", "role", "local") for each in self.findings)
        return Named(file, self.name, None if unsure else self.peer.remote, self.peer)


class _Reading:
    """One pass over a folder; ``problems`` grows in the order of the files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def settings(self) -> Settings | None:
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
            EngineSpec(tuple(engine.listen), engine.port, engine.nat_port, engine.dataplane),
            UiSpec(ui.theme, tuple(ui.keys.items())),
            tuple(_peer_spec(each) for each in files),
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
        file = _PeerFile(content, peer, findings + relevant(peer_findings(peer), findings))
        if peer.name is not None:
            file.name = peer.name
        elif not any(each.key == "name" for each in findings):
            file.name = self._found(file, "name", lambda: parse_name(path.stem)) or ""
        if peer.auth is not None:
            self._secret(file, peer.auth)
        return file

    def _secret(self, file: _PeerFile, auth: Auth) -> None:
        """Looks at every way that is written, so that one run shows what is wrong with each."""
        name, variable, text = auth.secret_file, auth.secret_env, auth.secret
        beside = file.content.path.parent
        if name is not None:
            file.secret = self._found(file, "auth.secret_file", lambda: secret.from_file(name, beside))
        if variable is not None:
            file.secret = self._found(file, "auth.secret_env", lambda: secret.from_environment(variable))
        if text is not None:
            file.secret = self._found(file, "auth.secret", lambda: secret.from_peer_file(text, file.content))

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

    def _report_all(self, file: str, findings: list[Finding]) -> None:
        for each in findings:
            self._report(file, each.key, each.text, each.hint)

    def _report(self, file: str, key: str, text: str, hint: str, line: int | None = None) -> None:
        self.problems.append(Problem(file, key, text, hint, line))


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


def _peer_spec(file: _PeerFile) -> PeerSpec:
    peer, keepalive = file.peer, file.peer.keepalive
    remote, phase1 = _given(peer.remote), _given(peer.phase1)
    return PeerSpec(
        name=file.name,
        remote=remote.text,
        remote_address=remote.address,
        remote_network=remote.network,
        secret=_given(file.secret),
        proposals=tuple(_given(phase1.proposals)),
        tunnels=tuple(_tunnel_spec(file.name, each) for each in _given(peer.tunnel)),
        local=peer.local,
        local_id=peer.local_id,
        remote_id=peer.remote_id,
        ike=peer.ike,
        mode=peer.mode,
        role=peer.role,
        auth_method=_given(peer.auth).method,
        lifetime=phase1.lifetime,
        keepalive=KeepaliveSpec(keepalive.method, keepalive.interval, keepalive.timeout, keepalive.action),
        nat_traversal=peer.nat.traversal,
        nat_keepalive=peer.nat.keepalive,
    )


def _tunnel_spec(peer: str, tunnel: Tunnel) -> TunnelSpec:
    return TunnelSpec(
        peer=peer,
        name=_given(tunnel.name),
        local=_given(tunnel.local),
        remote=_given(tunnel.remote),
        proposals=tuple(_given(tunnel.proposals)),
        mode=tunnel.mode,
        lifetime=tunnel.lifetime,
        lifebytes=tunnel.lifebytes,
        rekey_margin=margin(tunnel),
        start=tunnel.start,
        when_down=tunnel.when_down,
    )
