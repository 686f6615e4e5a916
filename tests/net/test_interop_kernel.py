"""What strongSwan's userspace ESP lacks, against one that uses a kernel's: transport mode, ESN, HMAC-SHA-256 cut to 96
bits. strongSwan runs under a kernel of its own (user-mode Linux), ikeview on this machine's.
"""

import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.net.gateway import Gateway, PeerFile, TunnelFile
from tests.net.strongswan import Child, Connection, KernelStrongSwan, need_strongswan
from tests.net.traffic import ping, wait_for_both, wait_until
from tests.support.kernel import KernelHost, need_kernel
from tests.support.namespaces import Namespace, TwoHosts

pytestmark = pytest.mark.net

_CONTROL = ("10.98.0.1", "10.98.0.2")
_PHASE1 = "aes256-sha256-modp2048"
_OCTETS = 300_000
_SEND = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 20, (sys.argv[3], 0)) as link:
    link.sendall(bytes(int(sys.argv[4])))
    link.shutdown(socket.SHUT_WR)
    print(link.recv(100).decode())
"""


@dataclass(frozen=True)
class Cell:
    """A peer of its own."""

    number: int
    mode: str
    ours: str

    @property
    def name(self) -> str:
        return f"cell{self.number}"

    @property
    def tunnel(self) -> str:
        return f"{self.name}/lan"

    def gateway(self, side: int) -> str:
        return f"10.99.{self.number}.{side}"

    def host(self, side: int) -> str:
        """Whom to ping."""
        return self.gateway(side) if self.mode == "transport" else f"10.{100 + self.number}.{side}.1"

    def network(self, side: int) -> str:
        """What is protected."""
        return f"{self.gateway(side)}/32" if self.mode == "transport" else f"10.{100 + self.number}.{side}.0/24"

    def __str__(self) -> str:
        return f"{self.mode}-{self.ours}"

    def peer_file(self) -> PeerFile:
        return PeerFile(
            self.name, self.gateway(1), self.gateway(2), (_PHASE1,),
            [TunnelFile("lan", self.network(1), self.network(2), (self.ours,), (f'mode = "{self.mode}"',))],
        )

    def connection(self) -> Connection:
        # the truncation is not negotiated, and no word of strongSwan's proposals
        more = [f"mode = {self.mode}", *(["sha256_96 = yes"] if "_96" in self.ours else [])]
        child = Child(
            f"{self.name}-lan", self.network(2), self.network(1), self.ours.replace("_96", ""), tuple(more)
        )
        return Connection(self.name, self.gateway(2), self.gateway(1), _PHASE1, [child])


CELLS = [
    Cell(number, mode, esp) for number, (mode, esp) in enumerate([
        ("transport", "aes256gcm16"), ("transport", "aes128-sha256-modp2048"), ("transport", "aes128gcm16-esn"),
        ("tunnel", "aes256gcm16-esn"), ("tunnel", "aes256-sha256-esn"), ("tunnel", "aes128-sha256_96"),
        ("tunnel", "aes128-sha512"), ("tunnel", "aes128ccm16"),
    ], 1)
]


@dataclass
class Setting:
    """ikeview in a namespace, and strongSwan on the host with its own kernel."""

    left: Namespace
    right: KernelHost
    ikeview: Gateway
    strongswan: KernelStrongSwan


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    need_strongswan()
    need_kernel()
    folder = tmp_path_factory.mktemp("kernel")
    lines = [f"addr add {cell.gateway(2)}/24 dev vec0" for cell in CELLS]
    lines += [f"addr add {cell.host(2)}/32 dev lo" for cell in CELLS if cell.mode == "tunnel"]
    lines.append("route add default via 10.99.1.1")
    with TwoHosts() as hosts, KernelHost(hosts.left, folder / "right", _CONTROL, tuple(lines)) as right:
        hosts.left.ip(*(f"addr add {cell.gateway(1)}/24 dev {right.DEVICE}" for cell in CELLS))
        hosts.left.ip(*(f"addr add {cell.host(1)}/32 dev lo" for cell in CELLS if cell.mode == "tunnel"))
        with KernelStrongSwan(right, [cell.connection() for cell in CELLS]) as strongswan, \
                Gateway(hosts.left, folder / "ikeview", [cell.peer_file() for cell in CELLS]) as ikeview:
            yield Setting(hosts.left, right, ikeview, strongswan)


@pytest.mark.parametrize("initiator", ["ikeview", "strongswan"])
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_up_traffic_down(setting: Setting, cell: Cell, initiator: str) -> None:
    left, right, ikeview, strongswan = setting.left, setting.right, setting.ikeview, setting.strongswan
    if initiator == "ikeview":
        ikeview.up(cell.tunnel)
    else:
        done = strongswan.swanctl("--initiate", "--child", f"{cell.name}-lan", "--timeout", "20")
        assert done.returncode == 0, done.stdout
    wait_for_both(ikeview, strongswan, cell.tunnel)
    here, there = cell.host(1), cell.host(2)
    ping(left, here, there)
    done = right.run("ping", "-n", "-q", "-c", "3", "-i", "0.02", "-W", "2", "-I", there, here)
    assert "3 received" in done.stdout, done.stdout
    _transfer(setting, cell)
    tunnel = ikeview.tunnel(cell.tunnel)
    [sa] = tunnel["sas"]
    assert sa["suite"] == cell.ours
    assert (sa["replayed"], sa["forged"]) == (0, 0)
    [listed] = strongswan.of(cell.name)
    [child] = listed.children
    assert child["mode"] == cell.mode.upper()
    assert ("esn" in child) == ("esn" in cell.ours)
    assert (child["spi-in"], child["spi-out"]) == (sa["spi_out"], sa["spi_in"])

    def counted() -> bool:
        [listed] = strongswan.of(cell.name)
        return int(listed.children[0]["bytes-out"]) > _OCTETS

    wait_until(counted, 5, "the kernel has counted what it sent")
    assert ikeview.command("down", cell.tunnel).returncode == 0
    wait_until(lambda: not strongswan.of(cell.name), 5, "strongSwan has nothing left")


def _transfer(setting: Setting, cell: Cell) -> None:
    """Octets over TCP from the other host to ours."""
    with setting.left.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((cell.host(1), 0))
        listener.listen(1)
        listener.settimeout(20)
        port = listener.getsockname()[1]
        begun = setting.right.begin(
            sys.executable, "-c", _SEND, cell.host(1), str(port), cell.host(2), str(_OCTETS)
        )
        link, _ = listener.accept()
        with link:
            link.settimeout(20)
            taken = 0
            while piece := link.recv(1 << 16):
                taken += len(piece)
            link.sendall(str(taken).encode())
        status, output = begun.wait(20)
    assert (status, output.strip()) == (0, str(_OCTETS))
