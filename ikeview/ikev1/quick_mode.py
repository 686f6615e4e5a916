"""Quick Mode (RFC 2409 section 5.5): a pair of IPsec SAs under an ISAKMP SA, with or without PFS."""

import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network

from ikeview.core.facts import Cause, DropReason
from ikeview.core.ladder import Row, ladder
from ikeview.core.refusals import Abort, Discard
from ikeview.core.runner import Exchange, Message
from ikeview.core.specs import Address, Network, Role, Selector, TunnelSpec
from ikeview.crypto.esp import EspKeys
from ikeview.crypto.groups import BadPublicValue, Group, KeyPair
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import EspSuite
from ikeview.ikev1 import keys, lifetimes, offers
from ikeview.ikev1.keys import Phase1Keys
from ikeview.wire.message import Chain, write_chain
from ikeview.wire.numbers import EncapsulationMode, ExchangeType, IdType, NotifyType, ProtocolId
from ikeview.wire.payloads import (
    HashPayload,
    Identification,
    KeyExchange,
    NatOriginalAddress,
    Nonce,
    Notify,
    Payload,
)
from ikeview.wire.sa import Proposal, SecurityAssociation

LADDER = ladder("""
    HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]   -->
                         <--  HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr]
    HDR*, HASH(3)        -->
""")


# -- what is known after each row ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ground:
    """What either side starts from: the ISAKMP SA's keys, our inbound SPI, our nonce, and who talks to whom."""

    keys: Phase1Keys
    message_id: int
    spi: bytes
    nonce: bytes
    key_pair: Callable[[Group], KeyPair]
    local: Address
    remote: Address
    nat: bool = False
    """There is a NAT between us, or one is claimed: ESP goes in UDP."""
    draft: bool = False
    """With the numbers of the drafts of RFC 3947."""
    taken: Collection[bytes] = ()
    """The SPIs of the peer's that are in use."""

    def mode(self, tunnel: TunnelSpec) -> EncapsulationMode:
        """How ESP carries a tunnel's traffic."""
        return offers.encapsulation_mode(transport=_transport(tunnel), in_udp=self.nat, draft=self.draft)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The initiator before row 1."""

    ground: Ground
    tunnel: TunnelSpec
    suites: tuple[EspSuite, ...]
    """What to offer of the tunnel's proposals; all have one group or none, for there is one KE payload."""


@dataclass(frozen=True, slots=True)
class Open:
    """The responder before row 1: the tunnels that the peer may ask for."""

    ground: Ground
    tunnels: tuple[TunnelSpec, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """The initiator after row 1; ``pair`` holds one key pair with PFS, none without."""

    wanted: Wanted
    sa: SecurityAssociation
    pair: tuple[KeyPair, ...]


@dataclass(frozen=True, slots=True)
class Agreed:
    """Either side once both offers are known: all that the SAs need. ``spi_out`` is the peer's."""

    ground: Ground
    tunnel: TunnelSpec
    suite: EspSuite
    life: offers.Life
    """What the peer offered, or with its choice has agreed to."""
    spi_out: bytes
    nonce_i: bytes
    nonce_r: bytes
    keys_in: EspKeys
    keys_out: EspKeys
    originals: tuple[Address, Address] | None = None
    """Through a NAT in transport mode: source and destination of the peer's packets as it sends them."""
    notified: offers.Life | None = None
    """What the responder said of its own lifetime (RFC 2407 section 4.6.3.1)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The responder after row 1."""

    agreed: Agreed
    offer: offers.Phase2Offer
    pair: tuple[KeyPair, ...]
    ids: tuple[Identification, ...]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """After row 3: the result."""

    agreed: Agreed


# -- the rows --------------------------------------------------------------------------------------------------------


def offer(stage: Wanted) -> tuple[Offered, list[Payload]]:
    """Row 1, built by the initiator."""
    ground, tunnel = stage.ground, stage.tunnel
    group = stage.suites[0].group
    sa = offers.offer_phase2(stage.suites, ground.spi, ground.mode(tunnel), tunnel.lifetime, tunnel.lifebytes)
    pair = (ground.key_pair(group),) if group else ()
    rest: list[Payload] = [sa, Nonce(ground.nonce), *(KeyExchange(each.public) for each in pair)]
    rest += [selector_id(tunnel.local), selector_id(tunnel.remote), *_originals(ground, tunnel, Role.INITIATOR)]
    proof = keys.hash_1(ground.keys, ground.message_id, write_chain(rest))
    return Offered(stage, sa, pair), [HashPayload(proof), *rest]


def choose(stage: Open, message: Message) -> Asked:
    """Row 1, taken by the responder."""
    ground, chain = stage.ground, message.chain
    _check(chain, keys.hash_1(ground.keys, ground.message_id, chain.after_first()))
    sa, nonce, public = _sa_nonce_key(chain)
    if nonce == ground.nonce:
        raise Discard(DropReason.BAD_KEY, "our own nonce was sent back to us")
    ids = tuple(chain.all(Identification))
    tunnel = _asked_for(stage, ids)
    chosen = offers.choose_phase2(sa, tunnel.proposals, ground.mode(tunnel), ground.taken)
    assert chosen.suite is not None
    group = chosen.suite.group
    if (group is None) != (public is None):
        raise Abort(
            NotifyType.INVALID_KEY_INFORMATION,
            Cause.BAD_ANSWER,
            "the peer's proposal and its KE payload disagree about PFS",
        )
    pair = (ground.key_pair(group),) if group else ()
    shared = _shared(pair, public)
    agreed = _agree(ground, tunnel, chosen, nonce, ground.nonce, shared)
    return Asked(replace(agreed, originals=_seen(ground, tunnel, chain, Role.RESPONDER)), chosen, pair, ids)


def accept(stage: Asked) -> tuple[Asked, list[Payload]]:
    """Row 2, built by the responder: the transform exactly as it was offered, under our SPI."""
    agreed = stage.agreed
    ground, asked = agreed.ground, stage.offer.proposal
    proposal = Proposal(asked.number, ProtocolId.ESP, ground.spi, (stage.offer.transform,))
    rest: list[Payload] = [SecurityAssociation.of(proposal), Nonce(ground.nonce)]
    rest += [KeyExchange(each.public) for each in stage.pair]
    rest += stage.ids
    rest += _originals(ground, agreed.tunnel, Role.RESPONDER)
    ours = offers.Life(agreed.tunnel.lifetime, agreed.tunnel.lifebytes or 0)
    rest += lifetimes.notice(ProtocolId.ESP, ground.spi, agreed.life, ours)
    proof = keys.hash_2(ground.keys, ground.message_id, agreed.nonce_i, write_chain(rest))
    return stage, [HashPayload(proof), *rest]


def check_choice(stage: Offered, message: Message) -> Agreed:
    """Row 2, taken by the initiator."""
    ground, tunnel, chain = stage.wanted.ground, stage.wanted.tunnel, message.chain
    _check(chain, keys.hash_2(ground.keys, ground.message_id, ground.nonce, chain.after_first()))
    sa, nonce, public = _sa_nonce_key(chain)
    if nonce == ground.nonce:
        raise Discard(DropReason.BAD_KEY, "our own nonce was sent back to us")
    ids = chain.all(Identification)
    ours = [selector_id(tunnel.local), selector_id(tunnel.remote)]
    wanted = [_traffic(each) for each in ours]
    if ids and [_traffic(each) for each in ids] != wanted and not _translated(ground, tunnel, ids, wanted):
        raise Abort(
            NotifyType.INVALID_ID_INFORMATION,
            Cause.SELECTORS,
            "the peer answered with other selectors than we asked for",
            tuple(_id_text(each) for each in ids),
            tuple(_id_text(each) for each in ours),
        )
    chosen = offers.check_phase2(sa, stage.sa, stage.wanted.suites, ground.taken)
    if bool(stage.pair) != (public is not None):
        raise Abort(
            NotifyType.INVALID_KEY_INFORMATION, Cause.BAD_ANSWER, "the peer's KE payload does not fit the offer"
        )
    agreed = _agree(ground, tunnel, chosen, ground.nonce, nonce, _shared(stage.pair, public))
    notified = next((life for each in chain.all(Notify) if (life := lifetimes.read(each)) is not None), None)
    if notified is not None:
        agreed = replace(agreed, life=lifetimes.shorter(agreed.life, notified), notified=notified)
    return replace(agreed, originals=_seen(ground, tunnel, chain, Role.INITIATOR))


def confirm(stage: Agreed) -> tuple[Confirmed, list[Payload]]:
    """Row 3, built by the initiator."""
    return Confirmed(stage), [HashPayload(_hash_3(stage))]


def check_confirmation(stage: Asked, message: Message) -> Confirmed:
    """Row 3, taken by the responder."""
    _check(message.chain, _hash_3(stage.agreed))
    return Confirmed(stage.agreed)


def suites_by_group(tunnel: TunnelSpec) -> list[tuple[EspSuite, ...]]:
    """The tunnel's proposals cut into what one Quick Mode can offer, in order of preference."""
    groups = dict.fromkeys(suite.group for suite in tunnel.proposals)
    return [tuple(suite for suite in tunnel.proposals if suite.group == group) for group in groups]


# -- selectors -------------------------------------------------------------------------------------------------------


def selector_id(selector: Selector) -> Identification:
    """A selector as an ID payload: an address or a subnet (RFC 2407 section 4.6.2)."""
    network = selector.network
    if network.prefixlen == network.max_prefixlen:
        kind = IdType.IPV4_ADDR if network.version == 4 else IdType.IPV6_ADDR
        return Identification(kind, selector.protocol, selector.port, network.network_address.packed)
    kind = IdType.IPV4_ADDR_SUBNET if network.version == 4 else IdType.IPV6_ADDR_SUBNET
    data = network.network_address.packed + network.netmask.packed
    return Identification(kind, selector.protocol, selector.port, data)


def _traffic(identification: Identification) -> Selector | None:
    """The traffic that an ID payload means; None where it is none that we can carry."""
    data, half = identification.data, len(identification.data) // 2
    try:
        network: Network
        if identification.kind in (IdType.IPV4_ADDR, IdType.IPV6_ADDR):
            network = ip_network(data)
        elif identification.kind in (IdType.IPV4_ADDR_SUBNET, IdType.IPV6_ADDR_SUBNET):
            mask = int.from_bytes(data[half:])
            bits = half * 8
            prefix = mask.bit_count()
            if mask != ((1 << prefix) - 1) << (bits - prefix):
                return None
            network = ip_network((data[:half], prefix), strict=False)
        elif identification.kind in (IdType.IPV4_ADDR_RANGE, IdType.IPV6_ADDR_RANGE):
            first, last = ip_address(data[:half]), ip_address(data[half:])
            bits = (int(first) ^ int(last)).bit_length()
            network = ip_network((first, half * 8 - bits), strict=True)
            if network.broadcast_address != last:
                return None
        else:
            return None
    except ValueError:
        return None
    return Selector(network, identification.protocol, identification.port)


def _id_text(identification: Identification) -> str:
    traffic = _traffic(identification)
    return str(traffic) if traffic else f"ID type {identification.kind} {identification.data.hex()}"


def _asked_for(stage: Open, ids: tuple[Identification, ...]) -> TunnelSpec:
    """The tunnel whose selectors the peer asks for. Without IDs it asks for host to host (section 5.5)."""
    ground = stage.ground
    if ids:
        theirs, ours = _traffic(ids[0]), _traffic(ids[1])
        texts = tuple(_id_text(each) for each in ids)
    else:
        theirs, ours = Selector(ip_network(ground.remote)), Selector(ip_network(ground.local))
        texts = (str(theirs), str(ours))
    for tunnel in stage.tunnels:
        if tunnel.remote == theirs and tunnel.local == ours:
            return tunnel
    if ground.nat and theirs is not None and ours is not None and _hosts(theirs, ours):
        # in transport mode the packets have the outer addresses, which a NAT has changed under way
        theirs = replace(theirs, network=ip_network(ground.remote))
        ours = replace(ours, network=ip_network(ground.local))
        for tunnel in stage.tunnels:
            if _transport(tunnel) and tunnel.remote == theirs and tunnel.local == ours:
                return tunnel
    raise Abort(
        NotifyType.INVALID_ID_INFORMATION,
        Cause.SELECTORS,
        f"the peer asks for a tunnel between its {texts[0]} and our {texts[1]}, which is not configured",
        (f"{texts[1]} === {texts[0]}",),
        tuple(f"{tunnel.local} === {tunnel.remote}" for tunnel in stage.tunnels),
    )


def _transport(tunnel: TunnelSpec) -> bool:
    return tunnel.mode == "transport"


def _hosts(*selectors: Selector) -> bool:
    return all(each.network.prefixlen == each.network.max_prefixlen for each in selectors)


def _translated(
    ground: Ground, tunnel: TunnelSpec, ids: list[Identification], wanted: list[Selector | None]
) -> bool:
    """Whether the peer names the same traffic under the addresses that it sees behind a NAT."""
    if not (ground.nat and _transport(tunnel)) or len(ids) != len(wanted):
        return False
    pairs = [(_traffic(given), asked) for given, asked in zip(ids, wanted, strict=True)]
    return all(
        given is not None and asked is not None and _hosts(given)
        and (given.protocol, given.port) == (asked.protocol, asked.port)
        for given, asked in pairs
    )


def _originals(ground: Ground, tunnel: TunnelSpec, role: Role) -> list[Payload]:
    """In transport mode through a NAT each end tells which addresses its packets have when they leave, the initiator's
    first: the checksums of TCP and UDP are made with those (RFC 3947 section 5.2)."""
    if not (ground.nat and _transport(tunnel)):
        return []
    ends = (ground.local, ground.remote) if role is Role.INITIATOR else (ground.remote, ground.local)
    return [NatOriginalAddress(each, ground.draft) for each in ends]


def _seen(ground: Ground, tunnel: TunnelSpec, chain: Chain, role: Role) -> tuple[Address, Address] | None:
    """Source and destination of the peer's packets, from what it told; ``role`` is ours."""
    told = [each.address for each in chain.all(NatOriginalAddress)]
    if len(told) != 2 or not (ground.nat and _transport(tunnel)):
        return None
    initiator, responder = told
    return (responder, initiator) if role is Role.INITIATOR else (initiator, responder)


# -- shared by the rows ----------------------------------------------------------------------------------------------


def _check(chain: Chain, proof: bytes) -> None:
    given = chain.first(HashPayload)
    assert given is not None, "the ladder has checked it"
    if not hmac.compare_digest(given.data, proof):
        raise Discard(DropReason.BAD_HASH, "Quick Mode")


def _sa_nonce_key(chain: Chain) -> tuple[SecurityAssociation, bytes, bytes | None]:
    sa, nonce, key = chain.first(SecurityAssociation), chain.first(Nonce), chain.first(KeyExchange)
    assert sa is not None and nonce is not None, "the ladder has checked it"
    return sa, nonce.data, key.data if key else None


def _shared(pair: tuple[KeyPair, ...], public: bytes | None) -> Secret | None:
    if not pair or public is None:
        return None
    if public == pair[0].public:
        raise Discard(DropReason.BAD_KEY, "our own public value was sent back to us")
    try:
        return pair[0].shared(public)
    except BadPublicValue as error:
        raise Abort(NotifyType.INVALID_KEY_INFORMATION, Cause.BAD_ANSWER, str(error)) from error


def _agree(
    ground: Ground,
    tunnel: TunnelSpec,
    chosen: offers.Phase2Offer,
    nonce_i: bytes,
    nonce_r: bytes,
    shared: Secret | None,
) -> Agreed:
    suite = chosen.suite
    assert suite is not None

    def half(spi: bytes) -> EspKeys:
        size = suite.keymat_size
        return suite.cut(keys.keymat(ground.keys, size, ProtocolId.ESP, spi, nonce_i, nonce_r, shared))

    spi_out = chosen.proposal.spi
    return Agreed(
        ground, tunnel, suite, chosen.life, spi_out, nonce_i, nonce_r, half(ground.spi), half(spi_out)
    )


def _hash_3(agreed: Agreed) -> bytes:
    return keys.hash_3(agreed.ground.keys, agreed.ground.message_id, agreed.nonce_i, agreed.nonce_r)


def notes(row: Row, stage: object, chain: Chain | None) -> tuple[str, ...]:
    """Remarks on a row for the reader."""
    match stage:
        case Offered(sa=sa, wanted=wanted):
            texts = [offers.read_phase2(sa.proposals[0], each).text for each in sa.proposals[0].transforms]
            return (f"offers {', '.join(texts)}", f"{wanted.tunnel.local} === {wanted.tunnel.remote}")
        case Asked(agreed=agreed, offer=chosen) if row.number == 1:
            return (f"takes {chosen.text}", f"{agreed.tunnel.local} === {agreed.tunnel.remote}")
        case Agreed(suite=suite, ground=ground, spi_out=spi_out) if chain is not None:
            return (f"chose {suite}", f"SPI in {ground.spi.hex()} out {spi_out.hex()}")
        case Asked(agreed=agreed):
            return (f"chose {agreed.suite}", f"SPI in {agreed.ground.spi.hex()} out {agreed.spi_out.hex()}")
    return ()


QUICK_MODE = Exchange(
    "Quick Mode",
    ExchangeType.QUICK_MODE,
    LADDER,
    ((offer, choose), (accept, check_choice), (confirm, check_confirmation)),
    notes,
    responder_resends=True,
)
