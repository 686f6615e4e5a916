"""Real traffic with strongSwan, in both roles and over both IP versions, and both ways to end. All the ways to come up
are in ``test_interop_pairs``."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.net.gateway import Gateway
from tests.net.sites import Sites, give_addresses
from tests.net.strongswan import StrongSwan
from tests.net.traffic import ping, transfer, wait_for_both, wait_until
from tests.support.namespaces import TwoHosts

pytestmark = pytest.mark.net

_OCTETS = 5_000_000
_PHASE1 = ("aes256-sha256-modp2048", "3des-md5-modp768")
_ESP = ("aes256gcm16", "aes128-sha256", "3des-sha1")


@dataclass(frozen=True)
class Cell:
    """A peer of its own, on sites of its own."""

    phase1: str
    esp: str
    sites: Sites

    @property
    def name(self) -> str:
        return f"cell{self.sites.number}"

    @property
    def tunnel(self) -> str:
        return f"{self.name}/lan"

    def __str__(self) -> str:
        inner, outer = self.sites.inner, self.sites.outer
        return f"{self.phase1}_{self.esp}" + ("" if inner == outer == 4 else f"_ipv{inner}-in-ipv{outer}")


def _cells() -> list[Cell]:
    """Each phase 1 with each ESP; PFS changes from one to the next, so that it meets each of both too."""
    cells: list[Cell] = []
    for row, phase1 in enumerate(_PHASE1):
        for column, esp in enumerate(_ESP):
            group = phase1.rpartition("-")[2]
            pfs = f"-{group}" if (row + column) % 2 else ""
            cells.append(Cell(phase1, esp + pfs, Sites(len(cells) + 1)))
    for inner, outer in ((6, 4), (4, 6), (6, 6)):
        cells.append(Cell(_PHASE1[0], _ESP[0], Sites(len(cells) + 1, inner, outer)))
    return cells


CELLS = _cells()


@dataclass
class Setting:
    """The two gateways on the two hosts."""

    hosts: TwoHosts
    ikeview: Gateway
    strongswan: StrongSwan
    before: str
    """The left host's network settings before ikeview came."""


@pytest.fixture(scope="module")
def setting(hosts: TwoHosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    give_addresses(hosts, (cell.sites for cell in CELLS))
    peers = [cell.sites.peer_file(cell.name, cell.phase1, cell.sites.tunnel_file(cell.esp)) for cell in CELLS]
    connections = [
        cell.sites.connection(cell.name, cell.phase1, cell.sites.child(cell.esp, f"{cell.name}-lan")) for cell in CELLS
    ]
    before = hosts.left.settings()
    folder = tmp_path_factory.mktemp("matrix")
    with StrongSwan(hosts.right, folder / "strongswan", connections) as strongswan, \
            Gateway(hosts.left, folder / "ikeview", peers) as ikeview:
        yield Setting(hosts, ikeview, strongswan, before)


@pytest.mark.parametrize("initiator", ["ikeview", "strongswan"])
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_up_traffic_down(setting: Setting, cell: Cell, initiator: str) -> None:
    left, right, ikeview, strongswan = (
        setting.hosts.left, setting.hosts.right, setting.ikeview, setting.strongswan
    )
    before = left.counters("ikeview0")
    if initiator == "ikeview":
        ikeview.up(cell.tunnel)
    else:
        done = strongswan.swanctl("--initiate", "--child", f"{cell.name}-lan", "--timeout", "20")
        assert done.returncode == 0, done.stdout

    wait_for_both(ikeview, strongswan, cell.tunnel)
    here, there = cell.sites.host(1), cell.sites.host(2)
    ping(left, here, there)
    ping(right, there, here)
    transfer(left, here, right, there, _OCTETS)
    transfer(right, there, left, here, _OCTETS)

    tunnel = ikeview.tunnel(cell.tunnel)
    assert tunnel["state"] == "up"
    assert tunnel["phase1"]["suite"] == cell.phase1
    assert tunnel["phase1"]["role"] == ("initiator" if initiator == "ikeview" else "responder")
    [sa] = tunnel["sas"]
    assert sa["suite"] == cell.esp
    assert (sa["local_selector"], sa["remote_selector"]) == (cell.sites.network(1), cell.sites.network(2))

    # what went through the device is what the SA says, to the octet; counters are sampled once a second
    def counted() -> bool:
        [sa] = ikeview.tunnel(cell.tunnel)["sas"]
        received, transmitted = left.counters("ikeview0")
        return (sa["bytes_in"], sa["bytes_out"]) == (received - before[0], transmitted - before[1])

    wait_until(counted, 5, "the counters of the SA and of the device agree")
    [sa] = ikeview.tunnel(cell.tunnel)["sas"]
    assert min(sa["bytes_in"], sa["bytes_out"]) > _OCTETS
    assert (sa["replayed"], sa["forged"]) == (0, 0)
    [listed] = strongswan.of(cell.name)
    [child] = listed.children
    assert (child["spi-in"], child["spi-out"]) == (sa["spi_out"], sa["spi_in"])

    # who ends it changes from cell to cell
    if cell.sites.number % 2:
        assert ikeview.command("down", cell.tunnel).returncode == 0
    else:
        assert strongswan.swanctl("--terminate", "--ike", cell.name, "--timeout", "10").returncode == 0
    wait_until(lambda: not strongswan.of(cell.name), 5, "strongSwan has nothing left")

    def empty() -> bool:
        tunnel = ikeview.tunnel(cell.tunnel)
        return tunnel["state"] == "down" and not tunnel["sas"] and tunnel["phase1"] is None

    wait_until(empty, 5, "ikeview has nothing left")


def test_nothing_stays_after_the_end(setting: Setting) -> None:
    """After an orderly end the host is as it was before."""
    left = setting.hosts.left
    assert left.settings() != setting.before
    assert setting.ikeview.stop() == 0
    assert left.settings() == setting.before
