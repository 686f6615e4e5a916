"""NAT detection and the float to the NAT port (RFC 3947)."""

from dataclasses import dataclass, replace
from typing import Any

from ikeview.core.ladder import Row
from ikeview.core.outputs import Spot
from ikeview.core.runner import Message
from ikeview.core.specs import Role
from ikeview.crypto.hashes import Hash
from ikeview.ikev1.keys import Cookies
from ikeview.ikev1.vendor_ids import NAT_T_RFC
from ikeview.wire.payloads import NatDetection, Payload, VendorId


def nat_hash(hash_: Hash, cookies: Cookies, spot: Spot) -> bytes:
    """HASH(CKY-I | CKY-R | IP | Port) (RFC 3947 section 3.2)."""
    return hash_.digest(cookies.both + spot.host.packed + spot.port.to_bytes(2))


@dataclass(frozen=True, slots=True)
class NatTraversal:
    """The rider of Main Mode: announces NAT traversal in rows 1 and 2, compares addresses in rows 3 and 4.

    ``forced`` claims a NAT on our side where there may be none, so that both ends put ESP into UDP; ``decoy`` are the
    octets that stand for our address then. ``here`` and ``there`` tell who is behind a NAT.
    """

    role: Role
    local: Spot
    remote: Spot
    enabled: bool
    forced: bool
    decoy: bytes
    spoken: bool = False
    """The peer has announced NAT traversal."""
    compared: bool = False
    here: bool = False
    there: bool = False

    @property
    def found(self) -> bool:
        """Whether ESP goes into UDP and IKE to the NAT port."""
        return self.compared and (self.here or self.there or self.forced)

    def add(self, row: Row, stage: Any) -> tuple["NatTraversal", list[Payload]]:
        """The vendor ID in rows 1 and 2, NAT-D in rows 3 and 4: the receiver's address first (section 3.2)."""
        if not self.enabled:
            return self, []
        if row.number <= 2:
            return self, [VendorId(NAT_T_RFC)]
        if row.number <= 4 and self.spoken:
            suite_hash, cookies = stage.chosen.suite.hash, stage.chosen.cookies
            ours = nat_hash(suite_hash, cookies, self.local)
            if self.forced:
                ours = suite_hash.digest(self.decoy)
            return self, [NatDetection(nat_hash(suite_hash, cookies, self.remote)), NatDetection(ours)]
        return self, []

    def read(self, row: Row, stage: Any, message: Message) -> "NatTraversal":
        """The peer's vendor ID, then its NAT-D."""
        if not self.enabled:
            return self
        if row.number <= 2:
            spoken = any(each.data == NAT_T_RFC for each in message.chain.all(VendorId))
            return replace(self, spoken=self.spoken or spoken)
        hashes = [each.data for each in message.chain.all(NatDetection)]
        if row.number > 4 or not self.spoken or len(hashes) < 2:
            return self
        suite_hash, cookies = stage.chosen.suite.hash, stage.chosen.cookies
        return replace(
            self,
            compared=True,
            here=hashes[0] != nat_hash(suite_hash, cookies, self.local),
            there=nat_hash(suite_hash, cookies, self.remote) not in hashes[1:],
        )

    def notes(self, row: Row, taken: bool) -> tuple[str, ...]:
        """What the comparison found."""
        return (self.words,) if taken and self.compared and row.number in (3, 4) and self.words else ()

    @property
    def words(self) -> str:
        """Who is behind a NAT, in words; empty if nobody."""
        if not self.found:
            return ""
        if self.here and self.there:
            return "NAT: both ends are behind one"
        if self.here:
            return "NAT: we are behind one"
        if self.there:
            # a peer that forces UDP encapsulation looks exactly like one behind a NAT
            return "NAT: the peer is behind one, or claims to be" if not self.forced else "NAT claimed by both ends"
        return "NAT claimed, so that ESP goes in UDP"
