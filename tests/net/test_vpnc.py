"""A second foreign client: vpnc, with Aggressive Mode, XAUTH and mode config, against ikeview as its gateway."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from tests.net.gateway import Gateway, PeerFile, TunnelFile
from tests.net.traffic import ping, transfer, wait_until
from tests.net.vpnc import Vpnc, need_vpnc
from tests.support.namespaces import TwoHosts, need_namespaces

pytestmark = pytest.mark.net

_GATEWAY, _CLIENT = "10.99.1.1", "10.99.1.2"
_NETWORK, _HOST, _ASSIGNED, _DNS = "10.101.1.0/24", "10.101.1.1", "10.101.3.8", "10.101.1.53"
_GROUP, _SECRET, _USER, _PASSWORD = "people", "a secret of the group", "ann", "and one of her own"


@pytest.fixture
def hosts() -> Iterator[TwoHosts]:
    need_namespaces()
    need_vpnc()
    with TwoHosts() as both:
        both.left.ip(f"addr add {_GATEWAY}/24 dev eth0", f"addr add {_HOST}/32 dev lo")
        both.right.ip(f"addr add {_CLIENT}/24 dev eth0")
        yield both


def _server(hosts: TwoHosts, folder: Path, phase1: str, esp: str) -> Gateway:
    peer = PeerFile(
        "people", _GATEWAY, "any", (phase1,), [TunnelFile("lan", _NETWORK, "dynamic", (esp,))], _SECRET,
        more=('mode = "aggressive"', f'remote_id = "keyid:{_GROUP}"', f'local_id = "{_GATEWAY}"'),
        auth=('method = "xauth-psk"', "aggressive_psk = true"),
        tables=(
            '[xauth]\nrole = "server"\nusers_file = "../secrets/users"',
            f'[config]\nrole = "server"\npool = "{_ASSIGNED}/32"\ndns = ["{_DNS}"]\ndomain = "office.test"\n'
            f'banner = "be good"\nsplit_include = ["{_NETWORK}"]',
        ),
    )
    stored = PasswordHash.of(Secret(_PASSWORD.encode()), bytes(16)).text()
    return Gateway(hosts.left, folder, [peer], {"secrets/users": f"{_USER}:{stored}\n".encode()})


def _client(hosts: TwoHosts, folder: Path, password: str = _PASSWORD, *lines: str) -> Vpnc:
    return Vpnc(
        hosts.right, folder, _GATEWAY, _GROUP, _SECRET, _USER, password, _NETWORK,
        (f"IPSEC target network {_NETWORK}", *lines),
    )


@pytest.mark.parametrize(
    ("phase1", "esp", "lines"),
    [
        ("aes256-sha1-modp1024", "aes256-sha1", ("NAT Traversal Mode natt",)),
        ("aes128-md5-modp2048", "aes128-md5-modp2048", (
            "NAT Traversal Mode force-natt", "IKE DH Group dh14", "Perfect Forward Secrecy dh14",
            "Enable weak authentication",
        )),
        ("3des-sha1-modp1536", "3des-sha1", (
            "NAT Traversal Mode natt", "IKE DH Group dh5", "Perfect Forward Secrecy nopfs", "Enable weak encryption",
        )),
    ],
)
def test_up_traffic_down(hosts: TwoHosts, tmp_path: Path, phase1: str, esp: str, lines: tuple[str, ...]) -> None:
    with _server(hosts, tmp_path / "ikeview", phase1, esp) as ikeview, \
            _client(hosts, tmp_path / "vpnc", _PASSWORD, *lines) as client:
        wait_until(lambda: client.told or not client.running, 15, "vpnc is up")
        assert client.told, client.output
        told = client.told
        assert told["INTERNAL_IP4_ADDRESS"] == _ASSIGNED
        assert told["INTERNAL_IP4_DNS"] == _DNS
        assert told["CISCO_DEF_DOMAIN"] == "office.test"
        assert told["CISCO_BANNER"] == "be good"
        assert told["CISCO_SPLIT_INC_0_ADDR"] + "/" + told["CISCO_SPLIT_INC_0_MASKLEN"] == _NETWORK
        ping(hosts.right, _ASSIGNED, _HOST)
        ping(hosts.left, _HOST, _ASSIGNED)
        transfer(hosts.right, _ASSIGNED, hosts.left, _HOST, 300_000)
        transfer(hosts.left, _HOST, hosts.right, _ASSIGNED, 300_000)
        [up] = [each for each in ikeview.status()["tunnels"] if each["state"] == "up"]
        assert up["phase1"]["suite"] == phase1
        assert [sa["suite"] for sa in up["sas"]] == [esp]
        assert up["sas"][0]["remote_selector"] == f"{_ASSIGNED}/32"
        [user] = ikeview.facts("UserAuthenticated")
        assert (user["user"], user["server"]) == (_USER, True)
        client.stop()
        wait_until(lambda: all(each["state"] == "down" for each in ikeview.status()["tunnels"]), 5, "all is down")
        assert _PASSWORD not in ikeview.output


def test_wrong_password(hosts: TwoHosts, tmp_path: Path) -> None:
    with _server(hosts, tmp_path / "ikeview", "aes256-sha1-modp1024", "aes256-sha1") as ikeview, \
            _client(hosts, tmp_path / "vpnc", "a wrong one") as client:
        wait_until(lambda: not client.running, 20, "vpnc has given up")
        assert "authentication unsuccessful" in client.output or "authentication failed" in client.output
        assert not client.told
        refused = ikeview.facts("UserRefused")
        assert refused
        assert refused[0]["user"] == _USER
        assert not ikeview.facts("UserAuthenticated")
        assert not ikeview.facts("SaInstalled")
        assert "a wrong one" not in ikeview.output


def test_killed_and_back(hosts: TwoHosts, tmp_path: Path) -> None:
    """A client that went without a word and comes back gets its own address again, and only one of it is left."""
    with _server(hosts, tmp_path / "ikeview", "aes256-sha1-modp1024", "aes256-sha1") as ikeview:
        with _client(hosts, tmp_path / "first") as client:
            wait_until(lambda: client.told, 15, "vpnc is up")
            ping(hosts.right, _ASSIGNED, _HOST)
            client.kill()
        with _client(hosts, tmp_path / "second") as client:
            wait_until(lambda: client.told, 15, "vpnc is up again")
            assert client.told["INTERNAL_IP4_ADDRESS"] == _ASSIGNED
            ping(hosts.right, _ASSIGNED, _HOST)
            states = [each["state"] for each in ikeview.status()["tunnels"]]
            assert states.count("up") == 1
