"""What the operator wants, validated and frozen: made by ``settings``, taken by everything else.

Durations are seconds, sizes octets.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from ikeview.core.identity import Identity
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import EspSuite, Phase1Suite

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Role(StrEnum):
    """Who sent the first message of an exchange."""

    INITIATOR = "initiator"
    RESPONDER = "responder"

    @property
    def other(self) -> "Role":
        """The peer's role."""
        return Role.RESPONDER if self is Role.INITIATOR else Role.INITIATOR


class Start(StrEnum):
    """When a tunnel is first brought up."""

    BOOT = "boot"
    TRAFFIC = "traffic"
    MANUAL = "manual"


class WhenDown(StrEnum):
    """What happens to a tunnel's traffic while the tunnel is down."""

    BLOCK = "block"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Selector:
    """One end of a tunnel's traffic (RFC 4301 section 4.4.1.1): 0 for protocol or port means any."""

    network: Network
    protocol: int = 0
    port: int = 0

    def __str__(self) -> str:
        if not self.protocol:
            return str(self.network)
        name = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}.get(self.protocol, str(self.protocol))
        return f"{self.network} {name}/{self.port or 'any'}"


@dataclass(frozen=True, slots=True)
class KeepaliveSpec:
    """How a dead peer is found (RFC 3706) and what is done about it."""

    method: str = "dpd"
    """dpd | off"""
    interval: float = 10.0
    timeout: float = 30.0
    action: str = "restart"
    """restart: bring the tunnels up again | clear: leave them down | hold: wait for traffic"""


@dataclass(frozen=True, slots=True)
class TunnelSpec:
    """One phase 2 of a peer."""

    peer: str
    name: str
    local: Selector
    remote: Selector
    proposals: tuple[EspSuite, ...]
    mode: str = "tunnel"
    lifetime: float = 3600.0
    lifebytes: int | None = None
    rekey_margin: float = 540.0
    start: Start = Start.MANUAL
    when_down: WhenDown = WhenDown.BLOCK

    @property
    def full_name(self) -> str:
        """``peer/name``, by which the tunnel is known everywhere."""
        return f"{self.peer}/{self.name}"


@dataclass(frozen=True, slots=True)
class PeerSpec:
    """One other gateway, its phase 1 and its tunnels."""

    name: str
    remote: str
    """As configured: an address, a DNS name, a network or ``any``."""
    secret: Secret
    proposals: tuple[Phase1Suite, ...]
    tunnels: tuple[TunnelSpec, ...]
    remote_address: Address | None = None
    """Set if ``remote`` is an address."""
    remote_network: Network | None = None
    """Set if ``remote`` is a network; 0.0.0.0/0 and ::/0 both match for ``any`` (then None and ``remote == "any"``)."""
    local: str = "any"
    """An address, an interface name or ``any``."""
    local_id: Identity | None = None
    """None: the address used."""
    remote_id: Identity | None = None
    """None: the peer's address."""
    ike: str = "v1"
    mode: str = "main"
    role: str = "both"
    """both | initiator | responder"""
    auth_method: str = "psk"
    lifetime: float = 8 * 3600.0
    keepalive: KeepaliveSpec = field(default_factory=KeepaliveSpec)
    nat_traversal: str = "auto"
    """auto | force | off"""
    nat_keepalive: float = 20.0

    @property
    def can_initiate(self) -> bool:
        """Whether we may send the first message: there is an address to send it to, and the role allows it."""
        return self.role != "responder" and self.remote != "any" and self.remote_network is None


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """The program's own settings."""

    listen: tuple[Address, ...] = (IPv4Address("0.0.0.0"), IPv6Address("::"))
    port: int = 500
    nat_port: int = 4500
    dataplane: str = "auto"


@dataclass(frozen=True, slots=True)
class UiSpec:
    """The screen's settings; ``keys`` maps action ids to keys."""

    theme: str = "night"
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration folder."""

    engine: EngineSpec
    ui: UiSpec
    peers: tuple[PeerSpec, ...]
    folder: str = ""
