"""RESPONDER-LIFETIME: the responder tells that it ends an SA earlier than was offered (RFC 2407 section 4.6.3.1)."""

from dataclasses import dataclass, replace
from typing import Any

from ikeview.core.facts import LifetimeNotified
from ikeview.core.ladder import Row
from ikeview.core.runner import Message
from ikeview.core.specs import Role
from ikeview.ikev1.offers import KILOBYTE, Life, life_attributes
from ikeview.wire.attributes import read_attributes
from ikeview.wire.numbers import EspAttribute, LifeType, NotifyType, Phase1Attribute, ProtocolId
from ikeview.wire.payloads import Notify, Payload
from ikeview.wire.reader import Malformed, Reader

DEFAULT_SECONDS = 28_800.0
"""What an offer means that names no lifetime (RFC 2407 section 4.5)."""

_TYPES = (EspAttribute.LIFE_TYPE, Phase1Attribute.LIFE_TYPE)
_DURATIONS = (EspAttribute.LIFE_DURATION, Phase1Attribute.LIFE_DURATION)
"""Of either phase: stacks do not agree on whose numbers stand in the notify of phase 1."""


def notice(protocol: int, spi: bytes, offered: Life, ours: Life) -> list[Payload]:
    """What a responder adds to its answer: nothing if what was offered is as short as its own. ``spi`` is our inbound
    one, or both cookies."""
    seconds = ours.seconds if ours.seconds and ours.seconds < (offered.seconds or DEFAULT_SECONDS) else 0.0
    octets = ours.octets if ours.octets and (not offered.octets or ours.octets < offered.octets) else 0
    if not seconds and not octets:
        return []
    data = b"".join(each.write() for each in life_attributes(protocol, seconds, octets))
    return [Notify.of(protocol, NotifyType.RESPONDER_LIFETIME, spi, data)]


def read(notify: Notify) -> Life | None:
    """The lifetimes that a notify names; None if it is another, or names none that can be read."""
    if notify.kind != NotifyType.RESPONDER_LIFETIME:
        return None
    try:
        attributes = read_attributes(Reader(notify.data, "lifetime"))
    except Malformed:
        return None
    seconds, octets, unit = 0.0, 0, 0
    for each in attributes:
        number = each.number
        if each.kind in _TYPES:
            unit = number or 0
        elif each.kind in _DURATIONS and number:
            if unit == LifeType.SECONDS:
                seconds = float(number)
            elif unit == LifeType.KILOBYTES:
                octets = number * KILOBYTE
    return Life(seconds, octets) if seconds or octets else None


def shorter(one: Life, other: Life) -> Life:
    """The shorter of each; 0 is none."""
    seconds = [each for each in (one.seconds, other.seconds) if each]
    octets = [each for each in (one.octets, other.octets) if each]
    return Life(min(seconds, default=0.0), min(octets, default=0))


def told(peer: str, about: str, life: Life) -> LifetimeNotified:
    """The fact."""
    return LifetimeNotified(peer, about, life.seconds, life.octets)


@dataclass(frozen=True, slots=True)
class ResponderLifetime:
    """The rider of phase 1: a responder says in its encrypted message that its ISAKMP SA ends earlier than was offered.
    Aggressive Mode has no such message."""

    role: Role
    lifetime: float
    notified: Life | None = None
    """What the peer has said."""

    def add(self, row: Row, stage: Any) -> tuple["ResponderLifetime", list[Payload]]:
        """In the responder's encrypted row."""
        secured = getattr(stage, "secured", None)
        if self.role is not Role.RESPONDER or not row.encrypted or secured is None:
            return self, []
        chosen = secured.chosen
        return self, notice(ProtocolId.ISAKMP, chosen.cookies.both, chosen.offer.life, Life(self.lifetime))

    def read(self, row: Row, stage: Any, message: Message) -> "ResponderLifetime":
        """The peer's."""
        if self.role is not Role.INITIATOR or not row.encrypted:
            return self
        lives = [life for each in message.chain.all(Notify) if (life := read(each)) is not None]
        return replace(self, notified=lives[0]) if lives else self

    def notes(self, row: Row, taken: bool) -> tuple[str, ...]:
        """How long it is."""
        told = taken and row.encrypted and self.notified is not None and self.notified.seconds
        return (f"peer ends it after {told:.0f}s",) if told else ()
