"""Large messages in pieces (payload 132, as Cisco began it): cut for a peer that takes them, put together for us.

Each piece is a message with the cookies of the whole one and one payload; the whole one, header and encryption
included, is what the pieces hold. So this comes before everything else on the way in, and after it on the way out.
"""

from dataclasses import dataclass, field

from ikeview.core.facts import DropReason
from ikeview.core.policy import Policy
from ikeview.core.refusals import Discard
from ikeview.core.specs import Address
from ikeview.core.timers import Timer, Timers
from ikeview.wire.header import HEADER_SIZE, MAX_MESSAGE, NO_COOKIE, VERSION, Header
from ikeview.wire.message import read_chain, write_chain
from ikeview.wire.numbers import PayloadType
from ikeview.wire.payloads import LAST_FRAGMENT, Fragment
from ikeview.wire.reader import octets

_PIECE_HEADERS = HEADER_SIZE + 8
_UDP_HEADER, _NON_ESP_MARKER = 8, 4


# -- going out -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Fragmentation:
    """How large messages go to one peer: one for each phase 1 and all that runs under it. ``exchange`` is the exchange
    type of phase 1, under which all pieces go, for others do it so."""

    mode: str
    """auto | force | off"""
    exchange: int
    spoken: bool = False
    """The peer says that it puts pieces together."""
    proved: bool = False
    """A message in pieces has been answered where it was not when it was whole."""
    _number: int = 0

    def cut(
        self, datagram: bytes, local: Address, policy: Policy, *, floated: bool, again: bool
    ) -> tuple[bytes, ...]:
        """A message as it leaves; ``again``: it has been sent before without an answer."""
        most = largest(local, policy, floated=floated)
        if datagram[8:16] == NO_COOKIE:
            # who knows nothing of us yet should not have to keep pieces of ours
            return (datagram,)
        pieces = self.mode == "force" or (self.mode == "auto" and self.spoken and (again or self.proved))
        if not pieces or len(datagram) <= most:
            return (datagram,)
        size = most - _PIECE_HEADERS
        count = -(-len(datagram) // size)
        if count > policy.fragments_most:
            return (datagram,)
        self._number = self._number % 0xFFFF + 1
        return tuple(
            self._piece(datagram, number, datagram[at : at + size], last=number == count)
            for number, at in enumerate(range(0, len(datagram), size), 1)
        )

    def _piece(self, whole: bytes, number: int, data: bytes, *, last: bool) -> bytes:
        body = write_chain([Fragment(self._number, number, LAST_FRAGMENT if last else 0, data)])
        header = Header(
            whole[:8], whole[8:16], PayloadType.FRAGMENT, VERSION, self.exchange, 0, 0, HEADER_SIZE + len(body)
        )
        return header.write() + body


def largest(local: Address, policy: Policy, *, floated: bool) -> int:
    """Octets of the largest message that goes whole in every case."""
    headers = (20 if local.version == 4 else 40) + _UDP_HEADER + (_NON_ESP_MARKER if floated else 0)
    return policy.fragment_packet - headers


# -- coming in -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Pieces:
    """What has come of one message."""

    identifier: int
    by_number: dict[int, bytes] = field(default_factory=dict)
    size: int = 0
    last: int = 0
    """The number of the last piece; 0: it has not come."""

    def contradicts(self, fragment: Fragment) -> bool:
        """Whether the piece is one of another message: many stacks give all their messages one identifier."""
        known = self.by_number.get(fragment.number)
        return (
            fragment.identifier != self.identifier
            or (known is not None and known != fragment.data)
            or (bool(self.last) and (fragment.number > self.last or fragment.last != (fragment.number == self.last)))
            or (fragment.last and any(number > fragment.number for number in self.by_number))
        )


class Fragments:
    """Messages of which not all pieces have come: one for each of our cookies, so whoever has not been told one cannot
    leave anything here."""

    def __init__(self, policy: Policy, timers: Timers) -> None:
        self._policy = policy
        self._timers = timers
        self._incomplete: dict[bytes, _Pieces] = {}

    def take(self, now: float, cookie: bytes, header: Header, datagram: bytes) -> bytes | None:
        """One piece; gives the whole message if that was the last one missing. Raises ``Discard`` or ``Malformed``."""
        chain = read_chain(header.next_payload, datagram, HEADER_SIZE)
        fragment, policy = chain.first(Fragment), self._policy
        if fragment is None or len(chain.carried) != 1:
            raise Discard(DropReason.BAD_FRAGMENT, "it holds other payloads besides")
        if fragment.number > policy.fragments_most:
            raise Discard(DropReason.BAD_FRAGMENT, f"number {fragment.number}, {policy.fragments_most} are allowed")
        pieces = self._incomplete.get(cookie)
        if pieces is None or pieces.contradicts(fragment):
            self.forget(cookie)
            pieces = _Pieces(fragment.identifier)
        if fragment.number in pieces.by_number:
            return None
        if pieces.size + len(fragment.data) > MAX_MESSAGE:
            self.forget(cookie)
            raise Discard(DropReason.BAD_FRAGMENT, f"together more than {octets(MAX_MESSAGE)}")
        pieces.by_number[fragment.number] = fragment.data
        pieces.size += len(fragment.data)
        if fragment.last:
            pieces.last = fragment.number
        if len(pieces.by_number) == pieces.last:
            self.forget(cookie)
            return b"".join(pieces.by_number[number] for number in range(1, pieces.last + 1))
        if cookie not in self._incomplete:
            if len(self._incomplete) >= policy.fragmented_most:
                self.forget(next(iter(self._incomplete)))
            self._incomplete[cookie] = pieces
            self._timers.set(Timer.FRAGMENTS, _key(cookie), now + policy.fragments_life)
        return None

    def forget(self, cookie: bytes) -> None:
        """What has come so far is of no use any more."""
        self._incomplete.pop(cookie, None)
        self._timers.clear(Timer.FRAGMENTS, _key(cookie))

    def fire(self, subject: str) -> None:
        """The rest has not come in time."""
        self.forget(bytes.fromhex(subject))


def _key(cookie: bytes) -> tuple[str, str]:
    return "", cookie.hex()
