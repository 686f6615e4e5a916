"""Certificates too large for one packet: a link on which no fragment of IP survives, so that only IKE's own
fragmentation gets a negotiation through.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pytest

from tests.net.capture import Capture
from tests.net.cells import LEFT, RIGHT, Cell, ikeview_files, lay_out, strongswan_files
from tests.net.gateway import Gateway
from tests.net.papers import SIDES, Papers
from tests.net.strongswan import StrongSwan
from tests.net.traffic import ping, wait_for_both
from tests.support.namespaces import ThreeHosts
from tests.support.pki import Authority, Issued, rsa_key

pytestmark = pytest.mark.net

_FRAGMENT = 132
"""The payload of IKE fragmentation."""


class LargePapers(Papers):
    """Keys of 4096 bits, under an authority below the root which each side sends too, with many names."""

    KINDS = ("rsa",)

    @cached_property
    def middle(self) -> Authority:
        return self.root.authority("C=CH, O=ike, CN=middle", rsa_key(20, 4096))

    @cached_property
    def _issued(self) -> dict[tuple[str, str], Issued]:
        return {
            (name, "rsa"): self.middle.issue(
                f"C=CH, O=ike, CN={name} rsa", rsa_key(21 + number, 4096),
                names=[f"{name}-rsa.test", *(f"{name}-{each}.a-rather-long-domain-name.test" for each in range(12))],
            )
            for number, name in enumerate(SIDES)
        }


@dataclass(frozen=True)
class Case:
    """A cell, and what ikeview's ``fragmentation`` is."""

    cell: Cell
    fragmentation: str

    def __str__(self) -> str:
        first = "ikeview" if self.cell.initiator == LEFT else "strongswan"
        return f"{self.cell.mode}-{first}-{self.fragmentation}"


CASES = [
    Case(Cell(number, mode, "rsa", nat, initiator), fragmentation)
    for number, (mode, nat, initiator, fragmentation) in enumerate([
        ("main", "none", LEFT, "auto"), ("main", "none", RIGHT, "auto"), ("main", "left", LEFT, "force"),
        ("main", "right", RIGHT, "force"), ("aggressive", "none", LEFT, "auto"), ("aggressive", "none", RIGHT, "auto"),
    ], 1)
]


@dataclass
class Setting:
    """The gateways on the hosts."""

    hosts: ThreeHosts
    ikeview: Gateway
    strongswan: StrongSwan


@pytest.fixture(scope="module")
def papers() -> LargePapers:
    return LargePapers()


@pytest.fixture(scope="module")
def setting(peer_program: None, papers: LargePapers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("large")
    peers, connections = [], []
    for case in CASES:
        peer = case.cell.peer_file()
        peers.append(replace(peer, more=(*peer.more, f'fragmentation = "{case.fragmentation}"')))
        connections.append(case.cell.connection(RIGHT))
    theirs = strongswan_files(papers, RIGHT)
    theirs["x509ca/middle.pem"] = papers.middle.issued.pem
    ours = ikeview_files(papers, [])
    ours["certs/left-rsa.pem"] = papers.of("left", "rsa").chain_pem
    with ThreeHosts() as hosts:
        lay_out(hosts, [case.cell for case in CASES])
        # the NAT puts fragments together before it looks at them: they are dropped where they come in
        for side in SIDES:
            hosts.filter(f"""
                table netdev no-fragments-{side} {{
                    chain in {{
                        type filter hook ingress device "eth-{side}" priority 0
                        ip frag-off & 0x3fff != 0 counter drop
                    }}
                }}
            """)
        with StrongSwan(hosts.right, folder / "strongswan", connections, files=theirs) as strongswan, \
                Gateway(hosts.left, folder / "ikeview", peers, ours) as ikeview:
            yield Setting(hosts, ikeview, strongswan)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_only_fragments_of_ike_get_through(setting: Setting, case: Case) -> None:
    cell, ikeview, strongswan = case.cell, setting.ikeview, setting.strongswan
    with Capture(setting.hosts.left) as captured:
        if cell.initiator == LEFT:
            ikeview.up(cell.tunnel)
        else:
            done = strongswan.swanctl("--initiate", "--child", f"{cell.name}-lan", "--timeout", "30")
            assert done.returncode == 0, done.stdout
        wait_for_both(ikeview, strongswan, cell.tunnel)
    ping(setting.hosts.left, cell.host(LEFT), cell.host(RIGHT))
    fragments = [(frame, data) for frame, data in captured.ike() if data[16] == _FRAGMENT]
    sent = [data for frame, data in fragments if frame.outgoing]
    taken = [data for frame, data in fragments if not frame.outgoing]
    assert len(sent) >= 2, "ours went in pieces"
    assert len(taken) >= 2, "theirs came in pieces"
    [certificate] = [each for each in ikeview.facts("CertificateTaken") if each["peer"] == cell.name]
    assert certificate["key"] == "RSA 4096"
    assert certificate["path"] == ["C=CH, O=ike, CN=middle", "C=CH, O=ike, CN=root"]


def test_off(setting: Setting, papers: LargePapers, tmp_path: Path) -> None:
    """Without it the same link lets nothing through, and the verdict says what may be wrong."""
    cell = Cell(20, "main", "rsa")
    peer = cell.peer_file()
    ours = ikeview_files(papers, [])
    ours["certs/left-rsa.pem"] = papers.of("left", "rsa").chain_pem
    theirs = strongswan_files(papers, RIGHT)
    connection = cell.connection(RIGHT)
    connection.more = tuple(each.replace("fragmentation = yes", "fragmentation = no") for each in connection.more)
    with ThreeHosts() as hosts:
        lay_out(hosts, [cell])
        hosts.filter("""
            table netdev no-fragments {
                chain in {
                    type filter hook ingress device "eth-left" priority 0
                    ip frag-off & 0x3fff != 0 counter drop
                }
            }
        """)
        with StrongSwan(hosts.right, tmp_path / "strongswan", [connection], files=theirs), \
                Gateway(hosts.left, tmp_path / "ikeview", [replace(peer, more=(*peer.more, 'fragmentation = "off"'))],
                        ours) as ikeview:
            done = ikeview.command("up", cell.name, "--timeout", "60")
    print(done.stderr)
    assert done.returncode == 1
    assert "message 5" in done.stderr
    assert "fragment" in done.stderr
