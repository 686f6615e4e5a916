"""The pump: one event into the endpoint, what came of it out to sockets, plane and bus, then the timer.

Runs on the engine's loop and never blocks it. What goes wrong with one event is told as ``EngineFault`` and ends
nothing.
"""

import asyncio
import errno
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from ikeview.core.facts import EngineFault, EngineStalled, Fact
from ikeview.core.inputs import Arrival, Input, Located, PasswordVerified, PlaneTrouble, Stop, Unreachable
from ikeview.core.outputs import (
    AssignAddress,
    Install,
    Locate,
    Move,
    Output,
    Protect,
    ReleaseAddress,
    Remove,
    SaveLeases,
    Send,
    SendEcho,
    SendKeepalive,
    Spot,
    Unprotect,
    VerifyPassword,
)
from ikeview.core.specs import Address
from ikeview.dataplane.plane import Plane, PlaneRefused
from ikeview.engine.bus import Bus
from ikeview.engine.contract import Endpoint
from ikeview.engine.echo import Echo
from ikeview.engine.fault import describe
from ikeview.engine.icmp import NotDelivered
from ikeview.engine.leases import Leases
from ikeview.engine.locate import Locator
from ikeview.engine.passwords import Passwords
from ikeview.engine.sockets import UdpSockets

BEAT = 0.25
"""Seconds between two looks at the loop's own punctuality; also how soon after a suspend due timers are noticed."""
BEATS_A_SAMPLE = 4
"""The data plane's counters are asked for once a second."""
STALL = 0.5
"""Seconds of lateness that are told."""
REVIVE_FIRST, REVIVE_MOST = 1.0, 30.0
"""Seconds before a dead data plane is started again: doubling up to the second."""
_NOT_LEFT = (errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.ENETDOWN, errno.EINVAL, errno.ENODEV)
"""What sending says when the source is no address of this machine any more (Linux: EINVAL), or the way out is gone."""
_AFTER_FAULT = 1.0
"""A tick that failed is not tried again before: its deadline may still be in the past."""


class Pump:
    """Drives one endpoint. ``begin`` after the plane has started; ``end`` before it stops."""

    def __init__(
        self,
        endpoint: Endpoint,
        plane: Plane,
        sockets: UdpSockets,
        locator: Locator,
        bus: Bus,
        now: Callable[[], float],
        leases: Leases | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._plane = plane
        self._sockets = sockets
        self._locator = locator
        self._bus = bus
        self._now = now
        self._leases = leases
        self._passwords = Passwords()
        self._echo = Echo(self.take)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._beats = 0
        self._not_before = 0.0
        self._addresses: dict[Address, set[str]] = {}
        self._lookups: dict[str, asyncio.Task[None]] = {}
        self._asides: set[asyncio.Task[None]] = set()
        self._reviving: asyncio.Task[None] | None = None
        self._running = False
        self._in_turn = False

    def begin(self) -> None:
        """Start the endpoint, the sockets and the timers."""
        self._running = True
        self._sockets.listen(self._arrived, self._not_delivered, nat_too=not self._plane.takes_nat_sockets)
        self._turn("starting", lambda: self._endpoint.start(self._now()))
        self._beat = self._loop.call_later(BEAT, self._on_beat, self._loop.time() + BEAT)

    def take(self, event: Input) -> None:
        """One event; ignored before ``begin`` and after ``end``."""
        if not self._running:
            return
        if isinstance(event, PlaneTrouble) and event.fatal and self._reviving is None:
            self._reviving = self._loop.create_task(self._revive())
        if self._in_turn:
            # a plane that reports at once, from within what it was told to do
            self._loop.call_soon(self.take, event)
            return
        self._turn(f"taking {type(event).__name__}", lambda: self._endpoint.take(self._now(), event))

    def ike_arrived(self, data: bytes, local: Spot, remote: Spot) -> None:
        """An IKE datagram that the plane found among the NAT port's."""
        self.take(Arrival(local, remote, data, floated=True))

    def end(self) -> None:
        """Have the endpoint tell its peers, then stop everything."""
        if not self._running:
            return
        self.take(Stop())
        self._running = False
        for handle in (self._timer, self._beat):
            if handle is not None:
                handle.cancel()
        for task in (*self._lookups.values(), *self._asides, *filter(None, (self._reviving,))):
            task.cancel()
        self._echo.close()

    def _arrived(self, local: Spot, remote: Spot, data: bytes, floated: bool) -> None:
        self.take(Arrival(local, remote, data, floated))

    def _not_delivered(self, what: NotDelivered) -> None:
        self.take(Unreachable(what.remote, what.detail))

    def _turn(self, where: str, mutate: Callable[[], None]) -> bool:
        """One mutation, drain until empty, arm the timer. Returns whether the mutation went well."""
        self._in_turn = True
        well = self._guarded(where, mutate)
        self._guarded("carrying out", self._drain)
        self._in_turn = False
        self._guarded("setting the timer", self._arm)
        return well

    def _guarded(self, where: str, work: Callable[[], None]) -> bool:
        try:
            work()
        except Exception as error:
            self._bus.publish(EngineFault(where, describe(error)))
            return False
        return True

    def _drain(self) -> None:
        while batch := self._endpoint.drain():
            # messages leave first: the peer waits for them, and what they cause comes by way of the loop, after these
            for each in batch:
                if not isinstance(each, Fact):
                    self._guarded(f"carrying out {type(each).__name__}", partial(self._carry_out, each))
            facts = [each for each in batch if isinstance(each, Fact)]
            if facts:
                self._bus.publish(*facts)

    def _carry_out(self, output: Output) -> None:
        match output:
            case Send(local, remote, data, floated):
                self._send(remote, lambda: self._sockets.send(local, remote, data, floated))
            case SendKeepalive(local, remote):
                self._send(remote, lambda: self._sockets.send_keepalive(local, remote))
            case Locate():
                self._locate(output)
            case Install(half):
                self._into_plane(half.tunnel.full_name, lambda: self._plane.install(half))
            case Protect(tunnel):
                self._into_plane(tunnel.full_name, lambda: self._plane.protect(tunnel))
            case Unprotect(tunnel):
                self._plane.unprotect(tunnel)
            case Remove(spi, direction):
                self._plane.remove(spi, direction)
            case Move(old, new):
                self._plane.move(old, new)
            case AssignAddress(peer, address):
                self._assign(peer, address)
            case ReleaseAddress(peer, address):
                self._release(peer, address)
            case VerifyPassword():
                self._aside("verifying a password", self._verify(output))
            case SaveLeases(peer, leases):
                if self._leases is not None:
                    self._leases.save(peer, leases)
            case SendEcho():
                self._echo.send(output)

    def _send(self, remote: Spot, send: Callable[[], list[NotDelivered]]) -> None:
        # answers go back by way of the loop: the endpoint takes one event at a time, and others get their turn
        try:
            for older in send():
                self._loop.call_soon(self._not_delivered, older)
        except OSError as error:
            detail = error.strerror or type(error).__name__
            local = error.errno in _NOT_LEFT
            self._loop.call_soon(self.take, Unreachable(remote, f"cannot send: {detail}", local))

    def _into_plane(self, tunnel: str, work: Callable[[], None]) -> None:
        try:
            work()
        except PlaneRefused as refused:
            self._loop.call_soon(self.take, PlaneTrouble(str(refused), tunnel=tunnel))

    def _assign(self, peer: str, address: Address) -> None:
        users = self._addresses.setdefault(address, set())
        if not users:
            self._into_plane("", lambda: self._plane.assign(address))
        users.add(peer)

    def _release(self, peer: str, address: Address) -> None:
        users = self._addresses.get(address, set())
        users.discard(peer)
        # two servers may have given us the same one, and one that the plane refused may be asked for again
        if not users and self._addresses.pop(address, None) is not None:
            self._plane.release(address)

    async def _revive(self) -> None:
        """Bring a dead data plane back; the endpoint makes its SAs anew."""
        wait = REVIVE_FIRST
        while True:
            await asyncio.sleep(wait)
            try:
                await self._plane.restart()
            except PlaneRefused as refused:
                self.take(PlaneTrouble(f"{refused}; trying again in {wait * 2:.0f} s"))
                wait = min(wait * 2, REVIVE_MOST)
                continue
            self._reviving = None
            self.take(PlaneTrouble("the data plane runs again"))
            return

    def _locate(self, request: Locate) -> None:
        running = self._lookups.pop(request.peer, None)
        if running is not None:
            running.cancel()
        task = self._loop.create_task(self._answer(request))
        self._lookups[request.peer] = task
        task.add_done_callback(partial(self._looked_up, request.peer))

    async def _answer(self, request: Locate) -> None:
        self.take(await self._locator.locate(request))

    def _looked_up(self, peer: str, task: asyncio.Task[None]) -> None:
        if self._lookups.get(peer) is task:
            del self._lookups[peer]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._bus.publish(EngineFault("looking up a peer", describe(error)))
            # whoever waits for the answer must not wait for ever
            self.take(Located(peer, None, None, "the lookup failed: see the event before"))

    async def _verify(self, request: VerifyPassword) -> None:
        try:
            answer = await self._passwords.verify(request)
        except Exception:
            # whoever waits for the answer must not wait for ever
            self.take(PasswordVerified(request.ident, request.peer, False))
            raise
        self.take(answer)

    def _aside(self, where: str, work: Coroutine[Any, Any, None]) -> None:
        """Something that takes its time and answers later."""
        task = self._loop.create_task(work)
        self._asides.add(task)
        task.add_done_callback(partial(self._done_aside, where))

    def _done_aside(self, where: str, task: asyncio.Task[None]) -> None:
        self._asides.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._bus.publish(EngineFault(where, describe(error)))

    def _due(self) -> float | None:
        """Seconds until the endpoint wants its tick; not above zero: now."""
        deadline = self._endpoint.deadline() if self._running else None
        return None if deadline is None else max(deadline, self._not_before) - self._now()

    def _arm(self) -> None:
        due = self._due()
        if due is None:
            return
        # the loop's clock and ours differ by some microseconds: not to wake just before the time
        when = self._loop.time() + max(due, 0.0) + 0.0005
        if self._timer is not None:
            # one that comes too early finds nothing to do; put off at every event, it might never come
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        self._timer = None
        due = self._due()
        if due is not None and due <= 0 and not self._turn("a timer", lambda: self._endpoint.tick(self._now())):
            self._not_before = self._now() + _AFTER_FAULT
        self._guarded("setting the timer", self._arm)

    def _on_beat(self, due: float) -> None:
        late = self._loop.time() - due
        self._beat = self._loop.call_later(BEAT, self._on_beat, self._loop.time() + BEAT)
        if late > STALL:
            self._bus.publish(EngineStalled(round(late, 3)))
        self._beats += 1
        if self._beats % BEATS_A_SAMPLE == 0:
            self._guarded("sampling the counters", self._plane.sample)
        # the loop's timers stood still while the machine was suspended, the engine's clock did not
        self._guarded("setting the timer", self._arm)
