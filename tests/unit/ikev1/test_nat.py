"""NAT traversal as the drafts had it, mappings that change, and what keeps them open (RFC 3947, RFC 3948)."""

from typing import Any

import pytest

from ikeview.core.facts import Cause, MessageDropped, NatFound, Phase1Established, TunnelDown
from ikeview.core.orders import RenewPhase1
from ikeview.core.outputs import SendKeepalive, Spot
from ikeview.ikev1.nat import VERSIONS
from ikeview.wire.numbers import EspAttribute, ExchangeType
from ikeview.wire.payloads import NatDetection, VendorId
from ikeview.wire.sa import SecurityAssociation
from tests.support.ladder_dsl import Tap
from tests.support.laws import assert_lawful, assert_nothing_left, assert_tidy, bring_up, peer_of, tear_down
from tests.support.link import Link, Sent, Verdict
from tests.support.scenes import link

FLOATED = """
    left > SA VID*6
    right > SA VID*3
    left > KE NONCE NAT-D*2
    right > KE NONCE NAT-D*2
    left:4500 > * ID HASH N(INITIAL-CONTACT)
    right:4500 > * ID HASH
    left:4500 > * HASH SA NONCE ID*2
    right:4500 > * HASH SA NONCE ID*2
    left:4500 > * HASH
"""


def left_speaks(some: Link, *versions: int) -> None:
    """The left end announces only those of the versions: the other vendor IDs are made unreadable on the way."""
    inner = some.fate

    def fate(sent: Sent) -> Verdict:
        data = sent.send.data
        if sent.sender == "left" and data[8:16] == bytes(8):
            for number, version in enumerate(VERSIONS):
                if number not in versions:
                    data = data.replace(version.vendor_id, bytes(16))
        return [(delay, data if copy == sent.send.data else copy) for delay, copy in inner(sent)]

    some.fate = fate


def behind_nat(some: Link, offset: int = 20000) -> None:
    """The left end is behind a NAT that maps its ports."""
    some.translate = lambda name, local: Spot(local.host, local.port + offset) if name == "left" else local


@pytest.mark.parametrize(
    ("versions", "name", "draft"),
    [
        ((0, 1, 2, 3), "RFC 3947", False), ((0, 3), "RFC 3947", False), ((1, 2, 3), "draft 03", True),
        ((2, 3), "draft 02", True), ((2,), "draft 02", True), ((3,), "draft 02", True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("nat", [True, False])
def test_the_best_version_that_both_speak(versions: tuple[int, ...], name: str, draft: bool, nat: bool) -> None:
    some = link()
    if nat:
        behind_nat(some)
    left_speaks(some, *versions)
    tap = Tap(some)
    bring_up(some)
    tap.expect(FLOATED if nat else FLOATED.replace(":4500", ""))
    detections = [each for _, _, chain in tap.opened for each in chain.all(NatDetection)]
    assert len(detections) == 4
    assert {each.draft for each in detections} == {draft}
    words = f"NAT: we are behind one{' (' + name + ')' if draft else ''}"
    assert some.left.last(Phase1Established).nat == (words if nat else "")
    assert (name in some.right.last(Phase1Established).nat) is (nat and draft)
    assert all(half.encapsulated is nat for half in some.right.outbound.values())
    assert _modes(tap) == {(61443 if draft else 3) if nat else 1}
    assert_lawful(some)
    tear_down(some)
    assert_nothing_left(some)


def _modes(tap: Tap) -> set[int]:
    return {
        transform.get(EspAttribute.ENCAPSULATION_MODE) or 0
        for _, header, chain in tap.opened
        if header.exchange_type == ExchangeType.QUICK_MODE
        for sa in chain.all(SecurityAssociation)
        for proposal in sa.proposals
        for transform in proposal.transforms
    }


def test_without_a_common_version_there_is_no_detection() -> None:
    some = link()
    behind_nat(some)
    left_speaks(some)
    tap = Tap(some)
    bring_up(some)
    tap.expect(FLOATED.replace(":4500", "").replace(" NAT-D*2", "").replace("right > SA VID*3", "right > SA VID*2"))
    assert not some.left.of(NatFound)
    assert_lawful(some)


@pytest.mark.parametrize("versions", [(0, 1, 2, 3), (1,), (2,), (3,)])
def test_forced_encapsulation_with_every_version(versions: tuple[int, ...]) -> None:
    force: dict[str, Any] = {"nat_traversal": "force"}
    some = link(left=force)
    left_speaks(some, *versions)
    bring_up(some)
    assert all(half.encapsulated for end in (some.left, some.right) for half in end.inbound.values())
    assert not some.left.of(MessageDropped)
    assert not some.right.of(TunnelDown)
    assert_lawful(some)


def test_the_vendor_id_of_a_version_is_answered_with_that_one_alone() -> None:
    some = link()
    left_speaks(some, 1, 3)
    tap = Tap(some)
    bring_up(some)
    answers = [each.data for sent, _, chain in tap.opened[:2] if sent.sender == "right" for each in chain.all(VendorId)]
    assert [version.name for version in VERSIONS if version.vendor_id in answers] == ["draft 03"]


# -- keepalives (RFC 3948 section 4) ---------------------------------------------------------------------------------


def keepalives(some: Link) -> list[tuple[str, float, int]]:
    """Who sends keepalives, when, and to which port, from now on."""
    seen: list[tuple[str, float, int]] = []
    inner = some._carry_out

    def carry_out(end: Any, item: Any) -> None:
        if isinstance(item, SendKeepalive):
            seen.append((end.name, some.now, item.remote.port))
        inner(end, item)

    some._carry_out = carry_out  # type: ignore[method-assign]
    return seen


def test_only_the_end_behind_the_nat_keeps_it_open() -> None:
    some = link(peer={"lifetime": 7200.0})
    behind_nat(some)
    bring_up(some)
    seen = keepalives(some)
    some.run(61)
    assert {(name, port) for name, _, port in seen} == {("left", 4500)}
    assert len(seen) == 3
    # a renewed phase 1 does not double them
    some.do(some.left, RenewPhase1("right"))
    seen.clear()
    some.run(60)
    assert len(seen) in (2, 3)


@pytest.mark.parametrize("force", ["left", "right"])
def test_a_claimed_nat_needs_no_keepalives(force: str) -> None:
    forced: dict[str, Any] = {"nat_traversal": "force"}
    some = link(left=forced if force == "left" else None, right=forced if force == "right" else None)
    bring_up(some)
    seen = keepalives(some)
    some.run(120)
    assert not seen


def test_without_a_phase_1_they_go_on_while_esp_does() -> None:
    some = link(tunnels=2)
    behind_nat(some)
    bring_up(some)
    bring_up(some, number=2)
    sa = peer_of(some.left).phase1.current
    peer_of(some.left).phase1.drop(some.now, sa, Cause.LIFETIME)
    some._drain(some.left)
    seen = keepalives(some)
    some.run(100)
    assert [name for name, _, _ in seen] == ["left"] * 5
    # one pair ends: another sees to it
    first = next(iter(peer_of(some.left).tunnels["right/lan1"].pairs))
    peer_of(some.left).phase2.pairs.drop(some.now, peer_of(some.left).tunnels["right/lan1"], first, Cause.LIFETIME)
    some._drain(some.left)
    seen.clear()
    some.run(60)
    # meanwhile the tunnel that is down has brought a new phase 1, which does it by itself
    assert len(seen) in (2, 3)
    assert peer_of(some.left).phase1.current is not None
    assert_tidy(some.left)


AGGRESSIVE: dict[str, Any] = {"mode": "aggressive", "aggressive_psk": True}


@pytest.mark.parametrize("versions", [(0, 1, 2, 3), (1,), (2,), (3,)])
@pytest.mark.parametrize("where", ["nobody", "left", "forced"])
def test_aggressive_mode_detects_it_in_its_second_and_third_message(versions: tuple[int, ...], where: str) -> None:
    force: dict[str, Any] = {"nat_traversal": "force"} if where == "forced" else {}
    some = link(peer=AGGRESSIVE, left=force)
    if where == "left":
        behind_nat(some)
    left_speaks(some, *versions)
    tap = Tap(some)
    bring_up(some)
    rows = [(sent.sender, len(chain.all(NatDetection))) for sent, _, chain in tap.opened[:3]]
    assert rows == [("left", 0), ("right", 2), ("left", 2)]
    found = some.right.last(NatFound)
    assert (found.here, found.there) == (False, where != "nobody")
    assert tap.opened[2][0].send.floated is (where != "nobody")
    assert all(half.encapsulated is (where != "nobody") for half in some.right.outbound.values())
    assert_lawful(some)
    tear_down(some)
    assert_nothing_left(some)
