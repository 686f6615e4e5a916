"""What the endpoint asks the world to do, as values. The engine carries them out."""

from dataclasses import dataclass
from enum import StrEnum

from ikeview.core.specs import Address, TunnelSpec
from ikeview.crypto.esp import EspKeys
from ikeview.crypto.passwords import PasswordHash
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import EspSuite


@dataclass(frozen=True, slots=True)
class Spot:
    """An address and a UDP port."""

    host: Address
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.host.version == 6 else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Send:
    """A datagram to send.

    ``floated``: from the NAT port, behind a non-ESP marker (RFC 3948 section 2.2) that the socket adds.
    """

    local: Spot
    remote: Spot
    data: bytes
    floated: bool = False


@dataclass(frozen=True, slots=True)
class SendKeepalive:
    """A NAT keepalive, one octet 0xFF from the NAT port (RFC 3948 section 2.3)."""

    local: Spot
    remote: Spot


@dataclass(frozen=True, slots=True)
class Locate:
    """Find out where the peer is and from which address of ours it is reached; answered by ``Endpoint.located``."""

    peer: str
    remote: str
    """An address or a DNS name."""
    local: str
    """An address, an interface name or ``any``."""
    prefer: Address | None = None
    """Of several addresses of a name this one, if it is still among them."""
    avoid: Address | None = None
    """Of several addresses of a name not this one: it did not answer."""


@dataclass(frozen=True, slots=True)
class VerifyPassword:
    """Find out whether a password is the one of the hash; slow on purpose, so not on the engine's loop. Answered by
    ``PasswordVerified`` with the same ``ident``. ``stored`` is None for an unknown user: that takes as long."""

    ident: str
    peer: str
    stored: PasswordHash | None
    password: Secret


@dataclass(frozen=True, slots=True)
class SaveLeases:
    """Keep which identity has which address of a peer's pool, over a restart."""

    peer: str
    leases: tuple[tuple[str, Address], ...]


@dataclass(frozen=True, slots=True)
class SendEcho:
    """An ICMP echo request through the tunnel; answered by ``EchoAnswered`` or not at all."""

    peer: str
    source: Address | None
    target: Address
    sequence: int


@dataclass(frozen=True, slots=True)
class AssignAddress:
    """Mode config gave us an address: the system gets it, for the tunnels of the peer. Before the ``Protect`` of a
    tunnel that has it for its local selector, so that the route to it finds the address."""

    peer: str
    address: Address


@dataclass(frozen=True, slots=True)
class ReleaseAddress:
    """The address is no longer ours; unknown ones are ignored."""

    peer: str
    address: Address


class Direction(StrEnum):
    """As seen from here."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class HalfSa:
    """One direction of an IPsec SA, all that a data plane needs (RFC 4301 section 4.4.2.1).

    An outbound half carries its tunnel's traffic from the moment it is installed; the one installed last wins.
    An inbound half takes traffic until it is removed. ``local`` and ``remote`` are the outer addresses; their ports
    count only if ``encapsulated`` (ESP in UDP, RFC 3948). Byte limits count the octets of inner packets.
    """

    direction: Direction
    spi: int
    tunnel: TunnelSpec
    suite: EspSuite
    keys: EspKeys
    local: Spot
    remote: Spot
    encapsulated: bool
    soft_bytes: int | None = None
    """The plane reports ``BytesSoft`` once when this many octets have passed."""
    hard_bytes: int | None = None
    """The plane reports ``BytesHard`` once and lets nothing more pass."""
    replay_window: int = 1024
    originals: tuple[Address, Address] | None = None
    """Inbound in transport mode through a NAT: source and destination that the peer's packets had when it sent them,
    with which the checksums of TCP and UDP were made (RFC 3947 section 5.2, RFC 3948 section 3.1.2)."""


@dataclass(frozen=True, slots=True)
class Install:
    """Put a half SA into the data plane."""

    half: HalfSa


@dataclass(frozen=True, slots=True)
class Remove:
    """Take a half SA out of the data plane; unknown ones are ignored."""

    spi: int
    direction: Direction


@dataclass(frozen=True, slots=True)
class Move:
    """The peer is reached elsewhere now: outbound halves towards ``old`` go to ``new``."""

    old: Spot
    new: Spot


@dataclass(frozen=True, slots=True)
class Protect:
    """From now on the tunnel's traffic belongs to the data plane: it goes through an SA, or is held back while there is
    none (``when_down = "block"``)."""

    tunnel: TunnelSpec


@dataclass(frozen=True, slots=True)
class Unprotect:
    """The tunnel is gone from the configuration: its traffic is the system's again."""

    tunnel: TunnelSpec


Output = (
    Send | SendKeepalive | Locate | VerifyPassword | SaveLeases | SendEcho | AssignAddress | ReleaseAddress
    | Install | Remove | Move | Protect | Unprotect
)
