"""The demo's hosts speak ICMP that others understand, and answer each other."""

import socket
import threading
from contextlib import suppress

import pytest

from ikeview.demo.hosts import Flow, Hosts, checksum, packet

_PATIENCE = 10.0


def test_checksum_of_a_packet_with_its_checksum_in_it_is_zero() -> None:
    data = packet("10.1.0.10", "10.2.0.10", 8, 7, b"payload!")
    # RFC 1071 section 1: the sum over header and checksum is all ones, so its complement is zero
    assert checksum(data[:20]) == 0
    assert checksum(data[20:]) == 0


@pytest.mark.parametrize(("data", "expected"), [
    # the example of RFC 1071 section 3: the sum is ddf2
    (bytes.fromhex("0001f203f4f5f6f7"), 0xFFFF - 0xDDF2),
    (b"\x01", 0xFFFF - 0x0100),
    (b"", 0xFFFF),
])
def test_checksum(data: bytes, expected: int) -> None:
    assert checksum(data) == expected


def test_hosts_answer_each_other() -> None:
    here, here_wire = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    there, there_wire = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    flow = Flow("10.1.0.10", "10.2.0.10", 56, 0.001)
    hosts = Hosts(here, there, (flow,))
    enough = threading.Event()

    def carry(source: socket.socket, sink: socket.socket) -> None:
        """A wire between the two, in place of ESP."""
        with suppress(OSError):
            while data := source.recv(65536):
                sink.send(data)
                if flow.answered >= 3:
                    enough.set()

    wires = [
        threading.Thread(target=carry, args=(here_wire, there_wire), daemon=True),
        threading.Thread(target=carry, args=(there_wire, here_wire), daemon=True),
    ]
    for wire in wires:
        wire.start()
    hosts.start()
    try:
        assert enough.wait(_PATIENCE), f"{flow.answered} of {flow.sent} answered"
    finally:
        hosts.stop()
        for end in (here, there):
            end.close()
        for wire in wires:
            wire.join(_PATIENCE)
        here_wire.close()
        there_wire.close()
    assert flow.sent >= flow.answered >= 3
