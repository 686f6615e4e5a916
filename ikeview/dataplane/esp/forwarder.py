"""The loop of the ESP process: device, NAT-port sockets, control socket (RFC 3948 section 4 for the sockets)."""

import contextlib
import os
import selectors
import socket
import time
from ipaddress import ip_address

from ikeview.core.inputs import Counters, PlaneEvent
from ikeview.core.outputs import Install, Move, Protect, Remove, Spot, Unprotect
from ikeview.dataplane.esp import pktinfo
from ikeview.dataplane.esp.channel import Channel, Closed
from ikeview.dataplane.esp.database import Database, Drop, Outbound
from ikeview.dataplane.esp.messages import AskSample, Drops, IkeDatagram, Ready, read_order, write_answer

_PER_WAKE_UP = 64
"""Packets taken from one source before the others have their turn."""
_LARGEST_PACKET = 65535
_NON_ESP_MARKER = bytes(4)
_KEEPALIVE = b"\xff"
_SAMPLES_PER_MESSAGE = 500

Path = tuple[socket.socket, pktinfo.Ancillary, tuple[str, int]]


class DeviceGone(Exception):
    """The TUN device was deleted by somebody."""


class Forwarder:
    """Moves packets until the control socket closes. None is ever queued: what does not go out at once is dropped."""

    def __init__(self, channel: Channel, device: int, sockets: list[socket.socket], device_may_end: bool) -> None:
        self._channel = channel
        self._device = device
        self._device_may_end = device_may_end
        self._sockets = sockets
        self._database = Database(self._report)
        self._selector = selectors.DefaultSelector()
        self._writing = False

    def run(self) -> None:
        """Until the parent closes its end. Raises ``DeviceGone``."""
        os.set_blocking(self._device, False)
        self._selector.register(self._channel, selectors.EVENT_READ, self._obey)
        self._selector.register(self._device, selectors.EVENT_READ, self._from_device)
        for udp in self._sockets:
            udp.setblocking(False)
            self._selector.register(udp, selectors.EVENT_READ, lambda udp=udp: self._from_network(udp))
        with contextlib.suppress(Closed):
            self._channel.send(write_answer(Ready()))
            while True:
                self._turn()

    def _turn(self) -> None:
        deadline = self._database.deadline()
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        for key, _ in self._selector.select(timeout):
            key.data()
        self._database.tick(time.monotonic())
        self._channel.flush()
        if self._channel.waiting != self._writing:
            self._writing = self._channel.waiting
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._writing else 0)
            self._selector.modify(self._channel, events, self._obey)

    # -- control -------------------------------------------------------------------------------------------------------

    def _report(self, event: PlaneEvent) -> None:
        self._channel.send(write_answer(event))

    def _obey(self) -> None:
        for message in self._channel.receive():
            match read_order(message):
                case Protect(tunnel):
                    self._database.protect(tunnel)
                case Unprotect(tunnel):
                    self._database.unprotect(tunnel.full_name)
                case Install(half):
                    self._database.install(half)
                case Remove(spi, direction):
                    self._database.remove(spi, direction)
                case Move(old, new):
                    self._database.move(old, new)
                case AskSample():
                    self._tell_samples()

    def _tell_samples(self) -> None:
        drops = Drops({reason.value: count for reason, count in self._database.drops.items()})
        self._channel.send(write_answer(drops), droppable=True)
        samples = self._database.samples()
        for start in range(0, len(samples) or 1, _SAMPLES_PER_MESSAGE):
            part = Counters(tuple(samples[start : start + _SAMPLES_PER_MESSAGE]))
            self._channel.send(write_answer(part), droppable=True)

    # -- outbound ------------------------------------------------------------------------------------------------------

    def _from_device(self) -> None:
        now = time.monotonic()
        for _ in range(_PER_WAKE_UP):
            try:
                packet = os.read(self._device, _LARGEST_PACKET)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._device_ended(str(error))
                return
            if not packet:
                self._device_ended("end of file")
                return
            sealed = self._database.outbound(packet, now)
            if sealed is not None:
                self._send(*sealed)

    def _device_ended(self, why: str) -> None:
        if not self._device_may_end:
            raise DeviceGone(f"the TUN device is gone ({why})")
        self._selector.unregister(self._device)

    def _send(self, packet: bytes, half: Outbound) -> None:
        if half.path is None:
            half.path = self._path(half.local, half.remote)
        if half.path is not None:
            udp, ancillary, address = half.path
            with contextlib.suppress(OSError):
                udp.sendmsg((packet,), ancillary, 0, address)
                return
        self._database.drops[Drop.NOT_SENT] += 1

    def _path(self, local: Spot, remote: Spot) -> Path | None:
        family = socket.AF_INET if remote.host.version == 4 else socket.AF_INET6
        best: tuple[int, socket.socket] | None = None
        for udp in self._sockets:
            if udp.family != family:
                continue
            host, port = udp.getsockname()[:2]
            fit = 2 * (port == local.port) + (ip_address(host) == local.host)
            if best is None or fit > best[0]:
                best = fit, udp
        return best and (best[1], pktinfo.send_from(local.host), (str(remote.host), remote.port))

    # -- inbound -------------------------------------------------------------------------------------------------------

    def _from_network(self, udp: socket.socket) -> None:
        now = time.monotonic()
        for count in range(_PER_WAKE_UP):
            try:
                data, ancillary, _, address = udp.recvmsg(_LARGEST_PACKET, pktinfo.ANCILLARY_SIZE)
            except OSError:
                # nothing there, or an ICMP error of an earlier packet; those wait in a queue that must be emptied, or
                # the selector wakes us for ever
                if count == 0:
                    self._forget_errors(udp)
                return
            if data == _KEEPALIVE or len(data) < 4:
                continue
            remote = Spot(ip_address(address[0]), address[1])
            if data.startswith(_NON_ESP_MARKER):
                self._hand_over(udp, data, ancillary, remote)
                continue
            inner = self._database.inbound(data, remote, now)
            if inner is not None:
                self._deliver(inner)

    def _hand_over(self, udp: socket.socket, data: bytes, ancillary: pktinfo.Ancillary, remote: Spot) -> None:
        host, port = udp.getsockname()[:2]
        local = Spot(pktinfo.arrived_at(ancillary) or ip_address(host), port)
        self._channel.send(write_answer(IkeDatagram(local, remote, data[4:])), droppable=True)

    def _deliver(self, inner: bytes) -> None:
        try:
            os.write(self._device, inner)
        except OSError:
            self._database.drops[Drop.NOT_WRITTEN] += 1

    @staticmethod
    def _forget_errors(udp: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for _ in range(_PER_WAKE_UP):
                udp.recvmsg(1, 512, socket.MSG_ERRQUEUE)
