"""Certificates that must not be taken, as strongSwan sends them: the tunnel does not come up, and ``ikeview explain``
says which certificate is not taken and why.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.net.cells import LEFT, RIGHT, Cell, ikeview_files, lay_out, strongswan_files
from tests.net.gateway import Gateway
from tests.net.papers import Papers
from tests.net.strongswan import StrongSwan
from tests.net.traffic import ping, wait_for_both, wait_until
from tests.support.namespaces import ThreeHosts
from tests.support.pki import Authority, rsa_key

pytestmark = pytest.mark.net

_NOW = datetime.now(UTC)
_EXPIRED = _NOW - timedelta(days=3)
_NAME = "C=CH, O=ike, CN=right {}"
_NAMES = ("good", "revoked", "expired", "early", "foreign", "nameless", "listless")
_CELLS = {name: Cell(number, method="rsa") for number, name in enumerate(_NAMES, 1)}
_WORDS = {
    "revoked": ("revoked",), "expired": ("expired", f"{_EXPIRED:%Y-%m-%d}"), "early": ("not good before",),
    "foreign": ("authority", "CN=somebody else"), "nameless": ("fqdn:elsewhere.test",), "listless": ("revocation",),
}
"""What the verdict says of each that is not taken."""


@dataclass
class Setting:
    """The gateways on the hosts."""

    hosts: ThreeHosts
    ikeview: Gateway
    strongswan: StrongSwan


@pytest.fixture(scope="module")
def setting(peer_program: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("certificates")
    papers = Papers()
    root, key = papers.root, rsa_key(30)
    stranger = Authority.root("C=CH, O=ike, CN=somebody else", rsa_key(31))
    issued = {
        name: root.issue(_NAME.format(name), key, names=[f"{name}.test"])
        for name in ("good", "revoked", "nameless", "listless")
    }
    issued["expired"] = root.issue(_NAME.format("expired"), key, end=_EXPIRED)
    issued["early"] = root.issue(_NAME.format("early"), key, begin=_NOW + timedelta(days=3))
    issued["foreign"] = stranger.issue(_NAME.format("foreign"), key)
    root.revoke(issued["revoked"], _NOW - timedelta(days=1))
    current = root.crl(made=_NOW - timedelta(days=1), due=_NOW + timedelta(days=7))
    stale = root.crl(made=_NOW - timedelta(days=9), due=_NOW - timedelta(days=2))
    ours = ikeview_files(papers, []) | {"certs/current.crl": current.der, "certs/stale.crl": stale.der}
    theirs = strongswan_files(papers, RIGHT)
    theirs["private/other.pem"] = issued["good"].key_pem
    peers, connections = [], []
    for name, cell in _CELLS.items():
        peer, connection = cell.peer_file(), cell.connection(RIGHT)
        theirs[f"x509/{name}.pem"] = issued[name].pem
        lists = ("stale", "strict") if name == "listless" else ("current", "ifpresent")
        ident = "fqdn:elsewhere.test" if name == "nameless" else f"dn:{_NAME.format(name)}"
        more = [each for each in peer.more if not each.startswith("remote_id")]
        peers.append(replace(
            peer, more=(*more, f'remote_id = "{ident}"'),
            auth=(*peer.auth, f'crl_files = ["../certs/{lists[0]}.crl"]', f'crl = "{lists[1]}"'),
        ))
        connections.append(replace(
            connection, local_id=_NAME.format(name), local_rounds=(("auth = pubkey", f"certs = {name}.pem"),)
        ))
    with ThreeHosts() as hosts:
        lay_out(hosts, _CELLS.values())
        with StrongSwan(hosts.right, folder / "strongswan", connections, files=theirs) as strongswan, \
                Gateway(hosts.left, folder / "ikeview", peers, ours) as ikeview:
            yield Setting(hosts, ikeview, strongswan)


def test_a_good_one(setting: Setting) -> None:
    cell = _CELLS["good"]
    setting.ikeview.up(cell.tunnel)
    wait_for_both(setting.ikeview, setting.strongswan, cell.tunnel)
    ping(setting.hosts.left, cell.host(LEFT), cell.host(RIGHT))
    [taken] = [each for each in setting.ikeview.facts("CertificateTaken") if each["peer"] == cell.name]
    assert taken["subject"] == _NAME.format("good")
    assert taken["issuer"] == "C=CH, O=ike, CN=root"
    assert taken["revocation"].startswith("checked")
    assert "fqdn:good.test" in taken["names"]


@pytest.mark.parametrize("name", _WORDS)
def test_not_taken(setting: Setting, name: str) -> None:
    cell = _CELLS[name]
    done = setting.ikeview.command("up", cell.name, "--timeout", "20")
    explained = setting.ikeview.command("explain", cell.tunnel).stdout
    print(done.stderr, explained, sep="\n")
    assert done.returncode == 1
    for text in (done.stderr, explained):
        for word in _WORDS[name]:
            assert word in text
    assert setting.ikeview.tunnel(cell.tunnel)["sas"] == []
    assert setting.ikeview.command("down", cell.name).returncode == 0


def test_not_taken_as_responder(setting: Setting) -> None:
    cell = _CELLS["revoked"]
    # what it holds for an ISAKMP SA since the test before this one
    setting.strongswan.swanctl("--terminate", "--ike", cell.name, "--force", "--timeout", "1")
    before = len(setting.ikeview.facts("ExchangeFailed"))
    setting.strongswan.swanctl("--initiate", "--child", f"{cell.name}-lan", "--timeout", "3")

    def refused() -> bool:
        verdicts = [each["verdict"] for each in setting.ikeview.facts("ExchangeFailed")[before:]]
        return any("revoked" in each for each in verdicts)

    wait_until(refused, 10, "the revoked certificate is refused")
    assert not setting.strongswan.of(cell.name) or not setting.strongswan.of(cell.name)[0].children
