"""Real traffic through a tunnel: ping(8), and a TCP transfer whose every octet is checked."""

import contextlib
import hashlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Self

from tests.net.gateway import Gateway
from tests.net.strongswan import StrongSwan
from tests.support.namespaces import Namespace

_PATIENCE = 60.0


def wait_until(condition: Callable[[], object], within: float, what: str) -> None:
    """Ask again and again until it holds; an error after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}")
        time.sleep(0.05)


def wait_for_both(ikeview: Gateway, strongswan: StrongSwan, tunnel: str) -> None:
    """Until both ends have the tunnel's newest SA. Whoever sends the last message of Quick Mode has it before the other
    has that message, and what it sends until then is lost. strongSwan's connection is called as the peer is."""

    def agreed() -> bool:
        sas = ikeview.tunnel(tunnel)["sas"]
        children = [child for listed in strongswan.of(tunnel.partition("/")[0]) for child in listed.children]
        return bool(sas) and (sas[-1]["spi_out"], "INSTALLED") in [(each["spi-in"], each["state"]) for each in children]

    wait_until(agreed, 10, f"both ends have {tunnel}")


def ping(namespace: Namespace, source: str, destination: str, count: int = 3) -> None:
    """``count`` echo requests, all of which have to be answered: in one of three goes, for on a machine that starves
    its processes one packet may be late. What must not lose any is tried with ``RunningPing``."""
    said = ""
    for _ in range(3):
        done = namespace.run("ping", "-n", "-q", "-c", str(count), "-i", "0.02", "-W", "2", "-I", source, destination)
        if f"{count} received" in done.stdout:
            return
        said += done.stdout + done.stderr
    raise AssertionError(said)


class RunningPing:
    """An echo request every 10 ms in the background, with ``size`` octets of data. A context manager; at its end it
    waits for the replies under way, which ping(8) does not. ``sent`` counts; ``lost`` says of each that has not been
    answered how long after the start it left, in seconds."""

    INTERVAL = 0.01
    LAST_REPLY = 2.0

    def __init__(self, namespace: Namespace, source: str, destination: str, size: int = 56) -> None:
        self._socket = namespace.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._socket.bind((source, 0))
        self._socket.connect((destination, 0))
        self._socket.settimeout(self.INTERVAL)
        self._data = bytes(size)
        self._ident = os.urandom(2)
        self._begun = time.monotonic()
        self._open: dict[int, float] = {}
        self._ending = False
        self.sent = 0
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._receive)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        for thread in self._threads:
            thread.join()
        self._socket.close()

    @property
    def lost(self) -> list[float]:
        """When those left that have not been answered."""
        return [round(at - self._begun, 3) for at in self._open.values()]

    def _send(self) -> None:
        while not self._ending:
            number = self.sent & 0xFFFF
            head = struct.pack("!BBH2sH", 8, 0, 0, self._ident, number)
            packet = head + self._data
            checksum = struct.pack("!H", _checksum(packet))
            self._open[number] = time.monotonic()
            self.sent += 1
            # a refusal of the system counts as a loss
            with contextlib.suppress(OSError):
                self._socket.send(packet[:2] + checksum + packet[4:])
            time.sleep(self.INTERVAL)

    def _receive(self) -> None:
        until = None
        while until is None or (self._open and time.monotonic() < until):
            if self._ending and until is None:
                until = time.monotonic() + self.LAST_REPLY
            try:
                packet = self._socket.recv(1 << 16)
            except OSError:
                continue
            kind, ident, number = struct.unpack_from("!B3x2sH", packet, 4 * (packet[0] & 15))
            if kind == 0 and ident == self._ident:
                self._open.pop(number, None)


def _checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071) of an even number of octets."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def transfer(source: Namespace, source_address: str, sink: Namespace, sink_address: str, octets: int) -> None:
    """Send so many random octets over TCP; each has to arrive."""
    family = socket.AF_INET6 if ":" in sink_address else socket.AF_INET
    data = os.urandom(1 << 16)
    with sink.socket(family, socket.SOCK_STREAM) as listener, source.socket(family, socket.SOCK_STREAM) as sender:
        listener.settimeout(_PATIENCE)
        sender.settimeout(_PATIENCE)
        listener.bind((sink_address, 0))
        listener.listen(1)
        taken = hashlib.sha256()
        counted = [0]

        def take() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(_PATIENCE)
                while chunk := connection.recv(1 << 16):
                    taken.update(chunk)
                    counted[0] += len(chunk)

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        sender.bind((source_address, 0))
        sender.connect((sink_address, listener.getsockname()[1]))
        given = hashlib.sha256()
        left = octets
        while left:
            chunk = data[: min(left, len(data))]
            sender.sendall(chunk)
            given.update(chunk)
            left -= len(chunk)
        sender.shutdown(socket.SHUT_WR)
        thread.join(_PATIENCE)
        assert not thread.is_alive(), "the transfer did not end"
    assert counted[0] == octets
    assert taken.digest() == given.digest()
