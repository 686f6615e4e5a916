"""How long until 200 tunnels are up: ``python -m tests.bench.up_200 [TUNNELS [ROUNDS]]``. Needs root.

One strongSwan responder has an address for each of the 200 peers. ikeview and strongSwan initiate towards it in turn,
each from a host of its own, all tunnels at once: what ``ikeview up --all`` says over the control socket, and
``initiate`` for each over one vici connection, without waiting for the one before. Main Mode with MODP2048 and Quick
Mode with PFS in the same group, ESP in userspace at both ends. Medians of

* wire: from the first message to the last message 3 of Quick Mode, by the kernel's time stamps on the initiator's
  device;
* CPU: what the initiator's processes (for ikeview: the engine) have used by then, of the machine's two cores;
* again: datagrams that were sent more than once.
"""

import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from ikeview.control.connection import Connection as Control
from ikeview.control.protocol import ALL
from tests.net.capture import Capture
from tests.net.gateway import Gateway, PeerFile, TunnelFile
from tests.net.strongswan import Child, Connection, StrongSwan
from tests.net.traffic import wait_until
from tests.support.namespaces import TwoHosts, join

_PHASE1, _ESP = "aes256-sha256-modp2048", "aes256gcm16-modp2048"
_QUICK_MODE = 32
_WITHOUT_LIMITS = ("dos_protection = no", "init_limit_half_open = 0", "init_limit_job_load = 0")
_PATIENCE = 120.0
Times = dict[str, float]


def main(count: int, rounds: int) -> None:
    """Measure, and print medians and ratios."""
    numbers = range(1, count + 1)
    measured: dict[str, list[Times]] = {"ikeview": [], "strongSwan": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hosts, third = stack.enter_context(TwoHosts()), stack.enter_context(TwoHosts())
        join(third.left, hosts.right, "eth1")
        # strongSwan wants an address of its own in each of its networks
        hosts.left.ip("addr add 10.91.0.1/16 dev eth0")
        third.left.ip("addr add 10.92.0.1/16 dev eth1", *(f"addr add 10.102.{each}.1/32 dev lo" for each in numbers))
        hosts.right.ip("addr add 10.100.0.1/32 dev lo", *(
            f"addr add 10.9{net}.1.{each}/16 dev eth{net - 1}" for net in (1, 2) for each in numbers
        ))
        responder = stack.enter_context(StrongSwan(hosts.right, folder / "responder", [
            _connection(f"of{net}-{each}", f"10.9{net}.1.{each}", f"10.9{net}.0.1", "10.100.0.0/24",
                        f"10.10{net}.{each}.0/24")
            for net in (1, 2) for each in numbers
        ], ike_log=0, charon=_WITHOUT_LIMITS))
        strongswan = stack.enter_context(StrongSwan(third.left, folder / "initiator", [
            _connection(f"bench{each}", "10.92.0.1", f"10.92.1.{each}", f"10.102.{each}.0/24", "10.100.0.0/24")
            for each in numbers
        ], ike_log=0, charon=_WITHOUT_LIMITS))
        ikeview = stack.enter_context(Gateway(hosts.left, folder / "ikeview", [
            PeerFile(f"bench{each}", "10.91.0.1", f"10.91.1.{each}", (_PHASE1,),
                     [TunnelFile("lan", f"10.101.{each}.0/24", "10.100.0.0/24", (_ESP,))])
            for each in numbers
        ]))
        here = stack.enter_context(Capture(hosts.left))
        there = stack.enter_context(Capture(third.left, "eth1"))
        for _ in range(rounds):
            for name, capture, process, begin, end in (
                ("ikeview", here, ikeview._process, lambda: _ikeview(ikeview, "initiate"),
                 lambda: _ikeview(ikeview, "terminate")),
                ("strongSwan", there, strongswan._process,
                 lambda: _vici(strongswan, "initiate", "child", [f"bench{each}-lan" for each in numbers]),
                 lambda: _vici(strongswan, "terminate", "ike", [f"bench{each}" for each in numbers])),
            ):
                assert process is not None
                measured[name].append(_measure(capture, process.pid, begin, count))
                end()
                _clear(responder)
                print(name, {key: round(value, 2) for key, value in measured[name][-1].items()}, flush=True)
    _report(measured, count)


def _connection(name: str, local: str, remote: str, local_network: str, remote_network: str) -> Connection:
    return Connection(name, local, remote, _PHASE1, [Child(f"{name}-lan", local_network, remote_network, _ESP)])


def _measure(capture: Capture, pid: int, begin: Callable[[], None], count: int) -> Times:
    capture.frames.clear()
    before = _cpu(pid)
    begin()
    deadline = time.monotonic() + _PATIENCE
    while not (figures := _on_the_wire(capture, count)):
        assert time.monotonic() < deadline, "not all have come up"
        time.sleep(0.1)
    return {**figures, "CPU": _cpu(pid) - before}


def _on_the_wire(capture: Capture, count: int) -> Times:
    """The figures once every Quick Mode has its last message; empty before."""
    if len(capture.frames) < 9 * count:
        return {}
    frames = capture.ike()
    sent: dict[bytes, dict[bytes, float]] = {}
    for frame, data in frames:
        if frame.outgoing and data[18] == _QUICK_MODE:
            # by cookies and message ID: the initiator's first and its last
            sent.setdefault(data[:16] + data[20:24], {}).setdefault(data, frame.at)
    done = [max(each.values()) for each in sent.values() if len(each) == 2]
    if len(done) < count:
        return {}
    return {
        "wire": max(done) - frames[0][0].at,
        "again": float(len(frames) - len({(frame.outgoing, data) for frame, data in frames})),
    }


def _cpu(pid: int) -> float:
    """Seconds of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _ikeview(gateway: Gateway, order: str) -> None:
    with Control(gateway.runtime) as control:
        answer = control.request({"do": "order", "order": order, "tunnel": ALL, "by": "", "wait": _PATIENCE}, 125)
    assert answer["ok"], answer


def _clear(responder: StrongSwan) -> None:
    """So many Deletes at once do not all arrive: what is left over there after a while goes now."""
    time.sleep(2)
    left = [each.name for each in responder.sas()]
    _vici(responder, "terminate", "ike", list(dict.fromkeys(left)))
    wait_until(lambda: not responder.sas(), 60, "the responder has nothing left")


def _vici(daemon: StrongSwan, command: str, key: str, names: list[str]) -> None:
    """One command for each name, none waited for (strongSwan's vici protocol)."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(daemon.uri.removeprefix("unix://"))
        for name in names:
            message = b"".join(
                bytes((3, len(each))) + each.encode() + len(value).to_bytes(2) + value.encode()
                for each, value in ((key, name), ("timeout", "-1"))
            )
            packet = bytes((0, len(command))) + command.encode() + message
            connection.sendall(len(packet).to_bytes(4) + packet)
            size = int.from_bytes(_read(connection, 4))
            _read(connection, size)


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        assert piece, "charon has hung up"
        data += piece
    return data


def _report(measured: dict[str, list[Times]], count: int) -> None:
    print(f"\n{count} tunnels, {_PHASE1}, {_ESP}, {len(measured['ikeview'])} rounds, medians")
    print(f"{'':12}{'ikeview':>10}{'strongSwan':>12}{'ratio':>8}")
    for measure, unit in (("wire", "s"), ("CPU", "s"), ("again", "")):
        ours, theirs = (statistics.median(each[measure] for each in times) for times in measured.values())
        ratio = f"{ours / theirs:8.2f}" if theirs else ""
        print(f"{measure:8}{unit:4}{ours:10.2f}{theirs:12.2f}{ratio}")


if __name__ == "__main__":
    arguments = [int(each) for each in sys.argv[1:]]
    main(*(arguments + [200, 3][len(arguments):]))
