"""Two hosts behind the demo's gateways that ping each other: inner IPv4 packets written to and read from the data
planes (ICMP echo, RFC 792)."""

import selectors
import socket
import threading
import time
from dataclasses import dataclass, field
from ipaddress import IPv4Address

_ECHO_REQUEST, _ECHO_REPLY, _ICMP = 8, 0, 1
_HEAD = 20
_SEQUENCES = 0x10000
VISITOR = "10.8.0.1"
"""The first address of the pool from which the other gateway gives one."""


@dataclass(slots=True)
class Flow:
    """Echo requests from ``source`` to ``target``: ``size`` octets of payload, one each ``interval`` seconds."""

    source: str
    target: str
    size: int
    interval: float
    sent: int = 0
    answered: int = 0
    due: float = 0.0
    open: set[int] = field(default_factory=set)


def checksum(data: bytes | bytearray) -> int:
    """The Internet checksum (RFC 1071): the complement of the one's-complement sum of 16-bit words."""
    total = sum(int.from_bytes(data[index : index + 2].ljust(2, b"\0")) for index in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(source: str, target: str, kind: int, sequence: int, payload: bytes) -> bytes:
    """An IPv4 packet with an ICMP echo message in it."""
    icmp = bytearray(bytes((kind, 0, 0, 0)) + (0x1CE).to_bytes(2) + (sequence % _SEQUENCES).to_bytes(2) + payload)
    icmp[2:4] = checksum(icmp).to_bytes(2)
    head = bytearray(_HEAD)
    head[0], head[8], head[9] = 0x45, 64, _ICMP
    head[2:4] = (_HEAD + len(icmp)).to_bytes(2)
    head[12:16], head[16:20] = IPv4Address(source).packed, IPv4Address(target).packed
    head[10:12] = checksum(head).to_bytes(2)
    return bytes(head + icmp)


class Hosts:
    """``here`` sends the flows' requests, ``there`` answers. Runs in a thread of its own until ``stop``."""

    def __init__(self, here: socket.socket, there: socket.socket, flows: tuple[Flow, ...]) -> None:
        self._here = here
        self._there = there
        self.flows = flows
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ikeview-demo-hosts", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for end in (self._here, self._there):
                end.setblocking(False)
                selector.register(end, selectors.EVENT_READ)
            while not self._ended.is_set():
                self._send_due(time.monotonic())
                for key, _ in selector.select(0.02):
                    if not self._read(self._here if key.fileobj is self._here else self._there):
                        return

    def _send_due(self, now: float) -> None:
        for flow in self.flows:
            if flow.due <= now:
                flow.due = now + flow.interval
                sequence = flow.sent % _SEQUENCES
                if self._write(
                    self._here, packet(flow.source, flow.target, _ECHO_REQUEST, sequence, bytes(flow.size))
                ):
                    flow.open.add(sequence)
                    flow.sent += 1

    def _read(self, end: socket.socket) -> bool:
        """Whether the other side still lives."""
        try:
            data = end.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        if len(data) < _HEAD + 8 or data[0] >> 4 != 4 or data[9] != _ICMP:
            return True
        source, target = str(IPv4Address(data[12:16])), str(IPv4Address(data[16:20]))
        kind, sequence = data[_HEAD], int.from_bytes(data[_HEAD + 6 : _HEAD + 8])
        if end is self._there and kind == _ECHO_REQUEST:
            self._write(end, packet(target, source, _ECHO_REPLY, sequence, data[_HEAD + 8 :]))
        elif end is self._here and kind == _ECHO_REPLY:
            for flow in self.flows:
                if (flow.source, flow.target) == (target, source) and sequence in flow.open:
                    flow.open.discard(sequence)
                    flow.answered += 1
        return True

    @staticmethod
    def _write(end: socket.socket, data: bytes) -> bool:
        try:
            end.send(data)
        except OSError:
            # a host does not wait for its gateway either
            return False
        return True


def demo_flows() -> tuple[Flow, ...]:
    """A quiet flow, one that fills a byte lifetime, and one from the address that the other gateway gave us."""
    return (
        Flow("10.1.0.10", "10.2.0.10", 56, 0.2),
        Flow("10.1.1.10", "10.2.1.10", 1000, 0.05),
        Flow(VISITOR, "10.2.2.10", 200, 0.5),
    )


def quick_flows() -> tuple[Flow, ...]:
    """Flows at a pace for somebody who waits for their end."""
    return Flow("10.1.0.10", "10.2.0.10", 56, 0.02), Flow(VISITOR, "10.2.2.10", 56, 0.02)
