"""Main Mode and Quick Mode as the wire shows them, in every combination of algorithms, both roles."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from ikeview.core.facts import (
    ExchangeFinished,
    ExchangeStarted,
    NatFound,
    Phase1Established,
    RowSent,
    RowTaken,
    SaInstalled,
    TunnelUp,
)
from ikeview.core.identity import Identity, IdentityPattern
from ikeview.core.orders import Initiate
from ikeview.core.outputs import Spot
from ikeview.core.specs import Selector
from ikeview.crypto.ciphers import CIPHERS
from ikeview.crypto.esp import ESP_CIPHERS, INTEGRITIES
from ikeview.crypto.groups import GROUPS
from ikeview.crypto.hashes import HASHES
from tests.support.ladder_dsl import MAIN_MODE, QUICK_MODE, QUICK_MODE_PFS, Tap, swapped
from tests.support.laws import assert_lawful, assert_nothing_left, bring_up, tear_down, tunnel_of
from tests.support.link import End, Link
from tests.support.scenes import link, phase1, phase2, side
from tests.support.specs import RIGHT


def ends(some: Link, initiator: str) -> tuple[End, End]:
    return (some.left, some.right) if initiator == "left" else (some.right, some.left)


@pytest.mark.parametrize("initiator", ["left", "right"])
@pytest.mark.parametrize(("proposal", "quick"), [("aes128gcm16", QUICK_MODE), ("aes128gcm16-x25519", QUICK_MODE_PFS)])
def test_both_phases(initiator: str, proposal: str, quick: str) -> None:
    some = link(child={"proposals": phase2(proposal)})
    tap = Tap(some)
    one, other = ends(some, initiator)
    bring_up(some, one)
    wanted = MAIN_MODE + quick
    tap.expect(wanted if initiator == "left" else swapped(wanted))
    assert_lawful(some)
    for end in (one, other):
        assert [fact.kind for fact in end.of(ExchangeStarted)] == ["Main Mode", "Quick Mode"]
        assert [fact.exchange for fact in end.of(ExchangeFinished)] == [
            fact.exchange for fact in end.of(ExchangeStarted)
        ]
        assert len(end.of(TunnelUp)) == 1
        assert len(end.of(RowSent)) + len(end.of(RowTaken)) == 9
    assert one.last(Phase1Established).role == "initiator"
    assert other.last(Phase1Established).role == "responder"
    assert one.last(SaInstalled).spi_out == other.last(SaInstalled).spi_in
    tear_down(some)
    assert_nothing_left(some)


def test_rows_of_the_facts_are_those_of_the_rfc() -> None:
    some = link()
    bring_up(some)
    main, quick = some.right.of(ExchangeStarted)
    assert main.rows == (
        "> HDR, SA", "< HDR, SA", "> HDR, KE, Ni", "< HDR, KE, Nr", "> HDR*, IDii, HASH_I", "< HDR*, IDir, HASH_R",
    )  # fmt: skip
    assert quick.rows == (
        "> HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]", "< HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr]",
        "> HDR*, HASH(3)",
    )  # fmt: skip
    assert (main.tunnel, quick.tunnel) == ("", "left/lan1")
    assert [(fact.row, fact.payloads) for fact in some.left.of(RowSent)] == [
        (1, ("SA", "VID*6")), (3, ("KE", "NONCE", "NAT-D*2")), (5, ("ID", "HASH", "N")),
        (1, ("HASH", "SA", "NONCE", "ID*2")), (3, ("HASH",)),
    ]  # fmt: skip


@pytest.mark.parametrize("hash_", HASHES)
@pytest.mark.parametrize("cipher", CIPHERS)
def test_every_phase_1_cipher_with_every_hash(cipher: str, hash_: str) -> None:
    some = link(peer={"proposals": phase1(f"{cipher}-{hash_}-x25519")})
    bring_up(some)
    assert some.left.last(Phase1Established).suite == f"{cipher}-{hash_}-x25519"
    assert_lawful(some)
    tear_down(some)
    assert_nothing_left(some)


# the library's own arithmetic: the integers of seeded entropy take a second for 8,192 bits
@pytest.mark.parametrize("group", GROUPS)
def test_every_group_in_both_phases(group: str) -> None:
    some = link(
        peer={"proposals": phase1(f"aes256-sha256-{group}")}, child={"proposals": phase2(f"aes256-sha256-{group}")}
    )
    for end in (some.left, some.right):
        end.entropy.key_pair = lambda wanted: wanted.key_pair()  # type: ignore[method-assign]
    tap = Tap(some)
    bring_up(some)
    tap.expect(MAIN_MODE + QUICK_MODE_PFS)
    assert some.right.last(Phase1Established).suite == f"aes256-sha256-{group}"
    assert some.right.last(SaInstalled).suite == f"aes256-sha256-{group}"
    assert_lawful(some)


def esp_suites() -> list[str]:
    found = []
    for cipher in ESP_CIPHERS.values():
        found += [cipher.name] if cipher.aead else [f"{cipher.name}-{integrity}" for integrity in INTEGRITIES]
    return [*found, "aes256gcm16-esn", "aes128-sha256_96-esn"]


@pytest.mark.parametrize("suite", esp_suites())
def test_every_esp_suite(suite: str) -> None:
    some = link(child={"proposals": phase2(suite)})
    bring_up(some)
    (half,) = some.left.inbound.values()
    sizes = (len(half.keys.encryption), len(half.keys.salt), len(half.keys.integrity))
    cipher, integrity = half.suite.cipher, half.suite.integrity
    assert sizes == (cipher.key_size, cipher.salt_size, integrity.key_size if integrity else 0)
    assert str(half.suite) == some.right.last(SaInstalled).suite == suite
    assert_lawful(some)


def test_the_second_proposal_is_chosen_where_the_first_is_not_allowed() -> None:
    some = link(
        left={"proposals": phase1("aes256-sha512-x25519", "aes128-sha1-x25519")},
        right={"proposals": phase1("aes128-sha1-x25519")},
        left_child={"proposals": phase2("aes256gcm16", "aes128-sha1")},
        right_child={"proposals": phase2("aes128-sha1")},
    )
    bring_up(some)
    assert some.left.last(Phase1Established).suite == "aes128-sha1-x25519"
    assert some.left.last(SaInstalled).suite == "aes128-sha1"
    assert_lawful(some)


def test_the_initiators_order_decides() -> None:
    ours, theirs = ("aes128-sha1-x25519", "aes256-sha256-x25519"), ("aes256-sha256-x25519", "aes128-sha1-x25519")
    some = link(left={"proposals": phase1(*ours)}, right={"proposals": phase1(*theirs)})
    bring_up(some)
    assert some.right.last(Phase1Established).suite == ours[0]
    some = link(left={"proposals": phase1(*ours)}, right={"proposals": phase1(*theirs)})
    bring_up(some, some.right)
    assert some.left.last(Phase1Established).suite == theirs[0]


def test_proposals_with_different_pfs_groups_are_offered_one_group_at_a_time() -> None:
    mixed = phase2("aes256gcm16-ecp256", "aes128-sha256-x25519", "aes128gcm16-ecp256", "aes256gcm16")
    some = link(left_child={"proposals": mixed}, right_child={"proposals": phase2("aes256gcm16")})
    tap = Tap(some)
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(3)
    tap.expect(
        MAIN_MODE
        + """
        left > * HASH SA NONCE KE ID*2
        right > * HASH N(NO-PROPOSAL-CHOSEN)
        left > * HASH SA NONCE KE ID*2
        right > * HASH N(NO-PROPOSAL-CHOSEN)
        """
        + QUICK_MODE
    )
    offers = [fact.notes[0] for fact in some.left.of(RowSent) if fact.notes and fact.row == 1][1:]
    assert offers == [
        "offers aes256gcm16-ecp256, aes128gcm16-ecp256", "offers aes128-sha256-x25519", "offers aes256gcm16",
    ]  # fmt: skip
    assert some.left.last(SaInstalled).suite == "aes256gcm16"
    assert_lawful(some)


SELECTORS = [
    ("10.1.0.0/16", "10.2.0.0/16", 0, 0),
    ("10.1.0.1/32", "10.2.0.1/32", 0, 0),
    ("0.0.0.0/0", "10.2.0.0/24", 0, 0),
    ("fd00:1::/64", "fd00:2::/64", 0, 0),
    ("fd00:1::1/128", "fd00:2::1/128", 0, 0),
    ("::/0", "fd00:2::/48", 0, 0),
    ("10.1.0.5/32", "10.2.0.0/24", 6, 22),
    ("fd00:1::5/128", "fd00:2::/64", 58, 0),
]


@pytest.mark.parametrize(("local", "remote", "protocol", "port"), SELECTORS)
def test_selectors(local: str, remote: str, protocol: int, port: int) -> None:
    here, there = Selector(ip_network(local), protocol, port), Selector(ip_network(remote), protocol, 0)
    some = link(left_child={"local": here, "remote": there}, right_child={"local": there, "remote": here})
    bring_up(some)
    assert some.left.last(SaInstalled).local_selector == str(here)
    assert some.right.last(SaInstalled).local_selector == str(there)
    assert_lawful(some)


def test_two_tunnels_on_one_phase_1() -> None:
    some = link(tunnels=2)
    tap = Tap(some)
    bring_up(some, number=1)
    bring_up(some, number=2)
    tap.expect(MAIN_MODE + QUICK_MODE + QUICK_MODE)
    assert [fact.tunnel for fact in some.left.of(TunnelUp)] == ["right/lan1", "right/lan2"]
    assert len(some.left.inbound) == 2
    assert_lawful(some)
    tear_down(some)
    tap.expect(
        """
        left > * HASH D(ESP)
        left > * HASH D(ESP)
        left > * HASH D(ISAKMP)
        right > * HASH D(ESP)
        right > * HASH D(ESP)
        right > * HASH D(ISAKMP)
        """
    )
    assert_nothing_left(some)


def test_tunnels_wanted_together_wait_for_one_phase_1() -> None:
    some = link(tunnels=3)
    tap = Tap(some)
    for number in (1, 2, 3):
        some.do(some.left, Initiate(tunnel_of(some.left, number)))
    some.run(1)
    assert sum("* ID HASH" in line for line in tap.lines) == 2
    assert len(some.right.inbound) == 3
    assert_lawful(some)


# -- NAT traversal (RFC 3947) ----------------------------------------------------------------------------------------

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


def test_an_initiator_behind_nat_floats_to_the_nat_port() -> None:
    some = link()
    some.translate = lambda name, local: Spot(local.host, local.port + 20000) if name == "left" else local
    tap = Tap(some)
    bring_up(some)
    tap.expect(FLOATED)
    found = some.left.last(NatFound)
    assert (found.here, found.there, found.forced) == (True, False, False)
    found = some.right.last(NatFound)
    assert (found.here, found.there, found.forced) == (False, True, False)
    assert some.left.last(Phase1Established).nat == "NAT: we are behind one"
    (half,) = some.right.outbound.values()
    assert half.encapsulated
    assert half.remote.port == 24500
    assert half.local.port == 4500
    assert_lawful(some)
    tear_down(some)
    assert_nothing_left(some)


def test_a_responder_behind_nat_is_found_too() -> None:
    private = ip_address("192.168.7.7")
    some = link(right={"local_id": Identity.of_address(RIGHT)})
    some.forward = lambda name, spot: Spot(private, spot.port) if name == "right" else spot
    some.translate = lambda name, local: Spot(RIGHT, local.port) if name == "right" else local
    tap = Tap(some)
    bring_up(some)
    tap.expect(FLOATED)
    found = some.left.last(NatFound)
    assert (found.here, found.there) == (False, True)
    found = some.right.last(NatFound)
    assert (found.here, found.there) == (True, False)
    assert some.right.last(Phase1Established).nat == "NAT: we are behind one"


@pytest.mark.parametrize("who", ["left", "right", "both"])
def test_forced_encapsulation(who: str) -> None:
    force: dict[str, Any] = {"nat_traversal": "force"}
    some = link(left=force if who != "right" else None, right=force if who != "left" else None)
    tap = Tap(some)
    bring_up(some)
    tap.expect(FLOATED)
    assert all(half.encapsulated for end in (some.left, some.right) for half in end.inbound.values())
    assert some.left.last(NatFound).forced is (who != "right")
    assert_lawful(some)


def test_a_plane_that_needs_encapsulation_gets_it() -> None:
    some = link(forces_encapsulation=True)
    tap = Tap(some)
    bring_up(some)
    tap.expect(FLOATED)
    assert some.right.last(NatFound).forced


def test_without_nat_traversal_nothing_of_it_is_on_the_wire() -> None:
    some = link(left={"nat_traversal": "off"})
    some.translate = lambda name, local: Spot(local.host, local.port + 20000) if name == "left" else local
    tap = Tap(some)
    bring_up(some)
    tap.expect(
        """
        left > SA VID*2
        right > SA VID*2
        left > KE NONCE
        right > KE NONCE
        left > * ID HASH N(INITIAL-CONTACT)
        right > * ID HASH
        """
        + QUICK_MODE
    )
    assert not some.left.of(NatFound)
    assert not any(half.encapsulated for half in some.left.inbound.values())
    assert_lawful(some)


def test_identities_are_proved_and_told() -> None:
    ids = {"left": Identity.parse("fqdn:left.example"), "right": Identity.parse("user:right@example")}
    left = side(left=True, peer={"local_id": ids["left"], "remote_id": IdentityPattern.of(ids["right"])})
    right = side(left=False, peer={"local_id": ids["right"], "remote_id": IdentityPattern.of(ids["left"])})
    some = Link(left, right)
    bring_up(some)
    fact = some.left.last(Phase1Established)
    assert (fact.local_id, fact.remote_id) == ("fqdn:left.example", "user:right@example")
    assert some.right.last(Phase1Established).remote_id == "fqdn:left.example"
