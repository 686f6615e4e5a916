"""An endpoint and a data plane that do what the test says, and a reader of facts that waits for one."""

import socket
import threading
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from ikeview.core.facts import Fact, Stamped
from ikeview.core.inputs import Input, PlaneEvent
from ikeview.core.outputs import Direction, HalfSa, Output, Spot
from ikeview.core.specs import Address, EngineSpec, Settings, TunnelSpec, UiSpec
from ikeview.dataplane.plane import IkeArrived, PlaneRefused
from ikeview.engine.bus import Bus
from ikeview.engine.engine import Engine, Service

PATIENCE = 10.0
"""Seconds after which a test that waits for something that does not come gives up."""

Answer = Callable[[Input], list[Output | Fact]]


class FakeEndpoint:
    """Takes everything down and answers with what ``answer`` returns."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer: Answer = answer or (lambda event: [])
        self.at_start: list[Output | Fact] = []
        self.due: float | None = None
        self.on_tick: Callable[[], list[Output | Fact]] = list
        self.taken: list[Input] = []
        self.ticks = 0
        self._out: list[Output | Fact] = []
        self._changed = threading.Condition()

    def start(self, now: float) -> None:
        self._out += self.at_start

    def take(self, now: float, event: Input) -> None:
        with self._changed:
            self.taken.append(event)
            self._changed.notify_all()
        self._out += self.answer(event)

    def tick(self, now: float) -> None:
        with self._changed:
            self.ticks += 1
            self._changed.notify_all()
        self._out += self.on_tick()

    def drain(self) -> list[Output | Fact]:
        out, self._out = self._out, []
        return out

    def deadline(self) -> float | None:
        return self.due

    def wait(self, condition: Callable[["FakeEndpoint"], bool]) -> None:
        """Until ``condition`` holds of this endpoint."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), PATIENCE), f"only {self.taken} came"

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.taken if isinstance(event, kind)]


class FakePlane:
    """Does nothing, and takes down what it was told."""

    name = "fake"
    needs_encapsulation = False

    def __init__(self, *, takes_nat_sockets: bool = False, refuses: str = "") -> None:
        self.takes_nat_sockets = takes_nat_sockets
        self.refuses = refuses
        self.told: list[tuple[str, object]] = []
        self.started_with: list[socket.socket] = []
        self.before_started: Callable[[], None] = lambda: None
        self.exempted: list[socket.socket] = []
        self.restarts = 0
        self.restarted = threading.Event()
        self.sampled = threading.Event()
        self.stopped = threading.Event()

    async def start(
        self, report: Callable[[PlaneEvent], None], nat_sockets: list[socket.socket], ike_arrived: IkeArrived
    ) -> None:
        self.report, self.ike_arrived = report, ike_arrived
        self.started_with = nat_sockets
        self.before_started()
        if self.refuses == "start":
            raise PlaneRefused("there is no device")

    async def restart(self) -> None:
        self.restarts += 1
        self.restarted.set()

    def exempt(self, sockets: list[socket.socket]) -> None:
        self.exempted = sockets

    def _do(self, what: str, value: object) -> None:
        self.told.append((what, value))
        if self.refuses == what:
            raise PlaneRefused(f"{what} is not possible")

    def protect(self, tunnel: TunnelSpec) -> None:
        self._do("protect", tunnel)

    def unprotect(self, tunnel: TunnelSpec) -> None:
        self._do("unprotect", tunnel)

    def install(self, half: HalfSa) -> None:
        self._do("install", half)

    def remove(self, spi: int, direction: Direction) -> None:
        self._do("remove", (spi, direction))

    def move(self, old: Spot, new: Spot) -> None:
        self._do("move", (old, new))

    def assign(self, address: Address) -> None:
        self._do("assign", address)

    def release(self, address: Address) -> None:
        self._do("release", address)

    def sample(self) -> None:
        self.sampled.set()

    async def stop(self) -> None:
        self.stopped.set()


class Reader:
    """A subscriber that keeps all facts and waits for the one that a test wants."""

    def __init__(self, bus: Bus) -> None:
        self._woken = threading.Event()
        self.subscription = bus.subscribe(self._woken.set)
        self.seen: list[Stamped] = []

    def until(self, kind: type[Fact], condition: Callable[[Any], bool] = lambda fact: True) -> Any:
        """The first fact of that kind that meets the condition, from the beginning."""
        end = time.monotonic() + PATIENCE
        while True:
            self.seen += self.subscription.drain()
            for stamped in self.seen:
                if isinstance(stamped.fact, kind) and condition(stamped.fact):
                    return stamped.fact
            assert self._woken.wait(max(0.0, end - time.monotonic())), f"no {kind.__name__} among {self.seen}"
            self._woken.clear()

    def of(self, kind: type[Fact]) -> list[Any]:
        self.seen += self.subscription.drain()
        return [stamped.fact for stamped in self.seen if isinstance(stamped.fact, kind)]


LOOPBACK = IPv4Address("127.0.0.1")


def engine_settings(
    *listen: IPv4Address | IPv6Address, port: int = 0, nat_port: int = 0
) -> Settings:
    """Loopback and ports of the system's choice, unless told otherwise."""
    return Settings(EngineSpec(listen or (LOOPBACK,), port, nat_port, "memory"), UiSpec(), (), "/nowhere")


def make(
    endpoint: FakeEndpoint,
    plane: FakePlane | None = None,
    settings: Settings | None = None,
    services: tuple[Service, ...] = (),
) -> Engine:
    chosen = plane or FakePlane()
    return Engine(
        settings or engine_settings(), lambda: (chosen, "for the test"), lambda plane: endpoint, services=services
    )


def udp(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A peer's socket."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(PATIENCE)
    sock.bind((host, port))
    return sock


def free_port() -> int:
    with udp() as sock:
        return int(sock.getsockname()[1])


def adjacent_ports() -> int:
    """The first of two free ports, for IKE and NAT."""
    while True:
        port = free_port()
        try:
            udp(port=port + 1).close()
        except (OSError, OverflowError):
            continue
        return port
