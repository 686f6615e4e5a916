"""Main Mode with a pre-shared key (RFC 2409 sections 5 and 5.4): six messages, identities hidden."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from ikeview.core.channel import Channel
from ikeview.core.facts import Cause, DropReason
from ikeview.core.identity import Identity, IdentityPattern
from ikeview.core.ladder import Row, ladder
from ikeview.core.refusals import Abort, Discard
from ikeview.core.runner import Exchange, Message
from ikeview.crypto.groups import BadPublicValue, Group, KeyPair
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import Phase1Suite
from ikeview.ikev1 import keys, offers
from ikeview.ikev1.keys import Cookies, Phase1Keys
from ikeview.wire.header import NO_COOKIE
from ikeview.wire.message import Chain
from ikeview.wire.numbers import ExchangeType, NotifyType
from ikeview.wire.payloads import HashPayload, Identification, KeyExchange, Nonce, Payload
from ikeview.wire.sa import Proposal, SecurityAssociation

LADDER = ladder("""
    HDR, SA              -->
                         <--  HDR, SA
    HDR, KE, Ni          -->
                         <--  HDR, KE, Nr
    HDR*, IDii, HASH_I   -->
                         <--  HDR*, IDir, HASH_R
""")


# -- what is known after each row, the later holding the earlier -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setup:
    """Before the first row: what we want and the chance that goes into it. ``cookie`` is ours."""

    cookie: bytes
    suites: tuple[Phase1Suite, ...]
    lifetime: float
    secret: Secret
    local_id: Identity
    remote_id: IdentityPattern
    nonce: bytes
    key_pair: Callable[[Group], KeyPair]


@dataclass(frozen=True, slots=True)
class Offered:
    """The initiator after row 1."""

    setup: Setup
    sa: SecurityAssociation


@dataclass(frozen=True, slots=True)
class Chosen:
    """Either side after row 1 or 2: ``sa_i`` is the body of the initiator's SA payload as it crossed the wire."""

    setup: Setup
    cookies: Cookies
    offer: offers.Phase1Offer
    suite: Phase1Suite
    sa_i: bytes


@dataclass(frozen=True, slots=True)
class Keyed:
    """The initiator after row 3."""

    chosen: Chosen
    pair: KeyPair


@dataclass(frozen=True, slots=True)
class Answered:
    """The responder after row 3: the peer's public value has been found good."""

    chosen: Chosen
    pair: KeyPair
    shared: Secret
    public_i: bytes
    nonce_i: bytes


@dataclass(frozen=True, slots=True)
class Secured:
    """Either side after row 4: both public values, so all keys."""

    chosen: Chosen
    keys: Phase1Keys
    public_i: bytes
    public_r: bytes
    channel: Channel


@dataclass(frozen=True, slots=True)
class Claimed:
    """The initiator after row 5, the responder after it has taken row 5: the initiator's identity, None to itself."""

    secured: Secured
    remote_id: Identity | None


@dataclass(frozen=True, slots=True)
class Authenticated:
    """After row 6: the result."""

    secured: Secured
    remote_id: Identity


# -- the rows --------------------------------------------------------------------------------------------------------


def offer(stage: Setup) -> tuple[Offered, list[Payload]]:
    """Row 1, built by the initiator."""
    sa = offers.offer_phase1(stage.suites, stage.lifetime)
    return Offered(stage, sa), [sa]


def choose(stage: Setup, message: Message) -> Chosen:
    """Row 1, taken by the responder."""
    sa = _sa(message.chain)
    chosen = offers.choose_phase1(sa, stage.suites)
    assert chosen.suite is not None
    cookies = Cookies(message.header.initiator_cookie, stage.cookie)
    return Chosen(stage, cookies, chosen, chosen.suite, message.chain.body(SecurityAssociation))


def accept(stage: Chosen) -> tuple[Chosen, list[Payload]]:
    """Row 2, built by the responder: the transform exactly as it was offered."""
    proposal = Proposal(1, 1, b"", (stage.offer.transform,))
    return stage, [SecurityAssociation.of(proposal)]


def check_choice(stage: Offered, message: Message) -> Chosen:
    """Row 2, taken by the initiator."""
    if message.header.responder_cookie == NO_COOKIE:
        raise Discard(DropReason.BAD_PROPOSAL, "responder cookie is zero")
    chosen = offers.check_phase1(_sa(message.chain), stage.sa)
    assert chosen.suite is not None
    cookies = Cookies(stage.setup.cookie, message.header.responder_cookie)
    return Chosen(stage.setup, cookies, chosen, chosen.suite, stage.sa.write())


def send_key(stage: Chosen) -> tuple[Keyed, list[Payload]]:
    """Row 3, built by the initiator."""
    pair = stage.setup.key_pair(stage.suite.group)
    return Keyed(stage, pair), [KeyExchange(pair.public), Nonce(stage.setup.nonce)]


def take_key(stage: Chosen, message: Message) -> Answered:
    """Row 3, taken by the responder."""
    pair = stage.setup.key_pair(stage.suite.group)
    public, nonce = _key_and_nonce(message.chain, pair, stage.setup.nonce)
    return Answered(stage, pair, _shared(pair, public), public, nonce)


def answer_key(stage: Answered) -> tuple[Secured, list[Payload]]:
    """Row 4, built by the responder."""
    chosen = stage.chosen
    secured = _secure(
        chosen, stage.shared, stage.public_i, stage.pair.public, stage.nonce_i, chosen.setup.nonce
    )
    return secured, [KeyExchange(stage.pair.public), Nonce(chosen.setup.nonce)]


def check_key(stage: Keyed, message: Message) -> Secured:
    """Row 4, taken by the initiator."""
    pair, setup = stage.pair, stage.chosen.setup
    public, nonce = _key_and_nonce(message.chain, pair, setup.nonce)
    return _secure(stage.chosen, _shared(pair, public), pair.public, public, setup.nonce, nonce)


def claim(stage: Secured) -> tuple[Claimed, list[Payload]]:
    """Row 5, built by the initiator."""
    setup = stage.chosen.setup
    identification = _identification(setup.local_id)
    proof = _hash_i(stage, identification.write())
    return Claimed(stage, None), [identification, HashPayload(proof)]


def check_claim(stage: Secured, message: Message) -> Claimed:
    """Row 5, taken by the responder."""
    body = message.chain.body(Identification)
    return Claimed(stage, _authenticated(stage, message.chain, _hash_i(stage, body)))


def confirm(stage: Claimed) -> tuple[Authenticated, list[Payload]]:
    """Row 6, built by the responder."""
    identification = _identification(stage.secured.chosen.setup.local_id)
    proof = _hash_r(stage.secured, identification.write())
    assert stage.remote_id is not None
    return Authenticated(stage.secured, stage.remote_id), [identification, HashPayload(proof)]


def check_confirmation(stage: Claimed, message: Message) -> Authenticated:
    """Row 6, taken by the initiator."""
    secured = stage.secured
    body = message.chain.body(Identification)
    return Authenticated(secured, _authenticated(secured, message.chain, _hash_r(secured, body)))


# -- shared by the rows ----------------------------------------------------------------------------------------------


def _sa(chain: Chain) -> SecurityAssociation:
    sa = chain.first(SecurityAssociation)
    assert sa is not None, "the ladder has checked it"
    return sa


def _key_and_nonce(chain: Chain, pair: KeyPair, our_nonce: bytes) -> tuple[bytes, bytes]:
    key, nonce = chain.first(KeyExchange), chain.first(Nonce)
    assert key is not None and nonce is not None, "the ladder has checked it"
    if key.data == pair.public or nonce.data == our_nonce:
        raise Discard(DropReason.BAD_KEY, "our own value was sent back to us")
    return key.data, nonce.data


def _shared(pair: KeyPair, public: bytes) -> Secret:
    try:
        return pair.shared(public)
    except BadPublicValue as error:
        raise Discard(DropReason.BAD_KEY, str(error)) from error


def _secure(
    chosen: Chosen, shared: Secret, public_i: bytes, public_r: bytes, nonce_i: bytes, nonce_r: bytes
) -> Secured:
    suite = chosen.suite
    skeyid = keys.skeyid_psk(suite.hash, chosen.setup.secret, nonce_i, nonce_r)
    phase1 = keys.derive_phase1(suite.hash, suite.cipher, skeyid, shared, chosen.cookies)
    iv = keys.initial_iv(suite.hash, suite.cipher, public_i, public_r)
    return Secured(chosen, phase1, public_i, public_r, phase1.channel(iv))


def _identification(identity: Identity) -> Identification:
    return Identification(identity.kind, 0, 0, identity.data)


def _hash_i(stage: Secured, id_body: bytes) -> bytes:
    chosen = stage.chosen
    return keys.hash_i(stage.keys, stage.public_i, stage.public_r, chosen.cookies, chosen.sa_i, id_body)


def _hash_r(stage: Secured, id_body: bytes) -> bytes:
    chosen = stage.chosen
    return keys.hash_r(stage.keys, stage.public_i, stage.public_r, chosen.cookies, chosen.sa_i, id_body)


def _authenticated(stage: Secured, chain: Chain, proof: bytes) -> Identity:
    """The peer's identity, once its hash has proved it and the configuration allows it."""
    identification, given = chain.first(Identification), chain.first(HashPayload)
    assert identification is not None and given is not None, "the ladder has checked it"
    if not hmac.compare_digest(given.data, proof):
        raise Discard(DropReason.BAD_HASH, "the peer does not know the same pre-shared key")
    identity = Identity(identification.kind, identification.data)
    expected = stage.chosen.setup.remote_id
    if not expected.matches(identity):
        raise Abort(
            NotifyType.INVALID_ID_INFORMATION,
            Cause.IDENTITY,
            f"the peer calls itself {identity}, the configuration says {expected}",
            (str(identity),),
            (str(expected),),
        )
    return identity


def notes(row: Row, stage: object, chain: Chain | None) -> tuple[str, ...]:
    """Remarks on a row for the reader."""
    match stage:
        case Offered(sa=sa):
            texts = [offers.read_phase1(each).text for each in sa.proposals[0].transforms]
            return (f"offers {', '.join(texts)}",)
        case Chosen(offer=chosen) if row.number in (1, 2):
            return (f"{'chose' if row.number == 2 else 'takes'} {chosen.text}", f"life {chosen.life.seconds:.0f}s")
        case Claimed(secured=secured, remote_id=remote_id):
            identity = secured.chosen.setup.local_id if chain is None else remote_id
            return (f"ID {identity}",)
        case Authenticated(secured=secured, remote_id=remote_id):
            identity = secured.chosen.setup.local_id if chain is None else remote_id
            return (f"ID {identity}",)
    return ()


MAIN_MODE = Exchange(
    "Main Mode",
    ExchangeType.MAIN_MODE,
    LADDER,
    (
        (offer, choose),
        (accept, check_choice),
        (send_key, take_key),
        (answer_key, check_key),
        (claim, check_claim),
        (confirm, check_confirmation),
    ),
    notes,
    responder_resends=False,
)
