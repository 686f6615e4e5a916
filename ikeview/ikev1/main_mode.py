"""Main Mode (RFC 2409 sections 5, 5.1 and 5.4): six messages, identities hidden."""

from dataclasses import dataclass, replace

from ikeview.core.facts import DropReason
from ikeview.core.ladder import Row, ladder
from ikeview.core.refusals import Discard
from ikeview.core.runner import Exchange, Message
from ikeview.core.specs import Role
from ikeview.crypto.groups import KeyPair
from ikeview.crypto.secret import Secret
from ikeview.ikev1 import offers
from ikeview.ikev1 import phase1_steps as steps
from ikeview.ikev1.authentication import Proof, Proved
from ikeview.ikev1.keys import Cookies
from ikeview.ikev1.phase1_steps import Authenticated, Chosen, Secured, Setup
from ikeview.wire.header import NO_COOKIE
from ikeview.wire.message import Chain
from ikeview.wire.numbers import ExchangeType
from ikeview.wire.payloads import Identification, KeyExchange, Nonce, Payload
from ikeview.wire.sa import SecurityAssociation

LADDER = ladder("""
    HDR, SA              -->
                         <--  HDR, SA
    HDR, KE, Ni          -->
                         <--  HDR, KE, Nr
    HDR*, IDii, HASH_I   -->
                         <--  HDR*, IDir, HASH_R
""")
"""With a pre-shared key (section 5.4)."""

SIGNED = ladder("""
    HDR, SA              -->
                         <--  HDR, SA
    HDR, KE, Ni          -->
                         <--  HDR, KE, Nr
    HDR*, IDii, [CERT,] SIG_I   -->
                         <--  HDR*, IDir, [CERT,] SIG_R
""")
"""With signatures (section 5.1)."""


# -- what is known after each row, besides the stages of phase1_steps ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offered:
    """The initiator after row 1."""

    setup: Setup
    sa: SecurityAssociation


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
class Claimed:
    """The initiator after row 5; the responder after it has taken row 5, with what the initiator has proved."""

    secured: Secured
    proved: Proved | None = None


# -- the rows --------------------------------------------------------------------------------------------------------


def offer(stage: Setup) -> tuple[Offered, list[Payload]]:
    """Row 1, built by the initiator."""
    candidate = stage.candidates[0]
    sa = offers.offer_phase1(candidate.suites, stage.lifetime, candidate.scheme)
    return Offered(stage, sa), [sa]


def choose(stage: Setup, message: Message) -> Chosen:
    """Row 1, taken by the responder."""
    cookies = Cookies(message.header.initiator_cookie, stage.cookie)
    return steps.choose(stage, cookies, message.chain, stage.candidates)


def accept(stage: Chosen) -> tuple[Chosen, list[Payload]]:
    """Row 2, built by the responder."""
    return stage, [steps.accepted(stage)]


def check_choice(stage: Offered, message: Message) -> Chosen:
    """Row 2, taken by the initiator."""
    if message.header.responder_cookie == NO_COOKIE:
        raise Discard(DropReason.BAD_PROPOSAL, "responder cookie is zero")
    cookies = Cookies(stage.setup.cookie, message.header.responder_cookie)
    return steps.check_choice(stage.setup, cookies, message.chain, stage.sa)


def send_key(stage: Chosen) -> tuple[Keyed, list[Payload]]:
    """Row 3, built by the initiator."""
    pair = stage.setup.key_pair(stage.suite.group)
    return Keyed(stage, pair), [KeyExchange(pair.public), Nonce(stage.setup.nonce)]


def take_key(stage: Chosen, message: Message) -> Answered:
    """Row 3, taken by the responder."""
    pair = stage.setup.key_pair(stage.suite.group)
    public, nonce = steps.key_and_nonce(message.chain, pair.public, stage.setup.nonce)
    return Answered(stage, pair, steps.shared_secret(pair, public), public, nonce)


def answer_key(stage: Answered) -> tuple[Secured, list[Payload]]:
    """Row 4, built by the responder."""
    chosen, public = stage.chosen, stage.pair.public
    secured = steps.secure(chosen, stage.shared, stage.public_i, public, stage.nonce_i, chosen.setup.nonce)
    return secured, [KeyExchange(public), Nonce(chosen.setup.nonce)]


def check_key(stage: Keyed, message: Message) -> Secured:
    """Row 4, taken by the initiator."""
    pair, nonce_i = stage.pair, stage.chosen.setup.nonce
    public, nonce_r = steps.key_and_nonce(message.chain, pair.public, nonce_i)
    return steps.secure(stage.chosen, steps.shared_secret(pair, public), pair.public, public, nonce_i, nonce_r)


def claim(stage: Secured) -> tuple[Claimed, list[Payload]]:
    """Row 5, built by the initiator."""
    candidate = stage.chosen.candidates[0]
    ours = steps.identification(candidate.local_id)
    return Claimed(stage), [ours, *steps.claim(stage, candidate, Role.INITIATOR, ours)]


def check_claim(stage: Secured, message: Message) -> Claimed:
    """Row 5, taken by the responder."""
    chain = message.chain
    return Claimed(stage, steps.check_claim(stage, Role.INITIATOR, chain, chain.body(Identification)))


def confirm(stage: Claimed) -> tuple[Authenticated, list[Payload]]:
    """Row 6, built by the responder."""
    assert stage.proved is not None, "row 5 has been taken"
    candidate = stage.proved.candidate
    ours = steps.identification(candidate.local_id)
    payloads = [ours, *steps.claim(stage.secured, candidate, Role.RESPONDER, ours)]
    return Authenticated(stage.secured, stage.proved), payloads


def check_confirmation(stage: Claimed, message: Message) -> Authenticated:
    """Row 6, taken by the initiator."""
    chain = message.chain
    proved = steps.check_claim(stage.secured, Role.RESPONDER, chain, chain.body(Identification))
    return Authenticated(stage.secured, proved)


def notes(row: Row, stage: object, chain: Chain | None) -> tuple[str, ...]:
    """Remarks on a row for the reader."""
    match stage:
        case Offered(sa=sa):
            return steps.offer_notes(sa)
        case Chosen() if row.number in (1, 2):
            return steps.choice_notes(stage, row.number)
        case Claimed(proved=proved) if proved is not None:
            return steps.proof_notes(proved)
        case Claimed(secured=secured):
            return (f"ID {secured.chosen.candidates[0].local_id}",)
        case Authenticated(proved=proved):
            return steps.proof_notes(proved) if chain is not None else (f"ID {proved.candidate.local_id}",)
    return ()


def refined(stage: object) -> Exchange | None:
    """The variant of a choice: the last two rows say how each end proves itself."""
    return variant(stage.scheme.initiator, stage.scheme.responder) if isinstance(stage, Chosen) else None


def variant(initiator: Proof, responder: Proof) -> Exchange:
    """Main Mode in which the ends prove themselves that way."""
    return _VARIANTS[initiator, responder]


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
    refined=refined,
)

_VARIANTS = {
    (first, second): replace(
        MAIN_MODE,
        ladder=(
            *LADDER[:4],
            (SIGNED if first is Proof.SIGNATURE else LADDER)[4],
            (SIGNED if second is Proof.SIGNATURE else LADDER)[5],
        ),
    )
    for first in Proof
    for second in Proof
}
