"""The screen in a real terminal: a tunnel to strongSwan brought up, rekeyed and taken down by keys, and the demo."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.gateway import ROOT, Gateway
from tests.net.sites import Sites, give_addresses
from tests.net.strongswan import StrongSwan
from tests.net.terminal import Terminal, need_tmux
from tests.net.traffic import ping
from tests.support.namespaces import TwoHosts

pytestmark = pytest.mark.net

_SITE = Sites(1)
_PHASE1, _ESP = "aes256-sha256-modp2048", "aes256gcm16-modp2048"
_SIZES = pytest.mark.parametrize(("columns", "lines"), [(80, 24), (160, 50)])


@pytest.fixture(scope="module")
def strongswan(hosts: TwoHosts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StrongSwan]:
    need_tmux()
    give_addresses(hosts, [_SITE])
    connection = _SITE.connection("osaka", _PHASE1, _SITE.child(_ESP, "osaka-lan"))
    with StrongSwan(hosts.right, tmp_path_factory.mktemp("strongswan"), [connection]) as running:
        yield running


@_SIZES
def test_up_rekey_down_by_keys(
    hosts: TwoHosts, strongswan: StrongSwan, tmp_path: Path, columns: int, lines: int
) -> None:
    gateway = Gateway(hosts.left, tmp_path, [_SITE.peer_file("osaka", _PHASE1, _SITE.tunnel_file(_ESP))])
    gateway.write()
    command = hosts.left.command(sys.executable, "-m", "ikeview", "-c", str(tmp_path))
    with Terminal(tmp_path, command, gateway.environment(), columns, lines) as terminal:
        terminal.see("osaka/lan", "DOWN", "? help")
        terminal.keys("u")
        terminal.see("UP", "Quick Mode as initiator", "tunnel is up after")
        ping(hosts.left, _SITE.host(1), _SITE.host(2))
        before = gateway.tunnel("osaka/lan")["sas"][0]["spi_in"]
        terminal.keys("r")
        screen = terminal.see("UP", f"SA {before} rekeyed to")
        assert "(operator)" in screen
        ping(hosts.left, _SITE.host(1), _SITE.host(2))
        assert gateway.tunnel("osaka/lan")["sas"][-1]["spi_in"] != before
        terminal.keys("d")
        terminal.see("Take osaka/lan down?", "No")
        # the default is No, and leaves everything as it is
        terminal.keys("Enter")
        terminal.until(lambda screen: "Take osaka/lan down?" not in screen, "the question gone")
        assert gateway.tunnel("osaka/lan")["state"] == "up"
        terminal.keys("d")
        terminal.see("Take osaka/lan down?")
        terminal.keys("y")
        terminal.see("DOWN", "by the operator")
        assert not any(each.children for each in strongswan.of("osaka"))
        terminal.keys("q")
        assert terminal.exit_status() == 0
    assert gateway.command("status").returncode == 1


def test_quitting_with_a_tunnel_up_asks_and_tells_the_peer(
    hosts: TwoHosts, strongswan: StrongSwan, tmp_path: Path
) -> None:
    gateway = Gateway(hosts.left, tmp_path, [_SITE.peer_file("osaka", _PHASE1, _SITE.tunnel_file(_ESP))])
    gateway.write()
    command = hosts.left.command(sys.executable, "-m", "ikeview", "-c", str(tmp_path))
    with Terminal(tmp_path, command, gateway.environment()) as terminal:
        terminal.see("osaka/lan", "? help")
        terminal.keys("u")
        terminal.see("tunnel is up after")
        assert any(each.children for each in strongswan.of("osaka"))
        terminal.keys("q")
        terminal.see("(n)")
        terminal.keys("y")
        assert terminal.exit_status() == 0
    assert not any(each.children for each in strongswan.of("osaka"))


@_SIZES
def test_the_demo_moves(tmp_path: Path, columns: int, lines: int) -> None:
    need_tmux()
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "ikeview", "demo"]
    with Terminal(tmp_path, command, environment, columns, lines) as terminal:
        terminal.see("osaka/lan", "osaka/bulk", "UP", "nothing listens")
        terminal.keys("?")
        terminal.see("rekey phase 2")
        terminal.keys("Escape")
        terminal.see("osaka/bulk", "rekeyed to")
        terminal.keys("q")
        terminal.see("(n)")
        terminal.keys("y")
        assert terminal.exit_status() == 0
