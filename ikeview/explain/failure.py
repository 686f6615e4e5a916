"""What is known about a negotiation that failed, and what is made of it."""

from dataclasses import dataclass

from ikeview.core.facts import Cause, DropReason

_PROOFS = tuple(each for each in DropReason if each.name in ("BAD_HASH", "BAD_SIGNATURE"))


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known about a negotiation that did not come about.

    ``row`` is the last message sent or taken, ``sent`` whether that one was ours and ``size`` its octets; ``refusal``
    the last error notify that came in, ``authenticated`` whether that was protected; ``drops`` why messages of the peer
    were not taken. ``method`` is how both ends prove who they are (``core.specs.Method``). ``detail`` is what our own
    end has found, or, while it has found nothing, what was asked for.
    """

    kind: str
    initiator: bool
    row: int
    sent: bool
    sends: int
    seconds: float
    local: str
    remote: str
    cause: Cause = Cause.NO_ANSWER
    detail: str = ""
    refusal: str = ""
    authenticated: bool = False
    unreachable: str = ""
    floated: bool = False
    local_id: str = ""
    drops: tuple[DropReason, ...] = ()
    offered: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    method: str = "psk"
    size: int = 0

    @property
    def secret(self) -> bool:
        """Whether the keys come of a pre-shared key."""
        return self.method in ("psk", "xauth-psk")

    @property
    def ours_certified(self) -> bool:
        """Whether we prove ourselves with a certificate: both ends do, but with hybrid only the responder."""
        return not self.secret and (self.method != "hybrid" or not self.initiator)

    @property
    def theirs_certified(self) -> bool:
        """Whether the peer does."""
        return not self.secret and (self.method != "hybrid" or self.initiator)

    @property
    def proof_wrong(self) -> bool:
        """Whether a message of the peer's did not prove what it should."""
        return any(each in _PROOFS for each in self.drops)

    @property
    def tried(self) -> str:
        """How often and how long."""
        return f"{sends(self.sends)} in {self.seconds:.0f} s"

    @property
    def unusable(self) -> str:
        """Why what came was not taken."""
        return ", ".join(dict.fromkeys(str(each) for each in self.drops))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The cause, a plain sentence, and hints in order of likelihood."""

    cause: Cause
    sentence: str
    hints: tuple[str, ...] = ()


PEER_LOG = "look at the peer's log"
SECRET_HINT = "compare the pre-shared keys of both ends: same octets, no blank or line end too many"
WHOLE_PACKET = 1280
"""Octets of a datagram that passes everywhere in one packet; larger ones need IP fragments, which firewalls drop."""
LARGE_HINTS = (
    'set fragmentation = "force" for the peer, if both ends speak IKE fragmentation',
    "send a smaller certificate or a shorter chain: ECDSA ones are a third of RSA ones",
    "let IP fragments of UDP pass in the firewalls between",
)


def knows_us_by(failure: Failure) -> str:
    """What to check about our identity."""
    return f"check that the peer expects the identity {failure.local_id}"


def too_large(failure: Failure) -> bool:
    """Whether our last message may have been lost because of its size."""
    return failure.sent and failure.size > WHOLE_PACKET


def sends(count: int) -> str:
    """In words."""
    return "1 send" if count == 1 else f"{count} sends"


def listed(values: tuple[str, ...]) -> str:
    """In a sentence."""
    return ", ".join(values) if values else "nothing"


def alternatives(causes: list[str]) -> str:
    """``a, b, or c``."""
    return f"{', '.join(causes[:-1])}, or {causes[-1]}" if len(causes) > 1 else causes[0]


def as_sentence(text: str) -> str:
    """With a capital and a full stop, whatever it came with."""
    text = text.strip().rstrip(".")
    # an identity or a file's name stays as it is
    plain = text.partition(" ")[0].isalpha()
    return f"{text[:1].upper() if plain else text[:1]}{text[1:]}." if text else ""


def host(spot: str) -> str:
    """Of an address with its port."""
    return spot.rpartition(":")[0].strip("[]") or spot


def port(spot: str) -> str:
    """Of an address with its port."""
    return spot.rpartition(":")[2]
