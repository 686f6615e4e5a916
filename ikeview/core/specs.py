"""What the operator wants, validated and frozen: made by ``settings``, taken by everything else.

Durations are seconds, sizes octets.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from ikeview.core.identity import Identity, IdentityPattern
from ikeview.crypto.certificates import Certificate, Trust
from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from ikeview.crypto.signatures import PrivateKey
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


class Method(StrEnum):
    """How both ends of a phase 1 prove who they are."""

    PSK = "psk"
    RSA = "rsa"
    ECDSA = "ecdsa"
    XAUTH_PSK = "xauth-psk"
    XAUTH_RSA = "xauth-rsa"
    HYBRID = "hybrid"

    @property
    def xauth(self) -> bool:
        """Whether one end also proves a user by XAUTH (draft-beaulieu-ike-xauth-02)."""
        return self in (Method.XAUTH_PSK, Method.XAUTH_RSA, Method.HYBRID)

    @property
    def shared_secret(self) -> bool:
        """Whether SKEYID comes of a pre-shared key."""
        return self in (Method.PSK, Method.XAUTH_PSK)


@dataclass(frozen=True, slots=True)
class KeepaliveSpec:
    """How a dead peer is found (RFC 3706) and what is done about it."""

    method: str = "dpd"
    """dpd | icmp: echo requests through the tunnel | off"""
    interval: float = 10.0
    timeout: float = 30.0
    action: str = "restart"
    """restart: bring the tunnels up again | clear: leave them down | hold: wait for traffic"""
    when: str = "idle"
    """periodic: at every interval | idle: only after an interval in which nothing authentic came in | on-demand: as
    idle, and only while we send traffic that nothing answers"""
    target: Address | None = None
    """icmp: whom to ping, an address behind the peer."""
    source: Address | None = None
    """icmp: the address of ours to ping from; None: the system chooses."""


@dataclass(frozen=True, slots=True)
class XauthSpec:
    """XAUTH (draft-beaulieu-ike-xauth-02): a user proves itself after phase 1. The client has ``user`` and
    ``password``, the server ``users`` by name."""

    server: bool
    user: str = ""
    password: Secret | None = None
    users: tuple[tuple[str, PasswordHash], ...] = ()


@dataclass(frozen=True, slots=True)
class ModeConfigSpec:
    """Mode config (draft-dukes-ike-mode-cfg-02): the server gives the client an address and more. ``push``: the server
    begins; else the client asks. The rest is the server's."""

    server: bool
    push: bool = False
    pool: Network | None = None
    dns: tuple[Address, ...] = ()
    domain: str = ""
    banner: str = ""
    split_include: tuple[Network, ...] = ()


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
    local_dynamic: bool = False
    """``local`` is what mode config gives us; until then it holds 0.0.0.0/32."""
    remote_dynamic: bool = False
    """``remote`` is what mode config gives the peer, or its own address; until then it holds 0.0.0.0/32."""

    @property
    def local_unresolved(self) -> bool:
        """Whether mode config has still to give us our selector."""
        return self.local_dynamic and self.local.network.network_address.is_unspecified

    @property
    def remote_unresolved(self) -> bool:
        """Whether the peer's selector is still to be learned."""
        return self.remote_dynamic and self.remote.network.network_address.is_unspecified

    @property
    def unresolved(self) -> bool:
        """Whether a selector is still to be learned."""
        return self.local_unresolved or self.remote_unresolved

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
    secret: Secret | None
    """The pre-shared key; None with a method that has none."""
    proposals: tuple[Phase1Suite, ...]
    tunnels: tuple[TunnelSpec, ...]
    remote_address: Address | None = None
    """Set if ``remote`` is an address."""
    remote_network: Network | None = None
    """Set if ``remote`` is a network; 0.0.0.0/0 and ::/0 both match for ``any`` (then None and ``remote == "any"``)."""
    local: str = "any"
    """An address, an interface name or ``any``."""
    local_id: Identity | None = None
    """None: the address used; with a certificate, its subject."""
    remote_id: IdentityPattern | None = None
    """None: the peer's address; with a certificate, anything that the certificate says."""
    ike: str = "v1"
    mode: str = "main"
    role: str = "both"
    """both | initiator | responder"""
    auth_method: Method = Method.PSK
    certificates: tuple[Certificate, ...] = ()
    """Ours, then the chain above it."""
    key: PrivateKey | None = None
    trust: Trust | None = None
    """What the peer's certificate is judged by."""
    aggressive_psk: bool = False
    """We answer Aggressive Mode with a pre-shared key, although everybody who asks gets a hash to try passwords on."""
    xauth: XauthSpec | None = None
    config: ModeConfigSpec | None = None
    unique: str = "replace"
    """Of two peers with one identity: replace: the newer stays | keep: the older stays | never: both stay."""
    fragmentation: str = "auto"
    """auto: a message that is sent again goes in fragments | force: every large one does | off"""
    lifetime: float = 8 * 3600.0
    keepalive: KeepaliveSpec = field(default_factory=KeepaliveSpec)
    nat_traversal: str = "auto"
    """auto | force | off"""
    nat_keepalive: float = 20.0
    warnings: tuple[str, ...] = ()
    """What is weak about all this and why, a sentence each."""

    @property
    def anywhere(self) -> bool:
        """Whether the peer's address is not known beforehand: ``remote`` is ``any`` or a network."""
        return self.remote == "any" or self.remote_network is not None

    def speaks_from(self, host: Address) -> bool:
        """Whether ``local`` lets us speak to the peer from that address of ours: it is not another address."""
        try:
            return ip_address(self.local) == host
        except ValueError:
            return True

    @property
    def can_initiate(self) -> bool:
        """Whether we may send the first message: there is an address to send it to, and the role allows it."""
        return self.role != "responder" and not self.anywhere

    @property
    def many(self) -> bool:
        """Whether several peers may connect under this configuration at once: each has traffic of its own, and they
        can be told apart, by identity or by user."""
        told_apart = self.remote_id is None or self.remote_id.exact is None or self.serves_users
        return self.anywhere and told_apart and all(tunnel.remote_dynamic for tunnel in self.tunnels)

    @property
    def serves_users(self) -> bool:
        """Whether we ask for users by XAUTH."""
        return self.xauth is not None and self.xauth.server


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """The program's own settings."""

    listen: tuple[Address, ...] = (IPv4Address("0.0.0.0"), IPv6Address("::"))
    port: int = 500
    nat_port: int = 4500
    dataplane: str = "auto"
    state: str = ""
    """The folder of what outlives the program (leases of address pools); empty: the usual one."""


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
