"""Everything that happens, as typed values: past tense, no secrets, no live objects, JSON round trip.

Screen, log, journal, status and metrics are all made from these and from nothing else. Durations are seconds counted
from the moment the fact was stamped; sizes are octets; SPIs and cookies are hex text; ``tunnel`` is ``peer/name``.
Text that came from the peer is in here as it was sent: whoever shows it cleans it first.
"""

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, get_type_hints


class DropReason(StrEnum):
    """Why a datagram or message was not taken. Each has a test that provokes it."""

    EMPTY = "empty datagram"
    TOO_SHORT = "shorter than an ISAKMP header"
    TOO_LONG = "longer than any IKE message"
    BAD_LENGTH = "length field does not fit the datagram"
    BAD_VERSION = "not IKE version 1"
    BAD_EXCHANGE = "unknown exchange type"
    BAD_FLAGS = "flags that do not fit the message"
    MALFORMED = "malformed payload"
    ZERO_COOKIE = "initiator cookie is zero"
    UNKNOWN_COOKIE = "no such ISAKMP SA"
    BAD_MESSAGE_ID = "message ID does not fit the exchange"
    USED_MESSAGE_ID = "message ID was used before"
    WRONG_ADDRESS = "sent from another address"
    UNKNOWN_PEER = "no peer is configured for this address"
    HALF_OPEN_LIMIT = "too many half-open negotiations"
    REFUSED_BEFORE = "refused, as were others just before"
    NOT_ENCRYPTED = "not encrypted, though keys exist"
    NOT_EXPECTED = "not expected now"
    UNDECRYPTABLE = "does not decrypt to payloads"
    MISSING_PAYLOAD = "a required payload is missing"
    EXTRA_PAYLOAD = "a payload that must not be here"
    BAD_PROPOSAL = "answer does not match the offer"
    BAD_KEY = "public value refused"
    BAD_HASH = "hash does not match"
    DUPLICATE = "duplicate"
    UNPROTECTED_NOTIFY = "unauthenticated notify"
    PROBE_SEQUENCE = "keepalive answer with a wrong sequence number"
    SWITCHED_OFF = "not allowed by the configuration"
    TOO_MANY = "too many messages at once"
    BAD_FRAGMENT = "fragment that belongs to no message"
    BAD_SIGNATURE = "signature does not match"


class Cause(StrEnum):
    """Why a negotiation failed or a tunnel went down."""

    NO_ANSWER = "no answer"
    NOT_LISTENING = "nothing listens"
    REFUSED = "refused by the peer"
    NO_PROPOSAL = "no common proposal"
    WRONG_SECRET = "authentication failed"
    IDENTITY = "identity mismatch"
    SELECTORS = "selectors mismatch"
    BAD_ANSWER = "answer not usable"
    UNREACHABLE = "address not known"
    DATAPLANE = "data plane refused"
    PEER_DELETED = "deleted by the peer"
    PEER_SILENT = "peer is dead"
    PEER_RESTARTED = "peer started anew"
    LIFETIME = "lifetime over"
    OPERATOR = "by the operator"
    REPLACED = "replaced by a newer SA"
    SHUTDOWN = "engine stopped"
    CERTIFICATE = "certificate refused"
    USER = "user refused"
    NO_CONFIG = "no address from mode config"
    NOT_UNIQUE = "connected from elsewhere"
    ESP_DEAD = "IKE answers, ESP does not arrive"


@dataclass(frozen=True, slots=True)
class Fact:
    """The base of all facts."""


@dataclass(frozen=True, slots=True)
class EngineStarted(Fact):
    """The engine runs. ``plane`` is the data plane chosen, ``why`` the reason in words."""

    version: str
    pid: int
    plane: str
    why: str
    listen: tuple[str, ...]
    port: int
    nat_port: int
    folder: str


@dataclass(frozen=True, slots=True)
class EngineStopped(Fact):
    """The engine ended in order."""


@dataclass(frozen=True, slots=True)
class PeerConfigured(Fact):
    """A peer of the configuration, told at start and at each reload."""

    peer: str
    remote: str
    mode: str
    role: str
    auth: str
    local_id: str
    """Empty: the address used."""
    remote_id: str
    """Empty: the peer's address."""
    proposals: tuple[str, ...]
    lifetime: float
    keepalive: str
    """``dpd after 10s of silence, dead after 30s, then restart`` or ``off``."""
    warnings: tuple[str, ...] = ()
    """What is weak about the configuration and why, a sentence each."""
    member_of: str = ""
    """One of several peers that connect under one configuration: that peer's name."""


@dataclass(frozen=True, slots=True)
class PeerRemoved(Fact):
    """A peer is no longer there, and its tunnels with it: a member that has gone."""

    peer: str


@dataclass(frozen=True, slots=True)
class TunnelConfigured(Fact):
    """A tunnel of the configuration."""

    tunnel: str
    peer: str
    mode: str
    local: str
    remote: str
    proposals: tuple[str, ...]
    lifetime: float
    lifebytes: int
    """0: no byte limit."""
    rekey_margin: float
    start: str
    when_down: str


@dataclass(frozen=True, slots=True)
class OrderTaken(Fact):
    """An operator's order arrived. ``command`` is the command line that repeats it."""

    order: str
    target: str
    by: str
    command: str


@dataclass(frozen=True, slots=True)
class OrderRefused(Fact):
    """An order could not be carried out; ``why`` is a sentence."""

    order: str
    target: str
    why: str


@dataclass(frozen=True, slots=True)
class TunnelWanted(Fact):
    """The tunnel shall be up from now on."""

    tunnel: str
    why: str
    """boot | operator | traffic"""


@dataclass(frozen=True, slots=True)
class TunnelTrying(Fact):
    """An attempt began; ``attempt`` counts from 1."""

    tunnel: str
    attempt: int


@dataclass(frozen=True, slots=True)
class TunnelUp(Fact):
    """The tunnel carries traffic (first SA since it was down); ``took`` since the attempt began."""

    tunnel: str
    took: float


@dataclass(frozen=True, slots=True)
class TunnelDown(Fact):
    """The tunnel has no SA any more, or its attempt failed."""

    tunnel: str
    cause: Cause
    detail: str


@dataclass(frozen=True, slots=True)
class TunnelRetrying(Fact):
    """The next attempt begins in ``after`` seconds."""

    tunnel: str
    after: float
    attempt: int


@dataclass(frozen=True, slots=True)
class ExchangeStarted(Fact):
    """An exchange began. ``rows`` are the RFC's own rows, e.g. ``> HDR, SA`` (sent by the initiator) and
    ``< HDR*, IDir, HASH_R``.

    ``exchange`` names it for all later facts; ``kind`` is Main Mode, Quick Mode ...; ``tunnel`` is empty in phase 1.
    """

    exchange: str
    peer: str
    tunnel: str
    kind: str
    role: str
    local: str
    remote: str
    cookies: str
    message_id: str
    attempt: int
    why: str
    """initiate | rekey: time | rekey: bytes | rekey: operator | renew ... | peer"""
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowSent(Fact):
    """Our message of row ``row`` (from 1) left.

    ``payloads`` are short names, ``notes`` short remarks for the reader.
    """

    exchange: str
    row: int
    size: int
    payloads: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowResent(Fact):
    """It was sent again: resend ``count`` of at most ``limit``.

    The next in ``next_in`` (0: that was the last, or the peer asked).
    """

    exchange: str
    row: int
    count: int
    limit: int
    next_in: float
    size: int
    fragments: int = 0
    """In how many pieces; 0: whole."""


@dataclass(frozen=True, slots=True)
class RowTaken(Fact):
    """The peer's message of row ``row`` was accepted, ``waited`` after our last one left (first send)."""

    exchange: str
    row: int
    size: int
    waited: float
    payloads: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExchangeFinished(Fact):
    """It succeeded; ``outcome`` says in a line what was agreed."""

    exchange: str
    took: float
    outcome: str


@dataclass(frozen=True, slots=True)
class ExchangeFailed(Fact):
    """It ended without success after row ``row`` (the last one sent or taken; 0: none).

    ``verdict`` is the plain sentence for the operator, ``hints`` what to do, ``offered`` and ``expected`` the two
    sides' values where these are the cause.
    """

    exchange: str
    row: int
    took: float
    cause: Cause
    verdict: str
    hints: tuple[str, ...]
    offered: tuple[str, ...]
    expected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotifyTaken(Fact):
    """The peer told something. ``exchange`` is the one it concerns, if any; never a proof unless ``authenticated``."""

    peer: str
    exchange: str
    notify: str
    authenticated: bool


@dataclass(frozen=True, slots=True)
class NotifySent(Fact):
    """We told the peer something."""

    peer: str
    remote: str
    notify: str


@dataclass(frozen=True, slots=True)
class MessageDropped(Fact):
    """A datagram was not taken, or ``count`` of them: those of strangers are told one by one in limited number, the
    rest once a second, without ``remote``."""

    peer: str
    """Empty: unknown."""
    remote: str
    size: int
    """Of all of them together."""
    reason: DropReason
    detail: str
    exchange: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class NatFound(Fact):
    """NAT detection's result (RFC 3947): ``here``, ``there`` say who is behind one; ``forced`` that we claimed one."""

    peer: str
    exchange: str
    here: bool
    there: bool
    forced: bool


@dataclass(frozen=True, slots=True)
class PeerMoved(Fact):
    """The peer's authenticated messages come from another address or port now."""

    peer: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Phase1Established(Fact):
    """An ISAKMP SA is up. ``cookies`` (``initiator:responder``) name it in later facts."""

    peer: str
    cookies: str
    exchange: str
    role: str
    mode: str
    local: str
    remote: str
    local_id: str
    remote_id: str
    suite: str
    auth: str
    lifetime: float
    renews_in: float
    nat: str
    """Empty, or who is behind NAT in words."""
    vendors: tuple[str, ...]
    replaces: str
    """Cookies of the SA it renews, or empty."""


@dataclass(frozen=True, slots=True)
class Phase1Deleted(Fact):
    """An ISAKMP SA is gone."""

    peer: str
    cookies: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class CertificateTaken(Fact):
    """The peer's certificate was found good. ``path`` are the subjects above it up to the authority; ``names`` its
    subjectAltNames; ``not_before`` and ``not_after`` are UTC seconds since 1970."""

    peer: str
    exchange: str
    subject: str
    issuer: str
    serial: str
    names: tuple[str, ...]
    key: str
    """``RSA 2048``, ``ECDSA 256``."""
    not_before: float
    not_after: float
    path: tuple[str, ...]
    revocation: str
    """``checked``, or ``not checked:`` and why."""


@dataclass(frozen=True, slots=True)
class UserAuthenticated(Fact):
    """XAUTH is over and well: ``user`` is the peer's, or ours if we are the client."""

    peer: str
    user: str
    server: bool


@dataclass(frozen=True, slots=True)
class UserRefused(Fact):
    """XAUTH failed; ``why`` is a sentence."""

    peer: str
    user: str
    server: bool
    why: str


@dataclass(frozen=True, slots=True)
class ConfigAssigned(Fact):
    """Mode config gave ``address`` to us, or to the peer if we are the ``server``."""

    peer: str
    server: bool
    address: str
    netmask: str
    dns: tuple[str, ...]
    domain: str
    banner: str
    split_include: tuple[str, ...]
    ignored: tuple[str, ...]
    """What else came and was not used, with the reason."""


@dataclass(frozen=True, slots=True)
class ConfigReleased(Fact):
    """The address is given back."""

    peer: str
    server: bool
    address: str


@dataclass(frozen=True, slots=True)
class NameResolved(Fact):
    """A peer's DNS name was looked up; ``ttl`` seconds until it is looked up again (0: it is not)."""

    peer: str
    name: str
    address: str
    ttl: float
    changed: bool


@dataclass(frozen=True, slots=True)
class NameUnresolved(Fact):
    """A peer's DNS name could not be looked up; ``kept`` is the address used instead (may be empty)."""

    peer: str
    name: str
    why: str
    kept: str


@dataclass(frozen=True, slots=True)
class LifetimeNotified(Fact):
    """RESPONDER-LIFETIME (RFC 2407 section 4.6.3.1): the peer ends the SA ``about`` (cookies or an SPI) earlier."""

    peer: str
    about: str
    seconds: float
    octets: int


@dataclass(frozen=True, slots=True)
class TrafficStalled(Fact):
    """IKE answers, but of the tunnel's ESP nothing has come in for ``seconds`` while we sent; ``action`` says what is
    done about it."""

    tunnel: str
    seconds: float
    action: str


@dataclass(frozen=True, slots=True)
class SaInstalled(Fact):
    """A pair of IPsec SAs carries a tunnel. ``spi_in`` names the pair in later facts. Limits of 0 mean none."""

    tunnel: str
    spi_in: str
    spi_out: str
    exchange: str
    role: str
    suite: str
    mode: str
    local: str
    remote: str
    encapsulated: bool
    local_selector: str
    remote_selector: str
    lifetime: float
    rekeys_in: float
    lifebytes: int
    rekey_bytes: int
    generation: int
    replaces: str
    """``spi_in`` of the pair it takes over from, or empty."""


@dataclass(frozen=True, slots=True)
class SaRekeying(Fact):
    """A successor is being made; ``why`` is time, bytes, operator or peer."""

    tunnel: str
    spi_in: str
    why: str


@dataclass(frozen=True, slots=True)
class SaReplaced(Fact):
    """Traffic moved from ``old`` to ``new``; the old pair still takes packets for ``overlap`` seconds."""

    tunnel: str
    old: str
    new: str
    why: str
    took: float
    overlap: float


@dataclass(frozen=True, slots=True)
class SaDeleted(Fact):
    """A pair is gone from the data plane. ``by`` is us or peer."""

    tunnel: str
    spi_in: str
    by: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class ProbeSent(Fact):
    """A keepalive left: R-U-THERE (RFC 3706), or an ICMP echo request through the tunnel."""

    peer: str
    sequence: int
    method: str = "dpd"


@dataclass(frozen=True, slots=True)
class ProbeAnswered(Fact):
    """It was answered after ``rtt`` seconds; the next is due in ``next_in``."""

    peer: str
    sequence: int
    rtt: float
    next_in: float
    method: str = "dpd"


@dataclass(frozen=True, slots=True)
class ProbeMissed(Fact):
    """No answer yet: ``missed`` in a row; the peer counts as dead in ``dead_in`` seconds."""

    peer: str
    sequence: int
    missed: int
    dead_in: float
    method: str = "dpd"


@dataclass(frozen=True, slots=True)
class ProbeTaken(Fact):
    """The peer asked whether we live, and was answered."""

    peer: str
    sequence: int


@dataclass(frozen=True, slots=True)
class PeerSilent(Fact):
    """The peer is held for dead after ``silence`` seconds without any sign of life."""

    peer: str
    silence: float


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters of one pair of IPsec SAs since its installation, octets and packets of inner traffic."""

    spi_in: str
    bytes_in: int
    packets_in: int
    bytes_out: int
    packets_out: int
    replayed: int = 0
    forged: int = 0


@dataclass(frozen=True, slots=True)
class CountersSampled(Fact):
    """The data plane's counters; only pairs that changed since the last sample."""

    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class PlaneProblem(Fact):
    """The data plane could not do something, or came back; ``tunnel`` may be empty."""

    tunnel: str
    text: str


@dataclass(frozen=True, slots=True)
class EngineStalled(Fact):
    """The engine's loop stood still."""

    seconds: float


@dataclass(frozen=True, slots=True)
class EngineProblem(Fact):
    """Something of the machine is in the way, such as a file that cannot be written; ``text`` is a sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class EngineFault(Fact):
    """A defect of ikeview itself: handling one event failed and the event is lost; the engine runs on.

    ``where`` says what was being handled, ``text`` the kind of error and the place in the source: never its message,
    which could quote a secret.
    """

    where: str
    text: str


FACTS: dict[str, type[Fact]] = {kind.__name__: kind for kind in Fact.__subclasses__()}


@dataclass(frozen=True, slots=True)
class Stamped:
    """A fact with its place in history: ``seq`` counts from 1, ``at`` is the engine's clock (seconds, monotonic),
    ``wall`` is UTC seconds since 1970."""

    seq: int
    at: float
    wall: float
    fact: Fact


class BadFact(ValueError):
    """A mapping is no fact; the text says why."""


def fact_to_dict(fact: Fact) -> dict[str, Any]:
    """For JSON: the fields, and the kind under ``fact``."""
    return {"fact": type(fact).__name__, **asdict(fact)}


def stamped_to_dict(stamped: Stamped) -> dict[str, Any]:
    """For JSON: ``seq``, ``at``, ``wall`` and the fact's own fields."""
    return {"seq": stamped.seq, "at": stamped.at, "wall": stamped.wall, **fact_to_dict(stamped.fact)}


def _value(kind: Any, value: Any) -> Any:
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError as error:
            raise BadFact(str(error)) from error
    if kind in (str, int, float, bool):
        if type(value) is not kind:
            raise BadFact(f"{value!r} is no {kind.__name__}")
        return value
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        try:
            return kind(value)
        except ValueError as error:
            raise BadFact(str(error)) from error
    if kind == tuple[str, ...] or kind == tuple[Sample, ...]:
        if not isinstance(value, list | tuple):
            raise BadFact(f"{value!r} is no list")
        item = kind.__args__[0]
        return tuple(_value(item, each) for each in value)
    if kind is Sample:
        return _build(Sample, value)
    raise BadFact(f"unknown field type {kind}")


def _build(kind: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise BadFact(f"{data!r} is no mapping")
    hints = _hints(kind)
    try:
        return kind(**{name: _value(hints[name], value) for name, value in data.items()})
    except (KeyError, TypeError) as error:
        raise BadFact(f"{kind.__name__}: {error}") from error


_HINTS: dict[Any, dict[str, Any]] = {}


def _hints(kind: Any) -> dict[str, Any]:
    if kind not in _HINTS:
        hints = get_type_hints(kind)
        _HINTS[kind] = {each.name: hints[each.name] for each in fields(kind)}
    return _HINTS[kind]


def fact_from_dict(data: dict[str, Any]) -> Fact:
    """Back from JSON. Raises ``BadFact``."""
    name = data.get("fact")
    kind = FACTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise BadFact(f"unknown fact {name!r}")
    fact = _build(kind, {key: value for key, value in data.items() if key != "fact"})
    assert isinstance(fact, Fact)
    return fact


def stamped_from_dict(data: dict[str, Any]) -> Stamped:
    """Back from JSON. Raises ``BadFact``."""
    try:
        seq, at, wall = int(data["seq"]), float(data["at"]), float(data["wall"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadFact(f"no stamp: {error}") from error
    return Stamped(seq, at, wall, fact_from_dict({k: v for k, v in data.items() if k not in ("seq", "at", "wall")}))
