"""The life of a tunnel and of its SA pairs, whatever protocol makes them."""

from dataclasses import dataclass, field

from ikeview.core.facts import Sample
from ikeview.core.outputs import HalfSa
from ikeview.core.policy import Policy
from ikeview.core.specs import Role, TunnelSpec


@dataclass(slots=True, eq=False)
class Pair:
    """Two half SAs that carry a tunnel. Times are on the engine's clock."""

    inbound: HalfSa
    outbound: HalfSa
    role: Role
    exchange: str
    begun_at: float
    """When its exchange began."""
    installed_at: float
    rekeys_at: float
    expires_at: float
    lifetime: float
    generation: int
    why: str
    """Why it was made: initiate, rekey: time, rekey: bytes, rekey: operator, peer."""
    settled_at: float = 0.0
    """When its exchange ended well; 0: it runs."""
    sending: bool = False
    """The outbound half is in the data plane."""
    superseded: bool = False
    """A newer pair carries the traffic."""
    used: bool = False
    """The peer has sent on it: it has installed its side."""
    heard_at: float = 0.0
    """When the peer was last known to send on it."""
    told: int = 0
    """How often the peer has been told that it goes, while it still takes packets."""
    counted: Sample | None = None
    """What the data plane last said has passed; None: nothing yet."""

    def crossed(self, other: "Pair") -> bool:
        """Whether each end has begun one of the two before it had the other, as far as both ends know it: the peer's
        first message came before ours was settled, and the peer's last after that, so that the peer had our first
        message before it could send its last. Were either end alone to see them cross, they would not agree which of
        them is to stay."""
        if self.role is other.role:
            return False
        ours, theirs = (self, other) if self.role is Role.INITIATOR else (other, self)
        return theirs.begun_at < ours.settled_at < theirs.settled_at

    def outranks(self, other: "Pair") -> bool:
        """Whether this is the one of the two to carry the traffic, once both are there: the later one, and of two that
        have crossed the one that both ends name, for both know the same two SPIs of each."""
        if self.crossed(other):
            return self.precedes(other)
        return (self.settled_at, self.generation) > (other.settled_at, other.generation)

    def overlapped(self, other: "Pair") -> bool:
        """Whether neither was there when the other was begun, as seen from here."""
        return self.settled_at > other.begun_at and other.settled_at > self.begun_at

    def precedes(self, other: "Pair") -> bool:
        """Which of two is to stay, should they have crossed."""
        return self._rank > other._rank

    @property
    def _rank(self) -> list[int]:
        return sorted((self.inbound.spi, self.outbound.spi))

    @property
    def name(self) -> str:
        """The inbound SPI in hex, by which facts call the pair."""
        return f"{self.inbound.spi:08x}"


@dataclass(slots=True, eq=False)
class Tunnel:
    """What is true of a tunnel now."""

    spec: TunnelSpec
    wanted: bool = False
    """It shall be up: attempts go on until an operator takes it down."""
    pending: str = ""
    """Why a Quick Mode is needed, while phase 1 is waited for or the Quick Mode runs; empty: none is."""
    held: bool = False
    """The peer was dead: traffic may bring the tunnel up again (keepalive action ``hold``)."""
    offer: int = 0
    """Which part of the proposals is offered: one Quick Mode can offer only those with one PFS group."""
    failures: int = 0
    since: float = 0.0
    """When the current attempt began."""
    generation: int = 0
    pairs: list[Pair] = field(default_factory=list)
    """The newest last."""

    @property
    def name(self) -> str:
        """``peer/name``."""
        return self.spec.full_name

    @property
    def current(self) -> Pair | None:
        """The newest pair that is not superseded."""
        return next((pair for pair in reversed(self.pairs) if not pair.superseded), None)

    @property
    def best(self) -> Pair | None:
        """Of the pairs that have come about the one that outranks the others; not one of which the peer has been told
        that it goes."""
        best: Pair | None = None
        for pair in self.pairs:
            if pair.settled_at and not pair.told and (best is None or pair.outranks(best)):
                best = pair
        return best


@dataclass(frozen=True, slots=True)
class Limits:
    """When a pair is rekeyed and when it ends: seconds from now and octets (None: no byte limit)."""

    lifetime: float
    rekeys_in: float
    soft_bytes: int | None
    hard_bytes: int | None


def limits(
    spec: TunnelSpec, life_seconds: float, life_octets: int, role: Role, policy: Policy, chance: float
) -> Limits:
    """The shorter of both ends' lifetimes wins; 0 means that the peer named none.

    The initiator of the SA rekeys a margin before its end, less a random part, and the responder later, so that both do
    not begin at once; ``chance`` in [0, 1) is the random part.
    """
    lifetime = min(spec.lifetime, life_seconds or spec.lifetime, policy.lifetime_most)
    lifetime = max(lifetime, min(policy.lifetime_least, spec.lifetime))
    margin = min(spec.rekey_margin, lifetime / 2)
    if role is Role.INITIATOR:
        rekeys_in = lifetime - margin * (1 + policy.rekey_jitter * chance)
    else:
        rekeys_in = lifetime - margin / 2
    named = [octets for octets in (spec.lifebytes, life_octets) if octets]
    hard = min(named) if named else None
    soft = None
    if hard is not None:
        share = policy.byte_soft - policy.byte_jitter * chance
        soft = int(hard * (share if role is Role.INITIATOR else policy.byte_soft_responder))
    return Limits(lifetime, rekeys_in, soft, hard)
