"""What Main Mode and Aggressive Mode have in common: their stages and the keys (RFC 2409 section 5)."""

from collections.abc import Callable
from dataclasses import dataclass

from ikeview.core.channel import Channel
from ikeview.core.facts import DropReason
from ikeview.core.identity import Identity
from ikeview.core.refusals import Discard
from ikeview.core.specs import Role
from ikeview.crypto.certificates import Judged
from ikeview.crypto.groups import BadPublicValue, Group, KeyPair
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import Phase1Suite
from ikeview.ikev1 import keys, offers
from ikeview.ikev1.authentication import Candidate, Proved, Scheme, check_proof, name_text, prove
from ikeview.ikev1.keys import Cookies, Phase1Keys
from ikeview.wire.message import Chain
from ikeview.wire.payloads import Identification, KeyExchange, Nonce, Payload
from ikeview.wire.sa import Proposal, SecurityAssociation


@dataclass(frozen=True, slots=True)
class Setup:
    """Before the first row: what we want and the chance that goes into it. ``cookie`` is ours; an initiator has one
    candidate; ``wall`` is UTC seconds since 1970, for certificates."""

    cookie: bytes
    candidates: tuple[Candidate, ...]
    lifetime: float
    nonce: bytes
    key_pair: Callable[[Group], KeyPair]
    wall: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """Either side once a transform is chosen: ``sa_i`` is the body of the initiator's SA payload as it crossed the
    wire, ``candidates`` are those whose configuration allows the transform."""

    setup: Setup
    candidates: tuple[Candidate, ...]
    cookies: Cookies
    offer: offers.Phase1Offer
    suite: Phase1Suite
    sa_i: bytes

    @property
    def scheme(self) -> Scheme:
        """How both ends prove themselves."""
        return self.candidates[0].scheme


@dataclass(frozen=True, slots=True)
class Secured:
    """Either side with both public values, so with all keys."""

    chosen: Chosen
    keys: Phase1Keys
    public_i: bytes
    public_r: bytes
    channel: Channel


@dataclass(frozen=True, slots=True)
class Authenticated:
    """After the last row: the result."""

    secured: Secured
    proved: Proved

    @property
    def chosen(self) -> Chosen:
        """What was chosen."""
        return self.secured.chosen

    @property
    def remote_id(self) -> Identity:
        """The peer's identity."""
        return self.proved.identity

    @property
    def judged(self) -> Judged | None:
        """The peer's certificate, if it has proved itself by one."""
        return self.proved.judged


def sa_of(chain: Chain) -> SecurityAssociation:
    """The SA payload."""
    sa = chain.first(SecurityAssociation)
    assert sa is not None, "the ladder has checked it"
    return sa


def choose(setup: Setup, cookies: Cookies, chain: Chain, candidates: tuple[Candidate, ...]) -> Chosen:
    """The responder's choice. Raises ``Abort``."""
    chosen, allowing = offers.choose_phase1(sa_of(chain), candidates)
    assert chosen.suite is not None
    return Chosen(setup, allowing, cookies, chosen, chosen.suite, chain.body(SecurityAssociation))


def accepted(chosen: Chosen) -> SecurityAssociation:
    """The answer to an offer: the transform exactly as it was offered."""
    return SecurityAssociation.of(Proposal(1, 1, b"", (chosen.offer.transform,)))


def check_choice(setup: Setup, cookies: Cookies, chain: Chain, sa: SecurityAssociation) -> Chosen:
    """The peer's choice among ``sa``, which we offered. Raises ``Discard``."""
    chosen = offers.check_phase1(sa_of(chain), sa)
    assert chosen.suite is not None
    return Chosen(setup, setup.candidates, cookies, chosen, chosen.suite, sa.write())


def key_and_nonce(chain: Chain, our_public: bytes, our_nonce: bytes) -> tuple[bytes, bytes]:
    """The peer's public value and nonce. Raises ``Discard`` where they are our own, sent back to us."""
    key, nonce = chain.first(KeyExchange), chain.first(Nonce)
    assert key is not None and nonce is not None, "the ladder has checked it"
    if key.data == our_public or nonce.data == our_nonce:
        raise Discard(DropReason.BAD_KEY, "our own value was sent back to us")
    return key.data, nonce.data


def shared_secret(pair: KeyPair, public: bytes) -> Secret:
    """g^xy. Raises ``Discard``."""
    try:
        return pair.shared(public)
    except BadPublicValue as error:
        raise Discard(DropReason.BAD_KEY, str(error)) from error


def secure(
    chosen: Chosen, shared: Secret, public_i: bytes, public_r: bytes, nonce_i: bytes, nonce_r: bytes
) -> Secured:
    """All keys of phase 1."""
    suite, candidate = chosen.suite, chosen.candidates[0]
    if candidate.scheme.method.shared_secret:
        assert candidate.secret is not None, "the settings have seen to it"
        skeyid = keys.skeyid_psk(suite.hash, candidate.secret, nonce_i, nonce_r)
    else:
        skeyid = keys.skeyid_signature(suite.hash, shared, nonce_i, nonce_r)
    phase1 = keys.derive_phase1(suite.hash, suite.cipher, skeyid, shared, chosen.cookies)
    iv = keys.initial_iv(suite.hash, suite.cipher, public_i, public_r)
    return Secured(chosen, phase1, public_i, public_r, phase1.channel(iv))


def identification(identity: Identity) -> Identification:
    """An identity as an ID payload; protocol and port are 0 (RFC 2407 section 4.6.2)."""
    return Identification(identity.kind, 0, 0, identity.data)


def claim(secured: Secured, candidate: Candidate, role: Role, ours: Identification) -> list[Payload]:
    """The payloads by which we, in that role, prove the identity ``ours``."""
    return prove(candidate, role, _digest(secured, role, ours.write()))


def check_claim(secured: Secured, role: Role, chain: Chain, id_body: bytes) -> Proved:
    """The peer, which has that role, once it has proved the identity in ``id_body`` (as it crossed the wire) and the
    configuration allows it. Raises ``Discard`` or ``Abort``."""
    chosen = secured.chosen
    identity = Identity(id_body[0], id_body[4:])
    digest = _digest(secured, role, id_body)
    return check_proof(chosen.candidates, role, chain, identity, digest, chosen.setup.wall)


def identity_of(chain: Chain) -> Identity:
    """The identity in the ID payload."""
    found = chain.first(Identification)
    assert found is not None, "the ladder has checked it"
    return Identity(found.kind, found.data)


def _digest(secured: Secured, role: Role, id_body: bytes) -> bytes:
    """HASH_I or HASH_R, whichever that role proves itself by."""
    chosen = secured.chosen
    of = keys.hash_i if role is Role.INITIATOR else keys.hash_r
    return of(
        secured.keys, secured.public_i, secured.public_r, chosen.cookies, chosen.sa_i, id_body,
        chosen.scheme.hash(chosen.suite),
    )


def offer_notes(sa: SecurityAssociation) -> tuple[str, ...]:
    """What an offer offers, for the reader."""
    return (f"offers {', '.join(offers.read_phase1(each).text for each in sa.proposals[0].transforms)}",)


def choice_notes(chosen: Chosen, row: int) -> tuple[str, ...]:
    """What was chosen, for the reader."""
    return (f"{'chose' if row == 2 else 'takes'} {chosen.offer.text}", f"life {chosen.offer.life.seconds:.0f}s")


def proof_notes(proved: Proved) -> tuple[str, ...]:
    """Whom the peer has proved to be."""
    found = (f"ID {proved.identity}",)
    if proved.judged is None:
        return found
    return (*found, f"certificate of {name_text(proved.judged.path[0].subject)}")
