"""Routing requests to the kernel, one at a time and answered at once (rtnetlink(7)).

pyroute2's sockets bring their own asyncio loop, which cannot run inside the engine's; its messages can do without.
"""

import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

_REQUEST, _ACK, _EXCLUSIVE, _CREATE, _DUMP = 1, 4, 0x200, 0x400, 0x300
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_CODE = struct.Struct("=i")
_LARGEST_ANSWER = 65536
_PATIENCE = 5.0
"""Seconds; the kernel answers within microseconds, so this only ends what would hang."""


class Netlink:
    """A socket for routing requests."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.settimeout(_PATIENCE)
        self._socket.bind((0, 0))
        self._sequence = 0

    def create(self, kind: int, message: Any) -> None:
        """Send a request that makes something new. Raises ``OSError``."""
        self._request(kind, _ACK | _CREATE | _EXCLUSIVE, message)

    def delete(self, kind: int, message: Any) -> None:
        """Send a request that takes something away. Raises ``OSError``."""
        self._request(kind, _ACK, message)

    def ask(self, kind: int, message: Any) -> list[Any]:
        """The kernel's answer to a question about one thing, as messages of the request's class. Raises ``OSError``."""
        return self._request(kind, _ACK, message)

    def dump(self, kind: int, message: Any) -> list[Any]:
        """All that the kernel has of a kind, as messages of the request's class. Raises ``OSError``."""
        return self._request(kind, _DUMP, message)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _request(self, kind: int, flags: int, message: Any) -> list[Any]:
        self._sequence += 1
        message["header"]["type"] = kind
        message["header"]["flags"] = _REQUEST | flags
        message["header"]["sequence_number"] = self._sequence
        message.encode()
        self._socket.send(bytes(message.data))
        found: list[Any] = []
        while True:
            for answer_kind, sequence, data in self._answers():
                if sequence != self._sequence:
                    continue
                if answer_kind == _DONE:
                    return found
                if answer_kind == _ERROR:
                    code = -_CODE.unpack_from(data, _HEADER.size)[0]
                    if code:
                        raise OSError(code, os.strerror(code))
                    return found
                answer = type(message)(data)
                answer.decode()
                found.append(answer)

    def _answers(self) -> Iterator[tuple[int, int, bytes]]:
        data = self._socket.recv(_LARGEST_ANSWER)
        while len(data) >= _HEADER.size:
            size, kind, _, sequence, _ = _HEADER.unpack_from(data)
            if size < _HEADER.size:
                return
            yield kind, sequence, data[:size]
            # each message begins at a multiple of four
            data = data[(size + 3) & ~3 :]
