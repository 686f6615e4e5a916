"""An ISAKMP SA (RFC 2408 section 2.1): what outlives its Main or Aggressive Mode."""

from dataclasses import dataclass, field
from enum import StrEnum

from ikeview.core.context import Context
from ikeview.core.facts import DropReason
from ikeview.core.fragments import Fragmentation
from ikeview.core.identity import Identity
from ikeview.core.negotiation import Negotiation
from ikeview.core.outputs import Send, Spot
from ikeview.core.policy import Policy
from ikeview.core.refusals import Discard
from ikeview.core.specs import Address, Role
from ikeview.crypto.suites import Phase1Suite
from ikeview.ikev1 import informational
from ikeview.ikev1.authentication import Candidate
from ikeview.ikev1.keys import Cookies, Phase1Keys
from ikeview.ikev1.nat import NatTraversal
from ikeview.ikev1.phase1_steps import Authenticated
from ikeview.ikev1.used_ids import UsedIds
from ikeview.ikev1.vendor_ids import VendorIds
from ikeview.wire.header import Header
from ikeview.wire.message import Chain
from ikeview.wire.payloads import Payload


class Await(StrEnum):
    """What has to happen before an ISAKMP SA is used."""

    NOTHING = ""
    USER = "XAUTH"
    CONFIG = "mode config"


@dataclass(slots=True, eq=False)
class IsakmpSa:
    """Keys, ends and the exchanges that run under it. ``phase1`` stays to answer duplicates of its last messages.

    ``admitted``: XAUTH and mode config, where they are asked for, are over, and other exchanges may run under it.
    """

    peer: str
    cookies: Cookies
    role: Role
    keys: Phase1Keys
    last_block: bytes
    local: Spot
    remote: Spot
    floated: bool
    nat: NatTraversal
    vendors: VendorIds
    candidate: Candidate
    remote_id: Identity
    established_at: float
    lifetime: float
    phase1: Negotiation
    admitted: bool = False
    awaits: Await = Await.NOTHING
    contact: bool = False
    """The peer has said INITIAL-CONTACT, which counts once it is known who it is."""
    user: str = ""
    """Whom XAUTH has authenticated: the peer's user, or ours."""
    assigned: Address | None = None
    """What mode config has given to the peer, or to us."""
    transactions: dict[int, Negotiation] = field(default_factory=dict)
    """XAUTH and mode config, as ``quick_modes``."""
    quick_modes: dict[int, Negotiation] = field(default_factory=dict)
    """By message ID; finished ones stay a while to answer duplicates."""
    used: UsedIds = field(default_factory=UsedIds)
    """Message IDs that have been used by either end."""
    superseded: bool = False
    doubted: bool = False
    """The peer is held for dead: a new one is made beside this one, which stays until that is there or has failed."""
    moved_at: float = float("-inf")
    """When the peer was last seen to have moved..."""
    moving_to: Spot | None = None
    """...and where it has been seen since, too soon after that."""
    informational_left: float = float("inf")
    informational_at: float = 0.0
    probes: dict[int, float] = field(default_factory=dict)
    """Keepalives on the way, the oldest first: sequence number and when it was sent."""
    next_probe: int = 0
    probed_at: float = 0.0
    asking: bool = False
    """The last keepalive has no answer..."""
    asking_since: float = 0.0
    """...nor any since this one."""
    asked: dict[int, int] = field(default_factory=dict)
    """The peer's keepalives, the oldest first: sequence number and how often it came."""
    missed: int = 0

    @property
    def dpd(self) -> bool:
        """Whether the peer answers keepalives (RFC 3706 section 5.1)."""
        return self.vendors.dpd

    @property
    def serves_user(self) -> bool:
        """Whether it is for us to ask for the user."""
        return self.candidate.scheme.client is self.role.other

    @property
    def local_id(self) -> Identity:
        """What we call ourselves."""
        return self.candidate.local_id

    @property
    def suite(self) -> Phase1Suite:
        """What phase 1 agreed on."""
        stage = self.phase1.run.stage
        assert isinstance(stage, Authenticated)
        return stage.secured.chosen.suite

    @property
    def our_cookie(self) -> bytes:
        """The one of the pair that is ours."""
        return self.cookies.initiator if self.role is Role.INITIATOR else self.cookies.responder

    @property
    def key(self) -> tuple[str, str]:
        """The key of its timers."""
        return self.peer, str(self.cookies)

    def crossed(self, other: "IsakmpSa") -> bool:
        """Whether each end has begun one of the two before it had the other, as far as both ends know it (see
        ``core.lifecycle.Pair.crossed``): where the last message is the responder's, as in Main Mode, both see alike
        what was under way at the same time."""
        if self.role is other.role:
            return False
        ours, theirs = (self, other) if self.role is Role.INITIATOR else (other, self)
        if theirs.phase1.run.begun >= ours.established_at:
            return False
        if len(ours.phase1.run.exchange.ladder) % 2:
            return ours.established_at < theirs.established_at
        return ours.phase1.run.begun < theirs.established_at

    def precedes(self, other: "IsakmpSa") -> bool:
        """Which of two that have crossed stays: both ends know all four cookies."""
        return sorted((self.cookies.initiator, self.cookies.responder)) > sorted(
            (other.cookies.initiator, other.cookies.responder)
        )

    def bearable(self, now: float, policy: Policy) -> bool:
        """Whether one more Informational message is acted on: a peer gone mad must not keep us from the others."""
        filled = self.informational_left + (now - self.informational_at) * policy.informational_rate
        self.informational_left = min(float(policy.informational_burst), filled)
        self.informational_at = now
        if self.informational_left < 1:
            return False
        self.informational_left -= 1
        return True

    @property
    def fragmentation(self) -> Fragmentation:
        """How large messages under it go."""
        return self.phase1.fragmentation

    @property
    def running(self) -> int:
        """Quick Modes under way."""
        return sum(not each.over for each in self.quick_modes.values())

    def tell(self, context: Context, payloads: list[Payload]) -> bytes:
        """Send a protected Informational message; gives its octets."""
        message_id = context.new_message_id(self.used)
        data = informational.seal(self.keys, self.last_block, self.cookies, message_id, payloads)
        context.emit(Send(self.local, self.remote, data, self.floated))
        return data

    def hear(self, header: Header, datagram: bytes) -> Chain:
        """The payloads of a protected Informational message that has not been seen before. Raises ``Discard``."""
        if header.message_id in self.used:
            raise Discard(DropReason.DUPLICATE, "an Informational message")
        chain = informational.unseal(self.keys, self.last_block, header, datagram)
        self.used.add(header.message_id)
        return chain
