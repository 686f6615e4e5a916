"""The bounds of the policy: half-open negotiations, Quick Modes, notifies, message IDs; and who a peer is."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

from ikeview.core.facts import DropReason, ExchangeFailed, ExchangeStarted, MessageDropped, NotifySent, Phase1Deleted
from ikeview.core.identity import Identity
from ikeview.core.inputs import Arrival
from ikeview.core.orders import Initiate
from ikeview.core.outputs import Spot
from ikeview.core.policy import Policy
from ikeview.core.specs import Settings
from ikeview.ikev1 import informational
from ikeview.ikev1.keys import Cookies
from ikeview.wire.numbers import NotifyType, ProtocolId
from ikeview.wire.payloads import (
    Notify,
)
from tests.support.laws import assert_lawful, assert_tidy, bring_up, context_of, peer_of, tunnel_of
from tests.support.link import Link
from tests.support.messages import OFFER, STRANGER, first_messages, message, waiting
from tests.support.scenes import OTHER_SECRET, link, phase1, side
from tests.support.specs import LEFT, RIGHT


def test_half_open_negotiations_of_one_peer_are_bounded_and_the_true_one_gets_through() -> None:
    some = link()
    for data in first_messages(200):
        some.inject(some.right, data)
        assert context_of(some.right).half_open <= Policy().half_open_for_peer
    assert_tidy(some.right)
    some.fate = lambda sent: [(0.01, sent.send.data)]
    bring_up(some)
    some.run(100)
    assert context_of(some.right).half_open == 0
    assert_lawful(some)


def test_a_half_open_negotiation_is_forgotten() -> None:
    some = link()
    some.inject(some.right, first_messages(1)[0])
    some.run(29)
    assert context_of(some.right).half_open == 1
    some.run(2)
    assert context_of(some.right).half_open == 0
    assert some.right.of(ExchangeFailed)
    assert not some.right.endpoint.agenda()
    assert_tidy(some.right)


def test_quick_modes_at_once_are_bounded_and_the_rest_waits() -> None:
    some = link(tunnels=9, policy=Policy(quick_modes=3))
    for number in range(1, 10):
        some.do(some.left, Initiate(tunnel_of(some.left, number)))
    for _ in range(200):
        some.run(0.005)
        for end in (some.left, some.right):
            assert all(sa.running <= 3 for sa in peer_of(end).phase1.sas)
    assert len(some.right.inbound) == 9
    assert_lawful(some)


def test_more_quick_modes_of_the_peer_than_allowed_are_dropped() -> None:
    some = link(tunnels=4)
    context_of(some.right).policy = Policy(quick_modes=2)
    for number in range(1, 5):
        some.do(some.left, Initiate(tunnel_of(some.left, number)))
    some.run(10)
    assert {drop.reason for drop in some.right.of(MessageDropped)} == {DropReason.HALF_OPEN_LIMIT}
    assert len(some.right.inbound) == 4
    assert_lawful(some)


def test_a_stranger_is_told_once_a_second_and_never_more_than_it_sent() -> None:
    some = link()
    for _ in range(10):
        some.inject(some.right, message(OFFER), remote=STRANGER)
    assert len(some.wire) == 1
    assert some.wire[0].send.remote == STRANGER
    assert len(some.wire[0].send.data) <= len(message(OFFER))
    some.run(1)
    some.inject(some.right, message(OFFER), remote=STRANGER)
    assert len(some.wire) == 2
    assert [fact.peer for fact in some.right.of(NotifySent)] == ["", ""]
    # shorter than the answer would be: no answer
    some.run(1)
    some.inject(some.right, message(), remote=STRANGER)
    assert len(some.wire) == 2


def test_strangers_are_counted_but_do_not_fill_the_log() -> None:
    some = link()
    for number in range(500):
        some.inject(some.right, message(OFFER), remote=Spot(ip_address(0xC6336400 + number % 250), 500))
    assert len(some.right.of(MessageDropped)) <= 20
    some.run(2)
    drops = some.right.of(MessageDropped)
    assert len(drops) <= 21
    assert sum(drop.count for drop in drops) == 500
    assert sum(drop.size for drop in drops) == 500 * len(message(OFFER))
    assert len(some.wire) <= 5


def test_an_informational_message_of_a_stranger_is_never_answered() -> None:
    some = link()
    cookies = Cookies(b"initiato", bytes(8))
    for kind in (NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.INITIAL_CONTACT):
        data = informational.clear(cookies, 0, Notify.of(ProtocolId.ISAKMP, kind))
        some.inject(some.right, data, remote=STRANGER)
    assert not some.wire


def test_what_is_refused_without_keys_is_told_in_bounds() -> None:
    some, _ = waiting(4)
    data = some.wire[4].send.data
    sent = len(some.wire)
    for number in range(20):
        some.inject(some.right, data[:28] + bytes((number,)) * (len(data) - 28))
    replies = some.wire[sent:]
    assert len(replies) == 1
    assert len(replies[0].send.data) <= len(data)


def test_notifies_to_an_unauthenticated_peer_are_never_longer_than_what_it_sent() -> None:
    some = link(left={"secret": OTHER_SECRET})
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(100)
    sizes = {"left": 0, "right": 0}
    for sent in some.wire:
        if sent.sender == "right":
            assert len(sent.send.data) <= sizes["left"]
        sizes[sent.sender] = max(sizes[sent.sender], len(sent.send.data))


def test_an_sa_that_has_seen_too_many_message_ids_is_renewed() -> None:
    some = link(policy=Policy(used_message_ids=40))
    bring_up(some)
    old = peer_of(some.left).phase1.current
    for number in range(1, 45):
        notify = Notify.of(ProtocolId.ISAKMP, NotifyType.CONNECTED)
        some.inject(some.left, informational.seal(old.keys, old.last_block, old.cookies, number, [notify]))
    some.run(20)
    assert some.left.last(ExchangeStarted).why == "renew: message IDs"
    assert some.left.last(Phase1Deleted).cookies == str(old.cookies)
    assert_lawful(some)


def test_an_sa_with_too_many_message_ids_ends_where_it_cannot_be_renewed() -> None:
    some = link(policy=Policy(used_message_ids=40), right={"role": "responder"})
    bring_up(some)
    sa = peer_of(some.right).phase1.current
    for number in range(1, 200):
        notify = Notify.of(ProtocolId.ISAKMP, NotifyType.CONNECTED)
        some.inject(some.right, informational.seal(sa.keys, sa.last_block, sa.cookies, number, [notify]))
        some.run(0)
        assert len(sa.used) <= 81
    assert not peer_of(some.right).phase1.sas
    assert_tidy(some.right)


def test_the_most_specific_network_decides_who_a_peer_is() -> None:
    base = side(left=False).peers[0]
    any_ = replace(base, name="any", remote="any", remote_address=None, tunnels=())
    wide = replace(any_, name="wide", remote="10.99.0.0/16", remote_network=ip_network("10.99.0.0/16"))
    near = replace(any_, name="near", remote="10.99.0.0/24", remote_network=ip_network("10.99.0.0/24"))
    exact = replace(any_, name="exact", remote="10.99.0.9", remote_address=ip_address("10.99.0.9"))
    settings = side(left=False)
    some = Link(side(left=True), Settings(settings.engine, settings.ui, (any_, wide, near, exact)))
    for number, (address, name) in enumerate(
        [("10.99.0.9", "exact"), ("10.99.0.8", "near"), ("10.99.1.1", "wide"), ("192.0.2.1", "any")]
    ):
        data = first_messages(number + 1)[number]
        some.do(some.right, Arrival(Spot(RIGHT, 500), Spot(ip_address(address), 500), data))
        assert some.right.last(ExchangeStarted).peer == name


def test_an_identity_that_is_not_configured_is_refused_after_authentication() -> None:
    some = link(left={"local_id": Identity.parse("fqdn:evil.example")})
    some.do(some.left, Initiate(tunnel_of(some.left)))
    some.run(10)
    assert not some.right.inbound
    assert some.right.last(ExchangeFailed).offered == ("fqdn:evil.example",)
    assert some.right.last(ExchangeFailed).expected == (str(LEFT),)
    assert_tidy(some.right)


def test_refused_first_messages_do_not_fill_the_screen() -> None:
    some = link(peer={"proposals": phase1("3des-md5-modp768")})
    for data in first_messages(50):
        some.inject(some.right, data)
    assert len(some.right.of(ExchangeFailed)) == 1
    assert len([sent for sent in some.wire if sent.sender == "right"]) == 1
    some.run(10)
    some.inject(some.right, first_messages(51)[-1])
    assert len(some.right.of(ExchangeFailed)) == 2
    assert_tidy(some.right)


def test_a_refused_first_message_that_comes_again_is_the_same_negotiation() -> None:
    some = link(peer={"proposals": phase1("3des-md5-modp768")})
    for _ in range(3):
        some.inject(some.right, first_messages(1)[0])
        some.run(2)
    told = [sent.send.data for sent in some.wire if sent.sender == "right"]
    assert len(told) == 3
    assert len(set(told)) == 1
    assert len(some.right.of(ExchangeFailed)) == 1
