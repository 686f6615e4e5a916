"""A client's end of the control socket. Imports nothing heavy: a command answers at once."""

import os
import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ikeview.control.protocol import ANSWER_LIMIT, SOCKET_NAME, BadLine, decode, encode

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
"""For an answer that needs no waiting; an engine that is busy computing may take a second."""


class NoEngine(Exception):
    """Nobody serves the control socket; the text says what to do."""


class EngineSilent(Exception):
    """The engine is there but did not answer as it should; the text says what happened."""


class Connection:
    """An open control socket. ``__init__`` raises ``NoEngine`` if no engine serves ``folder``."""

    def __init__(self, folder: Path) -> None:
        path = folder / SOCKET_NAME
        self._buffer = bytearray()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._sock.settimeout(CONNECT_SECONDS)
        try:
            # by way of the folder, whose path may be longer than a socket address can be
            fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._sock.connect(f"/proc/self/fd/{fd}/{path.name}")
            finally:
                os.close(fd)
        except OSError as error:
            self._sock.close()
            if isinstance(error, PermissionError):
                raise NoEngine(f"the engine of {path} belongs to another user") from error
            if isinstance(error, TimeoutError | BlockingIOError):
                raise NoEngine(f"the engine of {path} does not accept a connection") from error
            raise NoEngine(
                f"no engine is running (socket {path}): start one with `ikeview` or `ikeview run`"
            ) from error

        self._sock.settimeout(None)

    def request(self, message: dict[str, Any], seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        """Ask and get one answer, within ``seconds`` or for ever (0). Raises ``EngineSilent``."""
        self.send(message)
        answer = self.receive(seconds)
        if answer is None:
            raise EngineSilent("the engine ended before it answered")
        return answer

    def send(self, message: dict[str, Any]) -> None:
        """Send a line. Raises ``EngineSilent``."""
        rest = memoryview(encode(message))
        try:
            while rest:
                if not self._wait(select.POLLOUT, ANSWER_SECONDS):
                    raise EngineSilent(f"the engine has not listened for {ANSWER_SECONDS:.0f} s")
                with suppress(BlockingIOError):
                    rest = rest[self._sock.send(rest, socket.MSG_DONTWAIT) :]
        except OSError as error:
            raise EngineSilent(f"the engine does not listen: {error.strerror}") from error

    def receive(self, seconds: float = 0.0) -> dict[str, Any] | None:
        """The next line, waiting for ``seconds`` or for ever (0); None at the end. Raises ``EngineSilent``."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > ANSWER_LIMIT:
                raise EngineSilent("the engine's answer is too long")
            try:
                if not self._wait(select.POLLIN, seconds):
                    raise EngineSilent(f"the engine has not answered within {seconds:.0f} s")
                piece = self._sock.recv(1 << 16)
            except ConnectionError:
                piece = b""
            except OSError as error:
                raise EngineSilent(f"the connection to the engine broke: {error.strerror}") from error
            if not piece:
                return None
            self._buffer += piece
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        try:
            return decode(line)
        except BadLine as error:
            raise EngineSilent(f"the engine's answer is {error}") from error

    def lines(self) -> Iterator[dict[str, Any]]:
        """All lines to the end, waiting for each. Raises ``EngineSilent``."""
        while (message := self.receive()) is not None:
            yield message

    def _wait(self, event: int, seconds: float) -> bool:
        # not settimeout: one thread reads while another writes, and a timeout belongs to the whole socket
        poll = select.poll()
        poll.register(self._sock, event)
        return bool(poll.poll(seconds * 1000 if seconds else None))

    def close(self) -> None:
        """Close; a ``receive`` that waits in another thread ends."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
