"""All timers in one table; nothing schedules a callback."""

import heapq
from enum import StrEnum


class Timer(StrEnum):
    """What happens when it runs out, as a sentence for the list of next events."""

    TELL_DROPS = "tell of dropped datagrams"
    PREPARE = "make a key pair ahead of its use"
    OPENING = "begin with the next peer"
    RESEND = "send the message again"
    GIVE_UP = "give the negotiation up"
    HALF_OPEN = "forget the half-open negotiation"
    FORGET = "forget a finished negotiation"
    RETRY = "try the tunnel again"
    REKEY = "rekey phase 2"
    EXPIRE = "end the IPsec SA"
    SWITCH = "move traffic to the new IPsec SA"
    DROP_OLD = "delete the replaced IPsec SA"
    RENEW = "renew phase 1"
    EXPIRE_PHASE1 = "end the ISAKMP SA"
    DROP_PHASE1 = "delete the replaced ISAKMP SA"
    PROBE = "send a keepalive"
    NAT_KEEPALIVE = "send a NAT keepalive"
    ECHO = "send an ICMP echo request through the tunnel"
    STALLED = "see whether ESP still arrives"
    RESOLVE = "look the peer's name up again"
    MOVE = "begin anew at the peer's new address if the old one is silent"
    TRANSACTION = "give up on XAUTH or mode config"
    FOLLOW = "follow the peer to where it was seen"
    AFTER_XAUTH = "go on after XAUTH"
    FRAGMENTS = "forget an incomplete message"
    ABANDON = "give up a peer that is held for dead"
    MEMBER = "forget a peer that has gone"


Key = tuple[str, str]
"""Owner (a peer's name) and subject (an exchange, an SPI, a tunnel ...)."""


class Timers:
    """Deadlines by timer and key, in seconds of the engine's clock."""

    def __init__(self) -> None:
        self._at: dict[tuple[Timer, Key], float] = {}
        self._heap: list[tuple[float, Timer, Key]] = []

    def set(self, timer: Timer, key: Key, at: float) -> None:
        """Start it, or move it."""
        self._at[timer, key] = at
        heapq.heappush(self._heap, (at, timer, key))

    def clear(self, timer: Timer, key: Key) -> None:
        """Stop it if it runs."""
        self._at.pop((timer, key), None)

    def clear_all(self, key: Key) -> None:
        """Stop every timer of that key."""
        for timer in Timer:
            self._at.pop((timer, key), None)

    def rename(self, old: Key, new: Key) -> None:
        """Every timer of one key belongs to another from now on."""
        for timer in Timer:
            at = self._at.pop((timer, old), None)
            if at is not None:
                self.set(timer, new, at)

    def get(self, timer: Timer, key: Key) -> float | None:
        """When it runs out, if it runs."""
        return self._at.get((timer, key))

    def next(self) -> float | None:
        """The nearest deadline."""
        self._settle()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> tuple[Timer, Key] | None:
        """One timer that has run out, the earliest first; it is stopped by that."""
        self._settle()
        if not self._heap or self._heap[0][0] > now:
            return None
        _, timer, key = heapq.heappop(self._heap)
        del self._at[timer, key]
        return timer, key

    def table(self) -> list[tuple[float, Timer, Key]]:
        """All running timers, the nearest first."""
        return sorted((at, timer, key) for (timer, key), at in self._at.items())

    def _settle(self) -> None:
        # what was moved or stopped is still in the heap under its old time
        while self._heap and self._at.get(self._heap[0][1:]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._at):
            self._heap = [(at, timer, key) for (timer, key), at in self._at.items()]
            heapq.heapify(self._heap)
