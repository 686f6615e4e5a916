"""A capture of what crosses a device: frames with the kernel's time stamps, and as a pcap file."""

import socket
import struct
import threading
from pathlib import Path
from typing import NamedTuple, Self

from tests.support.namespaces import Namespace

_ETH_P_ALL = 3
_SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33
_PACKET_OUTGOING = 4
_STAMP = struct.Struct("@qq")
_NON_ESP_MARKER = bytes(4)


class Frame(NamedTuple):
    """One frame: seconds since 1970, its octets from the Ethernet header on, and whether this host sent it."""

    at: float
    data: bytes
    outgoing: bool


class Capture:
    """A context manager; afterwards ``frames`` holds what was seen, in order."""

    def __init__(self, namespace: Namespace, device: str = "eth0") -> None:
        self.frames: list[Frame] = []
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        # what comes while this process has no turn must not be missed
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 24)
        self._socket.bind((device, 0))
        self._socket.settimeout(0.05)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()

    def ike(self) -> list[tuple[Frame, bytes]]:
        """The IKE datagrams over IPv4, without non-ESP marker, each with its frame."""
        found = []
        for frame in self.frames:
            ip = frame.data[14:]
            if frame.data[12:14] != b"\x08\x00" or len(ip) < 28 or ip[9] != socket.IPPROTO_UDP:
                continue
            udp = ip[4 * (ip[0] & 15):int.from_bytes(ip[2:4])]
            # behind a NAT one of the two is any
            ports, data = {int.from_bytes(udp[:2]), int.from_bytes(udp[2:4])}, udp[8:]
            if 4500 in ports and data.startswith(_NON_ESP_MARKER):
                found.append((frame, data[4:]))
            elif 500 in ports:
                found.append((frame, data))
        return found

    def write(self, path: Path) -> None:
        """As a pcap file (draft-ietf-opsawg-pcap, link type Ethernet, microseconds)."""
        parts = [struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1)]
        for frame in self.frames:
            seconds, rest = divmod(frame.at, 1)
            size = len(frame.data)
            parts += [struct.pack("=IIII", int(seconds), int(rest * 1e6), size, size), frame.data]
        path.write_bytes(b"".join(parts))

    def _read(self) -> None:
        while True:
            try:
                data, ancillary, _, address = self._socket.recvmsg(1 << 16, 256)
            except TimeoutError:
                if self._ending.is_set():
                    return
                continue
            seconds, nanoseconds = _STAMP.unpack(ancillary[0][2])
            self.frames.append(Frame(seconds + nanoseconds / 1e9, data, address[2] == _PACKET_OUTGOING))
