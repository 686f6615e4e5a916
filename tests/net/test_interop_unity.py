"""What mode config tells besides an address, Cisco Unity included, in both roles."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.net.cells import LEFT, RIGHT, Cell, ikeview_files, lay_out, strongswan_files
from tests.net.gateway import Gateway
from tests.net.papers import Papers
from tests.net.strongswan import StrongSwan
from tests.net.traffic import ping, wait_for_both
from tests.support.namespaces import ThreeHosts

pytestmark = pytest.mark.net

_DNS = ("10.77.0.53", "10.77.0.54")
_CELLS = {
    (initiator, config): Cell(number, "aggressive" if number % 2 else "main", "xauth-psk", "none", initiator, config)
    for number, (initiator, config) in enumerate(
        [(LEFT, "pull"), (LEFT, "push"), (RIGHT, "pull"), (RIGHT, "push")], 1
    )
}


@dataclass
class Setting:
    """The gateways on the hosts."""

    hosts: ThreeHosts
    ikeview: Gateway
    strongswan: StrongSwan


@pytest.fixture(scope="module")
def setting(peer_program: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("unity")
    papers = Papers()
    peers, connections = [], []
    for cell in _CELLS.values():
        peer, connection = cell.peer_file(), cell.connection(RIGHT)
        if cell.initiator == LEFT:
            connection = replace(connection, pool=(
                *connection.pool, f"dns = {', '.join(_DNS)}", f"split_include = {cell.network(RIGHT)}",
            ))
        else:
            more = f'dns = ["{_DNS[0]}", "{_DNS[1]}"]\ndomain = "office.test"\nsplit_include = ["{cell.network(LEFT)}"]'
            tables = [f"{each}\n{more}" if each.startswith("[config]") else each for each in peer.tables]
            # a Unity client negotiates everything, and sends into the tunnel what the split include names
            peer = replace(peer, tables=tuple(tables), tunnels=[replace(peer.tunnels[0], local="0.0.0.0/0")])
        peers.append(peer)
        connections.append(connection)
    with ThreeHosts() as hosts:
        lay_out(hosts, _CELLS.values())
        with StrongSwan(hosts.right, folder / "strongswan", connections, files=strongswan_files(papers, RIGHT),
                        charon=("cisco_unity = yes",)) as strongswan, \
                Gateway(hosts.left, folder / "ikeview", peers,
                        ikeview_files(papers, [cell.user for cell in _CELLS.values()])) as ikeview:
            yield Setting(hosts, ikeview, strongswan)


@pytest.mark.parametrize("config", ["pull", "push"])
def test_as_client(setting: Setting, config: str) -> None:
    cell = _CELLS[LEFT, config]
    setting.ikeview.up(cell.tunnel)
    wait_for_both(setting.ikeview, setting.strongswan, cell.tunnel)
    ping(setting.hosts.left, cell.host(LEFT), cell.host(RIGHT))
    [given] = [each for each in setting.ikeview.facts("ConfigAssigned") if each["peer"] == cell.name]
    assert (given["address"], given["server"]) == (cell.assigned, False)
    assert tuple(given["dns"]) == _DNS
    assert cell.network(RIGHT) in given["split_include"]
    assert cell.assigned in setting.hosts.left.run("ip", "addr").stdout
    assert setting.ikeview.command("down", cell.name).returncode == 0
    assert cell.assigned not in setting.hosts.left.run("ip", "addr").stdout


@pytest.mark.parametrize("config", ["pull", "push"])
def test_as_server(setting: Setting, config: str) -> None:
    cell = _CELLS[RIGHT, config]
    done = setting.strongswan.swanctl("--initiate", "--child", f"{cell.name}-lan", "--timeout", "20")
    assert done.returncode == 0, done.stdout
    wait_for_both(setting.ikeview, setting.strongswan, cell.tunnel)
    ping(setting.hosts.right, cell.host(RIGHT), cell.host(LEFT))
    [given] = [each for each in setting.ikeview.facts("ConfigAssigned") if each["peer"] == cell.name]
    assert (given["address"], given["server"]) == (cell.assigned, True)
    assert (tuple(given["dns"]), given["split_include"]) == (_DNS, [cell.network(LEFT)])
    assert f"installing new virtual IP {cell.assigned}" in setting.strongswan.log
    assert "U_SPLITINC" in setting.strongswan.log
    [listed] = setting.strongswan.of(cell.name)
    [child] = listed.children
    # what came of the split include
    assert (child["local-ts"], child["remote-ts"]) == (f"[{cell.assigned}/32]", f"[{cell.network(LEFT)}]")
