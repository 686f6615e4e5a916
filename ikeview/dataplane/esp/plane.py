"""The ``esp`` data plane: the engine's side of the ESP process."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from ikeview.core.inputs import PlaneEvent, PlaneTrouble
from ikeview.core.outputs import Direction, HalfSa, Install, Move, Protect, Remove, Spot, Unprotect
from ikeview.core.specs import Address, TunnelSpec, WhenDown
from ikeview.dataplane.esp import pktinfo
from ikeview.dataplane.esp.channel import Closed
from ikeview.dataplane.esp.device import Device, DeviceTaken
from ikeview.dataplane.esp.messages import AskSample, Drops, IkeDatagram, Order, Ready, read_answer, write_order
from ikeview.dataplane.esp.process import Process
from ikeview.dataplane.ledger import Ledger
from ikeview.dataplane.plane import IkeArrived, PlaneRefused

_START_PATIENCE = 10.0
"""Seconds that the process has for its start; it takes about a fifth of one."""

_OPEN_ATTEMPTS, _OPEN_PAUSE = 10, 0.1
"""How often and how many seconds apart a taken device is tried; the child of a killed run ends within milliseconds."""


class EspPlane:
    """ESP in a child process. When that dies, its sequence numbers are lost, and with them the right to use its keys
    (RFC 4106 section 3.1): the plane is dead until ``restart``, and all SAs have to be negotiated anew."""

    name = "esp"
    needs_encapsulation = True
    takes_nat_sockets = True

    def __init__(self, device: Device) -> None:
        self._device = device
        self._process: Process | None = None
        self._ledger = Ledger()
        self._sockets: list[socket.socket] = []
        self._trouble = ""
        self._ready = asyncio.Event()
        self._report: Callable[[PlaneEvent], None] = lambda event: None
        self._ike_arrived: IkeArrived = lambda data, local, remote: None
        self.drops: dict[str, int] = {}
        """Packets dropped since the start, by reason in words; as fresh as the last ``Counters``."""

    @property
    def pid(self) -> int | None:
        """The ESP process; None while there is none."""
        return self._process.pid if self._process else None

    # -- life ----------------------------------------------------------------------------------------------------------

    async def start(
        self, report: Callable[[PlaneEvent], None], nat_sockets: list[socket.socket], ike_arrived: IkeArrived
    ) -> None:
        """Open the device and start the process. Raises ``PlaneRefused``."""
        self._report, self._ike_arrived, self._sockets = report, ike_arrived, list(nat_sockets)
        fd = await self._open()
        try:
            for udp in self._sockets:
                pktinfo.switch_on(udp)
            self.exempt(self._sockets)
            await self._spawn(fd)
        except BaseException:
            self._device.close()
            raise

    def exempt(self, sockets: list[socket.socket]) -> None:
        """Keep what these sockets send out of the tunnels, for the sockets of the IKE port. Raises ``PlaneRefused``."""
        if self._device.mark is not None:
            self._mark(sockets, self._device.mark)

    async def restart(self) -> None:
        """After ``PlaneTrouble``: a new process, with the protected tunnels and without any half SA. Raises
        ``PlaneRefused``."""
        await self._end()
        self._forget_halves()
        await self._spawn(await self._open())
        for tunnel in self._ledger.tunnels.values():
            self._order(Protect(tunnel))

    async def stop(self) -> None:
        """End the process, and undo routes, rules, marks and device."""
        for tunnel in list(self._ledger.tunnels.values()):
            self._device.release(tunnel)
        self._ledger = Ledger()
        await self._end()
        if self._device.mark is not None:
            with contextlib.suppress(PlaneRefused):
                self._mark([udp for udp in self._sockets if udp.fileno() >= 0], 0)
        self._device.close()

    async def _open(self) -> int:
        for _ in range(_OPEN_ATTEMPTS):
            with contextlib.suppress(DeviceTaken):
                return self._device.open()
            await asyncio.sleep(_OPEN_PAUSE)
        return self._device.open()

    async def _spawn(self, fd: int) -> None:
        self._ready.clear()
        self._trouble = ""
        self._process = Process(fd, self._device.kind, self._sockets)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._process.channel, self._answers)
        try:
            await asyncio.wait_for(self._ready.wait(), _START_PATIENCE)
        except TimeoutError:
            self._trouble = f"no sign of life within {_START_PATIENCE:.0f} seconds"
        if self._trouble:
            trouble = self._trouble
            await self._end()
            raise PlaneRefused(f"the ESP process did not start: {trouble}")

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            self._loop.remove_reader(process.channel)
            self._loop.remove_writer(process.channel)
            await process.end()

    # -- orders --------------------------------------------------------------------------------------------------------

    def protect(self, tunnel: TunnelSpec) -> None:
        """Take over a tunnel's traffic. Raises ``PlaneRefused``."""
        self._must_live()
        self._ledger.check_tunnel(tunnel)
        before = self._ledger.tunnels.get(tunnel.full_name)
        if before is not None:
            self._device.release(before)
        try:
            if self._carried(tunnel):
                self._device.carry(tunnel)
        except PlaneRefused:
            if before is not None and self._carried(before):
                self._device.carry(before)
            raise
        self._ledger.tunnels[tunnel.full_name] = tunnel
        self._order(Protect(tunnel))

    def _carried(self, tunnel: TunnelSpec) -> bool:
        """Whether its traffic shall come to us now."""
        return tunnel.when_down is WhenDown.BLOCK or self._ledger.has_outbound(tunnel.full_name)

    def unprotect(self, tunnel: TunnelSpec) -> None:
        """Give a tunnel's traffic back to the system."""
        self._ledger.tunnels.pop(tunnel.full_name, None)
        self._device.release(tunnel)
        self._order(Unprotect(tunnel))

    def install(self, half: HalfSa) -> None:
        """Put a half SA in. Raises ``PlaneRefused``."""
        self._must_live()
        self._ledger.check_half(half)
        if not half.encapsulated:
            raise PlaneRefused(f"SPI {half.spi:08x} of {half.tunnel.full_name}: userspace ESP goes in UDP only")
        # before the route is there, so that the first packet finds its SA
        self._order(Install(half))
        tunnel = self._ledger.tunnels.get(half.tunnel.full_name)
        if half.direction is Direction.OUT and tunnel is not None and tunnel.when_down is WhenDown.CLEAR:
            try:
                self._device.carry(tunnel)
            except PlaneRefused:
                self._order(Remove(half.spi, half.direction))
                raise
        self._ledger.add_half(half)

    def remove(self, spi: int, direction: Direction) -> None:
        """Take a half SA out; unknown ones are ignored."""
        name = self._ledger.drop_half(spi, direction)
        if direction is Direction.OUT and name is not None and not self._ledger.has_outbound(name):
            tunnel = self._ledger.tunnels.get(name)
            if tunnel is not None and tunnel.when_down is WhenDown.CLEAR:
                self._device.release(tunnel)
        self._order(Remove(spi, direction))

    def move(self, old: Spot, new: Spot) -> None:
        """Outbound halves towards ``old`` go to ``new``."""
        self._order(Move(old, new))

    def assign(self, address: Address) -> None:
        """The device gets the address. Raises ``PlaneRefused``."""
        self._must_live()
        self._device.add_address(address)

    def release(self, address: Address) -> None:
        """The device loses the address."""
        self._device.remove_address(address)

    def sample(self) -> None:
        """Ask for counters; with very many half SAs the answer is more than one ``Counters``."""
        self._order(AskSample(), droppable=True)

    def _must_live(self) -> None:
        if self._process is None or self._trouble:
            why = self._trouble or "it was not started"
            raise PlaneRefused(f"the ESP process does not run ({why}): no tunnel can carry traffic")

    def _order(self, order: Order, droppable: bool = False) -> None:
        if self._process is None or self._trouble:
            return
        channel = self._process.channel
        try:
            if not channel.send(write_order(order), droppable) and not droppable:
                self._died("it does not take orders any more")
            elif channel.waiting:
                self._loop.add_writer(channel, self._flush)
        except Closed:
            # the reader finds what the process said before its end, and then the end
            return

    def _flush(self) -> None:
        if self._process is not None:
            channel = self._process.channel
            with contextlib.suppress(Closed):
                channel.flush()
                if channel.waiting:
                    return
            self._loop.remove_writer(channel)

    # -- reports -------------------------------------------------------------------------------------------------------

    def _answers(self) -> None:
        if self._process is None:
            return
        try:
            for message in self._process.channel.receive():
                match read_answer(message):
                    case Ready():
                        self._ready.set()
                    case IkeDatagram(local, remote, data):
                        self._ike_arrived(data, local, remote)
                    case Drops(counts):
                        self.drops = counts
                    case PlaneTrouble(text, _):
                        self._died(text)
                        return
                    case event:
                        self._report(event)
        except Closed:
            self._died(self._process.complaint() or "it was killed")

    def _died(self, why: str) -> None:
        if self._process is None or self._trouble:
            return
        self._trouble = why
        self._loop.remove_reader(self._process.channel)
        self._loop.remove_writer(self._process.channel)
        self._process.kill()
        self._forget_halves()
        if not self._ready.is_set():
            self._ready.set()
            return
        self._report(PlaneTrouble(f"the ESP process has ended: {why}. No tunnel carries traffic", fatal=True))

    def _forget_halves(self) -> None:
        for tunnel in self._ledger.tunnels.values():
            if tunnel.when_down is WhenDown.CLEAR:
                self._device.release(tunnel)
        self._ledger.clear_halves()

    @staticmethod
    def _mark(sockets: list[socket.socket], mark: int) -> None:
        try:
            for udp in sockets:
                udp.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        except OSError as error:
            raise PlaneRefused(f"sockets cannot be marked: {error.strerror} (needs root or CAP_NET_ADMIN)") from error
