"""Aggressive Mode (RFC 2409 sections 5, 5.1 and 5.4): three messages, identities in clear.

With a pre-shared key the responder's HASH_R goes in clear to whoever asks, and can be tried against a list of
passwords at leisure: ikeview answers only where the configuration says so.
"""

from dataclasses import dataclass, replace

from ikeview.core.facts import Cause, DropReason
from ikeview.core.ladder import Row, ladder
from ikeview.core.refusals import Abort, Discard
from ikeview.core.runner import Exchange, Message
from ikeview.core.specs import Role
from ikeview.crypto.groups import KeyPair
from ikeview.crypto.secret import Secret
from ikeview.ikev1 import offers
from ikeview.ikev1 import phase1_steps as steps
from ikeview.ikev1.authentication import Candidate, Proof, Proved
from ikeview.ikev1.keys import Cookies
from ikeview.ikev1.phase1_steps import Authenticated, Chosen, Secured, Setup
from ikeview.wire.header import NO_COOKIE
from ikeview.wire.message import Chain
from ikeview.wire.numbers import ExchangeType, NotifyType
from ikeview.wire.payloads import Identification, KeyExchange, Nonce, Payload
from ikeview.wire.sa import SecurityAssociation

# the RFC has the last row in clear; everybody encrypts it, and takes both
LADDER = ladder("""
    HDR, SA, KE, Ni, IDii   -->
                            <--  HDR, SA, KE, Nr, IDir, HASH_R
    HDR[*], HASH_I          -->
""")
"""With a pre-shared key (section 5.4)."""

SIGNED = ladder("""
    HDR, SA, KE, Ni, IDii   -->
                            <--  HDR, SA, KE, Nr, IDir, [CERT,] SIG_R
    HDR[*], [CERT,] SIG_I   -->
""")
"""With signatures (section 5.1)."""


# -- what is known after each row, besides the stages of phase1_steps ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offered:
    """The initiator after row 1."""

    setup: Setup
    sa: SecurityAssociation
    pair: KeyPair


@dataclass(frozen=True, slots=True)
class Asked:
    """The responder after row 1: the peer's public value has been found good. ``id_body`` is what it calls itself, as
    it crossed the wire, not proved yet."""

    chosen: Chosen
    pair: KeyPair
    shared: Secret
    public_i: bytes
    nonce_i: bytes
    id_body: bytes

    @property
    def scheme_proofs(self) -> tuple[Proof, Proof]:
        """How the ends prove themselves."""
        return self.chosen.scheme.initiator, self.chosen.scheme.responder


@dataclass(frozen=True, slots=True)
class Answered:
    """The responder after row 2."""

    secured: Secured
    id_body: bytes

    @property
    def chosen(self) -> Chosen:
        """What was chosen."""
        return self.secured.chosen

    @property
    def channel(self) -> object:
        """For row 3, should it be encrypted."""
        return self.secured.channel


@dataclass(frozen=True, slots=True)
class Proven:
    """The initiator after row 2: the responder has proved itself."""

    secured: Secured
    proved: Proved

    @property
    def chosen(self) -> Chosen:
        """What was chosen."""
        return self.secured.chosen

    @property
    def channel(self) -> object:
        """For row 3."""
        return self.secured.channel


# -- the rows --------------------------------------------------------------------------------------------------------


def offer(stage: Setup) -> tuple[Offered, list[Payload]]:
    """Row 1, built by the initiator: one group, for the public value comes along."""
    candidate = stage.candidates[0]
    group = candidate.suites[0].group
    fitting = tuple(each for each in candidate.suites if each.group == group)
    sa = offers.offer_phase1(fitting, stage.lifetime, candidate.scheme)
    pair = stage.key_pair(group)
    ours = steps.identification(candidate.local_id)
    return Offered(stage, sa, pair), [sa, KeyExchange(pair.public), Nonce(stage.nonce), ours]


def choose(stage: Setup, message: Message) -> Asked:
    """Row 1, taken by the responder: among the candidates that may have the identity."""
    chain, cookies = message.chain, Cookies(message.header.initiator_cookie, stage.cookie)
    chosen = steps.choose(stage, cookies, chain, _named(stage.candidates, chain))
    pair = stage.key_pair(chosen.suite.group)
    public, nonce = steps.key_and_nonce(chain, pair.public, stage.nonce)
    return Asked(chosen, pair, steps.shared_secret(pair, public), public, nonce, chain.body(Identification))


def answer(stage: Asked) -> tuple[Answered, list[Payload]]:
    """Row 2, built by the responder."""
    chosen, public = stage.chosen, stage.pair.public
    nonce = chosen.setup.nonce
    secured = steps.secure(chosen, stage.shared, stage.public_i, public, stage.nonce_i, nonce)
    candidate = chosen.candidates[0]
    ours = steps.identification(candidate.local_id)
    payloads: list[Payload] = [steps.accepted(chosen), KeyExchange(public), Nonce(nonce), ours]
    return Answered(secured, stage.id_body), payloads + steps.claim(secured, candidate, Role.RESPONDER, ours)


def check_answer(stage: Offered, message: Message) -> Proven:
    """Row 2, taken by the initiator."""
    setup, pair, chain = stage.setup, stage.pair, message.chain
    if message.header.responder_cookie == NO_COOKIE:
        raise Discard(DropReason.BAD_PROPOSAL, "responder cookie is zero")
    cookies = Cookies(setup.cookie, message.header.responder_cookie)
    chosen = steps.check_choice(setup, cookies, chain, stage.sa)
    public, nonce = steps.key_and_nonce(chain, pair.public, setup.nonce)
    secured = steps.secure(chosen, steps.shared_secret(pair, public), pair.public, public, setup.nonce, nonce)
    return Proven(secured, steps.check_claim(secured, Role.RESPONDER, chain, chain.body(Identification)))


def claim(stage: Proven) -> tuple[Authenticated, list[Payload]]:
    """Row 3, built by the initiator."""
    candidate = stage.chosen.candidates[0]
    ours = steps.identification(candidate.local_id)
    return Authenticated(stage.secured, stage.proved), steps.claim(stage.secured, candidate, Role.INITIATOR, ours)


def check_claim(stage: Answered, message: Message) -> Authenticated:
    """Row 3, taken by the responder."""
    proved = steps.check_claim(stage.secured, Role.INITIATOR, message.chain, stage.id_body)
    return Authenticated(stage.secured, proved)


def _named(candidates: tuple[Candidate, ...], chain: Chain) -> tuple[Candidate, ...]:
    """Those that may have the identity, which nobody has proved yet, and that are answered at all. Raises
    ``Abort``."""
    identity = steps.identity_of(chain)
    answered = tuple(
        each for each in candidates if each.aggressive_psk or each.scheme.responder is Proof.SIGNATURE
    )
    if not answered:
        raise Abort(
            NotifyType.AUTHENTICATION_FAILED,
            Cause.REFUSED,
            "Aggressive Mode with a pre-shared key is not answered: whoever asks would get a hash to try passwords on; "
            "if it must be, set auth.aggressive_psk = true",
        )
    candidates = answered
    found = tuple(each for each in candidates if each.remote_id is None or each.remote_id.matches(identity))
    if not found:
        expected = tuple(str(each.remote_id) for each in candidates)
        raise Abort(
            NotifyType.INVALID_ID_INFORMATION,
            Cause.IDENTITY,
            f"the peer calls itself {identity}, the configuration says {', '.join(expected)}",
            (str(identity),),
            expected,
        )
    return found


def notes(row: Row, stage: object, chain: Chain | None) -> tuple[str, ...]:
    """Remarks on a row for the reader."""
    match stage:
        case Offered(sa=sa, setup=setup):
            return (*steps.offer_notes(sa), f"ID {setup.candidates[0].local_id} in clear")
        case Asked(chosen=chosen):
            assert chain is not None, "it was taken"
            return (*steps.choice_notes(chosen, 1), f"ID {steps.identity_of(chain)} in clear")
        case Answered(secured=secured):
            return (*steps.choice_notes(secured.chosen, 2), f"ID {secured.chosen.candidates[0].local_id} in clear")
        case Proven(secured=secured, proved=proved):
            return (*steps.choice_notes(secured.chosen, 2), *steps.proof_notes(proved))
        case Authenticated(proved=proved) if chain is not None:
            return steps.proof_notes(proved)
    return ()


def refined(stage: object) -> Exchange | None:
    """The variant of a choice: the last two rows say how each end proves itself."""
    return variant(*stage.scheme_proofs) if isinstance(stage, Asked) else None


def variant(initiator: Proof, responder: Proof) -> Exchange:
    """Aggressive Mode in which the ends prove themselves that way."""
    return _VARIANTS[initiator, responder]


AGGRESSIVE_MODE = Exchange(
    "Aggressive Mode",
    ExchangeType.AGGRESSIVE,
    LADDER,
    ((offer, choose), (answer, check_answer), (claim, check_claim)),
    notes,
    responder_resends=False,
    refined=refined,
)

_VARIANTS = {
    (first, second): replace(
        AGGRESSIVE_MODE,
        ladder=(
            LADDER[0],
            (SIGNED if second is Proof.SIGNATURE else LADDER)[1],
            (SIGNED if first is Proof.SIGNATURE else LADDER)[2],
        ),
    )
    for first in Proof
    for second in Proof
}
