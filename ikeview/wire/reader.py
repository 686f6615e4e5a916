"""Named reads: every field that is taken from the wire says what it is.

The name pays three times: in the error, in the packet inspector's spans, and for whoever reads the code.
"""

from dataclasses import dataclass


class Malformed(ValueError):
    """Octets that are not what they claim to be. The only exception that leaves decoding."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why


def octets(count: int) -> str:
    """``1 octet``, ``2 octets``."""
    return f"{count} octet" if count == 1 else f"{count} octets"


@dataclass(frozen=True, slots=True)
class Span:
    """Where a field stood: ``path`` like ``payload[2].port``, offsets into the datagram, the value read."""

    path: str
    start: int
    end: int
    value: int | bytes


class Reader:
    """Takes fields from ``data[start:end]`` in order; raises ``Malformed`` where there are too few octets.

    With a list in ``spans`` every field read is recorded there.
    """

    __slots__ = ("_data", "_end", "_path", "_spans", "at")

    def __init__(
        self, data: bytes, path: str = "", start: int = 0, end: int | None = None, spans: list[Span] | None = None
    ) -> None:
        self._data = data
        self._path = path
        self._spans = spans
        self._end = len(data) if end is None else end
        self.at = start

    @property
    def left(self) -> int:
        """Octets not yet taken."""
        return self._end - self.at

    def _name(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def fail(self, name: str, why: str) -> Malformed:
        """An error about a field, to be raised by the caller."""
        return Malformed(self._name(name), why)

    def _take(self, name: str, count: int) -> bytes:
        if count > self.left:
            raise self.fail(name, f"wants {octets(count)} at offset {self.at}, {self.left} left")
        start = self.at
        self.at += count
        return self._data[start : self.at]

    def _number(self, name: str, size: int) -> int:
        start = self.at
        value = int.from_bytes(self._take(name, size))
        if self._spans is not None:
            self._spans.append(Span(self._name(name), start, self.at, value))
        return value

    def u8(self, name: str) -> int:
        """One octet."""
        return self._number(name, 1)

    def u16(self, name: str) -> int:
        """Two octets in network order."""
        return self._number(name, 2)

    def u32(self, name: str) -> int:
        """Four octets in network order."""
        return self._number(name, 4)

    def octets(self, name: str, count: int) -> bytes:
        """Exactly ``count`` octets."""
        start = self.at
        value = self._take(name, count)
        if self._spans is not None and count:
            self._spans.append(Span(self._name(name), start, self.at, value))
        return value

    def rest(self, name: str) -> bytes:
        """All that is left."""
        return self.octets(name, self.left)

    def part(self, name: str, count: int) -> "Reader":
        """A reader for the next ``count`` octets, which this one skips."""
        start = self.at
        self._take(name, count)
        return Reader(self._data, self._name(name), start, self.at, self._spans)

    def named(self, name: str) -> "Reader":
        """A reader from here to the end under a longer path; the caller sets ``at`` to where it stopped."""
        return Reader(self._data, self._name(name), self.at, self._end, self._spans)

    def done(self) -> None:
        """Nothing may be left. Raises ``Malformed``."""
        if self.left:
            raise self.fail("end", f"{octets(self.left)} too many at offset {self.at}")

    def raw(self, start: int, end: int) -> bytes:
        """Octets by offset, as received."""
        return self._data[start:end]
