"""All pairs of mode, method, NAT, who initiates, mode config and algorithms with strongSwan, with traffic through each.

strongSwan's userspace ESP has no ESN, no truncation to 96 bits and no transport mode: ``test_interop_kernel`` has them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.net.cells import LEFT, RIGHT, Cell, ikeview_files, lay_out, strongswan_files
from tests.net.gateway import Gateway
from tests.net.papers import Papers
from tests.net.strongswan import StrongSwan
from tests.net.traffic import ping, transfer, wait_for_both, wait_until
from tests.support.all_pairs import Pair, all_pairs, pair, pairs_in, possible_pairs
from tests.support.namespaces import ThreeHosts

pytestmark = pytest.mark.net

_OCTETS = 300_000
_SIDES = {"ikeview": LEFT, "strongswan": RIGHT}
_FACTORS = {
    "mode": ("main", "aggressive"),
    "method": ("psk", "rsa", "ecdsa256", "ecdsa384", "ecdsa521", "xauth-psk", "xauth-rsa", "hybrid"),
    "nat": ("none", "left", "right"),
    "initiator": tuple(_SIDES),
    "config": ("none", "pull", "push"),
    "phase1": (
        "aes256-sha256-modp2048", "aes128-sha1-modp1024", "3des-md5-modp1536", "aes192-sha384-ecp384",
        "aes256-sha512-ecp521", "aes128-sha256-x25519", "aes256-sha256-ecp256", "aes256-sha384-modp3072",
    ),
    "esp": (
        "aes128-sha1", "aes256-sha256-modp2048", "aes192-sha384", "aes256-sha512-ecp256", "aes128gcm16",
        "aes256gcm16-x25519", "aes256gcm8", "aes192gcm12", "3des-md5-modp1024", "null-sha256", "aes128ctr-sha1",
        "aes128ccm16", "aes256ccm8",
    ),
}
_EXCLUDED: dict[Pair, str] = {}
"""Pairs that cannot be, and why: there are none, strongSwan can do them all."""
_LEAST = 60


def _cells() -> list[Cell]:
    return [
        Cell(number, row["mode"], row["method"], row["nat"], _SIDES[row["initiator"]], row["config"], row["phase1"],
             row["esp"])
        for number, row in enumerate(all_pairs(_FACTORS, _EXCLUDED), 1)
    ]


CELLS = _cells()


@dataclass
class Setting:
    """The gateways on the hosts."""

    hosts: ThreeHosts
    ikeview: Gateway
    strongswan: StrongSwan


@pytest.fixture(scope="module")
def setting(peer_program: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("pairs")
    papers = Papers()
    with ThreeHosts() as hosts:
        lay_out(hosts, CELLS)
        connections = [cell.connection(RIGHT) for cell in CELLS]
        users = [cell.user for cell in CELLS if cell.xauth]
        with StrongSwan(hosts.right, folder / "strongswan", connections, files=strongswan_files(papers, RIGHT)) \
                as strongswan, Gateway(hosts.left, folder / "ikeview", [cell.peer_file() for cell in CELLS],
                                       ikeview_files(papers, users)) as ikeview:
            yield Setting(hosts, ikeview, strongswan)


def test_all_pairs_are_covered() -> None:
    rows = all_pairs(_FACTORS, _EXCLUDED)
    assert set().union(*map(pairs_in, rows)) == possible_pairs(_FACTORS, _EXCLUDED)
    assert pair(("method", "hybrid"), ("nat", "left")) in possible_pairs(_FACTORS, _EXCLUDED)
    assert len(CELLS) >= _LEAST


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_up_traffic_down(setting: Setting, cell: Cell) -> None:
    left, right, ikeview, strongswan = (
        setting.hosts.left, setting.hosts.right, setting.ikeview, setting.strongswan
    )
    if cell.initiator == LEFT:
        ikeview.up(cell.tunnel)
    else:
        done = strongswan.swanctl("--initiate", "--child", f"{cell.name}-lan", "--timeout", "20")
        assert done.returncode == 0, done.stdout
    wait_for_both(ikeview, strongswan, cell.tunnel)
    here, there = cell.host(LEFT), cell.host(RIGHT)
    ping(left, here, there)
    ping(right, there, here)
    transfer(left, here, right, there, _OCTETS)

    tunnel = ikeview.tunnel(cell.tunnel)
    assert tunnel["state"] == "up"
    assert tunnel["phase1"]["suite"] == cell.phase1
    assert tunnel["phase1"]["role"] == ("initiator" if cell.initiator == LEFT else "responder")
    [sa] = tunnel["sas"]
    assert sa["suite"] == cell.esp
    assert (sa["local_selector"], sa["remote_selector"]) == (cell.network(LEFT), cell.network(RIGHT))
    assert (sa["replayed"], sa["forged"]) == (0, 0)
    [listed] = strongswan.of(cell.name)
    [child] = listed.children
    assert (child["spi-in"], child["spi-out"]) == (sa["spi_out"], sa["spi_in"])
    # both ends have counted: six packets of 84 octets of ping, and the transfer
    assert int(child["bytes-in"]) > _OCTETS
    assert int(child["bytes-out"]) > 6 * 84

    # who ends it changes from cell to cell
    if cell.number % 2:
        assert ikeview.command("down", cell.tunnel).returncode == 0
    else:
        assert strongswan.swanctl("--terminate", "--ike", cell.name, "--timeout", "10").returncode == 0
    wait_until(lambda: not strongswan.of(cell.name), 5, "strongSwan has nothing left")

    def empty() -> bool:
        tunnel = ikeview.tunnel(cell.tunnel)
        return tunnel["state"] == "down" and not tunnel["sas"] and tunnel["phase1"] is None

    wait_until(empty, 5, "ikeview has nothing left")
