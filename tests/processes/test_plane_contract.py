"""What every data plane does, on all that need no root."""

from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, Protocol

import pytest

from ikeview.core.inputs import Acquire, BytesHard, BytesSoft, Counters, FirstUse, PeerSeen, Traffic
from ikeview.core.outputs import Direction, HalfSa, Spot
from ikeview.crypto.esp import ESP_CIPHERS
from ikeview.crypto.suites import EspSuite
from ikeview.dataplane.esp.packet import Sealer
from ikeview.dataplane.memory import MemoryPlane
from ikeview.dataplane.plane import Plane, PlaneRefused
from tests.support.esp_ends import EspEnd
from tests.support.halves import THERE, half, tunnel
from tests.support.packets import ipv4

IN, OUT = Direction.IN, Direction.OUT
LAN = tunnel()
OTHER = tunnel("other", remote="10.3.0.0/24")
ELSEWHERE = Spot(ip_address("127.0.0.1"), 9)


class Bench(Protocol):
    """A plane and traffic for it; sizes are octets of inner packets, 20 at least."""

    plane: Plane

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def leave(self, octets: int, remote: str = "10.2.0.1") -> None: ...
    async def arrive(self, inbound: HalfSa, octets: int, moved: bool = False) -> None: ...
    async def counters(self) -> dict[str, Any]: ...
    def reports(self, *kinds: type) -> list[Any]: ...


class MemoryBench:
    """Through the plane's own simulation of traffic."""

    def __init__(self) -> None:
        self.plane = MemoryPlane()
        self.events: list[Any] = []

    async def start(self) -> None:
        await self.plane.start(self.events.append, [], lambda data, local, remote: None)

    async def stop(self) -> None:
        await self.plane.stop()

    async def leave(self, octets: int, remote: str = "10.2.0.1") -> None:
        for spec in self.plane.tunnels.values():
            if ip_address(remote) in spec.remote.network:
                self.plane.carry(spec.full_name, octets)

    async def arrive(self, inbound: HalfSa, octets: int, moved: bool = False) -> None:
        self.plane.arrive(inbound.spi, octets, ELSEWHERE if moved else None)

    async def counters(self) -> dict[str, Any]:
        self.plane.sample()
        return {sample.spi_in: sample for sample in self.reports(Counters)[-1].samples}

    def reports(self, *kinds: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]


class EspBench(EspEnd):
    """Through real packets; each call returns when the child has dealt with its packet."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1")
        self.peer = EspEnd("127.0.0.1")
        self.sequence = 0
        self._handled = 0

    async def leave(self, octets: int, remote: str = "10.2.0.1") -> None:
        self.inside.send(ipv4("10.1.0.1", remote, octets - 20))
        await self._settled()

    async def arrive(self, inbound: HalfSa, octets: int, moved: bool = False) -> None:
        self.sequence += 1
        packet, next_header = ipv4("10.2.0.1", "10.1.0.1", octets - 20), 4
        if inbound.tunnel.mode == "transport":
            packet, next_header = packet[20:], packet[9]
        sealed = Sealer(inbound.spi, inbound.suite, inbound.keys).seal(self.sequence, packet, next_header)
        (self.peer.udp if moved else self.udp).sendto(sealed, self.udp.getsockname())
        await self._settled()

    async def _settled(self) -> None:
        """Every packet ends as passed or as dropped, so the sum tells when the last one is through."""
        self._handled += 1
        while True:
            samples = (await self.counters()).values()
            passed = sum(sample.packets_in + sample.packets_out for sample in samples)
            if passed + sum(self.plane.drops.values()) >= self._handled:
                return

    async def stop(self) -> None:
        await super().stop()
        await self.peer.stop()


@pytest.fixture(params=[MemoryBench, EspBench], ids=["memory", "esp"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    made = request.param()
    await made.start()
    made.plane.protect(LAN)
    yield made
    await made.stop()


def inbound(bench: Any, spi: int = 0x201, **more: Any) -> HalfSa:
    """Expects packets from the plane's own socket, or from ``THERE`` in a plane that has none."""
    return half(IN, spi, LAN, local=THERE, remote=getattr(bench, "spot", THERE), **more)


def outbound(spi: int = 0x101, **more: Any) -> HalfSa:
    return half(OUT, spi, LAN, **({"local": ELSEWHERE, "remote": ELSEWHERE} | more))


async def test_counters_of_both_directions(bench: Any) -> None:
    taking = inbound(bench)
    bench.plane.install(taking)
    bench.plane.install(outbound())
    assert set(await bench.counters()) == {"00000201", "00000101"}
    await bench.leave(100)
    await bench.leave(50)
    await bench.arrive(taking, 70)
    samples = await bench.counters()
    out, into = samples["00000101"], samples["00000201"]
    assert (out.bytes_out, out.packets_out, out.bytes_in, out.packets_in) == (150, 2, 0, 0)
    assert (into.bytes_in, into.packets_in, into.bytes_out, into.packets_out) == (70, 1, 0, 0)


async def test_first_use_once_and_traffic(bench: Any) -> None:
    taking = inbound(bench)
    bench.plane.install(taking)
    await bench.arrive(taking, 70)
    await bench.arrive(taking, 70)
    assert bench.reports(FirstUse) == [FirstUse(0x201)]
    assert bench.reports(Traffic)[0] == Traffic((0x201,))


async def test_the_newest_outbound_half_carries(bench: Any) -> None:
    bench.plane.install(outbound(0x101))
    bench.plane.install(outbound(0x102))
    await bench.leave(100)
    bench.plane.install(outbound(0x103))
    await bench.leave(101)
    samples = await bench.counters()
    assert [samples[f"0000010{number}"].bytes_out for number in (1, 2, 3)] == [0, 100, 101]


async def test_after_removal_the_older_one_carries_again(bench: Any) -> None:
    bench.plane.install(outbound(0x101))
    bench.plane.install(outbound(0x102))
    bench.plane.remove(0x102, OUT)
    await bench.leave(100)
    samples = await bench.counters()
    assert set(samples) == {"00000101"}
    assert samples["00000101"].bytes_out == 100


async def test_removing_takes_one_direction_only(bench: Any) -> None:
    bench.plane.install(inbound(bench, 0x300))
    bench.plane.install(outbound(0x300))
    assert len(await bench.counters()) == 1, "both are told under one SPI"
    bench.plane.remove(0x300, IN)
    bench.plane.remove(0x300, IN)
    bench.plane.remove(0x777, OUT)
    await bench.leave(60)
    assert (await bench.counters())["00000300"].bytes_out == 60


async def test_acquire_without_an_outbound_half(bench: Any) -> None:
    await bench.leave(100)
    assert bench.reports(Acquire) == [Acquire("peer/lan")]
    assert await bench.counters() == {}


async def test_tunnels_do_not_carry_for_each_other(bench: Any) -> None:
    bench.plane.protect(OTHER)
    bench.plane.install(outbound())
    await bench.leave(100, "10.3.0.1")
    assert bench.reports(Acquire) == [Acquire("peer/other")]
    assert (await bench.counters())["00000101"].bytes_out == 0


async def test_an_unprotected_tunnel_wants_nothing(bench: Any) -> None:
    bench.plane.unprotect(LAN)
    await bench.leave(100)
    assert bench.reports(Acquire) == []


async def test_outbound_byte_limits(bench: Any) -> None:
    bench.plane.install(outbound(soft_bytes=150, hard_bytes=300))
    for _ in range(5):
        await bench.leave(100)
    assert bench.reports(BytesSoft, BytesHard) == [BytesSoft(0x101, OUT), BytesHard(0x101, OUT)]
    assert (await bench.counters())["00000101"].bytes_out == 300


async def test_a_packet_over_the_hard_limit_ends_it(bench: Any) -> None:
    bench.plane.install(outbound(hard_bytes=150))
    for octets in (100, 100, 30):
        await bench.leave(octets)
    assert bench.reports(BytesSoft, BytesHard) == [BytesHard(0x101, OUT)]
    assert (await bench.counters())["00000101"].bytes_out == 100


async def test_inbound_byte_limits(bench: Any) -> None:
    taking = inbound(bench, soft_bytes=150, hard_bytes=250)
    bench.plane.install(taking)
    for _ in range(4):
        await bench.arrive(taking, 100)
    assert bench.reports(BytesSoft, BytesHard) == [BytesSoft(0x201, IN), BytesHard(0x201, IN)]
    assert (await bench.counters())["00000201"].bytes_in == 200


async def test_a_peer_elsewhere_is_seen_once(bench: Any) -> None:
    taking = inbound(bench)
    bench.plane.install(taking)
    await bench.arrive(taking, 100)
    await bench.arrive(taking, 100, moved=True)
    await bench.arrive(taking, 100, moved=True)
    (seen,) = bench.reports(PeerSeen)
    assert seen.spi == 0x201
    assert seen.remote != taking.remote


async def test_refusals(bench: Any) -> None:
    bench.plane.install(outbound())
    with pytest.raises(PlaneRefused, match="in use already"):
        bench.plane.install(outbound())
    with pytest.raises(PlaneRefused, match="not an SPI"):
        bench.plane.install(outbound(0))
    with pytest.raises(PlaneRefused, match="same traffic"):
        bench.plane.protect(replace(LAN, name="twin"))
    with pytest.raises(PlaneRefused, match="IPv4 and IPv6"):
        bench.plane.protect(tunnel("mixed", remote="fd02::/64"))
    for local, remote in (("10.1.0.0/24", "10.2.0.1/32"), ("10.1.0.1/32", "10.2.0.0/31"), ("fd01::1/128", "::/0")):
        with pytest.raises(PlaneRefused, match="transport mode joins two hosts"):
            bench.plane.protect(tunnel("transport", local, remote, mode="transport"))
    misfit = replace(outbound(0x105), keys=half(OUT, 1, LAN, "aes256-sha256").keys)
    with pytest.raises(PlaneRefused, match="keys do not fit"):
        bench.plane.install(misfit)
    naked = replace(outbound(0x106, suite="null-sha1"), suite=EspSuite(ESP_CIPHERS["null"], None, None))
    with pytest.raises(PlaneRefused, match="authenticates nothing"):
        bench.plane.install(naked)
    assert set(await bench.counters()) == {"00000101"}


async def test_transport_mode_counts_whole_packets(bench: Any) -> None:
    spec = tunnel("hosts", "10.1.0.1/32", "10.2.0.1/32", mode="transport")
    bench.plane.unprotect(LAN)
    bench.plane.protect(spec)
    taking = replace(inbound(bench), tunnel=spec)
    bench.plane.install(taking)
    bench.plane.install(replace(outbound(), tunnel=spec))
    await bench.leave(100)
    await bench.arrive(taking, 70)
    samples = await bench.counters()
    assert (samples["00000101"].bytes_out, samples["00000201"].bytes_in) == (100, 70)


async def test_protecting_again_changes_the_selectors(bench: Any) -> None:
    bench.plane.install(outbound())
    bench.plane.protect(tunnel(remote="10.9.0.0/24"))
    await bench.leave(100, "10.9.0.1")
    assert (await bench.counters())["00000101"].bytes_out == 100


async def test_addresses_come_and_go(bench: Any) -> None:
    for text in ("10.9.0.1", "fd09::1"):
        bench.plane.assign(ip_address(text))
        bench.plane.assign(ip_address(text))
    bench.plane.release(ip_address("10.9.0.1"))
    bench.plane.release(ip_address("10.9.0.1"))
    bench.plane.release(ip_address("10.9.0.77"))


async def test_restart_keeps_tunnels_and_no_half(bench: Any) -> None:
    bench.plane.install(outbound())
    await bench.leave(100)
    await bench.plane.restart()
    assert await bench.counters() == {}
    bench.plane.install(outbound())
    assert set(await bench.counters()) == {"00000101"}
    assert (await bench.counters())["00000101"].bytes_out == 0
    with pytest.raises(PlaneRefused, match="same traffic"):
        bench.plane.protect(replace(LAN, name="twin"))


async def test_stopping_twice_is_no_harm(bench: Any) -> None:
    await bench.plane.stop()
    await bench.plane.stop()
