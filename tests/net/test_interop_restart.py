"""One end dies without a word and comes back: the other must find out, and nothing may stay behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.gateway import Gateway
from tests.net.sites import Sites, give_addresses
from tests.net.strongswan import StrongSwan
from tests.net.traffic import ping, wait_for_both, wait_until
from tests.support.namespaces import TwoHosts

pytestmark = pytest.mark.net

_PHASE1, _ESP = "aes256-sha256-modp2048", "aes256gcm16"
_SITES = Sites(1)
_HERE, _THERE = _SITES.host(1), _SITES.host(2)


@pytest.fixture
def hosts(peer_program: None) -> Iterator[TwoHosts]:
    """Hosts for one test alone: what a killed process leaves behind is what these tests are about."""
    with TwoHosts() as both:
        give_addresses(both, [_SITES])
        yield both


@pytest.fixture
def strongswan(hosts: TwoHosts, tmp_path: Path) -> Iterator[StrongSwan]:
    connection = _SITES.connection("peer", _PHASE1, _SITES.child(_ESP, "peer-lan"))
    with StrongSwan(hosts.right, tmp_path / "strongswan", [connection]) as daemon:
        yield daemon


@pytest.fixture
def ikeview(hosts: TwoHosts, tmp_path: Path) -> Iterator[Gateway]:
    keepalive = '[keepalive]\ninterval = "1s"\ntimeout = "3s"'
    peer = _SITES.peer_file("peer", _PHASE1, _SITES.tunnel_file(_ESP), tables=(keepalive,))
    with Gateway(hosts.left, tmp_path / "ikeview", [peer]) as gateway:
        yield gateway


def test_strongswan_restarted_and_initiating(hosts: TwoHosts, strongswan: StrongSwan, ikeview: Gateway) -> None:
    """Its new Main Mode with INITIAL-CONTACT makes ikeview forget the old SAs at once."""
    ikeview.up("peer/lan")
    wait_for_both(ikeview, strongswan, "peer/lan")
    ping(hosts.left, _HERE, _THERE)
    strongswan.kill()
    strongswan.start()
    done = strongswan.swanctl("--initiate", "--child", "peer-lan", "--timeout", "20")
    assert done.returncode == 0, done.stdout
    wait_for_both(ikeview, strongswan, "peer/lan")
    ping(hosts.right, _THERE, _HERE)
    ping(hosts.left, _HERE, _THERE)
    assert "peer started anew" in [each["cause"] for each in ikeview.facts("Phase1Deleted")]
    tunnel = ikeview.tunnel("peer/lan")
    assert (tunnel["state"], len(tunnel["sas"])) == ("up", 1)
    [listed] = strongswan.of("peer")
    assert [child["spi-in"] for child in listed.children] == [tunnel["sas"][0]["spi_out"]]


def test_strongswan_restarted_and_waiting(hosts: TwoHosts, strongswan: StrongSwan, ikeview: Gateway) -> None:
    """Nobody tells ikeview: its keepalives (RFC 3706) find out, and it begins anew."""
    ikeview.up("peer/lan")
    wait_for_both(ikeview, strongswan, "peer/lan")
    ping(hosts.left, _HERE, _THERE)
    strongswan.kill()
    strongswan.start()
    wait_until(lambda: ikeview.facts("PeerSilent"), 15, "the peer is found to be dead")
    wait_until(lambda: strongswan.of("peer") and strongswan.of("peer")[0].children, 15, "a new SA")
    wait_for_both(ikeview, strongswan, "peer/lan")
    ping(hosts.left, _HERE, _THERE)
    ping(hosts.right, _THERE, _HERE)
    wait_until(lambda: len(ikeview.tunnel("peer/lan")["sas"]) == 1, 15, "the old SA is gone")


def test_ikeview_killed(hosts: TwoHosts, strongswan: StrongSwan, ikeview: Gateway) -> None:
    """After SIGKILL nothing goes out in clear; a new start takes over what was left, an orderly end leaves nothing."""
    ikeview.stop()
    before = hosts.left.settings()
    ikeview.start()
    ikeview.up("peer/lan")
    wait_for_both(ikeview, strongswan, "peer/lan")
    ping(hosts.left, _HERE, _THERE)
    ikeview.kill()
    wait_until(lambda: "ikeview0" not in hosts.left.settings(), 5, "the ESP process has ended with its parent")
    refused = hosts.left.run("ping", "-n", "-c", "1", "-W", "1", "-I", _HERE, _THERE)
    assert refused.returncode != 0
    assert hosts.left.settings() != before, "the tunnel's traffic is blocked while nobody cares for it"

    ikeview.start()
    ikeview.up("peer/lan")
    wait_for_both(ikeview, strongswan, "peer/lan")
    ping(hosts.left, _HERE, _THERE)
    ping(hosts.right, _THERE, _HERE)
    tunnel = ikeview.tunnel("peer/lan")
    assert len(tunnel["sas"]) == 1
    assert ikeview.stop() == 0
    assert hosts.left.settings() == before
    # it gives the killed one's ISAKMP SA ten seconds from the moment it took the new one for its renewal
    wait_until(lambda: not strongswan.of("peer"), 20, "strongSwan has nothing left")
