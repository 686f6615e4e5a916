"""The control socket between the two processes: whole messages, never blocking, bounded."""

import socket
from collections import deque
from collections.abc import Iterator

LARGEST_MESSAGE = 131072
"""Octets; an IKE datagram is at most half of that."""
_MOST_WAITING = 4096
"""Messages that wait for the other side. One that lets so many pile up has hung."""
_PER_WAKE_UP = 64


class Closed(Exception):
    """The other process is gone."""


class Channel:
    """One end of a SOCK_SEQPACKET pair."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        # room for a burst of installs; the kernel cuts it to its own limit
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * LARGEST_MESSAGE)
        self._socket = end
        self._waiting: deque[bytes] = deque()

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    @property
    def full(self) -> bool:
        """Whether the other side has stopped reading."""
        return len(self._waiting) >= _MOST_WAITING

    @property
    def waiting(self) -> bool:
        """Whether ``flush`` should be called when the socket takes more."""
        return bool(self._waiting)

    def send(self, message: bytes, droppable: bool = False) -> bool:
        """Send now or when there is room; False if the message was dropped. Raises ``Closed``.

        Droppable messages never wait: they are datagrams, which may be lost anyway.
        """
        self.flush()
        if self._waiting:
            if droppable or self.full:
                return False
        elif self._sent(message):
            return True
        elif droppable:
            return False
        self._waiting.append(message)
        return True

    def flush(self) -> None:
        """Send what waits, as far as there is room. Raises ``Closed``."""
        while self._waiting and self._sent(self._waiting[0]):
            self._waiting.popleft()

    def _sent(self, message: bytes) -> bool:
        try:
            self._socket.send(message)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            raise Closed from error
        return True

    def receive(self) -> Iterator[bytes]:
        """What has come in, a bounded number of messages at a time. Raises ``Closed``."""
        for _ in range(_PER_WAKE_UP):
            try:
                message = self._socket.recv(LARGEST_MESSAGE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                raise Closed from error
            if not message:
                raise Closed
            yield message

    def close(self) -> None:
        """Close our end; the other side sees ``Closed``."""
        self._socket.close()
