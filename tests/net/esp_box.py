"""An end of ESP in a network namespace, with fixed keys: what the tests of the ESP plane over real TUN devices use."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

PATIENCE = 30.0
ROOT = Path(__file__).parents[2]

# One end, run by `ip netns exec`: obeys a line at a time on standard input and answers each with one.
END = """
import asyncio, json, socket, sys
from dataclasses import replace
from ipaddress import ip_address
from ikeview.core.outputs import Direction, Spot
from ikeview.core.specs import WhenDown
from ikeview.dataplane.esp.plane import EspPlane
from ikeview.dataplane.esp.tun import TunDevice
from ikeview.dataplane.plane import PlaneRefused
from ikeview.core.inputs import Acquire, Counters
from tests.support.halves import half, selector, tunnel

async def main():
    here, there, *rest = sys.argv[1:]
    suite, own = rest[0], rest[1:]
    family = socket.AF_INET6 if ":" in here else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.setblocking(False)
    udp.bind((here, 4500))
    ike = socket.socket(family, socket.SOCK_DGRAM)
    ike.setblocking(False)
    ike.bind((here, 500))
    events, counted = [], asyncio.Event()
    def report(event):
        events.append(event)
        if isinstance(event, Counters):
            counted.set()
    plane = EspPlane(TunDevice())
    await plane.start(report, [udp], lambda *ike: None)
    plane.exempt([ike])
    tunnels = []
    for n, words in enumerate(own):
        mode = "transport" if words.startswith("transport ") else "tunnel"
        tunnels.append(tunnel(f"t{n}", *words.removeprefix("transport ").split("="), mode=mode))
    spots = {"local": Spot(ip_address(here), 4500), "remote": Spot(ip_address(there), 4500)}
    lower = int(here < there)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("ready", flush=True)
    while order := (await lines.readline()).decode().strip():
        what, *values = order.split()
        refused = ""
        if what == "assign":
            plane.assign(ip_address(values[0]))
        elif what == "release":
            plane.release(ip_address(values[0]))
        elif what == "ike":
            ike.sendto(b"from IKE", (there, 500))
        elif what == "heard":
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(ike, 100), 20) == b"from IKE"
        elif what == "selectors":
            tunnels[0] = replace(tunnels[0], **{
                side: selector(text) for side, text in zip(("local", "remote"), values)
            })
        for n, spec in enumerate(tunnels):
            if order == "protect":
                try:
                    plane.protect(spec)
                except PlaneRefused as error:
                    refused = str(error)
            elif order == "unprotect":
                plane.unprotect(spec)
            elif order == "clear":
                tunnels[n] = replace(spec, when_down=WhenDown.CLEAR)
            elif order == "install":
                plane.install(half(Direction.IN, 0x1000 + 2 * n + lower, spec, suite, 7 * n + lower, **spots))
                plane.install(half(Direction.OUT, 0x1001 + 2 * n - lower, spec, suite, 7 * n + 1 - lower, **spots))
            elif order == "remove":
                plane.remove(0x1001 + 2 * n - lower, Direction.OUT)
                plane.remove(0x1000 + 2 * n + lower, Direction.IN)
        counted.clear()
        plane.sample()
        await counted.wait()
        samples = next(event for event in reversed(events) if isinstance(event, Counters)).samples
        print(json.dumps({
            "in": sum(s.bytes_in for s in samples), "out": sum(s.bytes_out for s in samples), "drops": plane.drops,
            "refused": refused, "acquired": sorted({e.tunnel for e in events if isinstance(e, Acquire)}),
        }), flush=True)
    await plane.stop()
    udp.close()
    ike.close()
    print("stopped", flush=True)

asyncio.run(main())
"""


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


class Box:
    """A network namespace, and an end of ESP in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[str] | None = None

    def run(self, *command: str) -> str:
        return run("ip", "netns", "exec", self.name, *command)

    def spawn(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    def start(self, here: str, there: str, suite: str, *tunnels: str) -> None:
        self.process = self.spawn(sys.executable, "-c", END, here, there, suite, *tunnels)
        assert self._line() == "ready"

    def order(self, text: str) -> dict:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def stop(self) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self._line() == "stopped"
        assert self.process.wait(PATIENCE) == 0
        self._forget()

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(PATIENCE)
            self._forget()

    def _forget(self) -> None:
        assert self.process is not None
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self.process = None

    def _line(self) -> str:
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def state(self) -> dict[str, str]:
        """Everything that the plane may have changed."""
        return {
            what: self.run("ip", *what.split())
            for what in (
                "-br link", "-br addr", "-4 rule", "-6 rule", "-4 route show table all", "-6 route show table all",
            )
        }


def pings(box: Box, target: str, *options: str, count: int = 3) -> bool:
    done = subprocess.run(
        ["ip", "netns", "exec", box.name, "ping", "-n", "-i", "0.05", "-W", "1", "-c", str(count), *options, target],
        capture_output=True, text=True, timeout=PATIENCE,
    )
    return f" {count} received" in done.stdout
