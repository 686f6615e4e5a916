"""EspPlane over real TUN devices: two network namespaces, joined by a veth pair, fixed keys."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.esp_box import PATIENCE, Box, pings, run
from tests.support.requirements import need

pytestmark = pytest.mark.net


@pytest.fixture
def boxes() -> Iterator[tuple[Box, Box]]:
    """Two namespaces with outer addresses 10.99.0.1/.2 and fd99::1/::2 and inner ones 10.1.0.1, fd01::1 and 10.2.0.1,
    fd02::1."""
    need(os.geteuid() == 0, "network namespaces need root")
    need(Path("/dev/net/tun").exists(), "/dev/net/tun does not exist")
    for program in ("ip", "ping"):
        need(shutil.which(program) is not None, f"the program {program} is not installed")
    left, right = (Box(f"ikv-esp-{os.getpid()}-{side}") for side in ("l", "r"))
    try:
        for box in (left, right):
            run("ip", "netns", "add", box.name)
            box.run("sysctl", "-qw", "net.ipv6.conf.default.addr_gen_mode=1")
        ends = [("netns", box.name) for box in (left, right)]
        run("ip", "link", "add", "eth0", *ends[0], "type", "veth", "peer", "name", "eth0", *ends[1])
        for box, number in ((left, 1), (right, 2)):
            box.run("ip", "link", "set", "lo", "up")
            box.run("ip", "addr", "add", f"10.99.0.{number}/24", "dev", "eth0")
            box.run("ip", "addr", "add", f"fd99::{number}/64", "dev", "eth0", "nodad")
            box.run("ip", "link", "set", "eth0", "up")
            box.run("ip", "link", "add", "inner", "type", "veth", "peer", "name", "host")
            box.run("ip", "link", "set", "host", "up")
            box.run("ip", "addr", "add", f"10.{number}.0.1/24", "dev", "inner")
            box.run("ip", "addr", "add", f"fd0{number}::1/64", "dev", "inner", "nodad")
            box.run("ip", "link", "set", "inner", "up")
        for box in (left, right):
            _settle(box)
        yield left, right
    finally:
        for box in (left, right):
            box.kill()
            subprocess.run(["ip", "netns", "del", box.name], capture_output=True)


def _settle(box: Box) -> None:
    """Wait until the kernel has brought the links up, which it does in the background."""
    deadline = time.monotonic() + PATIENCE
    while box.run("ip", "-br", "link", "show", "type", "veth").count(" UP ") < 3:
        assert time.monotonic() < deadline, "the links do not come up"


def mirrored(words: str) -> str:
    """A tunnel as the other end has it."""
    mode = "transport " if words.startswith("transport ") else ""
    return mode + "=".join(reversed(words.removeprefix("transport ").split("=")))


def start_both(
    left: Box, right: Box, suite: str, *tunnels: str, outer: tuple[str, str] = ("10.99.0.1", "10.99.0.2")
) -> None:
    left.start(*outer, suite, *tunnels)
    right.start(*reversed(outer), suite, *map(mirrored, tunnels))
    for order in ("protect", "install"):
        for box in (left, right):
            assert not box.order(order)["refused"]


RECEIVE = """
import hashlib, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 5001), family=family) as server:
    print("listening", flush=True)
    taken, _ = server.accept()
    digest, size = hashlib.sha256(), 0
    while data := taken.recv(65536):
        digest.update(data)
        size += len(data)
    print(size, digest.hexdigest(), flush=True)
"""

TRANSMIT = """
import hashlib, random, socket, sys
data = random.Random(1).randbytes(int(sys.argv[2]))
with socket.create_connection((sys.argv[1], 5001), 20) as out:
    out.sendall(data)
print(len(data), hashlib.sha256(data).hexdigest())
"""


def transfers(left: Box, right: Box, target: str, size: int) -> None:
    """A TCP connection from left to right carries that many octets."""
    with right.spawn(sys.executable, "-c", RECEIVE, target) as receiver:
        assert receiver.stdout is not None
        assert receiver.stdout.readline().strip() == "listening"
        sent = left.run(sys.executable, "-c", TRANSMIT, target, str(size)).split()
        got = receiver.stdout.readline().split()
    assert got == sent
    assert got[0] == str(size)


@pytest.mark.parametrize("suite", ["aes256gcm16", "aes128-sha256", "3des-sha1"])
def test_ping_tcp_and_nothing_left_behind(boxes: tuple[Box, Box], suite: str) -> None:
    left, right = boxes
    before = left.state(), right.state()
    start_both(left, right, suite, "10.1.0.0/24=10.2.0.0/24", "fd01::/64=fd02::/64")
    assert pings(left, "10.2.0.1"), "without a source address, which the route has to choose"
    assert pings(right, "10.1.0.1", "-I", "10.2.0.1")
    assert pings(left, "10.2.0.1", "-s", "1362", "-M", "do"), "the largest packet of the device"
    assert pings(left, "fd02::1")
    transfers(left, right, "10.2.0.1", 10_000_000)
    counts = left.order("count")
    assert counts["out"] > 10_000_000
    assert right.order("count")["in"] > 10_000_000
    left.stop()
    right.stop()
    assert (left.state(), right.state()) == before


@pytest.mark.parametrize(
    ("suite", "outer"),
    [
        ("aes128gcm8-esn", ("10.99.0.1", "10.99.0.2")),
        ("aes256ccm12", ("fd99::1", "fd99::2")),
        ("aes192ctr-sha384", ("10.99.0.1", "10.99.0.2")),
        ("chacha20poly1305-esn", ("fd99::1", "fd99::2")),
        ("aes256-sha256_96-esn", ("10.99.0.1", "10.99.0.2")),
        ("null-sha512", ("fd99::1", "fd99::2")),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_every_kind_of_suite_inside_both_families(
    boxes: tuple[Box, Box], suite: str, outer: tuple[str, str]
) -> None:
    left, right = boxes
    start_both(left, right, suite, "10.1.0.0/24=10.2.0.0/24", "fd01::/64=fd02::/64", outer=outer)
    for target in ("10.2.0.1", "fd02::1"):
        assert pings(left, target, "-s", "1342", "-M", "do"), "the largest packet of the device"
        transfers(left, right, target, 1_000_000)
    assert left.order("count")["out"] > 2_000_000
    assert not left.order("count")["drops"]
    left.stop()
    right.stop()


SNIFF = """
import select, socket, sys
seen = set()
with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)) as wire:
    wire.bind(("eth0", 0))
    print("listening", flush=True)
    # what is on the wire goes first: the end may be told while packets still wait
    while wire in (ready := select.select([wire, sys.stdin], [], [])[0]):
        packet, (_, kind, *_) = wire.recvfrom(65535)
        if kind == 0x0800:
            first = int.from_bytes(packet[6:8]) & 0x1FFF == 0
            protocol, ports = packet[9], packet[20:24]
        elif kind == 0x86DD and packet[24] != 0xFF:
            first = packet[6] != 44
            protocol, ports = packet[6], packet[40:44]
        else:
            continue
        if protocol == 17 and first:
            seen.add("udp/%d" % int.from_bytes(ports[2:4]))
        elif first and not (protocol == 58 and packet[40] in (133, 134, 135, 136, 143)):
            seen.add(str(protocol))
print(*sorted(seen))
"""


@contextlib.contextmanager
def on_the_wire(box: Box) -> Iterator[list[str]]:
    """Protocols, and for UDP destination ports, of what goes over the link meanwhile, but for neighbour discovery and
    what is for a group, as the system's multicast reports are."""
    seen: list[str] = []
    with box.spawn(sys.executable, "-c", SNIFF) as sniffer:
        assert sniffer.stdout is not None
        assert sniffer.stdout.readline().strip() == "listening"
        yield seen
        out, _ = sniffer.communicate("", timeout=PATIENCE)
        seen += out.split()


@pytest.mark.parametrize(
    ("one", "other", "size"), [("10.99.0.1", "10.99.0.2", 32), ("fd99::1", "fd99::2", 128)]
)
def test_transport_mode_between_the_hosts(boxes: tuple[Box, Box], one: str, other: str, size: int) -> None:
    """All that the hosts say to each other goes into ESP, but for IKE and ESP itself, which do not loop."""
    left, right = boxes
    before = left.state(), right.state()
    start_both(left, right, "aes256gcm16-esn", f"transport {one}/{size}={other}/{size}", outer=(one, other))
    with on_the_wire(left) as seen:
        assert pings(left, other), "without a source address"
        assert pings(right, one, "-s", "1300")
        assert pings(left, other, "-s", "8000"), "in fragments, which transport mode cannot carry as such"
        transfers(left, right, other, 3_000_000)
        left.order("ike")
        right.order("heard")
    counts = left.order("count")
    assert counts["out"] > 3_000_000
    assert not counts["drops"]
    assert not right.order("count")["drops"]
    assert seen == ["udp/4500", "udp/500"]
    left.stop()
    right.stop()
    assert (left.state(), right.state()) == before


def test_transport_mode_whose_packets_the_kernel_would_drop_is_refused(boxes: tuple[Box, Box]) -> None:
    left, right = boxes
    for box in boxes:
        for name in ("all", "default", "eth0"):
            box.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=1")
    left.start("10.99.0.1", "10.99.0.2", "aes256gcm16", "transport 10.99.0.1/32=10.99.0.2/32")
    before = left.state()
    said = left.order("protect")["refused"]
    assert "`sysctl -w net.ipv4.conf.eth0.rp_filter=2`" in said
    assert left.state() == before
    left.stop()
    for box in (left, right):
        box.run("sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=2")
    start_both(left, right, "aes256gcm16", "transport 10.99.0.1/32=10.99.0.2/32")
    assert pings(left, "10.99.0.2")
    left.stop()
    right.stop()


def test_transport_mode_of_one_port(boxes: tuple[Box, Box]) -> None:
    left, right = boxes
    words = "transport 10.99.0.1/32 6=10.99.0.2/32 6 5001"
    start_both(left, right, "aes128ctr-sha256", words)
    with on_the_wire(left) as seen:
        transfers(left, right, "10.99.0.2", 100_000)
        assert pings(left, "10.99.0.2"), "which goes in clear"
    assert seen == ["1", "udp/4500"]
    left.stop()
    right.stop()


def test_transport_mode_that_is_down_holds_its_traffic_but_not_ike(boxes: tuple[Box, Box]) -> None:
    left, right = boxes
    start = ("aes128gcm16", "transport 10.99.0.1/32=10.99.0.2/32")
    left.start("10.99.0.1", "10.99.0.2", *start)
    right.start("10.99.0.2", "10.99.0.1", start[0], mirrored(start[1]))
    left.order("protect")
    assert not pings(left, "10.99.0.2", count=1)
    assert left.order("count")["acquired"] == ["peer/t0"]
    left.order("ike")
    right.order("heard")
    left.order("unprotect")
    assert pings(left, "10.99.0.2")
    left.stop()
    right.stop()


@pytest.mark.parametrize(
    ("address", "target", "wide"), [("10.9.0.7", "10.2.0.1", "0.0.0.0/0"), ("fd09::7", "fd02::1", "::/0")]
)
def test_an_assigned_address(boxes: tuple[Box, Box], address: str, target: str, wide: str) -> None:
    """Mode config gave us an address: the tunnel's own selector is changed to it, and packets leave from it."""
    left, right = boxes
    before = left.state(), right.state()
    size = 128 if ":" in address else 32
    nothing = "::/128" if ":" in address else "0.0.0.0/32"
    left.start("10.99.0.1", "10.99.0.2", "aes256gcm16", f"{nothing}={wide}")
    right.start("10.99.0.2", "10.99.0.1", "aes256gcm16", f"{wide}={address}/{size}")
    left.order(f"assign {address}")
    left.order(f"selectors {address}/{size} {wide}")
    for order in ("protect", "install"):
        left.order(order)
        right.order(order)
    assert f"{address}/{size}" in left.run("ip", "addr", "show", "dev", "ikeview0")
    assert pings(left, target), "no source address: the route chooses the assigned one"
    assert pings(right, address, "-I", target)
    carried = left.order("count")["in"]
    assert carried == 6 * (84 if size == 32 else 104)
    # taken back and given again, without another word about the tunnel
    left.order(f"release {address}")
    assert not pings(left, target, count=1)
    left.order(f"assign {address}")
    assert pings(left, target)
    # another one later, as after a phase 1 that was made anew
    other = address[:-1] + "9"
    left.order(f"assign {other}")
    left.order(f"release {address}")
    left.order(f"selectors {other}/{size} {wide}")
    left.order("remove")
    right.order("remove")
    right.order(f"selectors {wide} {other}/{size}")
    for order in ("protect", "install"):
        left.order(order)
        right.order(order)
    assert pings(left, target)
    shown = left.run("ip", "addr", "show", "dev", "ikeview0")
    assert f"{other}/{size}" in shown
    assert f"{address}/{size}" not in shown
    rules = left.run("ip", "-6" if size == 128 else "-4", "rule")
    assert other in rules
    assert address not in rules
    left.stop()
    right.stop()
    assert (left.state(), right.state()) == before


def test_the_last_assigned_address_takes_no_routes_along(boxes: tuple[Box, Box]) -> None:
    """The kernel takes all routes from a device that loses its last IPv4 address: other tunnels would be cut off."""
    left, _ = boxes
    before = left.state()
    left.start("10.99.0.1", "10.99.0.2", "aes256gcm16", "10.1.0.0/24=10.2.0.0/24")
    left.order("assign 10.9.0.7")
    left.run("ip", "route", "add", "10.77.0.0/24", "dev", "ikeview0")
    left.order("release 10.9.0.7")
    assert "10.9.0.7" not in left.run("ip", "addr", "show", "dev", "ikeview0")
    assert "10.77.0.0/24" in left.run("ip", "route", "show", "dev", "ikeview0")
    left.stop()
    assert left.state() == before


def test_a_tunnel_that_is_down_holds_its_traffic(boxes: tuple[Box, Box]) -> None:
    """The other end is reachable in clear too, so that a leak would show as an answer."""
    left, right = boxes
    left.run("ip", "route", "add", "10.2.0.0/24", "via", "10.99.0.2")
    right.run("ip", "route", "add", "10.1.0.0/24", "via", "10.99.0.1")
    assert pings(left, "10.2.0.1")
    left.start("10.99.0.1", "10.99.0.2", "aes256gcm16", "10.1.0.0/24=10.2.0.0/24")
    left.order("protect")
    assert not pings(left, "10.2.0.1", "-I", "10.1.0.1", count=1)
    assert left.order("count")["acquired"] == ["peer/t0"]
    left.kill()
    assert not pings(left, "10.2.0.1", "-I", "10.1.0.1", count=1), "not even after kill -9"
    left.start("10.99.0.1", "10.99.0.2", "aes256gcm16", "10.1.0.0/24=10.2.0.0/24")
    left.order("protect")
    left.order("unprotect")
    assert pings(left, "10.2.0.1", "-I", "10.1.0.1")
    left.stop()


def test_a_clear_tunnel_lets_traffic_pass_while_it_is_down(boxes: tuple[Box, Box]) -> None:
    left, right = boxes
    left.run("ip", "route", "add", "10.2.0.0/24", "via", "10.99.0.2", "src", "10.1.0.1")
    right.run("ip", "route", "add", "10.1.0.0/24", "via", "10.99.0.1")
    left.start("10.99.0.1", "10.99.0.2", "aes256gcm16", "10.1.0.0/24=10.2.0.0/24")
    for order in ("clear", "protect"):
        left.order(order)
    assert pings(left, "10.2.0.1")
    left.order("install")
    assert not pings(left, "10.2.0.1", count=1), "the other end has no SA"
    left.order("remove")
    assert pings(left, "10.2.0.1")
    left.stop()


def test_leftovers_of_a_killed_run_are_removed(boxes: tuple[Box, Box]) -> None:
    left, _ = boxes
    before = left.state()
    tunnels = ("10.1.0.0/24=10.2.0.0/24", "10.1.0.0/24 6=0.0.0.0/0 6 443", "fd01::/64=::/0", "fd01::/64=fd02::/64")
    left.start("10.99.0.1", "10.99.0.2", "aes256gcm16", *tunnels)
    left.order("protect")
    left.kill()
    assert left.state() != before
    left.start("10.99.0.1", "10.99.0.2", "aes256gcm16", *tunnels)
    left.order("protect")
    left.stop()
    assert left.state() == before


def test_everything_into_the_tunnel_but_not_its_own_packets(boxes: tuple[Box, Box]) -> None:
    """Remote 0.0.0.0/0: outer packets do not loop, and the box's networks, the protected one too, stay reachable."""
    left, right = boxes
    before = left.state()
    right.run("ip", "addr", "add", "203.0.113.1/32", "dev", "inner")
    left.start("10.99.0.1", "10.99.0.2", "aes256gcm16", "10.1.0.0/24=0.0.0.0/0")
    right.start("10.99.0.2", "10.99.0.1", "aes256gcm16", "0.0.0.0/0=10.1.0.0/24")
    for order in ("protect", "install"):
        left.order(order)
        right.order(order)
    assert pings(left, "203.0.113.1")
    carried = left.order("count")["out"]
    assert carried == 3 * 84
    assert pings(left, "10.99.0.2"), "a network of the box, from its outer address"
    assert pings(left, "10.1.0.1")
    route = left.run("ip", "route", "get", "10.1.0.77", "from", "10.1.0.1")
    assert "dev inner" in route, "the protected network itself"
    assert left.order("count")["out"] == carried
    left.stop()
    right.stop()
    assert left.state() == before


def test_only_the_selected_port_goes_into_the_tunnel(boxes: tuple[Box, Box]) -> None:
    left, _ = boxes
    left.start("10.99.0.1", "10.99.0.2", "aes256gcm16", "10.1.0.0/24 6=10.2.0.0/24 6 22")
    left.order("protect")
    question = ("ip", "route", "get", "10.2.0.1", "from", "10.1.0.1", "ipproto", "tcp", "dport")
    assert "dev ikeview0" in left.run(*question, "22")
    left.run("ip", "route", "add", "10.2.0.0/24", "via", "10.99.0.2")
    assert "dev eth0" in left.run(*question, "23")
    left.stop()


def test_a_taken_name_is_refused(boxes: tuple[Box, Box]) -> None:
    left, _ = boxes
    left.run("ip", "tuntap", "add", "dev", "ikeview0", "mode", "tun")
    script = (
        "import asyncio\n"
        "from ikeview.dataplane.esp.plane import EspPlane\n"
        "from ikeview.dataplane.esp.tun import TunDevice\n"
        "from ikeview.dataplane.plane import PlaneRefused\n"
        "try:\n    asyncio.run(EspPlane(TunDevice()).start(print, [], print))\n"
        "except PlaneRefused as refused:\n    print(refused)\n"
    )
    process = left.spawn(sys.executable, "-c", script)
    assert "ikeview0 exists already" in process.communicate(timeout=PATIENCE)[0]


def test_the_child_ends_with_its_parent(boxes: tuple[Box, Box]) -> None:
    left, _ = boxes
    left.start("10.99.0.1", "10.99.0.2", "aes256gcm16", "10.1.0.0/24=10.2.0.0/24")
    assert left.process is not None
    # `ip netns exec` becomes its command, so this is the engine's process
    (child,) = map(int, Path(f"/proc/{left.process.pid}/task/{left.process.pid}/children").read_text().split())
    watch = os.pidfd_open(child)
    try:
        left.kill()
        asyncio.run(_ended(watch))
    finally:
        os.close(watch)
    assert "ikeview0" not in left.run("ip", "-br", "link")


async def _ended(watch: int) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(watch, ended.set)
    await asyncio.wait_for(ended.wait(), PATIENCE)
    asyncio.get_running_loop().remove_reader(watch)


def test_without_the_right_to_make_a_device(boxes: tuple[Box, Box]) -> None:
    left, _ = boxes
    script = (
        "import os\n"
        "from ikeview.dataplane.esp.tun import TunDevice\n"
        "from ikeview.dataplane.plane import PlaneRefused\n"
        "os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "try:\n    TunDevice().open()\n"
        "except PlaneRefused as refused:\n    print(refused)\n"
    )
    process = left.spawn(sys.executable, "-c", script)
    assert "needs root or the capability CAP_NET_ADMIN" in process.communicate(timeout=PATIENCE)[0]


def test_the_mark_keeps_a_socket_out(boxes: tuple[Box, Box]) -> None:
    """A marked socket bound inside the selectors still sends outside the tunnel."""
    left, _ = boxes
    left.run("ip", "route", "add", "10.2.0.0/24", "via", "10.99.0.2")
    left.start("10.99.0.1", "10.99.0.2", "aes256gcm16", "10.1.0.0/24=10.2.0.0/24")
    left.order("protect")
    question = ("ip", "route", "get", "10.2.0.1", "from", "10.1.0.1")
    assert "dev ikeview0" in left.run(*question)
    from ikeview.dataplane.esp.routes import BYPASS_MARK

    assert "dev eth0" in left.run(*question, "mark", str(BYPASS_MARK))
    left.stop()


