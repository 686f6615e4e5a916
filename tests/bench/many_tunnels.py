"""Many idle tunnels in one engine: ``python -m tests.bench.many_tunnels [100 1000 10000]``. What do they cost?

N peers with an address of their own and one tunnel each, keepalives, hourly rekeys of both phases, in virtual time.
Only one end is measured: it runs in a process of its own, made anew for each N, and the far ends run in another; both
step through the same virtual time by turns of the link's latency, within which neither can know of the other. The
measured process holds what the engine would: settings, endpoint, bus and model; the data plane is a dictionary, and
sockets and system calls are not in it.

* memory: RSS when all are up and have been rekeyed once or more, less RSS before the settings were made, over N (after
  a collection); with ``--bare`` without bus and model.
* CPU: seconds of the measured process inside endpoint and bus, over simulated seconds, in ``window`` seconds after all
  have been up for longer than a lifetime, so that rekeys come evenly; half of the tunnels are begun by each end.
* us/message: the same over the messages that came in, whatever they caused.
"""

import argparse
import gc
import heapq
import multiprocessing
import os
import time
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_network
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ikeview.core.facts import Fact, Phase1Established, ProbeSent, SaInstalled, TunnelDown
from ikeview.core.inputs import Arrival, Counters, Input, Located
from ikeview.core.orders import Initiate
from ikeview.core.outputs import Direction, Install, Locate, Remove, Send, Spot
from ikeview.core.specs import EngineSpec, KeepaliveSpec, PeerSpec, Selector, Settings, TunnelSpec, UiSpec
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import EspSuite, Phase1Suite
from ikeview.engine.bus import Bus
from ikeview.ikev1.build import build_endpoint
from ikeview.model import State
from tests.support.entropy import SeededEntropy

LATENCY = 0.05
LIFETIME = 3600.0
HERE, THERE = int(IPv4Address("10.128.0.0")), int(IPv4Address("10.192.0.0"))
Datagram = tuple[float, int, bytes]
"""When it was sent, in which peer's name, its octets."""


def settings(count: int, interval: float, *, near: bool) -> Settings:
    """N peers with a tunnel each."""
    suites, esp = (Phase1Suite.parse("aes128-sha256-x25519"),), (EspSuite.parse("aes128gcm16"),)
    keepalive = KeepaliveSpec("dpd", interval=interval, timeout=max(30.0, 3 * interval))
    mine, yours = (HERE, THERE) if near else (THERE, HERE)
    peers = []
    for number in range(count):
        name = f"peer{number:05}"
        lan = TunnelSpec(
            name, "lan", *(Selector(ip_network((base & 0xFFFF0000 | number, 32))) for base in (mine, yours)), esp,
            lifetime=LIFETIME,
        )
        there = IPv4Address(yours + number)
        peers.append(PeerSpec(
            name, str(there), Secret(b"the same for all of them"), suites, (lan,), remote_address=there,
            local=str(IPv4Address(mine + number)), lifetime=LIFETIME, keepalive=keepalive,
        ))
    return Settings(EngineSpec(), UiSpec(), tuple(peers))


class End:
    """One of the two ends: an endpoint and what is due."""

    def __init__(self, spec: Settings, *, near: bool, bus: Bus | None = None) -> None:
        self.mine, self.yours = (HERE, THERE) if near else (THERE, HERE)
        self.bus = bus
        self.told: Counter[type[Fact]] = Counter()
        self.sent: list[Datagram] = []
        self.halves: dict[tuple[Direction, int], Any] = {}
        self.seconds = 0.0
        self.messages = 0
        self._due: list[tuple[float, int, Input]] = []
        self._order = 0
        self.endpoint = build_endpoint(
            spec, entropy=SeededEntropy(f"near {near}"), wall=lambda: 0.0, forces_encapsulation=False
        )
        self._now = 0.0
        self._call(lambda: self.endpoint.start(0.0))

    def later(self, at: float, event: Input) -> None:
        """Have something happen."""
        self._order += 1
        heapq.heappush(self._due, (at, self._order, event))

    def arrives(self, datagram: Datagram) -> None:
        """A datagram of the other end."""
        at, number, data = datagram
        local, remote = (Spot(IPv4Address(base + number), 500) for base in (self.mine, self.yours))
        self.messages += 1
        self.later(at + LATENCY, Arrival(local, remote, data, floated=False))

    def turn(self, until: float) -> list[Datagram]:
        """Let time pass; what was sent meanwhile."""
        deadline = self.endpoint.deadline()
        if (deadline is None or deadline >= until) and (not self._due or self._due[0][0] >= until):
            return []
        begun = time.thread_time()
        while True:
            deadline = self.endpoint.deadline()
            at = self._due[0][0] if self._due else until
            if deadline is not None and deadline < min(at, until):
                self._now = max(self._now, deadline)
                self.endpoint.tick(self._now)
            elif at < until:
                self._now = max(self._now, at)
                self.endpoint.take(self._now, heapq.heappop(self._due)[2])
            else:
                break
            self._drain()
        self.seconds += time.thread_time() - begun
        sent, self.sent = self.sent, []
        return sent

    def _call(self, action: Any) -> None:
        action()
        self._drain()

    def _drain(self) -> None:
        facts: list[Fact] = []
        while items := self.endpoint.drain():
            for item in items:
                if isinstance(item, Fact):
                    facts.append(item)
                else:
                    self._carry_out(item)
        if facts:
            self.told.update(map(type, facts))
            if self.bus is not None:
                self.bus.publish(*facts)

    def _carry_out(self, item: Any) -> None:
        match item:
            case Send():
                self.sent.append((self._now, int(item.remote.host) - self.yours, item.data))
            case Locate():
                number = int(IPv4Address(item.remote)) - self.yours
                here, there = IPv4Address(self.mine + number), IPv4Address(self.yours + number)
                self.endpoint.take(self._now, Located(item.peer, here, there))
            case Install(half=half):
                self.halves[half.direction, half.spi] = half
            case Remove():
                del self.halves[item.direction, item.spi]


def far(pipe: Connection, count: int, interval: float) -> None:
    """The far ends' process."""
    end = End(settings(count, interval, near=False), near=False)
    for at, name in pipe.recv():
        end.later(at, Initiate(name))
    gc.freeze()
    while (order := pipe.recv()) is not None:
        until, arrived = order
        for datagram in arrived:
            end.arrives(datagram)
        pipe.send(end.turn(until))


@dataclass
class Figures:
    """What was measured with N tunnels."""

    count: int
    memory: float
    """kB a tunnel."""
    share: float
    """CPU seconds a simulated second."""
    message: float
    """CPU microseconds a message, everything included."""
    probes: int
    rekeys: int
    renewals: int


def near(results: Connection, pipe: Connection, count: int, interval: float, window: float, bare: bool) -> None:
    """The measured process."""
    # what is loaded once, whatever the number, is not counted
    End(settings(1, interval, near=True), near=True, bus=Bus(time.monotonic, time.time, State()))
    gc.collect()
    before = _resident()
    clock = [0.0]
    bus = None if bare else Bus(lambda: clock[0], lambda: clock[0])
    end = End(settings(count, interval, near=True), near=True, bus=bus)
    begins = [(number * LIFETIME * 0.8 / count, f"peer{number:05}/lan") for number in range(count)]
    for at, name in begins[::2]:
        end.later(at, Initiate(name))
    pipe.send(begins[1::2])

    ours: list[Datagram] = []
    theirs: list[Datagram] = []

    def go_on(until: float) -> None:
        nonlocal ours, theirs
        while clock[0] < until:
            clock[0] += LATENCY
            if clock[0] % 1.0 < LATENCY:
                # the engine asks the plane for its counters once a second; nothing has passed
                end.later(clock[0] - LATENCY / 2, Counters(()))
            pipe.send((clock[0], ours))
            for datagram in theirs:
                end.arrives(datagram)
            ours = end.turn(clock[0])
            theirs = pipe.recv()

    go_on(LIFETIME * 0.8)
    assert end.told[SaInstalled] >= count, f"{end.told[SaInstalled]} of {count}"
    go_on(LIFETIME * 1.2)
    told, seconds, messages = Counter(end.told), end.seconds, end.messages
    go_on(LIFETIME * 1.2 + window)
    seconds, messages = end.seconds - seconds, end.messages - messages
    told = end.told - told
    assert not end.told[TunnelDown]
    assert not end._due or end._due[0][0] >= clock[0]
    gc.collect()
    full = _resident()
    pipe.send(None)
    results.send(Figures(
        count, (full - before) / count / 1000, seconds / window,
        seconds / max(messages, 1) * 1e6, told[ProbeSent], told[SaInstalled], told[Phase1Established],
    ))


def _resident() -> int:
    """Octets of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def measure(count: int, interval: float, window: float, bare: bool) -> Figures:
    """One N, in two fresh processes."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    results, result = context.Pipe()
    both = [
        context.Process(target=near, args=(result, ours, count, interval, window, bare)),
        context.Process(target=far, args=(theirs, count, interval)),
    ]
    for process in both:
        process.start()
    # so that the end of either is seen
    for pipe in (ours, theirs, result):
        pipe.close()
    figures: Figures = results.recv()
    for process in both:
        process.join()
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.many_tunnels")
    parser.add_argument("counts", nargs="*", type=int, default=[100, 1000, 10_000])
    parser.add_argument("--interval", type=float, default=60.0, help="of the keepalive, seconds")
    parser.add_argument("--window", type=float, default=300.0, help="simulated seconds in which the CPU is measured")
    parser.add_argument("--bare", action="store_true", help="without bus and model")
    asked = parser.parse_args()
    print(f"keepalive every {asked.interval:g} s, both phases rekeyed within {LIFETIME:g} s; "
          f"CPU over {asked.window:g} simulated seconds")
    print(f"{'tunnels':>8}{'kB each':>9}{'CPU share':>11}{'each, e-6':>11}"
          f"{'us/message':>12}{'probes':>9}{'rekeys':>8}{'renewals':>9}")
    for count in asked.counts:
        each = measure(count, asked.interval, asked.window, asked.bare)
        print(f"{count:8}{each.memory:9.1f}{each.share:11.4f}{each.share / count * 1e6:11.2f}"
              f"{each.message:12.1f}{each.probes:9}{each.rekeys:8}{each.renewals:9}", flush=True)


if __name__ == "__main__":
    main()
