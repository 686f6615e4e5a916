"""EspPlane with its real child process: two ends talk through ESP in UDP on loopback."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from ikeview.core.inputs import FirstUse, PeerSeen, PlaneTrouble, Traffic
from ikeview.core.outputs import Direction, Spot
from ikeview.core.specs import WhenDown
from ikeview.dataplane.esp import plane as plane_module
from ikeview.dataplane.esp import process as process_module
from ikeview.dataplane.esp.device import DeviceTaken
from ikeview.dataplane.esp.inner import read_flow
from ikeview.dataplane.esp.packet import Sealer
from ikeview.dataplane.esp.plane import EspPlane
from ikeview.dataplane.plane import PlaneRefused
from tests.support.esp_ends import PATIENCE, EspEnd, alive, running
from tests.support.halves import half, mirrored, tunnel
from tests.support.packets import ipv4, ipv6

IN, OUT = Direction.IN, Direction.OUT
LAN = tunnel()
PING = ipv4("10.1.0.1", "10.2.0.1", 56)
PONG = ipv4("10.2.0.1", "10.1.0.1", 56)


def join(left: EspEnd, right: EspEnd, number: int = 1, suite: str = "aes256gcm16", spec=LAN) -> None:
    """One pair of SAs on both ends; inbound before outbound, as an endpoint does it."""
    across = {"suite": suite, "seed": number, "local": left.spot, "remote": right.spot}
    back = {"suite": suite, "seed": number + 99, "local": right.spot, "remote": left.spot}
    right.plane.install(half(IN, 0x100 + number, mirrored(spec), suite, number, local=right.spot, remote=left.spot))
    left.plane.install(half(IN, 0x200 + number, spec, suite, number + 99, local=left.spot, remote=right.spot))
    left.plane.install(half(OUT, 0x100 + number, spec, **across))
    right.plane.install(half(OUT, 0x200 + number, mirrored(spec), **back))


@pytest.mark.parametrize(
    ("host", "suite"),
    [
        ("::1", "aes256gcm16"),
        ("127.0.0.1", "aes128gcm8"),
        ("127.0.0.1", "aes256gcm12-esn"),
        ("::1", "aes128-sha256"),
        ("127.0.0.1", "aes256-sha256_96-esn"),
        ("127.0.0.1", "3des-sha1"),
        ("127.0.0.1", "aes128ctr-sha384"),
        ("::1", "aes192ccm8"),
        ("127.0.0.1", "aes256ccm16-esn"),
        ("127.0.0.1", "chacha20poly1305"),
        ("::1", "chacha20poly1305-esn"),
        ("127.0.0.1", "null-md5-esn"),
        ("::1", "null-sha512"),
    ],
)
async def test_packets_both_ways_and_counters(host: str, suite: str) -> None:
    left, right = EspEnd(host), EspEnd(host, socket.SOCK_DGRAM)
    async with running(left, right):
        left.plane.protect(LAN)
        right.plane.protect(mirrored(LAN))
        join(left, right, suite=suite)
        await right.counters()
        left.inside.send(PING)
        assert await right.packets.until(lambda packets: packets) == [PING]
        right.inside.send(PONG)
        assert await left.packets.until(lambda packets: packets) == [PONG]
        assert await right.events.first(FirstUse) == FirstUse(0x101)
        assert await left.events.first(Traffic) == Traffic((0x201,))
        samples = await left.counters()
        assert (samples["00000101"].bytes_out, samples["00000101"].packets_out) == (76, 1)
        assert (samples["00000201"].bytes_in, samples["00000201"].packets_in) == (76, 1)
        assert not left.plane.drops
        assert not right.plane.drops


@pytest.mark.parametrize(
    ("host", "local", "remote", "packet"),
    [
        ("127.0.0.1", "fd01::/64", "fd02::/64", ipv6("fd01::1", "fd02::1", 1300)),
        ("::1", "10.1.0.0/24", "10.2.0.0/24", ipv4("10.1.0.1", "10.2.0.1", 1300)),
    ],
)
async def test_one_family_inside_the_other(host: str, local: str, remote: str, packet: bytes) -> None:
    left, right = EspEnd(host), EspEnd(host)
    spec = tunnel(local=local, remote=remote)
    async with running(left, right):
        left.plane.protect(spec)
        right.plane.protect(mirrored(spec))
        join(left, right, spec=spec)
        await right.counters()
        left.inside.send(packet)
        assert await right.packets.until(lambda packets: packets) == [packet]


@pytest.mark.parametrize(
    ("host", "make", "here", "there"),
    [("127.0.0.1", ipv4, "192.0.2.1", "192.0.2.2"), ("::1", ipv6, "2001:db8::1", "2001:db8::2")],
)
async def test_transport_mode(host: str, make: Callable[..., bytes], here: str, there: str) -> None:
    left, right = EspEnd(host), EspEnd(host)
    size = 32 if make is ipv4 else 128
    spec = tunnel(local=f"{here}/{size}", remote=f"{there}/{size}", mode="transport")
    async with running(left, right):
        left.plane.protect(spec)
        right.plane.protect(mirrored(spec))
        join(left, right, suite="aes128gcm16-esn", spec=spec)
        await right.counters()
        left.inside.send(make(here, there, payload=b"out"))
        (got,) = await right.packets.until(lambda packets: packets)
        right.inside.send(make(there, here, payload=b"back"))
        (answer,) = await left.packets.until(lambda packets: packets)
        assert (read_flow(got), read_flow(answer)) == (
            read_flow(make(here, there, payload=b"out")), read_flow(make(there, here, payload=b"back"))
        )
        assert (got[-3:], answer[-4:]) == (b"out", b"back")
        assert not left.plane.drops
        assert not right.plane.drops


async def test_switching_halves_loses_nothing() -> None:
    left, right = EspEnd("127.0.0.1"), EspEnd("127.0.0.1")
    async with running(left, right):
        left.plane.protect(LAN)
        right.plane.protect(mirrored(LAN))
        sent = []

        async def burst() -> None:
            for _ in range(20):
                sent.append(ipv4("10.1.0.1", "10.2.0.1", payload=len(sent).to_bytes(4)))
                left.inside.send(sent[-1])
            await right.packets.until(lambda packets: len(packets) == len(sent))

        for number in range(1, 5):
            join(left, right, number)
            # an answer proves that the orders before it have been carried out
            await right.counters()
            await left.counters()
            await burst()
            if number > 1:
                left.plane.remove(0x100 + number - 1, OUT)
                await left.counters()
                await burst()
                right.plane.remove(0x100 + number - 1, IN)
        assert right.packets.items == sent
        samples = await left.counters()
        assert samples["00000104"].packets_out == 40


async def test_ike_goes_to_the_engine_and_keepalives_nowhere() -> None:
    end = EspEnd("127.0.0.1")
    async with running(end):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            here = Spot(ip_address("127.0.0.1"), peer.getsockname()[1])
            for data in (b"", b"\xff", b"abc", bytes(4) + b"an IKE message", bytes(4), bytes(4) + bytes(60_000)):
                peer.sendto(data, (str(end.spot.host), end.spot.port))
            got = await end.ike.until(lambda items: len(items) >= 3 and items)
        assert got == [
            (b"an IKE message", end.spot, here), (b"", end.spot, here), (bytes(60_000), end.spot, here),
        ]
        assert await end.counters() == {}
        assert not end.plane.drops


async def test_the_local_address_is_told_and_used() -> None:
    end = EspEnd("127.0.0.1")
    end.udp.close()
    end.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.udp.bind(("0.0.0.0", 0))
    port = end.udp.getsockname()[1]
    async with running(end):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(PATIENCE)
            peer.bind(("127.0.0.1", 0))
            peer.sendto(bytes(4) + b"hello", ("127.0.0.9", port))
            (_, local, remote), = await end.ike.until(lambda items: items)
            assert local == Spot(ip_address("127.0.0.9"), port)
            end.plane.protect(LAN)
            end.plane.install(half(OUT, 0x101, LAN, local=local, remote=remote))
            await end.counters()
            end.inside.send(PING)
            data, source = await asyncio.to_thread(peer.recvfrom, 65535)
            assert source == ("127.0.0.9", port)
            assert data[:8] == bytes.fromhex("0000010100000001")


async def test_a_peer_that_moves_is_seen_and_followed() -> None:
    end = EspEnd("127.0.0.1")
    async with running(end):
        end.plane.protect(LAN)
        old, new = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        with old, new:
            spots = []
            for udp in (old, new):
                udp.settimeout(PATIENCE)
                udp.bind(("127.0.0.1", 0))
                spots.append(Spot(ip_address("127.0.0.1"), udp.getsockname()[1]))
            inbound = half(IN, 0x201, LAN, local=end.spot, remote=spots[0])
            end.plane.install(inbound)
            end.plane.install(half(OUT, 0x101, LAN, local=end.spot, remote=spots[0]))
            await end.counters()
            new.sendto(Sealer(0x201, inbound.suite, inbound.keys).seal(1, PONG, 4), ("127.0.0.1", end.spot.port))
            assert await end.events.first(PeerSeen) == PeerSeen(0x201, spots[1])
            end.plane.move(spots[0], spots[1])
            await end.counters()
            end.inside.send(PING)
            assert (await asyncio.to_thread(new.recv, 65535))[:4] == bytes.fromhex("00000101")


async def test_an_icmp_error_does_not_make_the_child_spin() -> None:
    end = EspEnd("127.0.0.1")
    # what the engine sets, so that it hears of ICMP errors
    end.udp.setsockopt(socket.IPPROTO_IP, 11, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        nobody = Spot(ip_address("127.0.0.1"), gone.getsockname()[1])
    async with running(end):
        end.plane.protect(LAN)
        end.plane.install(half(OUT, 0x101, LAN, local=end.spot, remote=nobody))
        await end.counters()
        for _ in range(10):
            end.inside.send(PING)
        while (await end.counters())["00000101"].packets_out < 10:
            pass
        async with asyncio.timeout(PATIENCE):
            # a loop that is woken for ever by what it does not read is running whenever one looks
            while any(_proc(end.plane.pid, "stat").rsplit(b")", 1)[1].split()[0] != b"S" for _ in range(100)):
                await end.counters()


def _proc(pid: int | None, name: str) -> bytes:
    """What the kernel tells about a process (proc(5))."""
    return Path(f"/proc/{pid}/{name}").read_bytes()


# -- life --------------------------------------------------------------------------------------------------------------


async def test_the_child_is_killed_and_a_new_one_started() -> None:
    left, right = EspEnd("127.0.0.1"), EspEnd("127.0.0.1")
    async with running(left, right):
        left.plane.protect(LAN)
        right.plane.protect(mirrored(LAN))
        join(left, right)
        assert left.plane.pid is not None
        os.kill(left.plane.pid, signal.SIGKILL)
        trouble = await left.events.first(PlaneTrouble)
        assert trouble.fatal
        assert "ESP process has ended" in trouble.text
        with pytest.raises(PlaneRefused, match="does not run"):
            left.plane.install(half(OUT, 0x999, LAN))
        left.plane.remove(0x101, OUT)
        left.plane.sample()
        await left.plane.restart()
        assert await left.counters() == {}, "no key is ever used by two processes"
        right.plane.remove(0x101, IN)
        join(left, right, 2)
        await right.counters()
        left.inside.send(PING)
        assert await right.packets.until(lambda packets: packets) == [PING]
        assert len(left.reports(PlaneTrouble)) == 1


async def test_signals_of_the_terminal_do_not_end_the_child() -> None:
    end = EspEnd("127.0.0.1")
    async with running(end):
        assert end.plane.pid is not None
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            os.kill(end.plane.pid, number)
        assert await end.counters() == {}


async def test_stop_ends_the_child() -> None:
    end = EspEnd("127.0.0.1")
    async with running(end):
        pid = end.plane.pid
        assert pid is not None
        assert alive(pid)
    assert not alive(pid)
    assert end.plane.pid is None


async def test_a_stopped_child_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "_PATIENCE", 0.01)
    end = EspEnd("127.0.0.1")
    async with running(end):
        pid = end.plane.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    assert not alive(pid)


async def test_no_secret_on_command_line_or_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IKEVIEW_TEST_SECRET", "correct horse")
    end = EspEnd("127.0.0.1")
    async with running(end):
        keyed = half(OUT, 0x101, LAN)
        end.plane.protect(LAN)
        end.plane.install(keyed)
        await end.counters()
        seen = _proc(end.plane.pid, "cmdline")
        assert b"ikeview.dataplane.esp" in seen
        assert keyed.keys.encryption.reveal().hex().encode() not in seen
        if os.geteuid() == 0:
            # a process that is not dumpable shows its environment to root alone
            assert b"correct horse" not in _proc(end.plane.pid, "environ")
        limits = _proc(end.plane.pid, "limits")
        assert b"Max core file size        0                    0" in limits


async def test_a_child_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module.sys, "executable", "/bin/false")
    end = EspEnd("127.0.0.1")
    with pytest.raises(PlaneRefused, match="ESP process did not start"):
        await end.start()
    await end.stop()


async def test_what_the_child_says_about_its_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named ikeview' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(process_module.sys, "executable", str(python))
    end = EspEnd("127.0.0.1")
    with pytest.raises(PlaneRefused, match="No module named ikeview"):
        await end.start()
    await end.stop()


async def test_a_device_that_is_still_taken_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane_module, "_OPEN_PAUSE", 0.0)
    device = RecordingDevice()
    plane = EspPlane(device)
    device.taken = 3
    await plane.start(lambda event: None, [], lambda data, local, remote: None)
    assert device.taken == 0
    await plane.stop()
    device = RecordingDevice()
    device.taken = 1000
    with pytest.raises(PlaneRefused, match="taken"):
        await EspPlane(device).start(lambda event: None, [], lambda data, local, remote: None)
    device.close()


async def test_refusals() -> None:
    end = EspEnd("127.0.0.1")
    async with running(end):
        end.plane.protect(LAN)
        with pytest.raises(PlaneRefused, match="goes in UDP only"):
            end.plane.install(half(OUT, 0x101, LAN, encapsulated=False))
        assert await end.counters() == {}


async def test_before_start_nothing_is_installed() -> None:
    end = EspEnd("127.0.0.1")
    with pytest.raises(PlaneRefused, match="was not started"):
        end.plane.protect(LAN)
    await end.stop()


# -- the routes of a tunnel --------------------------------------------------------------------------------------------


class RecordingDevice:
    """A pipe that notes which tunnels it carries."""

    kind = "pipe"
    mark = None

    def __init__(self) -> None:
        self.other, self._end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.carried: list[str] = []
        self.refuses = False
        self.taken = 0

    def open(self) -> int:
        if self.taken:
            self.taken -= 1
            raise DeviceTaken("taken")
        return self._end.fileno()

    def carry(self, spec) -> None:
        if self.refuses:
            raise PlaneRefused("no route")
        if spec.full_name not in self.carried:
            self.carried.append(spec.full_name)

    def release(self, spec) -> None:
        if spec.full_name in self.carried:
            self.carried.remove(spec.full_name)

    def close(self) -> None:
        self.other.close()
        self._end.close()


async def test_a_blocked_tunnel_has_its_route_from_protect_to_unprotect() -> None:
    device = RecordingDevice()
    plane = EspPlane(device)
    await plane.start(lambda event: None, [], lambda data, local, remote: None)
    plane.protect(LAN)
    assert device.carried == ["peer/lan"]
    plane.unprotect(LAN)
    assert device.carried == []
    await plane.stop()


async def test_a_clear_tunnel_has_its_route_while_it_has_an_outbound_half() -> None:
    device = RecordingDevice()
    plane = EspPlane(device)
    clear = replace(LAN, when_down=WhenDown.CLEAR)
    await plane.start(lambda event: None, [], lambda data, local, remote: None)
    plane.protect(clear)
    plane.install(half(IN, 0x201, clear))
    assert device.carried == []
    plane.install(half(OUT, 0x101, clear))
    plane.install(half(OUT, 0x102, clear))
    plane.remove(0x101, OUT)
    assert device.carried == ["peer/lan"]
    plane.remove(0x102, OUT)
    assert device.carried == []
    device.refuses = True
    with pytest.raises(PlaneRefused, match="no route"):
        plane.install(half(OUT, 0x103, clear))
    device.refuses = False
    plane.install(half(OUT, 0x103, clear))
    assert device.carried == ["peer/lan"]
    await plane.stop()
    assert device.carried == []
