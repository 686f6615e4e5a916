"""Each reason for which a datagram is dropped, provoked."""

from collections.abc import Callable

import pytest

from ikeview.core.facts import DropReason, MessageDropped
from ikeview.core.orders import Initiate
from ikeview.core.outputs import Spot
from ikeview.core.policy import Policy
from ikeview.core.specs import Method
from ikeview.crypto.groups import GROUPS
from ikeview.ikev1 import informational, offers
from ikeview.wire.header import HEADER_SIZE, VERSION, Header
from ikeview.wire.message import write_chain
from ikeview.wire.numbers import ExchangeType, Flag, NotifyType, ProtocolId
from ikeview.wire.payloads import (
    Delete,
    Fragment,
    HashPayload,
    KeyExchange,
    Nonce,
    Notify,
    Payload,
)
from tests.support.laws import assert_lawful, assert_tidy, bring_up, context_of, peer_of, tunnel_of
from tests.support.link import Link
from tests.support.messages import OFFER, STRANGER, first_messages, message, waiting
from tests.support.proofs import issued, proving
from tests.support.scenes import link, phase1


def arrives(data: bytes, remote: Spot | None = None) -> Callable[[], Link]:
    def scene() -> Link:
        some = link()
        some.inject(some.right, data, remote=remote)
        return some

    return scene


def sealed(message_id: int, *payloads: Payload) -> Callable[[], Link]:
    """A well sealed Informational from left to right."""

    def scene() -> Link:
        some = link()
        bring_up(some)
        sa = peer_of(some.left).phase1.current
        data = informational.seal(sa.keys, sa.last_block, sa.cookies, message_id, list(payloads))
        some.inject(some.right, data)
        return some

    return scene


def unknown_cookie() -> Link:
    return arrives(message(OFFER, cookies=(b"initiato", b"responde")))()


def bad_message_id() -> Link:
    return arrives(message(OFFER, message_id=9))()


def used_message_id() -> Link:
    some = link()
    bring_up(some)
    some.run(100)
    # the finished Quick Mode has been forgotten, its message ID has not
    some.inject(some.right, some.wire[6].send.data)
    return some


def wrong_address() -> Link:
    some, _ = waiting(2)
    some.inject(some.right, some.wire[2].send.data, remote=STRANGER)
    return some


def half_open_limit() -> Link:
    some = link(policy=Policy(half_open_total=0))
    some.inject(some.right, first_messages(1)[0])
    return some


def refused_before() -> Link:
    some = link(peer={"proposals": phase1("3des-md5-modp768")})
    for data in first_messages(2):
        some.inject(some.right, data)
    return some


def too_many() -> Link:
    some = link(policy=Policy(informational_burst=3))
    bring_up(some)
    sa = peer_of(some.left).phase1.current
    for number in range(4):
        delete = Delete.of(ProtocolId.ESP, bytes(4))
        some.inject(some.right, informational.seal(sa.keys, sa.last_block, sa.cookies, 0x1000 + number, [delete]))
    return some


def bad_fragment() -> Link:
    return arrives(message(Fragment(1, 1, 1, b"first messages are taken whole")))()


def not_encrypted() -> Link:
    some, cookies = waiting(4)
    some.inject(some.right, message(HashPayload(bytes(32)), cookies=cookies))
    return some


def not_expected() -> Link:
    return arrives(message(OFFER, exchange=ExchangeType.QUICK_MODE))()


def undecryptable() -> Link:
    some, _ = waiting(4)
    data = some.wire[4].send.data
    some.inject(some.right, data[:HEADER_SIZE] + bytes(len(data) - HEADER_SIZE))
    return some


def missing_payload() -> Link:
    some, cookies = waiting(2)
    some.inject(some.right, message(Nonce(bytes(16)), cookies=cookies))
    return some


def extra_payload() -> Link:
    some, cookies = waiting(2)
    extra = HashPayload(bytes(32))
    some.inject(some.right, message(KeyExchange(bytes(range(32))), Nonce(bytes(16)), extra, cookies=cookies))
    return some


def bad_proposal() -> Link:
    some, cookies = waiting(1)
    other = offers.offer_phase1(phase1("aes256-sha256-x25519"), 3600)
    some.inject(some.left, message(other, cookies=cookies))
    return some


def bad_key() -> Link:
    some, cookies = waiting(2)
    some.inject(some.right, message(KeyExchange(bytes(32)), Nonce(bytes(16)), cookies=cookies))
    return some


def bad_signature() -> Link:
    """The certificate of the other end, without its key."""
    thief = {"key": issued("left", Method.RSA).private, "certificates": (issued("right", Method.RSA).ours,)}
    some = proving(Method.RSA, left=thief)
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(5)
    return some


def bad_hash() -> Link:
    some = link()
    bring_up(some)
    sa = peer_of(some.left).phase1.current
    # rightly encrypted, but HASH(1) is zeros
    body = write_chain([HashPayload(bytes(32)), Notify.of(ProtocolId.ISAKMP, NotifyType.R_U_THERE, b"", bytes(4))])
    data, _ = sa.keys.message_channel(sa.last_block, 0x55).seal(body)
    head = Header(
        sa.cookies.initiator, sa.cookies.responder, 8, VERSION, ExchangeType.INFORMATIONAL, Flag.ENCRYPTION, 0x55,
        HEADER_SIZE + len(data),
    )  # fmt: skip
    some.inject(some.right, head.write() + data)
    return some


def duplicate() -> Link:
    some = link()
    bring_up(some)
    sa = peer_of(some.left).phase1.current
    notify = Notify.of(ProtocolId.ISAKMP, NotifyType.R_U_THERE, sa.cookies.both, bytes(4))
    data = informational.seal(sa.keys, sa.last_block, sa.cookies, 0x55, [notify])
    some.inject(some.right, data)
    assert not some.right.of(MessageDropped)
    some.inject(some.right, data)
    return some


def unprotected_notify() -> Link:
    some = link()
    bring_up(some)
    sa = peer_of(some.left).phase1.current
    for kind in (NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.INVALID_COOKIE, NotifyType.AUTHENTICATION_FAILED):
        data = informational.clear(sa.cookies, 0, Notify.of(ProtocolId.ISAKMP, kind))
        some.inject(some.right, data)
    assert len(some.right.inbound) == 1
    return some


def switched_off() -> Link:
    some = link(right={"role": "initiator"})
    some.inject(some.right, first_messages(1)[0])
    return some


SCENES: dict[DropReason, Callable[[], Link]] = {
    DropReason.EMPTY: arrives(b""),
    DropReason.TOO_SHORT: arrives(bytes(27)),
    DropReason.TOO_LONG: arrives(bytes(10_001)),
    DropReason.BAD_LENGTH: arrives(message(OFFER, size=29)),
    DropReason.BAD_VERSION: arrives(message(OFFER, version=0x20)),
    DropReason.BAD_EXCHANGE: arrives(message(OFFER, exchange=33)),
    DropReason.BAD_FLAGS: arrives(message(OFFER, flags=1)),
    DropReason.MALFORMED: arrives(message(Nonce(b"short"))),
    DropReason.ZERO_COOKIE: arrives(message(OFFER, cookies=(bytes(8), bytes(8)))),
    DropReason.UNKNOWN_COOKIE: unknown_cookie,
    DropReason.BAD_MESSAGE_ID: bad_message_id,
    DropReason.USED_MESSAGE_ID: used_message_id,
    DropReason.WRONG_ADDRESS: wrong_address,
    DropReason.UNKNOWN_PEER: arrives(message(OFFER), STRANGER),
    DropReason.HALF_OPEN_LIMIT: half_open_limit,
    DropReason.REFUSED_BEFORE: refused_before,
    DropReason.NOT_ENCRYPTED: not_encrypted,
    DropReason.NOT_EXPECTED: not_expected,
    DropReason.UNDECRYPTABLE: undecryptable,
    DropReason.MISSING_PAYLOAD: missing_payload,
    DropReason.EXTRA_PAYLOAD: extra_payload,
    DropReason.BAD_PROPOSAL: bad_proposal,
    DropReason.BAD_KEY: bad_key,
    DropReason.BAD_SIGNATURE: bad_signature,
    DropReason.BAD_HASH: bad_hash,
    DropReason.DUPLICATE: duplicate,
    DropReason.UNPROTECTED_NOTIFY: unprotected_notify,
    DropReason.PROBE_SEQUENCE: sealed(7, Notify.of(ProtocolId.ISAKMP, NotifyType.R_U_THERE_ACK, b"", bytes(4))),
    DropReason.SWITCHED_OFF: switched_off,
    DropReason.BAD_FRAGMENT: bad_fragment,
    DropReason.TOO_MANY: too_many,
}


def test_every_reason_has_its_scene() -> None:
    assert set(SCENES) == set(DropReason)


@pytest.mark.parametrize("reason", DropReason)
def test_reason(reason: DropReason) -> None:
    some = SCENES[reason]()
    drops = [*some.right.of(MessageDropped), *some.left.of(MessageDropped)]
    assert {drop.reason for drop in drops} == {reason}
    assert_tidy(some.left)
    assert_tidy(some.right)


def test_one_first_cookie_makes_one_negotiation() -> None:
    some = link()
    one, other = message(OFFER), message(OFFER, Notify.of(1, NotifyType.INITIAL_CONTACT))
    some.inject(some.right, one)
    some.inject(some.right, other)
    assert some.right.last(MessageDropped).detail == "another first message with the same cookie"
    assert context_of(some.right).half_open == 1


def test_the_commit_bit_is_ignored() -> None:
    some = link()

    def commit(sent):  # type: ignore[no-untyped-def]
        data = bytearray(sent.send.data)
        data[19] |= Flag.COMMIT
        return [(0.01, bytes(data))]

    some.fate = commit
    bring_up(some)
    assert_lawful(some)


@pytest.mark.parametrize("number", [0, 3, 4, 5, 6])
def test_our_own_messages_sent_back_to_us_are_not_taken(number: int) -> None:
    some = link()
    bring_up(some)
    sent = some.wire[number]
    end = some.left if sent.sender == "left" else some.right
    inbound = set(end.inbound)
    some.inject(end, sent.send.data)
    assert len(end.of(MessageDropped)) == 1
    assert set(end.inbound) == inbound


def test_values_reflected_during_main_mode_are_not_taken() -> None:
    some, cookies = waiting(3)
    chain = some.wire[2].send.data
    reflected = cookies[0] + cookies[1] + chain[16:]
    some.inject(some.left, reflected)
    assert some.left.last(MessageDropped).reason is DropReason.BAD_KEY


@pytest.mark.parametrize("group", ["ecp256", "x25519", "modp768"])
def test_bad_public_values_never_end_main_mode(group: str) -> None:
    some, cookies = waiting(2, peer={"proposals": phase1(f"aes128-sha256-{group}")})
    size = GROUPS[group].public_size
    for bad in (bytes(size), bytes(size - 1), bytes(size + 1), bytes(size - 1) + b"\1", b"\xff" * size):
        some.inject(some.right, message(KeyExchange(bad), Nonce(bytes(16)), cookies=cookies))
        drop = some.right.last(MessageDropped)
        if not (group == "x25519" and bad == b"\xff" * size):
            assert drop.reason is DropReason.BAD_KEY
    if group != "x25519":
        some.fate = lambda sent: [(0.01, sent.send.data)]
        some.run(10)
        assert_lawful(some)
        assert len(some.left.inbound) == 1


def test_an_address_of_ours_that_is_not_for_the_peer() -> None:
    """A first message to another address than ``local`` is not for the peer, even if it comes from there."""
    some = link(right={"local": "192.0.2.77"})
    some.inject(some.right, first_messages(1)[0])
    assert [drop.reason for drop in some.right.of(MessageDropped)] == [DropReason.UNKNOWN_PEER]
    some = link(right={"local": str(link().right.address)})
    some.inject(some.right, first_messages(1)[0])
    assert not some.right.of(MessageDropped)
