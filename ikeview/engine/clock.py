"""The engine's clocks. Timers use one that runs on while the machine is suspended, so that an SA that expired in the
meantime is gone at once after waking; it never steps, whatever happens to the time of day."""

import time


def now() -> float:
    """Monotonic seconds, suspended time included; the same for every process of this boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wall() -> float:
    """UTC seconds since 1970, for people to read."""
    return time.time()
