"""The life of a tunnel and of its SA pairs, whatever protocol makes them."""

from dataclasses import dataclass, field

from ikeview.core.outputs import HalfSa
from ikeview.core.policy import Policy
from ikeview.core.specs import Role, TunnelSpec


@dataclass(slots=True)
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

    def crossed(self, newer: "Pair") -> bool:
        """Whether ``newer`` was begun before this one was there: then the peer may hold this one for the newer."""
        return self.settled_at > newer.begun_at

    @property
    def name(self) -> str:
        """The inbound SPI in hex, by which facts call the pair."""
        return f"{self.inbound.spi:08x}"


@dataclass(slots=True)
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
