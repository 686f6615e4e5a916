"""Aggressive Mode (RFC 2409 section 5.4): both roles, who is answered, and what goes wrong."""

from typing import Any

import pytest

from ikeview.core.facts import (
    Cause,
    DropReason,
    ExchangeFailed,
    ExchangeStarted,
    MessageDropped,
    Phase1Established,
    TunnelUp,
)
from ikeview.core.identity import Identity, IdentityPattern
from ikeview.core.orders import Initiate
from ikeview.core.specs import Settings
from ikeview.wire.message import read_chain
from ikeview.wire.payloads import HashPayload, Identification, Nonce
from tests.support.ladder_dsl import QUICK_MODE, Tap, swapped
from tests.support.laws import assert_lawful, bring_up, tear_down, tunnel_of
from tests.support.link import End, Link
from tests.support.scenes import OTHER_SECRET, link, phase1, side

AGGRESSIVE = {"mode": "aggressive", "aggressive_psk": True}
LADDER = """
    left > SA KE NONCE ID VID*6
    right > SA KE NONCE ID HASH VID*3 NAT-D*2
    left > * HASH NAT-D*2 N(INITIAL-CONTACT)
"""


def dropped(end: End) -> list[DropReason]:
    return [fact.reason for fact in end.of(MessageDropped)]


@pytest.mark.parametrize("initiator", ["left", "right"])
def test_three_messages_and_the_tunnel_is_up(initiator: str) -> None:
    some = link(peer=AGGRESSIVE)
    tap = Tap(some)
    end = getattr(some, initiator)
    some.do(end, Initiate(tunnel_of(end)))
    some.run(1)
    ladder = LADDER + QUICK_MODE
    tap.expect(ladder if initiator == "left" else swapped(ladder))
    for each in (some.left, some.right):
        assert each.last(Phase1Established).mode == "Aggressive Mode"
        assert each.last(ExchangeStarted).kind == "Quick Mode"
    assert some.left.of(ExchangeStarted)[0].rows == (
        "> HDR, SA, KE, Ni, IDii", "< HDR, SA, KE, Nr, IDir, HASH_R", "> HDR*, HASH_I",
    )
    assert_lawful(some)
    tear_down(some)


@pytest.mark.parametrize("group", ["modp1024", "modp2048", "ecp256", "x25519"])
@pytest.mark.parametrize("cipher", ["3des", "aes128", "aes256"])
def test_every_kind_of_suite(cipher: str, group: str) -> None:
    some = link(peer={**AGGRESSIVE, "proposals": phase1(f"{cipher}-sha256-{group}")})
    bring_up(some)
    assert_lawful(some)


def test_only_proposals_with_the_first_group_are_offered() -> None:
    some = link(
        left={**AGGRESSIVE, "proposals": phase1("aes256-sha256-x25519", "aes128-sha256-ecp256", "aes128-sha1-x25519")},
        right={**AGGRESSIVE, "proposals": phase1("aes128-sha256-ecp256", "aes128-sha1-x25519")},
    )
    bring_up(some)
    assert some.left.last(Phase1Established).suite == "aes128-sha1-x25519"


def test_a_pre_shared_key_is_not_answered_unless_the_configuration_says_so() -> None:
    some = link(peer={"mode": "aggressive"})
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(10)
    assert not some.left.of(TunnelUp)
    failed = some.right.last(ExchangeFailed)
    assert failed.cause is Cause.REFUSED
    assert "aggressive_psk" in failed.verdict
    # it has said nothing that a password could be tried on
    assert all(sent.send.data[16] == 11 for sent in some.wire if sent.sender == "right")


def test_a_peer_of_main_mode_does_not_answer_aggressive_mode() -> None:
    some = link(left=AGGRESSIVE)
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(40)
    assert not some.left.of(TunnelUp)
    assert set(dropped(some.right)) == {DropReason.SWITCHED_OFF}


def test_a_wrong_secret_shows_in_message_2() -> None:
    some = link(peer=AGGRESSIVE, left={"secret": OTHER_SECRET})
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(40)
    assert dropped(some.left)[0] is DropReason.BAD_HASH
    assert some.left.last(ExchangeFailed).cause is Cause.WRONG_SECRET
    assert not some.left.of(Phase1Established)
    assert not some.right.of(Phase1Established)
    assert some.empty()


def test_identities_decide_before_anything_is_computed() -> None:
    mine = Identity.parse("keyid:group one")
    some = link(
        peer=AGGRESSIVE, left={"local_id": mine},
        right={"remote_id": IdentityPattern.of(Identity.parse("keyid:group two"))},
    )
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(10)
    failed = some.right.last(ExchangeFailed)
    assert failed.cause is Cause.IDENTITY
    assert (failed.offered, failed.expected) == (("keyid:group one",), ("keyid:group two",))


def two_peers(**changes: Any) -> Settings:
    """The right end's settings: two peers that may come from anywhere, told apart by identity, each with its key."""
    one = side(left=False, remote="any", peer={
        **AGGRESSIVE, "remote_id": IdentityPattern.of(Identity.parse("keyid:one")), "secret": OTHER_SECRET,
        "name": "one",
    })
    other = side(left=False, remote="any", peer={
        **AGGRESSIVE, "remote_id": IdentityPattern.of(Identity.parse("keyid:two")), "name": "two",
    })
    return Settings(one.engine, one.ui, (one.peers[0], other.peers[0]))


def test_the_secret_is_chosen_by_identity() -> None:
    left = side(left=True, peer={**AGGRESSIVE, "local_id": Identity.parse("keyid:two")})
    some = Link(left, two_peers())
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(2)
    assert some.left.of(TunnelUp)
    assert some.right.last(Phase1Established).peer == "two"
    assert some.right.last(Phase1Established).remote_id == "keyid:two"
    assert some.mirrored()


@pytest.mark.parametrize("lost", range(3))
def test_each_message_lost_once(lost: int) -> None:
    some = link(peer=AGGRESSIVE)
    tap = Tap(some)
    tap.lose(*(index == lost for index in range(lost + 1)))
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(20)
    assert some.left.of(TunnelUp)
    assert some.right.of(TunnelUp)
    assert_lawful(some)


def test_the_last_message_is_taken_in_clear_too() -> None:
    """As RFC 2409 section 5.4 draws it."""
    some = link(peer=AGGRESSIVE)
    peer = some.left.endpoint._peers["right"]
    held: list[bytes] = []

    def fate(sent: Any) -> list[tuple[float, bytes]]:
        if len(some.wire) == 3:
            held.append(sent.send.data)
            return []
        return [(0.01, sent.send.data)]

    some.fate = fate
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(0.1)
    [sa] = peer.phase1.sas
    iv = sa.phase1.run.stage.secured.channel.iv
    plain = sa.keys.cipher.decrypt(sa.keys.encryption.reveal(), iv, held[0][28:])
    clear = held[0][:19] + b"\0" + held[0][20:24] + (28 + 36).to_bytes(4) + b"\0" + plain[1:36]
    some.inject(some.right, clear)
    assert some.right.of(Phase1Established)
    # no message was encrypted yet, so what follows starts from the first IV (RFC 2409 appendix B)
    [theirs] = some.right.endpoint._peers["left"].phase1.sas
    assert theirs.last_block == iv


def test_a_changed_answer_changes_nothing() -> None:
    """Message 2 is in clear, and HASH_R stands for all of it that counts."""
    some = link(peer=AGGRESSIVE)
    held: list[bytes] = []

    def fate(sent: Any) -> list[tuple[float, bytes]]:
        if sent.sender == "right" and not held:
            held.append(sent.send.data)
            return []
        return [(0.01, sent.send.data)]

    some.fate = fate
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(0.1)
    answer = held[0]
    chain = read_chain(answer[16], answer, 28)
    for kind in (Nonce, HashPayload, Identification):
        [place] = [each.end - 1 for each in chain.carried if isinstance(each.payload, kind)]
        some.inject(some.left, answer[:place] + bytes((answer[place] ^ 1,)) + answer[place + 1 :])
        assert dropped(some.left)[-1] is DropReason.BAD_HASH
    some.run(5)
    assert some.left.of(TunnelUp)
