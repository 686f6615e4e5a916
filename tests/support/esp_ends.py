"""An ESP plane over pipe and loopback, as the tests of the plane use it."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from typing import Any

from ikeview.core.inputs import Counters, PlaneEvent
from ikeview.core.outputs import Spot
from ikeview.dataplane.esp.device import PipeDevice
from ikeview.dataplane.esp.plane import EspPlane

PATIENCE = 20.0
"""Seconds until a test that waits for something gives up; only a failing test ever waits that long."""


class Inbox:
    """What has arrived, and a way to wait for more."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._changed = asyncio.Event()

    def put(self, item: Any) -> None:
        self.items.append(item)
        self._changed.set()

    async def until(self, condition: Callable[[list[Any]], Any]) -> Any:
        """Waits until the condition on all items is true; its value."""
        async with asyncio.timeout(PATIENCE):
            while not (found := condition(self.items)):
                self._changed.clear()
                await self._changed.wait()
        return found

    async def first(self, kind: type) -> Any:
        return await self.until(lambda items: next((item for item in items if isinstance(item, kind)), None))


class EspEnd:
    """An EspPlane on a loopback address, and the inside of its pipe."""

    def __init__(self, host: str, kind: int = socket.SOCK_SEQPACKET) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.setblocking(False)
        self.udp.bind((host, 0))
        self.spot = Spot(ip_address(host), self.udp.getsockname()[1])
        self.inside, outside = socket.socketpair(socket.AF_UNIX, kind)
        self.inside.setblocking(False)
        self.plane = EspPlane(PipeDevice(outside))
        self.events = Inbox()
        self.ike = Inbox()
        self.packets = Inbox()

    async def start(self) -> None:
        await self.plane.start(
            self.events.put, [self.udp], lambda data, local, remote: self.ike.put((data, local, remote))
        )
        asyncio.get_running_loop().add_reader(self.inside, self._read)

    def _read(self) -> None:
        packet = self.inside.recv(65535)
        if packet:
            self.packets.put(packet)
        else:
            asyncio.get_running_loop().remove_reader(self.inside)

    async def counters(self) -> dict[str, Any]:
        """A fresh sample by SPI."""
        before = self._reports()
        self.plane.sample()
        await self.events.until(lambda items: self._reports() > before)
        reports = [event for event in self.events.items if isinstance(event, Counters)]
        return {sample.spi_in: sample for sample in reports[-1].samples}

    def _reports(self) -> int:
        return sum(isinstance(event, Counters) for event in self.events.items)

    def reports(self, *kinds: type) -> list[PlaneEvent]:
        return [event for event in self.events.items if isinstance(event, kinds)]

    async def stop(self) -> None:
        asyncio.get_running_loop().remove_reader(self.inside)
        await self.plane.stop()
        self.inside.close()
        self.udp.close()


@contextlib.asynccontextmanager
async def running(*ends: EspEnd) -> AsyncIterator[None]:
    """Start the ends, and stop them at the end, whatever happens between."""
    try:
        for end in ends:
            await end.start()
        yield
    finally:
        for end in ends:
            await end.stop()


def alive(pid: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
