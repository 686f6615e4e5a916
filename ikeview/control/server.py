"""The control socket: by which commands and another screen speak to the engine.

Runs on the engine's loop and never blocks it. Only the engine's own user and root are heard. A client that sends
nonsense, half lines or nothing, or does not read, costs a bounded number of octets and is dropped.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from ikeview.control.conversation import WRITE_SECONDS, Conversation, Host
from ikeview.control.lock import EngineLock, Locked
from ikeview.control.protocol import REQUEST_LIMIT, SOCKET_NAME, encode
from ikeview.engine.refused import EngineRefused

CLIENTS = 32
"""At once: some screens and scripts, not a leak."""
_LAST_WORDS = 0.2
"""Seconds that clients get at the end."""
_UCRED = struct.Struct("=iII")


class PeerUid(Protocol):
    """Who is at the other end of a Unix socket."""

    def __call__(self, sock: socket.socket) -> int: ...


def peer_uid(sock: socket.socket) -> int:
    """The user id of the connecting process, as the kernel saw it (unix(7) SO_PEERCRED)."""
    _, uid, _ = _UCRED.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return int(uid)


class ControlServer:
    """An engine's service (``engine.engine.Service``) on ``control.sock`` in the runtime folder. ``make_folder`` is
    called at the start and gives that folder, which must be ours alone (``settings.places.runtime_folder``)."""

    def __init__(self, make_folder: Callable[[], Path], uid_of: PeerUid = peer_uid) -> None:
        self._make_folder = make_folder
        self._uid_of = uid_of
        self._lock: EngineLock | None = None
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._host: Host | None = None
        self._clients: set[asyncio.Task[Any]] = set()

    async def start(self, engine: Host) -> None:
        """Take the folder and listen. Raises ``EngineRefused``."""
        self._host = engine
        try:
            folder = self._make_folder()
            self._lock = EngineLock(folder)
            self._path = folder / SOCKET_NAME
            # the lock is ours: whoever made this socket is gone
            self._path.unlink(missing_ok=True)
            listening = _bound(self._path)
            self._server = await asyncio.start_unix_server(self._connected, sock=listening, limit=REQUEST_LIMIT)
        except Locked as error:
            raise EngineRefused(str(error)) from error
        except OSError as error:
            await self.stop()
            where = error.filename or self._path or "the runtime folder"
            raise EngineRefused(f"the control socket cannot be made: {where}: {error.strerror}") from error

    async def stop(self) -> None:
        """Close everything, remove the socket, give the folder back."""
        if self._server is not None:
            self._server.close()
        if self._clients:
            # those who follow the facts end with the last one
            await asyncio.wait(self._clients, timeout=_LAST_WORDS)
        for task in list(self._clients):
            task.cancel()
        if self._clients:
            await asyncio.wait(self._clients, timeout=_LAST_WORDS)
        if self._path is not None and self._lock is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert self._host is not None
        self._clients.add(task)
        closed = False
        try:
            refusal = self._refusal(writer.get_extra_info("socket"))
            if refusal:
                writer.write(encode({"ok": False, "text": refusal}))
            else:
                await Conversation(self._host, reader, writer).run()
            writer.close()
            # what is written but not read may not pile up behind a closed connection
            async with asyncio.timeout(WRITE_SECONDS):
                await writer.wait_closed()
            closed = True
        except (OSError, TimeoutError, asyncio.CancelledError):
            # the client went away, does not read, or the engine stops
            pass
        finally:
            self._clients.discard(task)
            if not closed:
                # one that has closed in order after all was written does not take it any more
                writer.transport.abort()

    def _refusal(self, sock: socket.socket) -> str:
        try:
            uid = self._uid_of(sock)
        except OSError:
            return "cannot find out who you are"
        if uid not in (0, os.geteuid()):
            return "this engine belongs to another user"
        return "too many clients" if len(self._clients) > CLIENTS else ""


def _bound(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        # relative to the folder, whose path may be longer than the 107 octets of a socket address
        fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sock.bind(f"/proc/self/fd/{fd}/{path.name}")
        finally:
            os.close(fd)
        path.chmod(0o600)
    except BaseException:
        sock.close()
        raise
    return sock
