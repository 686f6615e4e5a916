"""NAT detection and the float to the NAT port (RFC 3947), and as its drafts had it (draft-ietf-ipsec-nat-t-ike-03)."""

from dataclasses import dataclass, replace
from typing import Any

from ikeview.core.ladder import Row
from ikeview.core.outputs import Spot
from ikeview.core.runner import Message
from ikeview.core.specs import Role
from ikeview.crypto.hashes import Hash
from ikeview.ikev1.keys import Cookies
from ikeview.ikev1.vendor_ids import NAT_T_DRAFT_02, NAT_T_DRAFT_02N, NAT_T_DRAFT_03, NAT_T_RFC
from ikeview.wire.payloads import NatDetection, Payload, VendorId


@dataclass(frozen=True, slots=True)
class NatVersion:
    """A version of NAT traversal. All move to the NAT port; the ``draft`` ones have payloads and encapsulation modes of
    numbers of their own."""

    name: str
    vendor_id: bytes
    draft: bool


RFC_3947 = NatVersion("RFC 3947", NAT_T_RFC, draft=False)
VERSIONS = (
    RFC_3947,
    NatVersion("draft 03", NAT_T_DRAFT_03, draft=True),
    NatVersion("draft 02", NAT_T_DRAFT_02N, draft=True),
    # the same, by those who forgot to hash the line feed, or did not
    NatVersion("draft 02", NAT_T_DRAFT_02, draft=True),
)
"""The best first."""

MAIN_MODE_ROWS, AGGRESSIVE_ROWS = (3, 4), (3, 2)
"""In which rows NAT-D goes, the initiator's and the responder's: as soon as both cookies are known (RFC 3947 section
3.2)."""


def nat_hash(hash_: Hash, cookies: Cookies, spot: Spot) -> bytes:
    """HASH(CKY-I | CKY-R | IP | Port) (RFC 3947 section 3.2)."""
    return hash_.digest(cookies.both + spot.host.packed + spot.port.to_bytes(2))


@dataclass(frozen=True, slots=True)
class NatTraversal:
    """The rider of phase 1: announces NAT traversal in rows 1 and 2, compares addresses in ``rows``.

    ``forced`` claims a NAT on our side where there may be none, so that both ends put ESP into UDP; ``decoy`` are the
    octets that stand for our address then. ``here`` and ``there`` tell who is behind a NAT.
    """

    role: Role
    local: Spot
    remote: Spot
    enabled: bool
    forced: bool
    decoy: bytes
    rows: tuple[int, int] = MAIN_MODE_ROWS
    version: NatVersion | None = None
    """The best that both ends speak."""
    compared: bool = False
    here: bool = False
    there: bool = False

    @property
    def found(self) -> bool:
        """Whether ESP goes into UDP and IKE to the NAT port."""
        return self.compared and (self.here or self.there or self.forced)

    @property
    def draft(self) -> bool:
        """Whether the numbers are those of the drafts."""
        return self.version is not None and self.version.draft

    def _row(self, role: Role) -> int:
        return self.rows[0 if role is Role.INITIATOR else 1]

    def add(self, row: Row, stage: Any) -> tuple["NatTraversal", list[Payload]]:
        """The vendor IDs in row 1, the best of them in row 2; NAT-D in our row: the receiver's address first (section
        3.2)."""
        if not self.enabled:
            return self, []
        payloads: list[Payload] = []
        if row.number == 1:
            payloads += [VendorId(each.vendor_id) for each in VERSIONS]
        elif row.number == 2 and self.version is not None:
            payloads.append(VendorId(self.version.vendor_id))
        if row.number == self._row(self.role) and self.version is not None:
            suite_hash, cookies = stage.chosen.suite.hash, stage.chosen.cookies
            ours = nat_hash(suite_hash, cookies, self.local)
            if self.forced:
                ours = suite_hash.digest(self.decoy)
            theirs = nat_hash(suite_hash, cookies, self.remote)
            payloads += [NatDetection(theirs, self.draft), NatDetection(ours, self.draft)]
        return self, payloads

    def read(self, row: Row, stage: Any, message: Message) -> "NatTraversal":
        """The peer's vendor IDs, then its NAT-D."""
        if not self.enabled:
            return self
        after = self
        if row.number <= 2:
            given = {each.data for each in message.chain.all(VendorId)}
            after = replace(after, version=next((each for each in VERSIONS if each.vendor_id in given), None))
        hashes = [each.data for each in message.chain.all(NatDetection)]
        if row.number != self._row(self.role.other) or after.version is None or len(hashes) < 2:
            return after
        suite_hash, cookies = stage.chosen.suite.hash, stage.chosen.cookies
        return replace(
            after,
            compared=True,
            here=hashes[0] != nat_hash(suite_hash, cookies, self.local),
            there=nat_hash(suite_hash, cookies, self.remote) not in hashes[1:],
        )

    def notes(self, row: Row, taken: bool) -> tuple[str, ...]:
        """What the comparison found."""
        told = taken and self.compared and row.number == self._row(self.role.other) and self.words
        return (self.words,) if told else ()

    @property
    def words(self) -> str:
        """Who is behind a NAT, in words; empty if nobody."""
        if not self.found:
            return ""
        how = f" ({self.version.name})" if self.version is not None and self.draft else ""
        if self.here and self.there:
            return f"NAT: both ends are behind one{how}"
        if self.here:
            return f"NAT: we are behind one{how}"
        if self.there:
            # a peer that forces UDP encapsulation looks exactly like one behind a NAT
            if self.forced:
                return f"NAT claimed by both ends{how}"
            return f"NAT: the peer is behind one, or claims to be{how}"
        return f"NAT claimed, so that ESP goes in UDP{how}"
