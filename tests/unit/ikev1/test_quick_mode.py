"""Quick Mode's steps by themselves: modes, selectors, proposals and what peers say otherwise than we would."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from ikeview.core.facts import Cause
from ikeview.core.refusals import Abort
from ikeview.core.runner import Message
from ikeview.core.specs import Selector, TunnelSpec
from ikeview.crypto.ciphers import CIPHERS
from ikeview.crypto.esp import INTEGRITIES, Integrity
from ikeview.crypto.hashes import HASHES
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import EspSuite
from ikeview.ikev1 import keys, lifetimes, offers, quick_mode
from ikeview.ikev1.keys import Cookies
from ikeview.ikev1.offers import Life
from ikeview.ikev1.quick_mode import Agreed, Asked, Ground, Offered, Open, Wanted
from ikeview.wire.attributes import Attribute
from ikeview.wire.header import Header
from ikeview.wire.message import first_type, read_chain, write_chain
from ikeview.wire.numbers import EncapsulationMode, EspAttribute, IdType, NotifyType
from ikeview.wire.payloads import (
    HashPayload,
    Identification,
    KeyExchange,
    NatOriginalAddress,
    Notify,
    Payload,
    payload_type,
)
from ikeview.wire.sa import SecurityAssociation
from tests.support.entropy import SeededEntropy
from tests.support.scenes import phase2

HERE, THERE = ip_address("192.0.2.1"), ip_address("203.0.113.9")
KEYS = keys.derive_phase1(
    HASHES["sha256"], CIPHERS["aes128"], Secret(b"skeyid"), Secret(b"shared"), Cookies(b"initiato", b"responde")
)
MESSAGE_ID = 0x12345678


def ground(who: str, **changes: Any) -> Ground:
    entropy = SeededEntropy(who)
    local, remote = (HERE, THERE) if who == "initiator" else (THERE, HERE)
    spi = {"initiator": b"\xc1\0\0\1", "responder": b"\xc2\0\0\2"}[who]
    return replace(
        Ground(KEYS, MESSAGE_ID, spi, entropy.octets("nonce", 32), entropy.key_pair, local, remote), **changes
    )


def tunnel(local: str = "10.1.0.0/24", remote: str = "10.2.0.0/24", *proposals: str, **changes: Any) -> TunnelSpec:
    spec = TunnelSpec("peer", "lan", selector(local), selector(remote), phase2(*(proposals or ("aes128gcm16",))))
    return replace(spec, **changes)


def selector(text: str) -> Selector:
    network, *rest = text.split()
    return Selector(ip_network(network), *map(int, rest))


def mirrored(spec: TunnelSpec, **changes: Any) -> TunnelSpec:
    return replace(spec, local=spec.remote, remote=spec.local, **changes)


def message(payloads: list[Payload]) -> Message:
    data = write_chain(payloads)
    header = Header(bytes(8), bytes(8), first_type(payloads), 0x10, 32, 1, MESSAGE_ID, 28 + len(data))
    return Message(header, read_chain(first_type(payloads), data))


def offered(spec: TunnelSpec, **changes: Any) -> tuple[Offered, list[Payload]]:
    """The initiator's first message."""
    return quick_mode.offer(Wanted(ground("initiator", **changes), spec, quick_mode.suites_by_group(spec)[0]))


def resealed(rest: list[Payload], nonce_i: bytes = b"") -> Message:
    """A first message, or with ``nonce_i`` a second one, of other payloads than ours."""
    data = write_chain(rest)
    proof = keys.hash_2(KEYS, MESSAGE_ID, nonce_i, data) if nonce_i else keys.hash_1(KEYS, MESSAGE_ID, data)
    return message([HashPayload(proof), *rest])


def choose(payloads: Message, *tunnels: TunnelSpec, **changes: Any) -> Asked:
    return quick_mode.choose(Open(ground("responder", **changes), tunnels), payloads)


def agree(ours: TunnelSpec, theirs: TunnelSpec, **changes: Any) -> tuple[Agreed, Agreed]:
    """What both ends make of a whole Quick Mode; the initiator's first."""
    stage, payloads = offered(ours, **changes)
    asked = choose(message(payloads), theirs, **changes)
    asked, answer = quick_mode.accept(asked)
    agreed = quick_mode.check_choice(stage, message(answer))
    confirmed, last = quick_mode.confirm(agreed)
    assert quick_mode.check_confirmation(asked, message(last)).agreed == asked.agreed
    assert (agreed.keys_in.encryption.reveal(), agreed.keys_out.encryption.reveal()) == (
        asked.agreed.keys_out.encryption.reveal(), asked.agreed.keys_in.encryption.reveal(),
    )  # fmt: skip
    assert agreed.suite == asked.agreed.suite
    return confirmed.agreed, asked.agreed


def swap(payloads: list[Payload], *new: Payload) -> list[Payload]:
    """The payloads after HASH, those of ``new``'s types replaced in order."""
    queue = list(new)
    out = []
    for each in payloads[1:]:
        fits = next((one for one in queue if payload_type(one) == payload_type(each)), None)
        if fits is not None:
            queue.remove(fits)
        out.append(fits or each)
    return out


def without(payloads: list[Payload], kind: type) -> list[Payload]:
    return [each for each in payloads[1:] if not isinstance(each, kind)]


# -- modes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["tunnel", "transport"])
@pytest.mark.parametrize(("nat", "draft"), [(False, False), (True, False), (True, True)])
def test_every_mode_is_offered_under_its_number(mode: str, nat: bool, draft: bool) -> None:
    spec = tunnel("192.0.2.1/32", "203.0.113.9/32", mode=mode)
    stage, _ = offered(spec, nat=nat, draft=draft)
    wanted = {
        ("tunnel", False, False): 1, ("transport", False, False): 2, ("tunnel", True, False): 3,
        ("transport", True, False): 4, ("tunnel", True, True): 61443, ("transport", True, True): 61444,
    }  # fmt: skip
    transform = stage.sa.proposals[0].transforms[0]
    assert transform.get(EspAttribute.ENCAPSULATION_MODE) == wanted[mode, nat, draft]
    agree(spec, mirrored(spec), nat=nat, draft=draft)


@pytest.mark.parametrize(("ours", "theirs"), [("tunnel", "transport"), ("transport", "tunnel")])
def test_another_mode_than_configured_is_refused(ours: str, theirs: str) -> None:
    spec = tunnel(mode=ours)
    with pytest.raises(Abort) as refusal:
        agree(spec, mirrored(spec, mode=theirs))
    assert refusal.value.cause is Cause.NO_PROPOSAL
    assert refusal.value.offered == (f"aes128gcm16 {ours}",)
    assert refusal.value.expected == (f"aes128gcm16 {theirs}",)


def _with_mode(payloads: list[Payload], mode: int | None) -> SecurityAssociation:
    sa = payloads[1]
    assert isinstance(sa, SecurityAssociation)
    transform = sa.proposals[0].transforms[0]
    attributes = [each for each in transform.attributes if each.kind != EspAttribute.ENCAPSULATION_MODE]
    if mode is not None:
        attributes.append(Attribute.of(EspAttribute.ENCAPSULATION_MODE, mode))
    proposal = replace(sa.proposals[0], transforms=(replace(transform, attributes=tuple(attributes)),))
    return SecurityAssociation.of(proposal)


@pytest.mark.parametrize(
    ("said", "nat", "draft", "good"),
    [
        (61443, True, False, True), (3, True, True, True), (1, True, False, False), (3, False, False, False),
        (None, False, False, True), (None, True, False, False), (4, True, False, False), (61444, True, True, False),
        (7, False, False, False), (0xFFFF, True, True, False),
    ],
)  # fmt: skip
def test_modes_that_mean_the_same_and_others(said: int | None, nat: bool, draft: bool, good: bool) -> None:
    spec = tunnel()
    stage, payloads = offered(spec, nat=nat, draft=draft)
    odd = resealed(swap(payloads, _with_mode(payloads, said)))
    if not good:
        with pytest.raises(Abort) as refusal:
            choose(odd, mirrored(spec), nat=nat, draft=draft)
        assert refusal.value.notify is NotifyType.NO_PROPOSAL_CHOSEN
        return
    asked, answer = quick_mode.accept(choose(odd, mirrored(spec), nat=nat, draft=draft))
    assert asked.offer.mode == (said or 0)
    if said is not None:
        quick_mode.check_choice(stage, message(answer))


# -- transport mode through a NAT (RFC 3947 section 5.2) -------------------------------------------------------------

PRIVATE, OUTSIDE = ip_address("192.168.1.5"), ip_address("198.51.100.1")


def _through_nat(draft: bool = False) -> tuple[Any, Any, list[Payload], list[Payload]]:
    """The initiator is behind a NAT: it asks for its private address, the responder sees another."""
    ours = tunnel("192.168.1.5/32 17 1701", "203.0.113.9/32 17 1701", mode="transport")
    theirs = tunnel("203.0.113.9/32 17 1701", "198.51.100.1/32 17 1701", mode="transport")
    stage, payloads = offered(ours, local=PRIVATE, nat=True, draft=draft)
    asked = choose(message(payloads), theirs, remote=OUTSIDE, nat=True, draft=draft)
    asked, answer = quick_mode.accept(asked)
    return quick_mode.check_choice(stage, message(answer)), asked.agreed, payloads, answer


@pytest.mark.parametrize("draft", [False, True])
def test_original_addresses_are_told_both_ways(draft: bool) -> None:
    agreed, answered, payloads, answer = _through_nat(draft)
    told = [each for each in payloads if isinstance(each, NatOriginalAddress)]
    assert told == [NatOriginalAddress(PRIVATE, draft), NatOriginalAddress(THERE, draft)]
    told = [each for each in answer if isinstance(each, NatOriginalAddress)]
    assert told == [NatOriginalAddress(OUTSIDE, draft), NatOriginalAddress(THERE, draft)]
    # the initiator's packets leave as private -> there, the responder's as there -> outside
    assert answered.originals == (PRIVATE, THERE)
    assert agreed.originals == (THERE, OUTSIDE)


def test_original_addresses_are_told_in_transport_mode_and_through_nat_only() -> None:
    spec = tunnel("192.0.2.1/32", "203.0.113.9/32")
    for changes in ({"mode": "tunnel"}, {"mode": "transport"}):
        for nat in (True, False):
            _, payloads = offered(replace(spec, **changes), nat=nat)
            told = any(isinstance(each, NatOriginalAddress) for each in payloads)
            assert told is (nat and changes["mode"] == "transport")


def test_original_addresses_that_are_missing_or_too_few_cost_nothing() -> None:
    spec = tunnel("192.0.2.1/32", "203.0.113.9/32", mode="transport")
    _, payloads = offered(spec, nat=True)
    none = resealed(without(payloads, NatOriginalAddress))
    assert choose(none, mirrored(spec), nat=True).agreed.originals is None
    one = resealed([*without(payloads, NatOriginalAddress), NatOriginalAddress(HERE)])
    assert choose(one, mirrored(spec), nat=True).agreed.originals is None


def test_the_selectors_of_a_peer_behind_nat_fit_its_outer_address_in_transport_mode_only() -> None:
    ours = tunnel("192.168.1.5/32", "203.0.113.9/32")
    theirs = tunnel("203.0.113.9/32", "198.51.100.1/32")
    _, payloads = offered(ours, local=PRIVATE, nat=True)
    with pytest.raises(Abort) as refusal:
        choose(message(payloads), theirs, remote=OUTSIDE, nat=True)
    assert refusal.value.cause is Cause.SELECTORS
    _, payloads = offered(replace(ours, mode="transport"), local=PRIVATE)
    with pytest.raises(Abort):
        choose(message(payloads), replace(theirs, mode="transport"), remote=OUTSIDE)
    # and never another port, or a whole network
    for odd in ("192.168.1.5/32 6 22", "192.168.1.0/24"):
        _, payloads = offered(tunnel(odd, "203.0.113.9/32", mode="transport"), local=PRIVATE, nat=True)
        with pytest.raises(Abort):
            choose(message(payloads), replace(theirs, mode="transport"), remote=OUTSIDE, nat=True)


def test_a_responder_may_name_the_addresses_that_it_sees() -> None:
    spec = tunnel("192.168.1.5/32 17 1701", "203.0.113.9/32 17 1701", mode="transport")
    stage, payloads = offered(spec, local=PRIVATE, nat=True)
    asked, answer = quick_mode.accept(
        choose(
            message(payloads), tunnel("203.0.113.9/32 17 1701", "198.51.100.1/32 17 1701", mode="transport"),
            remote=OUTSIDE, nat=True,
        )
    )
    nonce = stage.wanted.ground.nonce

    def named(initiator: str, responder: str) -> Message:
        ids = [quick_mode.selector_id(selector(each)) for each in (initiator, responder)]
        return resealed(swap(answer, *ids), nonce)

    seen = quick_mode.check_choice(stage, named("198.51.100.1/32 17 1701", "203.0.113.9/32 17 1701"))
    assert seen.keys_in == asked.agreed.keys_out
    for odd in (
        ("198.51.100.1/32 17 1702", "203.0.113.9/32 17 1701"), ("198.51.100.0/24 17 1701", "203.0.113.9/32 17 1701"),
    ):  # fmt: skip
        with pytest.raises(Abort) as refusal:
            quick_mode.check_choice(stage, named(*odd))
        assert refusal.value.cause is Cause.SELECTORS


# -- selectors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        ("10.1.0.0/24", "10.2.0.0/24"), ("10.1.0.5/32 6 22", "10.2.0.0/16 6"), ("10.1.0.0/24 17 500", "0.0.0.0/0 17"),
        ("2001:db8:1::/64", "2001:db8:2::/64"), ("2001:db8::1/128 58", "::/0 58"), ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)  # fmt: skip
def test_selectors_come_about_whatever_the_outer_family(local: str, remote: str) -> None:
    spec = tunnel(local, remote)
    outer = {"local": ip_address("2001:db8::a"), "remote": ip_address("2001:db8::b")}
    for changes in ({}, outer):
        agreed, answered = agree(spec, mirrored(spec), **changes)
        assert agreed.tunnel == spec
        assert answered.tunnel == mirrored(spec)


@pytest.mark.parametrize(
    ("asked", "configured"),
    [
        ("10.1.0.0/24 6 22", "10.1.0.0/24 6 23"), ("10.1.0.0/24 6 22", "10.1.0.0/24 17 22"),
        ("10.1.0.0/24", "10.1.0.0/24 6"), ("10.1.0.0/25", "10.1.0.0/24"), ("10.1.0.0/24", "2001:db8::/64"),
    ],
)  # fmt: skip
def test_other_selectors_are_refused_with_both_sides(asked: str, configured: str) -> None:
    _, payloads = offered(tunnel(asked))
    with pytest.raises(Abort) as refusal:
        choose(message(payloads), mirrored(tunnel(configured)))
    assert refusal.value.notify is NotifyType.INVALID_ID_INFORMATION
    assert refusal.value.offered == (f"10.2.0.0/24 === {selector(asked)}",)
    assert refusal.value.expected == (f"10.2.0.0/24 === {selector(configured)}",)


def _id(kind: IdType, *parts: str, protocol: int = 0, port: int = 0) -> Identification:
    return Identification(kind, protocol, port, b"".join(ip_address(each).packed for each in parts))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (_id(IdType.IPV4_ADDR_RANGE, "10.1.0.0", "10.1.0.255"), "10.1.0.0/24"),
        (_id(IdType.IPV4_ADDR_RANGE, "10.1.0.7", "10.1.0.7"), "10.1.0.7/32"),
        (_id(IdType.IPV4_ADDR_RANGE, "0.0.0.0", "255.255.255.255"), "0.0.0.0/0"),
        (_id(IdType.IPV4_ADDR_SUBNET, "10.1.0.7", "255.255.255.255"), "10.1.0.7/32"),
        (_id(IdType.IPV4_ADDR_SUBNET, "10.1.0.9", "255.255.255.0"), "10.1.0.0/24"),
        (_id(IdType.IPV4_ADDR, "10.1.0.7"), "10.1.0.7/32"),
        (_id(IdType.IPV6_ADDR_RANGE, "2001:db8::", "2001:db8::ffff"), "2001:db8::/112"),
        (_id(IdType.IPV6_ADDR_SUBNET, "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "2001:db8::1/128"),
        (_id(IdType.IPV4_ADDR_RANGE, "10.1.0.0", "10.1.0.255", protocol=6, port=22), "10.1.0.0/24 6 22"),
    ],
)
def test_selectors_are_equal_by_meaning(said: Identification, meant: str) -> None:
    spec = tunnel(meant)
    stage, payloads = offered(spec)
    asked = choose(resealed(swap(payloads, said)), mirrored(spec))
    _, answer = quick_mode.accept(asked)
    # answered exactly as asked, and the initiator takes it in whatever form
    assert said in answer
    quick_mode.check_choice(stage, message(answer))


@pytest.mark.parametrize(
    "said",
    [
        _id(IdType.IPV4_ADDR_RANGE, "10.1.0.0", "10.1.0.254"), _id(IdType.IPV4_ADDR_RANGE, "10.1.0.255", "10.1.0.0"),
        _id(IdType.IPV4_ADDR_RANGE, "10.1.0.1", "10.1.1.0"), _id(IdType.IPV4_ADDR_SUBNET, "10.1.0.0", "255.0.255.0"),
        _id(IdType.IPV6_ADDR_RANGE, "2001:db8::1", "2001:db8::ffff"), _id(IdType.IPV6_ADDR_RANGE, "ffff::", "::"),
        Identification(IdType.FQDN, 0, 0, b"lan.example"), Identification(77, 0, 0, b"?"),
    ],
)  # fmt: skip
def test_selectors_that_are_no_network_are_refused(said: Identification) -> None:
    spec = tunnel()
    _, payloads = offered(spec)
    with pytest.raises(Abort) as refusal:
        choose(resealed(swap(payloads, said)), mirrored(spec))
    assert refusal.value.cause is Cause.SELECTORS


@pytest.mark.parametrize("mode", ["tunnel", "transport"])
def test_without_ids_the_hosts_themselves_are_meant(mode: str) -> None:
    spec = tunnel("192.0.2.1/32", "203.0.113.9/32", mode=mode)
    stage, payloads = offered(spec)
    bare = resealed(without(payloads, Identification))
    other = tunnel("10.9.0.0/24", "10.8.0.0/24")
    asked = choose(bare, other, mirrored(spec))
    assert asked.agreed.tunnel == mirrored(spec)
    _, answer = quick_mode.accept(asked)
    assert not any(isinstance(each, Identification) for each in answer)
    assert quick_mode.check_choice(stage, message(answer)).keys_in == asked.agreed.keys_out
    with pytest.raises(Abort) as refusal:
        choose(bare, other)
    assert refusal.value.offered == ("203.0.113.9/32 === 192.0.2.1/32",)


# -- proposals -------------------------------------------------------------------------------------------------------


def test_the_first_of_the_peers_that_we_allow() -> None:
    ours = tunnel("10.1.0.0/24", "10.2.0.0/24", "aes256-sha256", "aes128-sha1", "aes128gcm16")
    theirs = mirrored(tunnel("10.1.0.0/24", "10.2.0.0/24", "aes128gcm16", "aes128-sha1"))
    agreed, _ = agree(ours, theirs)
    assert str(agreed.suite) == "aes128-sha1"


@pytest.mark.parametrize("text", ["aes128gcm16-esn", "aes256-sha256-esn", "aes128gcm16-x25519-esn"])
def test_extended_sequence_numbers(text: str) -> None:
    spec = tunnel("10.1.0.0/24", "10.2.0.0/24", text)
    stage, _ = offered(spec)
    assert stage.sa.proposals[0].transforms[0].get(EspAttribute.ESN) == 1
    agreed, answered = agree(spec, mirrored(spec))
    assert agreed.suite.esn
    assert answered.suite.esn
    plain = mirrored(tunnel("10.1.0.0/24", "10.2.0.0/24", text.removesuffix("-esn")))
    with pytest.raises(Abort) as refusal:
        agree(spec, plain)
    assert refusal.value.offered == (f"{text} tunnel",)
    with pytest.raises(Abort):
        agree(mirrored(plain), mirrored(spec))


def test_a_peer_that_takes_either_kind_of_sequence_numbers() -> None:
    either = mirrored(tunnel("10.1.0.0/24", "10.2.0.0/24", "aes128gcm16-esn", "aes128gcm16"))
    for text in ("aes128gcm16", "aes128gcm16-esn"):
        agreed, _ = agree(tunnel("10.1.0.0/24", "10.2.0.0/24", text), either)
        assert str(agreed.suite) == text


def _suites_of_one_number() -> tuple[EspSuite, EspSuite]:
    """HMAC-SHA-256 with 128 and with 96 bits kept."""
    full = EspSuite.parse("aes128-sha256")
    short = INTEGRITIES.get("sha256_96") or Integrity("sha256_96", 5, 32, 12, "sha256")
    return full, replace(full, integrity=short)


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_truncations_under_one_number_the_first_configured_counts(first: int) -> None:
    both = _suites_of_one_number()
    order = both if first == 0 else both[::-1]
    spec = replace(tunnel(), proposals=order)
    for theirs in (order, order[:1]):
        agreed, answered = agree(spec, mirrored(replace(spec, proposals=theirs)))
        assert agreed.suite == answered.suite == order[0]
    # a peer with only the other one is not told apart on the wire: each end takes what it is configured with
    stage, payloads = offered(replace(spec, proposals=both[:1]))
    asked, answer = quick_mode.accept(choose(message(payloads), mirrored(replace(spec, proposals=both[1:]))))
    assert asked.agreed.suite == both[1]
    assert quick_mode.check_choice(stage, message(answer)).suite == both[0]


def _attributes(sa: SecurityAssociation, keep: Any, *more: Attribute) -> SecurityAssociation:
    proposal = sa.proposals[0]
    transforms = tuple(
        replace(each, attributes=(*filter(keep, each.attributes), *more)) for each in proposal.transforms
    )
    return SecurityAssociation.of(replace(proposal, transforms=transforms))


def test_aes_without_a_key_length_has_128_bits() -> None:
    spec = tunnel("10.1.0.0/24", "10.2.0.0/24", "aes128-sha256")
    stage, payloads = offered(spec)
    bare = _attributes(stage.sa, lambda each: each.kind != EspAttribute.KEY_LENGTH)
    asked = choose(resealed(swap(payloads, bare)), mirrored(spec))
    assert asked.agreed.suite == spec.proposals[0]
    # and in an answer
    _, answer = quick_mode.accept(asked)
    assert quick_mode.check_choice(stage, message(answer)).suite == spec.proposals[0]
    with pytest.raises(Abort):
        choose(
            resealed(swap(payloads, bare)), mirrored(tunnel("10.1.0.0/24", "10.2.0.0/24", "aes256-sha256"))
        )


@pytest.mark.parametrize(
    "attribute",
    [
        Attribute.of(EspAttribute.KEY_LENGTH, 256), Attribute.of(EspAttribute.ESN, 1),
        Attribute.of(EspAttribute.AUTHENTICATION, 2), Attribute.of(EspAttribute.KEY_ROUNDS, 9), Attribute.of(99, 1),
    ],
)  # fmt: skip
def test_a15_an_answer_with_other_attributes_is_refused(attribute: Attribute) -> None:
    spec = tunnel("10.1.0.0/24", "10.2.0.0/24", "aes128-sha256")
    stage, payloads = offered(spec)
    _, answer = quick_mode.accept(choose(message(payloads), mirrored(spec)))
    sa = answer[1]
    assert isinstance(sa, SecurityAssociation)
    changed = _attributes(sa, lambda each: each.kind != attribute.kind, attribute)
    with pytest.raises(Abort) as refusal:
        quick_mode.check_choice(stage, resealed(swap(answer, changed), stage.wanted.ground.nonce))
    assert refusal.value.cause is Cause.BAD_ANSWER


@pytest.mark.parametrize("spi", [b"\0\0\0\0", b"\0\0\0\xff", b"\xc1\0\0\1"])
def test_a17_spis_that_are_reserved_or_in_use_are_refused(spi: bytes) -> None:
    spec = tunnel()
    stage, payloads = offered(spec)
    taken = frozenset({b"\xc1\0\0\1"})
    sa = SecurityAssociation.of(replace(stage.sa.proposals[0], spi=spi))
    with pytest.raises(Abort) as refusal:
        choose(resealed(swap(payloads, sa)), mirrored(spec), taken=taken)
    assert refusal.value.notify is NotifyType.NO_PROPOSAL_CHOSEN
    stage, payloads = offered(spec, taken=taken)
    _, answer = quick_mode.accept(choose(message(payloads), mirrored(spec)))
    answered = answer[1]
    assert isinstance(answered, SecurityAssociation)
    sa = SecurityAssociation.of(replace(answered.proposals[0], spi=spi))
    with pytest.raises(Abort) as refusal:
        quick_mode.check_choice(stage, resealed(swap(answer, sa), stage.wanted.ground.nonce))
    assert refusal.value.notify is NotifyType.INVALID_SPI


def test_a_key_exchange_must_fit_the_proposal() -> None:
    spec = tunnel("10.1.0.0/24", "10.2.0.0/24", "aes128gcm16-x25519")
    _, payloads = offered(spec)
    with pytest.raises(Abort) as refusal:
        choose(resealed(without(payloads, KeyExchange)), mirrored(spec))
    assert refusal.value.notify is NotifyType.INVALID_KEY_INFORMATION


# -- RESPONDER-LIFETIME (RFC 2407 section 4.6.3.1) --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        ((3600.0, None), (3600.0, None), None),
        ((3600.0, None), (7200.0, None), None),
        ((3600.0, None), (1800.0, None), Life(1800.0, 0)),
        ((3600.0, 5_000_000), (1800.0, 2_000_000), Life(1800.0, 2_000_000)),
        ((3600.0, 5_000_000), (3600.0, 9_000_000), None),
        ((3600.0, 5_000_000), (3600.0, None), None),
        ((3600.0, None), (3600.0, 9_000_000), Life(0.0, 9_000_000)),
        ((86400.0, None), (70_000.0, None), Life(70_000.0, 0)),
    ],
)
def test_a_responder_with_a_shorter_lifetime_says_so(
    ours: tuple[float, int | None], theirs: tuple[float, int | None], told: Life | None
) -> None:
    spec = tunnel(lifetime=ours[0], lifebytes=ours[1])
    agreed, answered = agree(spec, mirrored(spec, lifetime=theirs[0], lifebytes=theirs[1]))
    assert agreed.notified == told
    assert answered.notified is None
    if told is not None:
        assert agreed.life == lifetimes.shorter(Life(ours[0], ours[1] or 0), told)


def test_known_octets_of_the_notify_in_both_phases() -> None:
    (esp,) = lifetimes.notice(3, b"\xc2\0\0\2", Life(86400.0, 0), Life(3600.0, 2_000_000))
    assert esp.write().hex() == "00000001" "03" "04" "6000" "c2000002" "80010001" "80020e10" "80010002" "800207d0"
    (phase1,) = lifetimes.notice(1, bytes(16), Life(), Life(28799.0, 0))
    assert phase1.write().hex() == "00000001" "01" "10" "6000" + "00" * 16 + "800b0001" "800c707f"
    assert lifetimes.notice(1, bytes(16), Life(), Life(28800.0, 0)) == []


@pytest.mark.parametrize(
    ("data", "life"),
    [
        ("80010001 80020e10", Life(3600.0, 0)),
        ("800b0001 000c0004 00015180", Life(86400.0, 0)),
        ("80010002 00020004 000f4240", Life(0.0, 1_000_000_000)),
        ("00010002 0001 80020e10", Life(3600.0, 0)),
        ("80010001 80020000", None),
        ("80020e10", None),
        ("", None),
        ("8001", None),
        ("0002ffff", None),
        ("80010003 80020e10", None),
    ],
)
def test_lifetimes_as_others_write_them_and_worse(data: str, life: Life | None) -> None:
    assert lifetimes.read(Notify.of(3, NotifyType.RESPONDER_LIFETIME, bytes(4), bytes.fromhex(data))) == life
    assert lifetimes.read(Notify.of(3, NotifyType.REPLAY_STATUS, bytes(4), bytes.fromhex(data))) is None


def test_modes_have_names() -> None:
    assert [offers.mode_name(mode) for mode in EncapsulationMode] == [
        "tunnel", "transport", "tunnel in UDP", "transport in UDP", "tunnel in UDP (draft)",
        "transport in UDP (draft)",
    ]  # fmt: skip
