"""The message IDs that an ISAKMP SA has seen (RFC 2409 appendix B: none may come twice)."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator


class UsedIds:
    """A set of 32-bit numbers in four octets each: keepalives use some thousands in the life of an ISAKMP SA, and a
    ``set`` takes twenty times that."""

    __slots__ = ("_sorted",)

    def __init__(self) -> None:
        self._sorted = array("I")

    def add(self, message_id: int) -> None:
        """One more has been used; twice is harmless."""
        at = bisect_left(self._sorted, message_id)
        if at == len(self._sorted) or self._sorted[at] != message_id:
            self._sorted.insert(at, message_id)

    def __contains__(self, message_id: int) -> bool:
        at = bisect_left(self._sorted, message_id)
        return at < len(self._sorted) and self._sorted[at] == message_id

    def __len__(self) -> int:
        return len(self._sorted)

    def __iter__(self) -> Iterator[int]:
        return iter(self._sorted)
