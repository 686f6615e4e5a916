"""What is true now. Plain mutable dataclasses of text, numbers, lists and mappings, so that it goes to another process.

Times named ``..._at`` are seconds on the engine's clock (``Stamped.at``), ``wall`` is UTC seconds since 1970; 0.0 means
that there is no such time. Sizes are octets. Text may come from the peer: whoever shows it cleans it.
"""

from dataclasses import dataclass, field

from ikeview.core.facts import Stamped

EXCHANGES_KEPT = 200
"""Enough for a day of a busy gateway's failures; each holds a dozen short rows."""
FAILED_KEPT = 100
"""A peer that fails again and again must not push out everybody's last good negotiation."""
EVENTS_KEPT = 2000
ROUTINE_KEPT = 500
"""Rows, keepalives and drops come in numbers that would push everything else out of one common ring."""
RTTS_KEPT = 60


@dataclass(slots=True)
class Engine:
    """The engine itself."""

    version: str = ""
    pid: int = 0
    plane: str = ""
    why: str = ""
    listen: list[str] = field(default_factory=list)
    port: int = 0
    nat_port: int = 0
    folder: str = ""
    running: bool = False
    started_at: float = 0.0
    started_wall: float = 0.0
    problem: str = ""
    problem_at: float = 0.0
    stalls: int = 0


@dataclass(slots=True)
class Keepalive:
    """Our keepalive towards one peer: R-U-THERE (RFC 3706), or echo requests through the tunnel."""

    sent: int = 0
    answered: int = 0
    missed: int = 0
    """In a row, now."""
    missed_ever: int = 0
    taken: int = 0
    """The peer's own probes that we answered."""
    rtt: float = 0.0
    answered_at: float = 0.0
    sent_at: float = 0.0
    next_at: float = 0.0
    dead_at: float = 0.0
    """When the peer counts as dead if it stays silent."""
    dead: bool = False
    history: list[float] = field(default_factory=list)
    """Round-trip times in seconds, oldest first; -1.0 for a probe without an answer."""


@dataclass(slots=True)
class Certificate:
    """The peer's certificate as it was found good; ``not_before`` and ``not_after`` are UTC seconds since 1970."""

    subject: str
    issuer: str
    serial: str
    names: list[str]
    key: str
    not_before: float
    not_after: float
    path: list[str]
    """Subjects above it up to the authority."""
    revocation: str
    """``checked``, or why not."""


@dataclass(slots=True)
class Config:
    """What mode config gave: to the peer if we are the ``server``, else to us."""

    server: bool
    address: str
    netmask: str
    dns: list[str]
    domain: str
    banner: str
    split_include: list[str]
    ignored: list[str]
    assigned_at: float


@dataclass(slots=True)
class Resolved:
    """What became of a peer's DNS name; with a ``problem``, why it was not found, ``address`` is the one before."""

    name: str
    address: str = ""
    at: float = 0.0
    next_at: float = 0.0
    problem: str = ""
    changes: int = 0


@dataclass(slots=True)
class Phase1:
    """An ISAKMP SA."""

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
    established_at: float
    established_wall: float
    expires_at: float
    renews_at: float
    nat: str
    vendors: list[str]
    replaced: bool = False
    certificate: Certificate | None = None


@dataclass(slots=True)
class Peer:
    """A configured peer and its ISAKMP SAs, the newest last."""

    name: str
    remote: str = ""
    mode: str = ""
    role: str = ""
    auth: str = ""
    local_id: str = ""
    remote_id: str = ""
    proposals: list[str] = field(default_factory=list)
    lifetime: float = 0.0
    keepalive_set: str = ""
    phase1s: list[Phase1] = field(default_factory=list)
    keepalive: Keepalive = field(default_factory=Keepalive)
    """R-U-THERE (RFC 3706)."""
    echo: Keepalive = field(default_factory=Keepalive)
    """Echo requests through the tunnel."""
    moved_to: str = ""
    drops: int = 0
    last_drop: str = ""
    warnings: list[str] = field(default_factory=list)
    """What is weak about its configuration and why, a sentence each."""
    member_of: str = ""
    """The peer under whose configuration it connected, with others; empty: it has its own."""
    user: str = ""
    """Authenticated by XAUTH and connected: the peer's user, or ours if ``user_is_ours``."""
    user_is_ours: bool = False
    user_refused: str = ""
    """Why XAUTH failed last; empty once it succeeds."""
    config: Config | None = None
    resolved: Resolved | None = None

    @property
    def phase1(self) -> Phase1 | None:
        """The ISAKMP SA in use."""
        return self.phase1s[-1] if self.phase1s else None

    @property
    def alive(self) -> Keepalive:
        """The keepalive by which the peer is judged."""
        return self.echo if self.keepalive_set.startswith("icmp") else self.keepalive


@dataclass(slots=True)
class Sa:
    """A pair of IPsec SAs. Limits of 0 mean none."""

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
    installed_at: float
    installed_wall: float
    expires_at: float
    rekeys_at: float
    lifebytes: int
    rekey_bytes: int
    generation: int
    bytes_in: int = 0
    packets_in: int = 0
    bytes_out: int = 0
    packets_out: int = 0
    replayed: int = 0
    forged: int = 0
    rate_in: float = 0.0
    """Octets a second between the last two samples."""
    rate_out: float = 0.0
    sampled_at: float = 0.0
    last_in_at: float = 0.0
    last_out_at: float = 0.0
    rekeying: str = ""
    """Why a successor is being made: time, bytes, operator or peer; empty if none is."""
    replaced: bool = False
    draining_until: float = 0.0


@dataclass(slots=True)
class Tunnel:
    """A configured tunnel and its SAs, the newest last."""

    name: str
    peer: str
    mode: str = ""
    local: str = ""
    remote: str = ""
    proposals: list[str] = field(default_factory=list)
    lifetime: float = 0.0
    lifebytes: int = 0
    rekey_margin: float = 0.0
    start: str = ""
    when_down: str = ""
    wanted: bool = False
    wanted_why: str = ""
    state: str = "down"
    """down | trying | up | rekeying"""
    cause: str = ""
    """Why it went down last; empty once it is up again."""
    detail: str = ""
    since_at: float = 0.0
    attempt: int = 0
    retry_at: float = 0.0
    took: float = 0.0
    sas: list[Sa] = field(default_factory=list)
    rekeys: int = 0
    """Successful ones since the tunnel came up."""
    stalled: str = ""
    """What is done because IKE answers and no ESP comes in; empty: it comes in."""
    stalled_at: float = 0.0
    silent: float = 0.0
    """For how long none had come in by then."""

    @property
    def sa(self) -> Sa | None:
        """The pair that carries the outbound traffic."""
        return self.sas[-1] if self.sas else None


@dataclass(slots=True)
class Row:
    """A message of an exchange: planned (``at`` is 0.0), or sent or taken."""

    text: str
    """The RFC's row without its arrow, e.g. ``HDR*, IDir, HASH_R``."""
    initiator: bool
    """Who sends it."""
    ours: bool
    at: float = 0.0
    wall: float = 0.0
    size: int = 0
    waited: float = 0.0
    payloads: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    resends: int = 0
    resend_limit: int = 0
    resend_at: float = 0.0
    """When it is sent again; 0.0 if it is not."""


@dataclass(slots=True)
class Exchange:
    """A negotiation, running or ended."""

    id: str
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
    started_at: float
    started_wall: float
    rows: list[Row]
    status: str = "running"
    """running | finished | failed"""
    last_row: int = 0
    """The last one sent or taken, from 1; 0 before the first."""
    ended_at: float = 0.0
    took: float = 0.0
    outcome: str = ""
    cause: str = ""
    verdict: str = ""
    hints: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    notifies: list[str] = field(default_factory=list)
    certificate: Certificate | None = None
    """The peer's, once found good."""


@dataclass(slots=True)
class State:
    """Everything. Mappings keep the order of arrival."""

    engine: Engine = field(default_factory=Engine)
    peers: dict[str, Peer] = field(default_factory=dict)
    tunnels: dict[str, Tunnel] = field(default_factory=dict)
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    tunnel_of_sa: dict[str, str] = field(default_factory=dict)
    """``spi_in`` to tunnel."""
    events: list[Stamped] = field(default_factory=list)
    routine: list[Stamped] = field(default_factory=list)
    """Rows, keepalives and drops, by ``seq`` between those of ``events``."""
    drops: dict[str, int] = field(default_factory=dict)
    """Dropped messages by reason."""
    counts: dict[str, int] = field(default_factory=dict)
    """How often each kind of fact came."""
    seq: int = 0
    at: float = 0.0
    wall: float = 0.0
