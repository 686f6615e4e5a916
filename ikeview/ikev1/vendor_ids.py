"""Vendor IDs: what we are and can do, and what the peer says of itself (RFC 2408 section 3.16)."""

from dataclasses import dataclass, replace
from typing import Any

from ikeview.core.ladder import Row
from ikeview.core.runner import Message
from ikeview.core.specs import PeerSpec
from ikeview.wire.payloads import Payload, VendorId

DPD = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")
"""RFC 3706 section 5.1, version 1.0."""
NAT_T_RFC = bytes.fromhex("4a131c81070358455c5728f20e95452f")
"""RFC 3947 section 3.1."""
NAT_T_DRAFT_03 = bytes.fromhex("7d9419a65310ca6f2c179d9215529d56")
NAT_T_DRAFT_02N = bytes.fromhex("90cb80913ebb696e086381b5ec427b1f")
NAT_T_DRAFT_02 = bytes.fromhex("cd60464335df21f87cfdb2fc68b6a448")
XAUTH = bytes.fromhex("09002689dfd6b712")
"""draft-beaulieu-ike-xauth-02 section 2."""
UNITY = bytes.fromhex("12f5f28c457168a9702d9fe274cc0100")
"""Cisco's client and server; its last two octets are a version."""
FRAGMENTATION = bytes.fromhex("4048b7d56ebce88525e7de7f00d6c2d380000000")
"""Large messages may come in fragments. The flags after the first 16 octets are often left out."""
_FRAGMENTS_MAIN_MODE = 0x80000000

_KNOWN: tuple[tuple[str, str], ...] = (
    ("4a131c81070358455c5728f20e95452f", "NAT-T (RFC 3947)"),
    ("afcad71368a1f1c96b8696fc7757", "DPD"),
    ("09002689dfd6b712", "XAUTH"),
    ("12f5f28c457168a9702d9fe274cc", "Cisco Unity"),
    ("4048b7d56ebce88525e7de7f00d6c2d3", "fragmentation"),
    ("90cb80913ebb696e086381b5ec427b1f", "NAT-T draft 02n"),
    ("cd60464335df21f87cfdb2fc68b6a448", "NAT-T draft 02"),
    ("7d9419a65310ca6f2c179d9215529d56", "NAT-T draft 03"),
    ("7003cbc1097dbe9c2600ba6983bc8b35", "racoon"),
    ("1e2b516905991c7d7c96fcbfb587e461", "Windows"),
    ("1f07f70eaa6514d3b0fa96542a50", "Cisco VPN 3000"),
    ("1d6e178f6c2c0be284985465450fe9d4", "FortiGate"),
    ("699369228741c6d4ca094c93e242c9de19e7b7c6", "NetScreen"),
    ("f4ed19e0c114eb516faaac0ee37daf2807b4381f", "Check Point"),
    ("4865617274426561745f4e6f74696679", "heartbeat"),
    ("882fe56d6fd20dbc2251613b2ebe5beb", "strongSwan"),
)
"""Prefixes, in hex, and names; the version that follows some of them is not looked at."""


def vendor_name(data: bytes) -> str:
    """The name of a vendor ID, or its first octets."""
    text = data.hex()
    for prefix, name in _KNOWN:
        if text.startswith(prefix):
            return name
    return f"{text[:16]}..." if len(text) > 16 else text


def ours_for(spec: PeerSpec) -> tuple[bytes, ...]:
    """What we say of ourselves to a peer, but for NAT traversal, which is a matter of its own."""
    fragments = (FRAGMENTATION,) if spec.fragmentation != "off" else ()
    users = (XAUTH,) if spec.auth_method.xauth else ()
    unity = (UNITY,) if spec.config is not None else ()
    return (DPD, *users, *unity, *fragments)


@dataclass(frozen=True, slots=True)
class VendorIds:
    """The rider that sends ours in the first two rows and collects the peer's."""

    ours: tuple[bytes, ...] = (DPD, FRAGMENTATION)
    theirs: tuple[bytes, ...] = ()

    def add(self, row: Row, stage: Any) -> tuple["VendorIds", list[Payload]]:
        """Ours, in rows 1 and 2: what takes two only where the peer does it too, for whoever asks may be a liar, and
        must not be sent much more than it sent."""
        if row.number > 2:
            return self, []
        takes_two = {FRAGMENTATION: self.fragments, XAUTH: self.xauth, UNITY: self.unity}
        return self, [VendorId(each) for each in self.ours if row.number == 1 or takes_two.get(each, True)]

    def read(self, row: Row, stage: Any, message: Message) -> "VendorIds":
        """The peer's, from any row."""
        new = tuple(each.data for each in message.chain.all(VendorId) if each.data not in self.theirs)
        return replace(self, theirs=self.theirs + new) if new else self

    def notes(self, row: Row, taken: bool) -> tuple[str, ...]:
        """The peer's names, where they came."""
        return (f"VID {', '.join(self.names)}",) if taken and row.number <= 2 and self.theirs else ()

    @property
    def names(self) -> tuple[str, ...]:
        """What the peer says it is and can do."""
        return tuple(dict.fromkeys(vendor_name(each) for each in self.theirs))

    @property
    def dpd(self) -> bool:
        """Whether the peer answers keepalives (RFC 3706 section 5.1)."""
        return any(each.startswith(DPD[:14]) for each in self.theirs)

    @property
    def fragments(self) -> bool:
        """Whether the peer puts fragments together."""
        size = 16
        return any(
            each[:size] == FRAGMENTATION[:size]
            and (len(each) != size + 4 or int.from_bytes(each[size:]) & _FRAGMENTS_MAIN_MODE)
            for each in self.theirs
        )

    @property
    def xauth(self) -> bool:
        """Whether the peer speaks XAUTH."""
        return XAUTH in self.theirs

    @property
    def unity(self) -> bool:
        """Whether the peer takes and gives the Unity attributes of mode config."""
        return any(each.startswith(UNITY[:14]) for each in self.theirs)
