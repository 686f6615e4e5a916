"""Addresses that change while a ping goes on: the peer's, which a name stands for, and our own; ikeview on both sides.
And pings through the tunnel as its keepalive."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.gateway import Gateway, PeerFile
from tests.net.sites import Sites, give_addresses
from tests.net.traffic import RunningPing, ping, wait_until
from tests.support.name_server import NameServer
from tests.support.namespaces import TwoHosts, need_namespaces

pytestmark = pytest.mark.net

_PHASE1, _ESP = "aes256-sha256-x25519", "aes256gcm16"
_SITES = Sites(1)
_HERE, _THERE = _SITES.host(1), _SITES.host(2)
_LEFT, _RIGHT = _SITES.gateway(1), _SITES.gateway(2)
_RIGHT_LATER, _LEFT_LATER, _NAME_SERVER = "10.99.1.7", "10.99.1.8", "10.99.1.53"
_NAME = "gw.ikeview.test"
_KEEPALIVE = '[keepalive]\ninterval = "2s"\ntimeout = "8s"'


@pytest.fixture
def hosts() -> Iterator[TwoHosts]:
    need_namespaces()
    with TwoHosts() as both:
        give_addresses(both, [_SITES])
        both.right.ip(f"addr add {_NAME_SERVER}/24 dev eth0")
        yield both


@pytest.fixture
def names(hosts: TwoHosts) -> Iterator[NameServer]:
    """The left host's name server, on the right one; ``ip netns exec`` puts the host's own resolv.conf in its place."""
    folder = Path("/etc/netns", hosts.left.name)
    folder.mkdir(parents=True)
    try:
        (folder / "resolv.conf").write_text(f"nameserver {_NAME_SERVER}\noptions timeout:1 attempts:2\n")
        sock = hosts.right.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((_NAME_SERVER, 53))
        with NameServer(sock) as server:
            yield server
    finally:
        shutil.rmtree(folder)


def stand_for(names: NameServer, address: str, ttl: int = 10) -> None:
    names.records = {(f"{_NAME}.", "A"): [(f"{_NAME}.", ttl, "A", address)]}


def left_gateway(hosts: TwoHosts, folder: Path, remote: str) -> Gateway:
    tunnel = _SITES.tunnel_file(_ESP)
    return Gateway(hosts.left, folder, [PeerFile("peer", "any", remote, (_PHASE1,), [tunnel], tables=(_KEEPALIVE,))])


def right_gateway(hosts: TwoHosts, folder: Path) -> Gateway:
    """Whoever has an address of the network may begin."""
    tunnel = _SITES.tunnel_file(_ESP)
    tunnel.local, tunnel.remote = tunnel.remote, tunnel.local
    peer = PeerFile("left", "any", "10.99.1.0/24", (_PHASE1,), [tunnel], tables=('[keepalive]\nmethod = "off"',))
    return Gateway(hosts.right, folder, [peer])


def test_the_peers_name_stands_for_another_address(hosts: TwoHosts, names: NameServer, tmp_path: Path) -> None:
    stand_for(names, _RIGHT)
    with (
        right_gateway(hosts, tmp_path / "right"),
        left_gateway(hosts, tmp_path / "left", _NAME) as left,
    ):
        left.up("peer/lan")
        ping(hosts.left, _HERE, _THERE)
        first = left.facts("NameResolved")[0]
        assert (first["address"], first["ttl"]) == (_RIGHT, 10.0)

        hosts.right.ip(f"addr add {_RIGHT_LATER}/24 dev eth0", f"addr del {_RIGHT}/24 dev eth0",
                       # the others are secondary to it, and may have gone with it
                       f"addr replace {_RIGHT_LATER}/24 dev eth0", f"addr replace {_NAME_SERVER}/24 dev eth0")
        stand_for(names, _RIGHT_LATER)
        with RunningPing(hosts.left, _HERE, _THERE) as running:
            wait_until(lambda: len(left.facts("Phase1Established")) == 2, 25, "a new phase 1")
            assert left.facts("Phase1Established")[1]["remote"].startswith(_RIGHT_LATER)
            ping(hosts.left, _HERE, _THERE)
        # TTL 10 s at most, an interval of 2 s, and time for a machine that is busy
        assert max(running.lost) - min(running.lost) <= 18
        assert not left.facts("TunnelDown")

        # the name server dies, and the tunnel lives
        names.silent_about = {"A", "AAAA"}
        wait_until(lambda: left.facts("NameUnresolved"), 30, "the name is not resolved")
        assert left.facts("NameUnresolved")[0]["kept"] == _RIGHT_LATER
        ping(hosts.left, _HERE, _THERE)
        assert not left.facts("TunnelDown")


def test_our_own_address_changes(hosts: TwoHosts, tmp_path: Path) -> None:
    with (
        right_gateway(hosts, tmp_path / "right"),
        left_gateway(hosts, tmp_path / "left", _RIGHT) as left,
    ):
        left.up("peer/lan")
        ping(hosts.left, _HERE, _THERE)
        with RunningPing(hosts.left, _HERE, _THERE) as running:
            hosts.left.ip(f"addr del {_LEFT}/24 dev eth0", f"addr add {_LEFT_LATER}/24 dev eth0")
            wait_until(lambda: len(left.facts("Phase1Established")) == 2, 20, "a new phase 1")
            assert left.facts("Phase1Established")[1]["local"].startswith(_LEFT_LATER)
            ping(hosts.left, _HERE, _THERE)
        assert max(running.lost) - min(running.lost) <= 8
        assert not left.facts("TunnelDown")
        ping(hosts.right, _THERE, _HERE)
        wait_until(lambda: len(left.tunnel("peer/lan")["sas"]) == 1, 15, "the old SA is gone")


def test_pings_through_the_tunnel_keep_it_alive(hosts: TwoHosts, tmp_path: Path) -> None:
    """The kernel behind the peer answers; then nobody does while IKE goes on, and then it does again."""
    keepalive = _KEEPALIVE + f'\nmethod = "icmp"\ntarget = "{_THERE}"\nsource = "{_HERE}"'
    with (
        right_gateway(hosts, tmp_path / "right"),
        Gateway(hosts.left, tmp_path / "left", [
            PeerFile("peer", "any", _RIGHT, (_PHASE1,), [_SITES.tunnel_file(_ESP)], tables=(keepalive,))
        ]) as left,
    ):
        left.up("peer/lan")
        wait_until(lambda: len(left.facts("ProbeAnswered")) >= 3, 20, "replies")
        assert {each["method"] for each in left.facts("ProbeAnswered")} == {"icmp"}
        assert not left.facts("ProbeMissed")
        hosts.right.ip(f"addr del {_THERE}/32 dev lo")
        wait_until(lambda: left.facts("TrafficStalled"), 20, "it is noticed")
        assert left.facts("TrafficStalled")[0]["action"] == "a new Quick Mode"
        assert not left.facts("PeerSilent")
        hosts.right.ip(f"addr add {_THERE}/32 dev lo")
        count = len(left.facts("ProbeAnswered"))
        wait_until(
            lambda: [each["method"] for each in left.facts("ProbeAnswered")[count:]].count("icmp") >= 2, 20, "replies"
        )
        assert not left.facts("TunnelDown")
