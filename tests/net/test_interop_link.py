"""The link between the two gateways is cut and comes back: short enough that nothing may happen, and so long that each
end finds the other dead. Then the tunnel is up again by itself, and no SA is left over.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from tests.net.cells import LEFT, RIGHT, Cell, lay_out
from tests.net.gateway import Gateway
from tests.net.strongswan import StrongSwan
from tests.net.traffic import RunningPing, ping, wait_for_both, wait_until
from tests.support.namespaces import ThreeHosts

pytestmark = pytest.mark.net

_OURS, _THEIRS, _BOTH, _CALM = (Cell(number) for number in range(1, 5))
"""Who looks for dead peers: ikeview, strongSwan, both. The last one has patience."""
_KEEPALIVE = '[keepalive]\ninterval = "1s"\ntimeout = "3s"'
_PATIENT = '[keepalive]\ninterval = "1s"\ntimeout = "30s"'
_OFF = '[keepalive]\nmethod = "off"'
_DPD = ("dpd_delay = 1s", "dpd_timeout = 3s")


@dataclass
class Setting:
    """The gateways on the hosts."""

    hosts: ThreeHosts
    ikeview: Gateway
    strongswan: StrongSwan

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Nothing goes through the router."""
        self.hosts.filter("table inet cut { chain through { type filter hook forward priority 0; policy drop; }\n}")
        try:
            yield
        finally:
            self.hosts.filter("delete table inet cut")

    def up(self, cell: Cell) -> None:
        self.ikeview.up(cell.tunnel)
        wait_for_both(self.ikeview, self.strongswan, cell.tunnel)
        self.ping(cell)

    def ping(self, cell: Cell) -> None:
        ping(self.hosts.left, cell.host(LEFT), cell.host(RIGHT))
        ping(self.hosts.right, cell.host(RIGHT), cell.host(LEFT))

    def alive(self, cell: Cell) -> bool:
        """Whether a packet comes through and back."""
        words = ("ping", "-n", "-q", "-c", "1", "-W", "1", "-I", cell.host(LEFT), cell.host(RIGHT))
        return self.hosts.left.run(*words).returncode == 0

    def settled(self, cell: Cell, crossed: bool = False) -> bool:
        """Whether each end has one IPsec SA, and both the same. What has ``crossed`` because both ends began anew at
        once may stay until the next rekey; it must not pile up."""
        assert self.alive(cell)
        sas = self.ikeview.tunnel(cell.tunnel)["sas"]
        listed = self.strongswan.of(cell.name)
        children = [child for each in listed for child in each.children]
        if crossed:
            return max(len(sas), len(listed), len(children)) <= 3
        return len(children) == len(sas) == 1 and sas[0]["spi_out"] == children[0]["spi-in"]


@pytest.fixture(scope="module")
def setting(peer_program: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("link")
    cells = (_OURS, _THEIRS, _BOTH, _CALM)
    peers, connections = [], []
    for cell, keepalive, dpd in ((_OURS, _KEEPALIVE, ()), (_THEIRS, _OFF, _DPD), (_BOTH, _KEEPALIVE, _DPD),
                                 (_CALM, _PATIENT, ())):
        peer, connection = cell.peer_file(), cell.connection(RIGHT)
        peer.tables = (*peer.tables, keepalive)
        connection.more = (*connection.more, *dpd)
        # restarting several at once, strongSwan 5.9.8 may give two of them one reqid if it chooses these itself
        action = ("dpd_action = restart",) if dpd else ()
        connection.children[0].more = (f"reqid = {cell.number}", *action)
        peers.append(peer)
        connections.append(connection)
    with ThreeHosts() as hosts:
        lay_out(hosts, cells)
        with StrongSwan(hosts.right, folder / "strongswan", connections) as strongswan, \
                Gateway(hosts.left, folder / "ikeview", peers) as ikeview:
            yield Setting(hosts, ikeview, strongswan)


def test_short_cut(setting: Setting) -> None:
    """What a peer with patience does not take for death changes nothing at all."""
    setting.up(_CALM)
    before = setting.ikeview.tunnel(_CALM.tunnel)
    with RunningPing(setting.hosts.left, _CALM.host(LEFT), _CALM.host(RIGHT)) as running:
        time.sleep(0.5)
        with setting.cut():
            time.sleep(4)
        wait_until(lambda: setting.alive(_CALM), 2, "packets go through at once")
        time.sleep(0.5)
    assert running.lost, "the link was cut"
    after = setting.ikeview.tunnel(_CALM.tunnel)
    assert after["phase1"]["cookies"] == before["phase1"]["cookies"]
    assert [sa["spi_in"] for sa in after["sas"]] == [sa["spi_in"] for sa in before["sas"]]
    assert setting.settled(_CALM)


def _found_dead(setting: Setting, times: int) -> bool:
    silent = [each["peer"] for each in setting.ikeview.facts("PeerSilent")]
    return (
        min(silent.count(_OURS.name), silent.count(_BOTH.name)) >= times
        and setting.strongswan.log.count("DPD check timed out") >= 2 * times
    )


def test_long_cut(setting: Setting) -> None:
    """Found dead by whoever looks, up again by itself, with nothing left over; twice."""
    cells = (_OURS, _THEIRS, _BOTH)
    for cell in cells:
        setting.up(cell)
    for times in (1, 2):
        with setting.cut():
            wait_until(partial(_found_dead, setting, times), 15, "both find their peers dead")
            time.sleep(2)
            assert max(len(setting.ikeview.tunnel(cell.tunnel)["sas"]) for cell in cells) <= 3, "SAs grow"
        for cell in cells:
            wait_until(partial(setting.alive, cell), 20, f"{cell.name} is up again")
    for cell in cells:
        wait_until(partial(setting.settled, cell, cell is _BOTH), 45, f"{cell.name} has nothing left over")
        setting.ping(cell)
        assert setting.ikeview.tunnel(cell.tunnel)["state"] == "up"
