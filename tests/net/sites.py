"""The addresses of a test's two sites: many pairs of gateways on the same two hosts, each with networks of its own."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.net.gateway import PeerFile, TunnelFile
from tests.net.strongswan import Child, Connection
from tests.support.namespaces import TwoHosts


@dataclass(frozen=True)
class Sites:
    """Left (side 1) and right (side 2) of one peer; ``inner`` and ``outer`` are IP versions."""

    number: int
    inner: int = 4
    outer: int = 4

    def gateway(self, side: int) -> str:
        """The outer address."""
        return f"10.99.{self.number}.{side}" if self.outer == 4 else f"fd99:{self.number}::{side}"

    def host(self, side: int) -> str:
        """An address inside the protected network."""
        return f"10.{100 + self.number}.{side}.1" if self.inner == 4 else f"fd10:{self.number}:{side}::1"

    def network(self, side: int) -> str:
        """The protected network."""
        return f"10.{100 + self.number}.{side}.0/24" if self.inner == 4 else f"fd10:{self.number}:{side}::/64"

    def tunnel_file(self, *proposals: str, name: str = "lan", more: tuple[str, ...] = ()) -> TunnelFile:
        """The tunnel as ikeview, on the left, has it."""
        return TunnelFile(name, self.network(1), self.network(2), proposals, more)

    def peer_file(
        self, name: str, phase1: str, *tunnels: TunnelFile, phase1_lines: tuple[str, ...] = (),
        tables: tuple[str, ...] = (),
    ) -> PeerFile:
        """The peer as ikeview has it."""
        return PeerFile(
            name, self.gateway(1), self.gateway(2), (phase1,), list(tunnels), phase1=phase1_lines, tables=tables
        )

    def child(self, proposals: str, name: str, more: tuple[str, ...] = ()) -> Child:
        """The tunnel as strongSwan, on the right, has it."""
        return Child(name, self.network(2), self.network(1), proposals, more)

    def connection(self, name: str, phase1: str, *children: Child, more: tuple[str, ...] = ()) -> Connection:
        """The peer as strongSwan has it."""
        return Connection(name, self.gateway(2), self.gateway(1), phase1, list(children), more=more)


def give_addresses(hosts: TwoHosts, sites: Iterable[Sites]) -> None:
    """Put all addresses on the two hosts."""
    every = list(sites)
    for side, host in ((1, hosts.left), (2, hosts.right)):
        host.ip(*(
            f"addr add {address}/{length} dev {device}{' nodad' if ':' in address else ''}"
            for each in every
            for address, length, device in (
                (each.gateway(side), 24 if each.outer == 4 else 64, "eth0"),
                (each.host(side), 32 if each.inner == 4 else 128, "lo"),
            )
        ))
