"""Suites as transforms and back, for both phases (RFC 2409 appendix A, RFC 2407 sections 4.4 and 4.5)."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from ikeview.core.facts import Cause, DropReason
from ikeview.core.refusals import Abort, Discard
from ikeview.crypto.ciphers import CIPHERS
from ikeview.crypto.esp import ESP_CIPHERS, INTEGRITIES
from ikeview.crypto.groups import GROUPS_BY_NUMBER
from ikeview.crypto.hashes import HASHES
from ikeview.crypto.suites import EspSuite, Phase1Suite
from ikeview.ikev1.authentication import SCHEMES, Candidate, Scheme, scheme_name
from ikeview.wire.attributes import Attribute
from ikeview.wire.numbers import (
    IPSEC_DOI,
    KEY_IKE,
    SIT_IDENTITY_ONLY,
    AuthenticationMethod,
    EncapsulationMode,
    EspAttribute,
    LifeType,
    NotifyType,
    Phase1Attribute,
    ProtocolId,
)
from ikeview.wire.sa import Proposal, SecurityAssociation, Transform

KILOBYTE = 1000
"""Octets in the kilobyte of a byte lifetime; some peers mean 1,024, which the rekey margin covers."""


@dataclass(frozen=True, slots=True)
class Life:
    """A lifetime as it stands in a transform: seconds and octets, 0 where none is given."""

    seconds: float = 0.0
    octets: int = 0


@dataclass(frozen=True, slots=True)
class Phase1Offer:
    """A phase 1 transform as read: ``suite`` is None where something in it is unknown here."""

    transform: Transform
    suite: Phase1Suite | None
    authentication: int
    life: Life
    text: str


@dataclass(frozen=True, slots=True)
class Phase2Offer:
    """A phase 2 transform as read, with the SPI of its proposal; ``mode`` 0: it names none."""

    proposal: Proposal
    transform: Transform
    suite: EspSuite | None
    mode: int
    life: Life
    name: str

    @property
    def text(self) -> str:
        """For the reader; the mode is said where it is not the usual one."""
        return self.name if _mode_base(self.mode) in (0, EncapsulationMode.TUNNEL) else self.whole

    @property
    def whole(self) -> str:
        """With the mode in any case."""
        return f"{self.name} {mode_name(self.mode)}"


# -- phase 1 -------------------------------------------------------------------------------------------------------


def phase1_transform(number: int, suite: Phase1Suite, scheme: Scheme, lifetime: float) -> Transform:
    """A suite with a way to prove oneself as a transform."""
    of = Attribute.of
    attributes = [of(Phase1Attribute.ENCRYPTION, suite.cipher.ike_id)]
    if suite.cipher.key_length:
        attributes.append(of(Phase1Attribute.KEY_LENGTH, suite.cipher.key_length))
    attributes += [
        of(Phase1Attribute.HASH, suite.hash.ike_id),
        of(Phase1Attribute.GROUP_DESCRIPTION, suite.group.number),
        of(Phase1Attribute.AUTHENTICATION_METHOD, scheme.number),
        of(Phase1Attribute.LIFE_TYPE, LifeType.SECONDS),
        of(Phase1Attribute.LIFE_DURATION, int(lifetime)),
    ]
    return Transform(number, KEY_IKE, tuple(attributes))


def offer_phase1(
    suites: tuple[Phase1Suite, ...], lifetime: float, scheme: Scheme = SCHEMES[0]
) -> SecurityAssociation:
    """All suites in order of preference."""
    transforms = tuple(phase1_transform(index, suite, scheme, lifetime) for index, suite in enumerate(suites, 1))
    return SecurityAssociation.of(Proposal(1, ProtocolId.ISAKMP, b"", transforms))


def read_phase1(transform: Transform) -> Phase1Offer:
    """What a phase 1 transform means."""
    get = transform.get
    cipher = _cipher(get(Phase1Attribute.ENCRYPTION), get(Phase1Attribute.KEY_LENGTH))
    hash_ = next((each for each in HASHES.values() if each.ike_id == get(Phase1Attribute.HASH)), None)
    group = GROUPS_BY_NUMBER.get(get(Phase1Attribute.GROUP_DESCRIPTION) or 0)
    authentication = get(Phase1Attribute.AUTHENTICATION_METHOD) or 0
    words = (
        cipher or _numbered("cipher", get(Phase1Attribute.ENCRYPTION), get(Phase1Attribute.KEY_LENGTH)),
        hash_.name if hash_ else _numbered("hash", get(Phase1Attribute.HASH)),
        group.name if group else _numbered("group", get(Phase1Attribute.GROUP_DESCRIPTION)),
    )
    text = "-".join(words)
    if authentication != AuthenticationMethod.PSK:
        text += f" with {_authentication(authentication)}"
    whole = cipher and hash_ and group and transform.transform_id == KEY_IKE and not _repeats(transform)
    suite = Phase1Suite(CIPHERS[cipher], hash_, group) if whole and cipher and hash_ and group else None
    life = _life(transform, Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION)
    return Phase1Offer(transform, suite, authentication, life, text)


def choose_phase1(
    sa: SecurityAssociation, candidates: tuple[Candidate, ...]
) -> tuple[Phase1Offer, tuple[Candidate, ...]]:
    """The first of the peer's transforms that one of the candidates allows, and all candidates that do. Raises
    ``Abort``."""
    _check_doi(sa)
    offers = [
        read_phase1(each) for proposal in sa.proposals if proposal.protocol == ProtocolId.ISAKMP
        for each in proposal.transforms
    ]
    for offer in offers:
        allowing = tuple(
            each for each in candidates if offer.suite in each.suites and offer.authentication == each.scheme.number
        )
        if allowing:
            return offer, allowing
    expected = dict.fromkeys(_with_scheme(str(suite), each.scheme) for each in candidates for suite in each.suites)
    raise Abort(
        NotifyType.NO_PROPOSAL_CHOSEN,
        Cause.NO_PROPOSAL,
        "none of the peer's phase 1 proposals is allowed here",
        tuple(offer.text for offer in offers),
        tuple(expected),
    )


def _with_scheme(suite: str, scheme: Scheme) -> str:
    return suite if scheme.number == AuthenticationMethod.PSK else f"{suite} with {scheme_name(scheme.number)}"


def check_phase1(sa: SecurityAssociation, offered: SecurityAssociation) -> Phase1Offer:
    """The peer's choice, which must be one of our transforms but for its lifetime. Raises ``Discard``: this message is
    not authenticated yet, the true one may follow."""
    chosen = _single(sa)
    offer = read_phase1(chosen.transforms[0])
    ours = [_core(each, _PHASE1_LIFE) for each in offered.proposals[0].transforms]
    if chosen.protocol != ProtocolId.ISAKMP or offer.suite is None or _core(offer.transform, _PHASE1_LIFE) not in ours:
        raise Discard(DropReason.BAD_PROPOSAL, f"peer chose {offer.text}, which was not offered")
    return offer


# -- phase 2 -------------------------------------------------------------------------------------------------------


def encapsulation_mode(*, transport: bool, in_udp: bool, draft: bool) -> EncapsulationMode:
    """The number of a mode (RFC 2407 section 4.5, RFC 3947 section 5.1 and as its drafts had it)."""
    if not in_udp:
        return EncapsulationMode.TRANSPORT if transport else EncapsulationMode.TUNNEL
    if draft:
        return EncapsulationMode.UDP_TRANSPORT_DRAFT if transport else EncapsulationMode.UDP_TUNNEL_DRAFT
    return EncapsulationMode.UDP_TRANSPORT if transport else EncapsulationMode.UDP_TUNNEL


def offer_phase2(
    suites: tuple[EspSuite, ...], spi: bytes, mode: EncapsulationMode, lifetime: float, lifebytes: int | None
) -> SecurityAssociation:
    """The suites as the transforms of one ESP proposal. All have the same group or none: there is one KE payload
    (RFC 2409 section 5.5)."""
    of = Attribute.of
    transforms = []
    for number, suite in enumerate(suites, 1):
        attributes = life_attributes(ProtocolId.ESP, lifetime, lifebytes or 0)
        attributes.append(of(EspAttribute.ENCAPSULATION_MODE, mode))
        if suite.integrity:
            attributes.append(of(EspAttribute.AUTHENTICATION, suite.integrity.attribute_id))
        if suite.cipher.key_length:
            attributes.append(of(EspAttribute.KEY_LENGTH, suite.cipher.key_length))
        if suite.group:
            attributes.append(of(EspAttribute.GROUP_DESCRIPTION, suite.group.number))
        if suite.esn:
            attributes.append(of(EspAttribute.ESN, _ESN))
        transforms.append(Transform(number, suite.cipher.transform_id, tuple(attributes)))
    return SecurityAssociation.of(Proposal(1, ProtocolId.ESP, spi, tuple(transforms)))


def read_phase2(proposal: Proposal, transform: Transform, known: tuple[EspSuite, ...] = ()) -> Phase2Offer:
    """What a phase 2 transform means: one of the ``known`` suites, for some look the same on the wire, else any."""
    get = transform.get
    key_length, authentication, group_number, esn = (
        get(EspAttribute.KEY_LENGTH), get(EspAttribute.AUTHENTICATION), get(EspAttribute.GROUP_DESCRIPTION),
        get(EspAttribute.ESN),
    )
    cipher = next(
        (
            each
            for each in ESP_CIPHERS.values()
            if each.transform_id == transform.transform_id
            and _key_length_fits(each.key_length, key_length)
        ),
        None,
    )
    integrity = next((each for each in INTEGRITIES.values() if each.attribute_id == authentication), None)
    group = GROUPS_BY_NUMBER.get(group_number or 0)
    words = [cipher.name if cipher else _numbered("transform", transform.transform_id, key_length)]
    if authentication:
        words.append(integrity.name if integrity else _numbered("integrity", authentication))
    if group_number:
        words.append(group.name if group else _numbered("group", group_number))
    if esn:
        words.append("esn" if esn == _ESN else _numbered("sequence numbers", esn))
    whole = (
        cipher is not None
        and cipher.aead == (not authentication)
        and (integrity is not None or not authentication)
        and (group is not None or not group_number)
        and esn in (None, 0, _ESN)
        and proposal.protocol == ProtocolId.ESP
        and len(proposal.spi) == 4
        and not _repeats(transform)
    )
    suite = EspSuite(cipher, integrity, group, esn == _ESN) if whole and cipher else None
    name = "-".join(words)
    if suite is not None:
        suite = next((each for each in known if _same_on_the_wire(each, suite)), suite)
        name = str(suite)
    life = _life(transform, EspAttribute.LIFE_TYPE, EspAttribute.LIFE_DURATION)
    return Phase2Offer(proposal, transform, suite, get(EspAttribute.ENCAPSULATION_MODE) or 0, life, name)


def _same_on_the_wire(one: EspSuite, other: EspSuite) -> bool:
    """Whether two suites differ in nothing that is said: HMAC-SHA-256 has one number however much is kept of it."""

    def said(suite: EspSuite) -> tuple[object, ...]:
        return suite.cipher, suite.integrity.attribute_id if suite.integrity else None, suite.group, suite.esn

    return said(one) == said(other)


def choose_phase2(
    sa: SecurityAssociation, allowed: tuple[EspSuite, ...], mode: EncapsulationMode, taken: Collection[bytes] = ()
) -> Phase2Offer:
    """The first of the peer's transforms that we allow, under an SPI that is not ``taken``. Raises ``Abort``."""
    _check_doi(sa)
    numbers = Counter(proposal.number for proposal in sa.proposals)
    offers = [
        read_phase2(proposal, each, allowed)
        for proposal in sa.proposals
        # equal numbers ask for several protocols together (AH and ESP), which we do not do
        if numbers[proposal.number] == 1
        for each in proposal.transforms
    ]
    for offer in offers:
        spi = offer.proposal.spi
        if offer.suite in allowed and _same_mode(offer.mode, mode) and _good_spi(spi) and spi not in taken:
            return offer
    expected = tuple(f"{suite} {mode_name(mode)}" for suite in allowed)
    raise Abort(
        NotifyType.NO_PROPOSAL_CHOSEN,
        Cause.NO_PROPOSAL,
        "none of the peer's phase 2 proposals is allowed here",
        tuple(offer.whole for offer in offers),
        expected,
    )


def check_phase2(
    sa: SecurityAssociation, offered: SecurityAssociation, suites: tuple[EspSuite, ...], taken: Collection[bytes] = ()
) -> Phase2Offer:
    """The peer's choice, one of our transforms but for its lifetime; ``suites`` are what we offered. Raises ``Abort``,
    for it is authenticated."""
    try:
        chosen = _single(sa)
    except Discard as error:
        raise Abort(NotifyType.BAD_PROPOSAL_SYNTAX, Cause.BAD_ANSWER, error.detail) from error
    offer = read_phase2(chosen, chosen.transforms[0], suites)
    ours = [_meaning(each) for each in offered.proposals[0].transforms]
    if offer.suite is None or _meaning(offer.transform) not in ours:
        raise Abort(
            NotifyType.NO_PROPOSAL_CHOSEN,
            Cause.BAD_ANSWER,
            f"peer chose {offer.text}, which was not offered",
            (offer.text,),
            tuple(read_phase2(offered.proposals[0], each, suites).text for each in offered.proposals[0].transforms),
        )
    if not _good_spi(chosen.spi) or chosen.spi in taken:
        raise Abort(
            NotifyType.INVALID_SPI, Cause.BAD_ANSWER, f"peer chose SPI {chosen.spi.hex()}, which is reserved or in use"
        )
    return offer


def mode_name(mode: int) -> str:
    """An encapsulation mode in words."""
    names = {0: "in no mode", 1: "tunnel", 2: "transport", 3: "tunnel in UDP", 4: "transport in UDP",
             61443: "tunnel in UDP (draft)", 61444: "transport in UDP (draft)"}
    return names.get(mode, f"mode {mode}")


def life_attributes(protocol: int, seconds: float, octets: int) -> list[Attribute]:
    """Lifetimes as attributes, type before duration; 0 is none (RFC 2407 section 4.5, RFC 2409 appendix A)."""
    kind, duration = _PHASE1_LIFE if protocol == ProtocolId.ISAKMP else _PHASE2_LIFE
    attributes = []
    for unit, number in (
        (LifeType.SECONDS, int(seconds)), (LifeType.KILOBYTES, max(1, octets // KILOBYTE) if octets else 0)
    ):
        if number:
            attributes += [Attribute.of(kind, unit), Attribute.of(duration, number)]
    return attributes


# -- shared --------------------------------------------------------------------------------------------------------

_PHASE1_LIFE = (Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION)
_PHASE2_LIFE = (EspAttribute.LIFE_TYPE, EspAttribute.LIFE_DURATION)


def _check_doi(sa: SecurityAssociation) -> None:
    if sa.doi != IPSEC_DOI:
        raise Abort(NotifyType.DOI_NOT_SUPPORTED, Cause.BAD_ANSWER, f"DOI {sa.doi} is not IPsec")
    if sa.situation != SIT_IDENTITY_ONLY:
        raise Abort(NotifyType.SITUATION_NOT_SUPPORTED, Cause.BAD_ANSWER, f"situation {sa.situation} is not known")


def _single(sa: SecurityAssociation) -> Proposal:
    if sa.doi != IPSEC_DOI or sa.situation != SIT_IDENTITY_ONLY:
        raise Discard(DropReason.BAD_PROPOSAL, f"DOI {sa.doi}, situation {sa.situation}")
    if len(sa.proposals) != 1 or len(sa.proposals[0].transforms) != 1:
        raise Discard(DropReason.BAD_PROPOSAL, "an answer holds one proposal with one transform")
    return sa.proposals[0]


_PLAIN_MODES = (EncapsulationMode.TUNNEL, EncapsulationMode.TRANSPORT)
_ESN = 1
"""The value of the attribute that asks for sequence numbers of 64 bits (RFC 4304 section 2)."""


def _core(transform: Transform, life: tuple[int, int]) -> tuple[int, tuple[tuple[int, int | None], ...]]:
    """What must not change between offer and answer."""
    pairs = ((int(each.kind), each.number) for each in transform.attributes if each.kind not in life)
    return transform.transform_id, tuple(sorted(pairs, key=lambda pair: (pair[0], pair[1] or 0)))


def _meaning(transform: Transform) -> tuple[int, tuple[tuple[int, object], ...]]:
    """The core of an ESP transform, the same for what means the same: the modes of RFC 3947 and of its drafts, and AES
    with 128 bits, whether said or not."""
    number, pairs = _core(transform, _PHASE2_LIFE)
    meant: list[tuple[int, object]] = []
    for kind, value in pairs:
        if kind == EspAttribute.ENCAPSULATION_MODE:
            meant.append((kind, (_mode_base(value or 0), value in _PLAIN_MODES)))
        elif (kind, value) not in ((EspAttribute.KEY_LENGTH, 128), (EspAttribute.ESN, 0)):
            meant.append((kind, value))
    return number, tuple(meant)


def _repeats(transform: Transform) -> bool:
    """Whether an attribute stands twice that may stand once; the life pair may repeat (RFC 2407 section 4.5)."""
    counts = Counter(each.kind for each in transform.attributes)
    lives = {*_PHASE1_LIFE} if transform.transform_id == KEY_IKE else {*_PHASE2_LIFE}
    return any(count > 1 for kind, count in counts.items() if kind not in lives)


def _life(transform: Transform, type_attribute: int, duration_attribute: int) -> Life:
    """The lifetimes, type before duration; a duration of zero counts as none."""
    seconds, octets, kind = 0.0, 0, 0
    for each in transform.attributes:
        if each.kind == type_attribute:
            kind = each.number or 0
        elif each.kind == duration_attribute and each.number:
            if kind == LifeType.SECONDS:
                seconds = float(each.number)
            elif kind == LifeType.KILOBYTES:
                octets = each.number * KILOBYTE
    return Life(seconds, octets)


def _cipher(number: int | None, key_length: int | None) -> str | None:
    for cipher in CIPHERS.values():
        if cipher.ike_id == number and _key_length_fits(cipher.key_length, key_length):
            return cipher.name
    return None


def _key_length_fits(wanted: int, given: int | None) -> bool:
    """AES without Key Length means 128: some stacks leave it out."""
    return given == wanted if given is not None else wanted in (0, 128)


def _good_spi(spi: bytes) -> bool:
    """0 to 255 are reserved (RFC 4303 section 2.1)."""
    return len(spi) == 4 and int.from_bytes(spi) > 255


def _mode_base(mode: int) -> int:
    return {3: 1, 4: 2, 61443: 1, 61444: 2}.get(mode, mode)


def _same_mode(offered: int, wanted: EncapsulationMode) -> bool:
    """Whether an offered mode is the one that we want: some stacks mix the numbers of RFC 3947 and of its drafts, some
    name no mode where there is no choice."""
    if not offered:
        return wanted in _PLAIN_MODES
    return _mode_base(offered) == _mode_base(wanted) and (offered in _PLAIN_MODES) == (wanted in _PLAIN_MODES)


def _numbered(kind: str, *numbers: int | None) -> str:
    given = [str(number) for number in numbers if number is not None]
    return f"{kind} {'/'.join(given)}" if given else f"no {kind}"


def _authentication(number: int) -> str:
    named = scheme_name(number)
    if named.startswith("authentication") and number in AuthenticationMethod._value2member_map_:
        return AuthenticationMethod(number).label
    return named
