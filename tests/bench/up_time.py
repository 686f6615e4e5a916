"""How long from the order until a tunnel is up: ``python -m tests.bench.up_time [ROUNDS]``. Needs root.

ikeview and strongSwan initiate in turn towards the same strongSwan responder, each from a host of its own: Main Mode
with MODP2048 and Quick Mode with PFS in the same group. Medians in milliseconds of

* wire: message 1 of Main Mode to message 3 of Quick Mode, by the kernel's time stamps on the initiator's device, the
  same for both;
* own: the part of that in which the initiator had a message to answer, so without the responder's work; then the same
  for each message that it sent in answer;
* order: what the program itself says from the order until the SA is installed; strongSwan's log has whole milliseconds;
* asked: what a client of ikeview's control socket waited.
"""

import itertools
import re
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from ikeview.control.connection import Connection as Control
from tests.net.capture import Capture, Frame
from tests.net.gateway import Gateway, PeerFile, TunnelFile
from tests.net.strongswan import Child, Connection, StrongSwan
from tests.net.traffic import wait_until
from tests.support.namespaces import TwoHosts, join

_PHASE1, _ESP = "aes256-sha256-modp2048", "aes256gcm16-modp2048"
_ANSWERS = ("main 3", "main 5", "quick 1", "quick 3")
_MEASURES = ("wire", "own", *_ANSWERS, "order", "asked")
_MESSAGES, _MAIN_MODE, _QUICK_MODE = 9, 2, 32
Times = dict[str, float]


def main(rounds: int) -> None:
    """Measure, and print medians and ratios."""
    measured: dict[str, list[Times]] = {"ikeview": [], "strongSwan": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hosts, third = stack.enter_context(TwoHosts()), stack.enter_context(TwoHosts())
        join(third.left, hosts.right, "eth1")
        hosts.left.ip("addr add 10.99.1.1/24 dev eth0", "addr add 10.101.1.1/32 dev lo")
        third.left.ip("addr add 10.99.2.1/24 dev eth1", "addr add 10.102.1.1/32 dev lo")
        hosts.right.ip("addr add 10.99.1.2/24 dev eth0", "addr add 10.99.2.2/24 dev eth1",
                       "addr add 10.100.0.1/32 dev lo")
        responder = stack.enter_context(StrongSwan(hosts.right, folder / "responder", [
            _connection(number, f"10.99.{number}.2", f"10.99.{number}.1", "10.100.0.0/24", f"10.10{number}.1.0/24")
            for number in (1, 2)
        ], ike_log=1))
        strongswan = stack.enter_context(StrongSwan(third.left, folder / "initiator", [
            _connection(2, "10.99.2.1", "10.99.2.2", "10.102.1.0/24", "10.100.0.0/24")
        ], ike_log=1))
        ikeview = stack.enter_context(Gateway(hosts.left, folder / "ikeview", [
            PeerFile("bench1", "10.99.1.1", "10.99.1.2", (_PHASE1,),
                     [TunnelFile("lan", "10.101.1.0/24", "10.100.0.0/24", (_ESP,))])
        ]))
        here = stack.enter_context(Capture(hosts.left))
        there = stack.enter_context(Capture(third.left, "eth1"))
        # the first of each warms caches up and does not count
        for number in range(rounds + 1):
            results = {"ikeview": _ikeview(ikeview, here), "strongSwan": _strongswan(strongswan, there)}
            wait_until(lambda: not responder.sas(), 5, "the responder has nothing left")
            if number:
                for name, result in results.items():
                    measured[name].append(result)
    _report(measured)


def _connection(number: int, local: str, remote: str, local_network: str, remote_network: str) -> Connection:
    child = Child(f"bench{number}-lan", local_network, remote_network, _ESP)
    return Connection(f"bench{number}", local, remote, _PHASE1, [child])


def _ikeview(gateway: Gateway, capture: Capture) -> Times:
    capture.frames.clear()
    order = {"do": "order", "tunnel": "bench1/lan", "by": "", "wait": 20}
    with Control(gateway.runtime) as control:
        begun = time.perf_counter()
        answer = control.request({**order, "order": "initiate"}, 25)
        asked = time.perf_counter() - begun
        assert answer["ok"], answer
        events = gateway.events()
        ordered = max(each["at"] for each in events if each["fact"] == "OrderTaken")
        up = max(each["at"] for each in events if each["fact"] == "TunnelUp")
        answer = control.request({**order, "order": "terminate"}, 25)
        assert answer["ok"], answer
    return {**_on_the_wire(capture), "order": up - ordered, "asked": asked}


def _strongswan(daemon: StrongSwan, capture: Capture) -> Times:
    capture.frames.clear()
    before = len(daemon.log)
    done = daemon.swanctl("--initiate", "--child", "bench2-lan", "--timeout", "20")
    assert done.returncode == 0, done.stdout
    log = daemon.log[before:]
    times = [
        int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        for hours, minutes, seconds in re.findall(
            r"(\d\d):(\d\d):(\d\d\.\d+) \S+ (?:vici initiate CHILD_SA|CHILD_SA \S+ established)", log
        )
    ]
    assert len(times) == 2, log
    assert daemon.swanctl("--terminate", "--ike", "bench2").returncode == 0
    return {**_on_the_wire(capture), "order": (times[1] - times[0]) % 86400}


def _on_the_wire(capture: Capture) -> Times:
    messages: list[Frame] = []

    def complete() -> bool:
        messages[:] = [frame for frame, data in capture.ike() if data[18] in (_MAIN_MODE, _QUICK_MODE)]
        return len(messages) >= _MESSAGES

    wait_until(complete, 5, "the capture has all nine messages")
    assert len(messages) == _MESSAGES, "one was sent again"
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(messages) if later.outgoing]
    return {
        "wire": messages[-1].at - messages[0].at, "own": sum(gaps), **dict(zip(_ANSWERS, gaps, strict=True)),
    }


def _report(measured: dict[str, list[Times]]) -> None:
    rounds = len(measured["ikeview"])
    print(f"{_PHASE1}, {_ESP}, {rounds} rounds each, medians in ms")
    print(f"{'':8}{'ikeview':>10}{'strongSwan':>12}{'ratio':>8}")
    for measure in _MEASURES:
        medians = {
            name: statistics.median(each[measure] for each in times) * 1000
            for name, times in measured.items() if measure in times[0]
        }
        ours, theirs = medians["ikeview"], medians.get("strongSwan")
        print(f"{measure:8}{ours:10.2f}" + (f"{theirs:12.2f}{ours / theirs:8.2f}" if theirs else ""))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
