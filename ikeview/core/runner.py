"""One runner for every exchange: turns, checks, encryption, duplicates, and one commit a message."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ikeview.core.channel import Channel
from ikeview.core.facts import DropReason
from ikeview.core.ladder import Row
from ikeview.core.policy import Policy
from ikeview.core.refusals import Discard
from ikeview.core.specs import Role
from ikeview.wire.header import HEADER_SIZE, NO_COOKIE, VERSION, Header
from ikeview.wire.message import Chain, chain_names, first_type, read_chain, write_chain
from ikeview.wire.numbers import Flag
from ikeview.wire.payloads import Payload
from ikeview.wire.reader import Malformed


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a step sees it: decrypted and decoded."""

    header: Header
    chain: Chain


Build = Callable[[Any], tuple[Any, list[Payload]]]
"""``stage -> (stage, payloads)``: the sender's step of a row."""

Take = Callable[[Any, Message], Any]
"""``(stage, message) -> stage``: the receiver's step of a row. Raises ``Discard`` or ``Abort``."""

Notes = Callable[[Row, Any, Chain | None], tuple[str, ...]]
"""Short remarks on a row for the reader: row, the stage after it, the chain if it was taken."""


class Rider(Protocol):
    """Something that rides along in an exchange without being a part of it (NAT detection, vendor IDs). A frozen value:
    each call gives the rider as it is afterwards."""

    def add(self, row: Row, stage: Any) -> tuple["Rider", list[Payload]]:
        """Payloads to add to a row that we build; ``stage`` is the one after its step."""
        ...

    def read(self, row: Row, stage: Any, message: Message) -> "Rider":
        """What a row that was taken says to the rider; ``stage`` is the one after its step."""
        ...

    def notes(self, row: Row, taken: bool) -> tuple[str, ...]:
        """Remarks on what the rider did in that row."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange: its name, its number, its diagram and for each row the sender's and the receiver's step."""

    name: str
    number: int
    ladder: tuple[Row, ...]
    steps: tuple[tuple[Build, Take], ...]
    notes: Notes
    responder_resends: bool
    """Whether the responder sends again on its own: only where the initiator is authenticated already (RFC 2409 section
    5.5 has three messages, so a lost last one leaves the responder waiting)."""
    refined: Callable[[Any], "Exchange | None"] = lambda stage: None
    """Which variant of the exchange it turns out to be, once a stage says so: the rows up to that one are the same in
    all variants."""


@dataclass(frozen=True, slots=True)
class Built:
    """A message of ours, ready to leave."""

    row: Row
    datagram: bytes
    payloads: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Took:
    """A message of the peer's that was accepted."""

    row: Row
    chain: Chain
    payloads: tuple[str, ...]
    notes: tuple[str, ...]
    waited: float


@dataclass(slots=True)
class _Answer:
    """What was sent in reply to a datagram, as which row (0: a notify), and how often."""

    reply: bytes | None = None
    row: int = 0
    times: int = 0


class Run:
    """One exchange under way.

    ``build`` and ``take`` change it only after the step has returned: a refused message leaves no trace.
    ``outstanding`` is what we sent and may send again; ``sends`` counts how often.
    """

    def __init__(
        self,
        ident: str,
        exchange: Exchange,
        role: Role,
        cookies: tuple[bytes, bytes],
        message_id: int,
        stage: Any,
        *,
        now: float,
        policy: Policy,
        riders: tuple[Rider, ...] = (),
        channel: Channel | None = None,
    ) -> None:
        self.ident = ident
        self.exchange = exchange
        self.role = role
        self.initiator_cookie, self.responder_cookie = cookies
        self.message_id = message_id
        self.stage = stage
        self.riders = riders
        self.channel = channel
        self.begun = now
        self.position = 0
        self.outstanding: bytes | None = None
        self.sends = 0
        self.sent_at = now
        self._policy = policy
        self._answers: dict[bytes, _Answer] = {}
        self._last_taken: _Answer | None = None

    @property
    def done(self) -> bool:
        """Whether every row has been sent or taken."""
        return self.position == len(self.exchange.ladder)

    @property
    def next_row(self) -> Row | None:
        """The row that comes next."""
        return None if self.done else self.exchange.ladder[self.position]

    @property
    def speaks(self) -> bool:
        """Whether it is our turn."""
        row = self.next_row
        return row is not None and row.sender is self.role

    @property
    def resends(self) -> bool:
        """Whether the message that is out is sent again by timer while no answer comes."""
        waits = self.next_row is not None and not self.speaks
        return waits and (self.role is Role.INITIATOR or self.exchange.responder_resends)

    def build(self, now: float) -> Built:
        """Our next message. ``LookupError`` if it is not our turn."""
        row = self.next_row
        if row is None or not self.speaks:
            raise LookupError("not our turn")
        stage, payloads = self.exchange.steps[self.position][0](self.stage)
        riders: list[Rider] = []
        for rider in self.riders:
            after, extra = rider.add(row, stage)
            riders.append(after)
            payloads = [*payloads, *extra]
        channel = self.channel
        body = write_chain(payloads)
        flags = 0
        if row.encrypted:
            assert channel is not None, "an encrypted row before there are keys"
            body, channel = channel.seal(body)
            flags = Flag.ENCRYPTION
        datagram = (
            Header(
                self.initiator_cookie,
                self.responder_cookie,
                first_type(payloads),
                VERSION,
                self.exchange.number,
                flags,
                self.message_id,
                HEADER_SIZE + len(body),
            ).write()
            + body
        )
        built = Built(
            row,
            datagram,
            chain_names(payloads),
            self.exchange.notes(row, stage, None) + tuple(note for each in riders for note in each.notes(row, False)),
        )
        self._commit(stage, tuple(riders), channel)
        self.outstanding, self.sends, self.sent_at = datagram, 1, now
        if self._last_taken is not None:
            self._last_taken.reply, self._last_taken.row = datagram, row.number
        return built

    def take(self, now: float, header: Header, datagram: bytes) -> Took:
        """The peer's next message. Raises ``Discard``, ``Abort`` or ``Malformed``; then nothing has changed."""
        row = self.next_row
        if row is None or self.speaks:
            raise Discard(DropReason.NOT_EXPECTED, f"{self.exchange.name} waits for nothing")
        chain, channel = self._decode(row, header, datagram)
        row.check(chain)
        message = Message(header, chain)
        stage = self.exchange.steps[self.position][1](self.stage, message)
        riders = tuple(rider.read(row, stage, message) for rider in self.riders)
        took = Took(
            row,
            chain,
            chain.names(),
            self.exchange.notes(row, stage, chain) + tuple(note for each in riders for note in each.notes(row, True)),
            now - self.sent_at if self.sends else 0.0,
        )
        self._commit(stage, riders, channel)
        self.outstanding = None
        if self.responder_cookie == NO_COOKIE:
            self.responder_cookie = header.responder_cookie
        self._last_taken = self._answers[hashlib.sha256(datagram).digest()] = _Answer()
        return took

    def _commit(self, stage: Any, riders: tuple[Rider, ...], channel: Channel | None) -> None:
        """The one place where a run moves on. The stage that first knows the keys brings the channel along."""
        self.stage, self.riders = stage, riders
        self.exchange = self.exchange.refined(stage) or self.exchange
        self.channel = channel or getattr(stage, "channel", None)
        self.position += 1

    def _decode(self, row: Row, header: Header, datagram: bytes) -> tuple[Chain, Channel | None]:
        encrypted = bool(header.flags & Flag.ENCRYPTION)
        channel = self.channel
        if not row.encrypted or (row.clear_allowed and not encrypted):
            if encrypted:
                raise Discard(DropReason.BAD_FLAGS, f"message {row.number} must not be encrypted")
            return read_chain(header.next_payload, datagram, HEADER_SIZE), channel
        if not encrypted:
            raise Discard(DropReason.NOT_ENCRYPTED, f"message {row.number}")
        assert channel is not None, "an encrypted row before there are keys"
        return open_chain(channel, header, datagram)

    def knows(self, datagram: bytes) -> bool:
        """Whether this very datagram has been taken before."""
        return hashlib.sha256(datagram).digest() in self._answers

    def refuse(self, datagram: bytes, reply: bytes) -> None:
        """A datagram was refused, and ``reply`` told so: a duplicate of it is told again."""
        self._last_taken = self._answers[hashlib.sha256(datagram).digest()] = _Answer(reply)

    def again(self, datagram: bytes) -> tuple[int, bytes] | None:
        """What to answer to a datagram that was taken before, and as which row (0: a notify): only what was sent in
        reply to it, not for ever, and not once the peer's next message has shown that it has that reply."""
        answer = self._answers[hashlib.sha256(datagram).digest()]
        if (
            answer is not self._last_taken
            or answer.reply is None
            or answer.times >= self._policy.answered_duplicates
        ):
            return None
        answer.times += 1
        return answer.row, answer.reply


def open_chain(channel: Channel, header: Header, datagram: bytes) -> tuple[Chain, Channel]:
    """Decrypt and decode the payloads of an encrypted message. Raises ``Discard``: whoever has no key sends garbage."""
    try:
        plain, after = channel.open(datagram[HEADER_SIZE:])
        return read_chain(header.next_payload, plain, padded=True), after
    except (ValueError, Malformed) as error:
        raise Discard(DropReason.UNDECRYPTABLE, str(error)) from error
