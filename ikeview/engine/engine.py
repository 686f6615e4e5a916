"""The engine: a thread with its own asyncio loop, so that nothing the screen does can hold up a timer.

``begin`` starts the thread, ``wait_started`` says how that went; orders go in by ``send`` from any thread; facts come
out of ``bus``; ``stop`` tells the peers and ends it all.
"""

import asyncio
import gc
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Any, Protocol

from ikeview import __version__
from ikeview.core.facts import EngineFault, EngineProblem, EngineStarted, EngineStopped
from ikeview.core.orders import Order
from ikeview.core.specs import Settings
from ikeview.dataplane.plane import Plane, PlaneRefused
from ikeview.engine import clock
from ikeview.engine.bus import Bus
from ikeview.engine.contract import Endpoint
from ikeview.engine.fault import describe
from ikeview.engine.leases import Leases
from ikeview.engine.locate import Locator
from ikeview.engine.pump import Pump
from ikeview.engine.refused import EngineRefused
from ikeview.engine.sockets import UdpSockets
from ikeview.engine.threads import in_thread

START_SECONDS = 10.0
STOP_SECONDS = 2.0
"""An orderly end takes no longer; what has not ended by then is left behind."""


class Service(Protocol):
    """Something that runs on the engine's loop beside it, such as the control socket."""

    async def start(self, engine: "Engine") -> None:
        """Before anything else of the engine. Raises ``EngineRefused``."""
        ...

    async def stop(self) -> None:
        """After everything else of the engine."""
        ...


class Engine:
    """One engine. ``make_plane`` gives the data plane and the reason for it in words; it and ``make_endpoint`` are
    called in the engine's thread, where slow imports hold up nobody. Both may raise ``EngineRefused``."""

    def __init__(
        self,
        settings: Settings,
        make_plane: Callable[[], tuple[Plane, str]],
        make_endpoint: Callable[[Plane], Endpoint],
        *,
        services: Sequence[Service] = (),
        leases: Leases | None = None,
    ) -> None:
        self.settings = settings
        self.bus = Bus(clock.now, clock.wall)
        self._make_plane = make_plane
        self._make_endpoint = make_endpoint
        self._services = services
        self._leases = leases
        self._thread = threading.Thread(target=self._run, name="ikeview-engine", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pump: Pump | None = None
        self._stopping: asyncio.Event | None = None
        self._stop_asked = False
        self._early: list[Order] = []
        # a signal handler may come while the same thread holds it
        self._lock = threading.RLock()
        self._started: Future[None] = Future()
        self.problem = ""
        """Why it did not start or ended by itself; empty otherwise, and while that is not known."""

    def start(self, timeout: float = START_SECONDS) -> None:
        """Start; returns when the sockets are bound and the plane runs. Raises ``EngineRefused``."""
        self.begin()
        self.wait_started(timeout)

    def begin(self) -> None:
        """Start without waiting."""
        self._thread.start()

    def wait_started(self, timeout: float = START_SECONDS) -> None:
        """Wait until it runs. Raises ``EngineRefused`` if it does not come to that."""
        try:
            self._started.result(timeout)
        except FutureTimeout as error:
            self.stop()
            raise EngineRefused(f"the engine did not start within {timeout:.0f} s") from error

    def send(self, order: Order) -> None:
        """Give an order, from any thread; what comes of it is told in facts. One given early waits for the start."""
        with self._lock:
            if self._pump is None:
                self._early.append(order)
                return
            loop, pump = self._loop, self._pump
        if loop is not None:
            # a loop that has ended refuses: EngineStopped was told
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(pump.take, order)

    def ask_stop(self) -> None:
        """Have it end in order, without waiting; also from a signal handler."""
        with self._lock:
            self._stop_asked = True
            loop, stopping = self._loop, self._stopping
        if loop is not None and stopping is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(stopping.set)

    def stop(self, timeout: float = STOP_SECONDS + 1.0) -> bool:
        """End in order: Deletes are sent, the plane undoes its changes. Returns whether it ended in time. From any
        thread but the engine's; again is harmless."""
        self.ask_stop()
        if not self._thread.is_alive():
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except (EngineRefused, PlaneRefused) as refused:
            self.problem = str(refused)
        except Exception as error:
            self.problem = f"the engine failed: {describe(error)}"
            self.bus.publish(EngineFault("running", describe(error)))
        why = self.problem or "the engine was stopped"
        if not self._started.done():
            self._started.set_exception(EngineRefused(why))
        self.bus.end(why)

    async def _main(self) -> None:
        with self._lock:
            self._loop = asyncio.get_running_loop()
            self._stopping = asyncio.Event()
            if self._stop_asked:
                return
        self._loop.set_exception_handler(self._loop_failed)
        begun: list[Service] = []
        try:
            for service in self._services:
                await service.start(self)
                begun.append(service)
            await self._serve(self._stopping)
        finally:
            for service in reversed(begun):
                await self._in_time(f"stopping {type(service).__name__}", service.stop())

    async def _serve(self, stopping: asyncio.Event) -> None:
        plane, why = self._make_plane()
        endpoint = self._make_endpoint(plane)
        sockets = UdpSockets.open(self.settings.engine)
        pump = Pump(endpoint, plane, sockets, Locator(sockets.listening), self.bus, clock.now, self._leases)
        try:
            nat_sockets = sockets.nat_sockets if plane.takes_nat_sockets else []
            await plane.start(pump.take, nat_sockets, pump.ike_arrived)
            try:
                plane.exempt(sockets.all)
                self._announce(plane, why, sockets)
                if self._leases is not None:
                    self._leases.told_by(self._tell)
                pump.begin()
                self._open(pump)
                # what has been built by now stays: the collector need not look at it again in the middle of an exchange
                gc.freeze()
                self._started.set_result(None)
                await stopping.wait()
                pump.end()
            finally:
                await self._in_time("stopping the data plane", plane.stop())
            await self._in_time("writing the leases", self._settle_leases())
            self.bus.publish(EngineStopped())
        finally:
            sockets.close()

    def _tell(self, text: str) -> None:
        """From any thread: a problem that the operator should know of."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self.bus.publish, EngineProblem(text))

    async def _settle_leases(self) -> None:
        leases = self._leases
        if leases is not None:
            await in_thread(lambda: leases.close(STOP_SECONDS / 2), "ikeview-leases-end")

    def _open(self, pump: Pump) -> None:
        """From now on orders go straight in; those that waited go first."""
        with self._lock:
            early, self._early = self._early, []
            self._pump = pump
        for order in early:
            pump.take(order)

    def _announce(self, plane: Plane, why: str, sockets: UdpSockets) -> None:
        self.bus.publish(
            EngineStarted(
                version=__version__,
                pid=os.getpid(),
                plane=plane.name,
                why=why,
                listen=tuple(str(spot.host) for spot in sockets.listening),
                port=sockets.port(floated=False),
                nat_port=sockets.port(floated=True),
                folder=self.settings.folder,
            )
        )

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """In place of asyncio's own report, which would write across the screen."""
        error = context.get("exception")
        text = describe(error) if isinstance(error, BaseException) else "no exception"
        self.bus.publish(EngineFault("a callback of the loop", text))

    async def _in_time(self, what: str, work: Awaitable[None]) -> None:
        """An end that hangs or fails must not keep the rest from ending."""
        try:
            async with asyncio.timeout(STOP_SECONDS / 2):
                await work
        except Exception as error:
            self.bus.publish(EngineFault(what, describe(error)))
