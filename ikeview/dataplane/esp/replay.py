"""The anti-replay window (RFC 4303 section 3.4.3), and the high half of extended sequence numbers (appendix A)."""

_HALF = 2**32


class ReplayWindow:
    """Which of the last ``size`` sequence numbers have been taken.

    Bit n of the bitmap stands for the number ``highest - n``. ``fresh`` is asked before the ICV is checked, ``take``
    called only after: a forged packet must never move the window.
    """

    __slots__ = ("_bitmap", "_mask", "highest", "size")

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"a replay window of {size} packets takes nothing")
        self.size = size
        self.highest = 0
        self._bitmap = 0
        self._mask = (1 << size) - 1

    def whole(self, low: int) -> int:
        """The extended sequence number of a packet that carries only the low half: the one that lies in the window, or
        else the next one above it (RFC 4303 appendix A2.2). 0, which is never fresh, where there is none."""
        high, top = divmod(self.highest, _HALF)
        bottom = top - self.size + 1
        if bottom >= 0:
            if low < bottom:
                high += 1
        elif low >= bottom + _HALF:
            # the window reaches back into the numbers before the low half began anew
            high -= 1
        return high * _HALF + low if 0 <= high < _HALF else 0

    def fresh(self, sequence: int) -> bool:
        """Whether a packet with this number may still be taken. 0 is never sent (RFC 4303 section 3.3.3)."""
        behind = self.highest - sequence
        if behind < 0:
            return True
        return sequence > 0 and behind < self.size and not self._bitmap >> behind & 1

    def take(self, sequence: int) -> bool:
        """Mark a fresh number as taken; whether it is the highest so far."""
        ahead = sequence - self.highest
        if ahead <= 0:
            self._bitmap |= 1 << -ahead
            return False
        # without the first branch a jump to 2^32-1 would make a number of half a gigabyte
        self._bitmap = 1 if ahead >= self.size else (self._bitmap << ahead | 1) & self._mask
        self.highest = sequence
        return True
