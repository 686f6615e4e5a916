"""What the world tells the endpoint, as values: datagrams, answers to what it asked, and the data plane's reports."""

from dataclasses import dataclass

from ikeview.core.facts import Sample
from ikeview.core.orders import Order
from ikeview.core.outputs import Direction, Spot
from ikeview.core.specs import Address


@dataclass(frozen=True, slots=True)
class Arrival:
    """A datagram came in. ``floated``: on the NAT port, its non-ESP marker already taken off."""

    local: Spot
    remote: Spot
    data: bytes
    floated: bool = False


@dataclass(frozen=True, slots=True)
class Unreachable:
    """ICMP says that a datagram of ours did not arrive. Anybody can send that: a hint, never a proof."""

    remote: Spot
    detail: str
    local: bool = False
    """It did not even leave: this machine has no such address or no route. Nobody else can send that."""


@dataclass(frozen=True, slots=True)
class Located:
    """Answer to ``Locate``. ``problem`` is empty, or says in words why there is no answer."""

    peer: str
    local: Address | None
    remote: Address | None
    problem: str = ""
    ttl: float = 0.0
    """Seconds for which the answer of the DNS holds; 0: the peer is not known by name."""
    others: tuple[Address, ...] = ()
    """What else the name stands for."""


@dataclass(frozen=True, slots=True)
class PasswordVerified:
    """Answer to ``VerifyPassword``."""

    ident: str
    peer: str
    right: bool


@dataclass(frozen=True, slots=True)
class EchoAnswered:
    """Answer to ``SendEcho``. ``problem`` is empty, or says in words why it could not be sent."""

    peer: str
    sequence: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """The engine is about to end: tell the peers."""


@dataclass(frozen=True, slots=True)
class BytesSoft:
    """A half SA has passed its soft byte limit: time to rekey. Reported once."""

    spi: int
    direction: Direction


@dataclass(frozen=True, slots=True)
class BytesHard:
    """A half SA has passed its hard byte limit and carries nothing more. Reported once."""

    spi: int
    direction: Direction


@dataclass(frozen=True, slots=True)
class FirstUse:
    """The first authenticated packet came in on an inbound half SA. Reported once."""

    spi: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Authenticated packets came in on these inbound half SAs since the last report: the peer lives."""

    spis: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Acquire:
    """A packet wants a tunnel (``peer/name``) that has no outbound SA. At most one a second for each tunnel."""

    tunnel: str


@dataclass(frozen=True, slots=True)
class PeerSeen:
    """An authenticated ESP packet came in on ``spi`` from another address or port than before."""

    spi: int
    remote: Spot


@dataclass(frozen=True, slots=True)
class UnknownSpi:
    """ESP for an SA that is not there came from ``remote``: the peer may have kept what we have lost, or we what it has
    lost. Anybody can send that: a hint, never a proof. At most one in ten seconds for each address."""

    remote: Spot


@dataclass(frozen=True, slots=True)
class Counters:
    """Answer to ``Plane.sample``, one entry a half SA; ``spi_in`` names an inbound half, with only the
    ``in`` fields set, and for outbound halves ``spi_in`` holds the outbound SPI with only the ``out`` fields set."""

    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class PlaneTrouble:
    """Something the operator should know; ``fatal`` if the plane carries nothing any more. ``tunnel`` (``peer/name``)
    is set where the plane refused to do something for that one."""

    text: str
    fatal: bool = False
    tunnel: str = ""


PlaneEvent = BytesSoft | BytesHard | FirstUse | Traffic | Acquire | PeerSeen | UnknownSpi | Counters | PlaneTrouble

Input = Arrival | Unreachable | Located | PasswordVerified | EchoAnswered | Stop | Order | PlaneEvent
