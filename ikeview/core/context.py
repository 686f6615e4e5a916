"""What the parts of an endpoint share: policy, chance, timers, the way out, and who owns which cookie and SPI."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ikeview.core.entropy import Entropy
from ikeview.core.facts import Fact
from ikeview.core.openings import Openings
from ikeview.core.outputs import Output
from ikeview.core.places import Places
from ikeview.core.policy import Policy
from ikeview.core.specs import Address
from ikeview.core.timers import Timer, Timers
from ikeview.crypto.groups import Group, KeyPair


class MessageIds(Protocol):
    """Those that have been used."""

    def __contains__(self, message_id: int) -> bool: ...
    def add(self, message_id: int) -> None: ...


@dataclass(slots=True)
class Context:
    """One for each endpoint. ``cookies`` and ``spis`` map our cookies and inbound SPIs to the peer that owns them,
    ``spis_out`` the SPIs that the peers have chosen: two peers' may not be the same, for a data plane knows an SA by
    its SPI, and whoever chose another's would be able to take it away."""

    entropy: Entropy
    wall: Callable[[], float]
    """The time of day, for certificates: UTC seconds since 1970. Never for timers."""
    policy: Policy = field(default_factory=Policy)
    port: int = 500
    nat_port: int = 4500
    force_encapsulation: bool = False
    """The data plane can only do ESP in UDP."""
    timers: Timers = field(default_factory=Timers)
    out: list[Output | Fact] = field(default_factory=list)
    cookies: dict[bytes, Any] = field(default_factory=dict)
    spis: dict[int, Any] = field(default_factory=dict)
    spis_out: dict[bytes, Any] = field(default_factory=dict)
    peers: dict[str, Any] = field(default_factory=dict)
    """All peers by name."""
    places: Places = field(default_factory=Places)
    leases: dict[str, dict[str, Address]] = field(default_factory=dict)
    """By peer and by identity or user: which address of the peer's pool that one has."""
    enrol: Callable[[Any, str], None] = lambda peer, member_of: None
    """Make a peer known that has come under a configuration for many, by that peer's name."""
    dismiss: Callable[[Any], None] = lambda peer: None
    """It has gone."""
    half_open: int = 0
    """Negotiations over all peers in which we are the responder and the peer is not authenticated yet."""
    spares: dict[Group, KeyPair] = field(default_factory=dict)
    """Key pairs made while there was nothing else to do, each used once."""
    openings: Openings = field(init=False)
    _exchanges: int = 0

    def __post_init__(self) -> None:
        self.openings = Openings(self.policy, self.timers)

    def emit(self, item: Output | Fact) -> None:
        """Say or ask for something."""
        self.out.append(item)

    def key_pair(self, group: Group) -> KeyPair:
        """A fresh key pair: the one that lies ready, or one made now. The next is made when the messages are out."""
        spare = self.spares.pop(group, None)
        self.prepare(group)
        return spare if spare is not None else self.entropy.key_pair(group)

    def prepare(self, group: Group) -> None:
        """Have a key pair of the group lie ready from the next tick on."""
        self.timers.set(Timer.PREPARE, ("", group.name), 0.0)

    def make_spare(self, group: Group) -> None:
        """The tick has come."""
        if group not in self.spares:
            self.spares[group] = self.entropy.key_pair(group)

    def new_exchange(self) -> str:
        """A name for an exchange, unique in this run of the engine."""
        self._exchanges += 1
        return f"x{self._exchanges}"

    def new_cookie(self, owner: Any) -> bytes:
        """A fresh cookie of ours, registered."""
        while True:
            cookie = self.entropy.octets("cookie", 8)
            if cookie not in self.cookies and any(cookie):
                self.cookies[cookie] = owner
                return cookie

    def new_spi(self, owner: Any) -> int:
        """A fresh inbound SPI, registered; the first 256 are reserved (RFC 4303 section 2.1)."""
        while True:
            spi = int.from_bytes(self.entropy.octets("spi", 4))
            if spi > 255 and spi not in self.spis:
                self.spis[spi] = owner
                return spi

    def new_message_id(self, used: MessageIds) -> int:
        """A message ID that the ISAKMP SA has not seen (RFC 2409 appendix B)."""
        while True:
            message_id = int.from_bytes(self.entropy.octets("message_id", 4))
            if message_id and message_id not in used:
                used.add(message_id)
                return message_id
