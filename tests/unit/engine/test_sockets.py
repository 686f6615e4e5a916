import asyncio
import os
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from ikeview.core.outputs import Spot
from ikeview.core.specs import EngineSpec
from ikeview.engine import sockets as module
from ikeview.engine.icmp import NotDelivered
from ikeview.engine.port_holder import port_holder
from ikeview.engine.refused import EngineRefused
from ikeview.engine.sockets import READS_A_WAKE_UP, UdpSockets
from tests.unit.engine.fakes import LOOPBACK, PATIENCE, free_port, udp

ANY = Spot(IPv4Address("0.0.0.0"), 0)


class Ears:
    """Everything that sockets tell."""

    def __init__(self, sockets: UdpSockets, *, nat_too: bool = True) -> None:
        self.sockets = sockets
        self.arrivals: list[tuple[Spot, Spot, bytes, bool]] = []
        self.errors: list[NotDelivered] = []
        self.changed = asyncio.Event()
        sockets.listen(self._arrived, self._failed, nat_too=nat_too)

    def _arrived(self, local: Spot, remote: Spot, data: bytes, floated: bool) -> None:
        self.arrivals.append((local, remote, data, floated))
        self.changed.set()

    def _failed(self, what: NotDelivered) -> None:
        self.errors.append(what)
        self.changed.set()

    async def until(self, condition) -> None:  # type: ignore[no-untyped-def]
        async with asyncio.timeout(PATIENCE):
            while not condition(self):
                await self.changed.wait()
                self.changed.clear()


def opened(*listen: str) -> UdpSockets:
    return UdpSockets.open(EngineSpec(tuple(ip_address(each) for each in listen or ("127.0.0.1",)), 0, 0))


def spot_of(sock: socket.socket) -> Spot:
    host, port = sock.getsockname()[:2]
    return Spot(ip_address(host), port)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_datagram_and_its_answer(host: str) -> None:
    sockets = opened(host)
    ears = Ears(sockets)
    try:
        with udp(host) as peer:
            peer.sendto(b"hello", (host, sockets.port(floated=False)))
            await ears.until(lambda e: e.arrivals)
            local, remote, data, floated = ears.arrivals[0]
            assert (local, remote, data, floated) == (
                Spot(ip_address(host), sockets.port(floated=False)), spot_of(peer), b"hello", False
            )
            assert sockets.send(local, remote, b"answer", False) == []
            answer, source = peer.recvfrom(100)
            assert (answer, source[1]) == (b"answer", local.port)
    finally:
        sockets.close()


@pytest.mark.parametrize(("listen", "host"), [("0.0.0.0", "127.0.0.7"), ("::", "::1")])
async def test_behind_a_wildcard_the_answer_leaves_from_the_address_that_was_asked(listen: str, host: str) -> None:
    sockets = opened(listen)
    ears = Ears(sockets)
    try:
        with udp("127.0.0.3" if ":" not in host else "::1") as peer:
            peer.sendto(b"hello", (host, sockets.port(floated=False)))
            await ears.until(lambda e: e.arrivals)
            local, remote, _, _ = ears.arrivals[0]
            assert local.host == ip_address(host)
            sockets.send(local, remote, b"answer", False)
            assert peer.recvfrom(100)[1][:2] == (host, local.port)
    finally:
        sockets.close()


async def test_the_nat_port_puts_the_marker_on_and_takes_it_off() -> None:
    sockets = opened()
    ears = Ears(sockets)
    try:
        with udp() as peer:
            target = ("127.0.0.1", sockets.port(floated=True))
            peer.sendto(b"\xff", target)
            peer.sendto(b"\x00\x00\x01\x00 this is ESP", target)
            peer.sendto(b"\x00\x00", target)
            peer.sendto(b"\x00\x00\x00\x00ike", target)
            await ears.until(lambda e: e.arrivals)
            local, remote, data, floated = ears.arrivals[0]
            assert (data, floated) == (b"ike", True)
            assert len(ears.arrivals) == 1
            sockets.send(local, remote, b"answer", True)
            assert peer.recv(100) == b"\x00\x00\x00\x00answer"
            sockets.send_keepalive(local, remote)
            assert peer.recv(100) == b"\xff"
    finally:
        sockets.close()


async def test_a_plane_that_reads_the_nat_port_gets_its_datagrams_and_we_get_the_errors() -> None:
    sockets = opened()
    ears = Ears(sockets, nat_too=False)
    nat = sockets.nat_sockets[0]
    try:
        nowhere = Spot(LOOPBACK, free_port())
        sockets.send(ANY, nowhere, b"lost", True)
        await ears.until(lambda e: e.errors)
        assert ears.errors == [NotDelivered(nowhere, "port unreachable")]
        with udp() as peer:
            peer.sendto(b"for the plane", nat.getsockname())
            await asyncio.get_running_loop().sock_recv(nat, 100)
        assert ears.arrivals == []
    finally:
        sockets.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_closed_port_is_told_and_disturbs_no_other_send(host: str) -> None:
    sockets = opened(host)
    ears = Ears(sockets)
    local = Spot(ip_address(host), 0)
    try:
        with udp(host) as gone:
            nowhere = spot_of(gone)
        with udp(host) as peer:
            for number in range(20):
                older = sockets.send(local, nowhere, b"lost", False)
                assert all(each.remote == nowhere for each in older)
                ears.errors += older
                ears.errors += sockets.send(local, spot_of(peer), b"%d" % number, False)
            assert [peer.recv(10) for _ in range(20)] == [b"%d" % number for number in range(20)]
        await ears.until(lambda e: e.errors)
        assert set(ears.errors) == {NotDelivered(nowhere, "port unreachable")}
    finally:
        sockets.close()


async def test_one_wake_up_reads_a_bounded_number_of_datagrams() -> None:
    sockets = opened()
    seen: list[str] = []
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def arrived(*_: object) -> None:
        if not seen:
            loop.call_soon(seen.append, "turn")
        seen.append("datagram")
        if seen.count("datagram") == 200:
            done.set()

    try:
        with udp() as peer:
            for _ in range(200):
                peer.sendto(b"flood", ("127.0.0.1", sockets.port(floated=False)))
            sockets.listen(arrived, lambda what: None, nat_too=True)
            async with asyncio.timeout(PATIENCE):
                await done.wait()
        assert seen.index("turn") <= READS_A_WAKE_UP
    finally:
        sockets.close()


@pytest.mark.parametrize("size", [0, 1, 27, 65507])
async def test_every_size_of_datagram_arrives_whole(size: int) -> None:
    sockets = opened()
    ears = Ears(sockets)
    try:
        with udp() as peer:
            peer.sendto(bytes(size), ("127.0.0.1", sockets.port(floated=False)))
            await ears.until(lambda e: e.arrivals)
        assert ears.arrivals[0][2] == bytes(size)
    finally:
        sockets.close()


async def test_what_cannot_leave_is_an_os_error() -> None:
    sockets = opened("127.0.0.1")
    try:
        with pytest.raises(OSError, match="IPv6"):
            sockets.send(ANY, Spot(IPv6Address("::1"), 500), b"x", False)
        with pytest.raises(OSError, match=r"127\.0\.0\.9"):
            sockets.send(Spot(IPv4Address("127.0.0.9"), 0), Spot(LOOPBACK, 500), b"x", False)
    finally:
        sockets.close()


def test_a_taken_port_names_its_holder_and_the_way_out() -> None:
    with udp() as holder:
        port = holder.getsockname()[1]
        with pytest.raises(EngineRefused) as refused:
            UdpSockets.open(EngineSpec((LOOPBACK,), port, 0))
        assert f"UDP port {port} on 127.0.0.1 is taken by" in str(refused.value)
        assert f"(pid {os.getpid()})" in str(refused.value)
        assert "engine.port" in str(refused.value)
        with pytest.raises(EngineRefused, match=r"engine\.nat_port"):
            UdpSockets.open(EngineSpec((LOOPBACK,), 0, port))
    assert port_holder(port) == ""


def test_a_failed_open_leaves_nothing_bound() -> None:
    port = free_port()
    with udp() as holder, pytest.raises(EngineRefused):
        UdpSockets.open(EngineSpec((LOOPBACK,), port, holder.getsockname()[1]))
    udp(port=port).close()


def test_an_address_of_somebody_else_is_refused() -> None:
    with pytest.raises(EngineRefused, match=r"192\.0\.2\.77 is not an address of this machine.*engine\.listen"):
        UdpSockets.open(EngineSpec((IPv4Address("192.0.2.77"),), 0, 0))


def test_missing_rights_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "_bind", deny)
    with pytest.raises(EngineRefused, match="CAP_NET_BIND_SERVICE"):
        UdpSockets.open(EngineSpec((LOOPBACK,), 500, 4500))


def test_a_machine_without_ipv6_listens_on_ipv4_unless_ipv6_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._bind

    def without_ipv6(address, port, floated):  # type: ignore[no-untyped-def]
        if address.version == 6:
            raise OSError(97, "Address family not supported by protocol")
        return real(address, 0, floated)

    monkeypatch.setattr(module, "_bind", without_ipv6)
    sockets = UdpSockets.open(EngineSpec())
    assert [str(each.host) for each in sockets.listening] == ["0.0.0.0"]
    sockets.close()
    with pytest.raises(EngineRefused, match="no IPv6"):
        UdpSockets.open(EngineSpec((IPv6Address("::"),)))
