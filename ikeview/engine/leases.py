"""Which identity has which address of a peer's pool, kept over a restart: ``leases.json`` in the state folder.

A thread of its own writes, always the newest state, so that a slow disk holds up nobody.
"""

import json
import os
import threading
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ikeview.core.specs import Address

FILE, FORMAT = "leases.json", 1
_MOST = 64 << 20
"""Octets; 100,000 leases have some 10 MB."""

Given = Mapping[str, tuple[tuple[str, Address], ...]]


class _Broken(Exception):
    """The file is not what we write; the text says why."""


class Leases:
    """One file. ``load`` once, before the first ``save``; ``tell`` takes what the operator should know, and may be
    called from the writing thread."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self.tell: Callable[[str], None] | None = None
        self._untold: list[str] = []
        self._given: dict[str, tuple[tuple[str, Address], ...]] = {}
        self._changed = threading.Condition()
        self._dirty = self._ending = False
        self._writer: threading.Thread | None = None
        self._failed = ""

    def load(self) -> Given:
        """What was saved before. A file that cannot be understood is told and moved aside."""
        try:
            self._given = _read(self._path)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._say(f"the leases in {self._path} cannot be read: {error.strerror}; the pool begins empty")
        except _Broken as error:
            aside = self._path.with_suffix(".broken")
            try:
                os.replace(self._path, aside)
            except OSError as failure:
                self._say(f"{self._path} is broken ({error}) and cannot be moved aside: {failure.strerror}")
            else:
                self._say(f"{self._path} is broken ({error}): it was moved to {aside}, the pool begins empty")
        return dict(self._given)

    def told_by(self, tell: Callable[[str], None]) -> None:
        """From now on problems go to ``tell``; those from before go first."""
        with self._changed:
            untold, self._untold = self._untold, []
            self.tell = tell
        for each in untold:
            tell(each)

    def save(self, peer: str, leases: tuple[tuple[str, Address], ...]) -> None:
        """Keep these from now on; never blocks."""
        with self._changed:
            if leases:
                self._given[peer] = leases
            else:
                self._given.pop(peer, None)
            self._dirty = True
            self._changed.notify()
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, name="ikeview-leases", daemon=True)
                self._writer.start()

    def close(self, timeout: float) -> bool:
        """Wait until all is written; whether it was in time. Again is harmless."""
        with self._changed:
            self._ending = True
            self._changed.notify()
            writer = self._writer
        if writer is None:
            return True
        writer.join(timeout)
        return not writer.is_alive()

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._dirty or self._ending)
                if not self._dirty:
                    return
                self._dirty = False
                given = dict(self._given)
            try:
                _write(self._path, given)
                self._failed = ""
            except OSError as error:
                words = error.strerror or type(error).__name__
                if words != self._failed:
                    self._say(f"the leases cannot be written to {self._path}: {words}; they end with this run")
                self._failed = words

    def _say(self, text: str) -> None:
        if self.tell is None:
            self._untold.append(text)
        else:
            self.tell(text)


def _read(path: Path) -> dict[str, tuple[tuple[str, Address], ...]]:
    with path.open("rb") as file:
        data = file.read(_MOST + 1)
    if len(data) > _MOST:
        raise _Broken("it is too large")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _Broken("it is no JSON") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("peers"), dict):
        raise _Broken("it is none of ours")
    return {peer: tuple(_lease(peer, each) for each in _items(peer, given)) for peer, given in content["peers"].items()}


def _items(peer: str, given: Any) -> list[tuple[str, Any]]:
    if not isinstance(given, dict):
        raise _Broken(f"what stands for {peer!r} is no mapping")
    return list(given.items())


def _lease(peer: str, item: tuple[str, Any]) -> tuple[str, Address]:
    identity, address = item
    try:
        if not isinstance(address, str):
            raise ValueError
        return identity, ip_address(address)
    except ValueError as error:
        raise _Broken(f"{address!r} of {peer!r} is no address") from error


def _write(path: Path, given: Given) -> None:
    """A new file beside it, synced, then in its place: whatever happens, one of the two is whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    peers = {peer: {identity: str(address) for identity, address in leases} for peer, leases in given.items()}
    beside = path.with_suffix(".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(handle, "w") as file:
        # one that was left behind may have other rights
        os.fchmod(handle, 0o600)
        json.dump({"format": FORMAT, "peers": peers}, file, indent=1)
        file.flush()
        os.fsync(handle)
    os.replace(beside, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
