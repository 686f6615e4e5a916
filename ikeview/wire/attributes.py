"""Data attributes in both forms (RFC 2408 section 3.3)."""

from dataclasses import dataclass

from ikeview.wire.reader import Reader

_BASIC = 0x8000
MAX_ATTRIBUTES = 64
"""A transform has about eight."""
_LEAST_SIZE = 4
_MAX_NUMBER = 8
"""Octets of the longest attribute that is taken for a number: lifetimes come with up to eight."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """Type and value; ``basic`` is the form with a 2-octet value in place of a length."""

    kind: int
    value: bytes
    basic: bool

    @classmethod
    def of(cls, kind: int, number: int) -> "Attribute":
        """A number in the shortest form: basic up to 65,535, else four octets (RFC 2407 section 4.5)."""
        if number < 0x10000:
            return cls(kind, number.to_bytes(2), True)
        return cls(kind, number.to_bytes(max(4, (number.bit_length() + 7) // 8)), False)

    @classmethod
    def read(cls, r: Reader) -> "Attribute":
        """Raises ``Malformed``."""
        kind = r.u16("type")
        if kind & _BASIC:
            return cls(kind & ~_BASIC, r.octets("value", 2), True)
        return cls(kind, r.octets("value", r.u16("length")), False)

    def write(self) -> bytes:
        """The attribute as it came."""
        if self.basic:
            return (self.kind | _BASIC).to_bytes(2) + self.value
        return self.kind.to_bytes(2) + len(self.value).to_bytes(2) + self.value

    @property
    def number(self) -> int | None:
        """The value as a number, whatever the form; None if it is too long for one or empty."""
        return int.from_bytes(self.value) if 0 < len(self.value) <= _MAX_NUMBER else None


def read_attributes(r: Reader, *, padded: bool = False) -> tuple[Attribute, ...]:
    """All attributes up to the reader's end. Raises ``Malformed``.

    With ``padded`` zeros too few for an attribute may be left at the end; they are not taken."""
    found: list[Attribute] = []
    while r.left:
        if padded and r.left < _LEAST_SIZE and not any(r.raw(r.at, r.at + r.left)):
            break
        if len(found) == MAX_ATTRIBUTES:
            raise r.fail(f"attribute[{len(found)}]", f"more than {MAX_ATTRIBUTES} attributes")
        # each attribute reads under its own name but from the same octets
        inner = r.named(f"attribute[{len(found)}]")
        found.append(Attribute.read(inner))
        r.at = inner.at
    return tuple(found)

