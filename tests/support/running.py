"""A tunnel that is up, and time under traffic."""

from typing import Any

from tests.support.ladder_dsl import Tap
from tests.support.laws import (
    bring_up,
    pass_packets,
)
from tests.support.link import End, Link
from tests.support.scenes import link

HOUR = 3600.0


def up(**changes: Any) -> tuple[Link, Tap]:
    some = link(**changes)
    tap = Tap(some)
    bring_up(some)
    some.run(0.5)
    pass_packets(some)
    tap.skip()
    return some, tap


def busy(some: Link, seconds: float, every: float = 1.0) -> None:
    """Let time pass under traffic both ways, which never goes into the void."""
    until = some.now + seconds
    while some.now < until:
        some.run(min(every, until - some.now))
        pass_packets(some)


def ends(some: Link, initiator: str) -> tuple[End, End]:
    return (some.left, some.right) if initiator == "left" else (some.right, some.left)
