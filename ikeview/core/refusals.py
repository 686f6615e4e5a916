"""The two ways to refuse a message."""

from ikeview.core.facts import Cause, DropReason
from ikeview.wire.numbers import NotifyType


class Discard(Exception):
    """The datagram is dropped and nothing moves: the negotiation waits on for the true one.

    Whatever somebody outside the negotiation can cause must end here.
    """

    def __init__(self, reason: DropReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class Abort(Exception):
    """The exchange ends and the peer is told; ``offered`` and ``expected`` are both sides' values, if they differ."""

    def __init__(
        self,
        notify: NotifyType,
        cause: Cause,
        detail: str,
        offered: tuple[str, ...] = (),
        expected: tuple[str, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.notify = notify
        self.cause = cause
        self.detail = detail
        self.offered = offered
        self.expected = expected
