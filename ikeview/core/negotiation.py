"""A run on the wire: where its messages go, when they are sent again, and what is known when it fails."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ikeview.core.context import Context
from ikeview.core.facts import (
    Cause,
    DropReason,
    ExchangeFailed,
    ExchangeFinished,
    ExchangeStarted,
    MessageDropped,
    RowResent,
    RowSent,
    RowTaken,
)
from ikeview.core.fragments import Fragmentation
from ikeview.core.outputs import Send, Spot
from ikeview.core.refusals import Abort
from ikeview.core.runner import Built, Run, Took
from ikeview.core.specs import Role
from ikeview.core.timers import Timer
from ikeview.explain.verdict import Failure, Verdict, explain, waiting
from ikeview.wire.header import Header

_DROPS_KEPT = 8


class Negotiation:
    """Joins a ``Run`` to its peer. Emits the exchange's facts; owns its timers."""

    def __init__(
        self,
        context: Context,
        peer: str,
        tunnel: str,
        run: Run,
        local: Spot,
        remote: Spot,
        *,
        floated: bool,
        why: str,
        attempt: int = 1,
        local_id: str = "",
        offered: tuple[str, ...] = (),
        asked: str = "",
        method: str = "psk",
        tunnel_of: Callable[[Any], str] | None = None,
        fragmentation: Fragmentation | None = None,
    ) -> None:
        self.peer = peer
        self.tunnel = tunnel
        self.run = run
        self.local = local
        self.remote = remote
        self.floated = floated
        self.why = why
        self.attempt = attempt
        self.verdict: Verdict | None = None
        self._context = context
        self._failure = Failure(
            run.exchange.name, run.role is Role.INITIATOR, 0, False, 0, 0.0, str(local), str(remote),
            local_id=local_id, offered=offered, detail=asked, method=method,
        )
        self._tunnel_of = tunnel_of
        self._drops: list[DropReason] = []
        self._finished = False
        self.fragmentation = fragmentation or Fragmentation("off", run.exchange.number)
        self._cut: tuple[bytes, tuple[bytes, ...]] = b"", ()
        """The last message that left, and its pieces."""

    @property
    def key(self) -> tuple[str, str]:
        """The key of its timers."""
        return self.peer, self.run.ident

    @property
    def over(self) -> bool:
        """Whether it has ended, either way."""
        return self._finished

    def announce(self) -> None:
        """Tell that it began."""
        run = self.run
        self._context.emit(
            ExchangeStarted(
                run.ident, self.peer, self.tunnel, run.exchange.name, str(run.role), str(self.local), str(self.remote),
                f"{run.initiator_cookie.hex()}:{run.responder_cookie.hex()}",
                f"{run.message_id:08x}", self.attempt, self.why, tuple(row.arrow for row in run.exchange.ladder),
            )
        )

    def _last_resort(self, now: float) -> None:
        self._context.timers.set(Timer.GIVE_UP, self.key, now + self._context.policy.answer_life)

    def speak(self, now: float) -> Built:
        """Build and send our next message."""
        context = self._context
        self._last_resort(now)
        built = self.run.build(now)
        pieces = self._send(built.datagram)
        notes = (*built.notes, f"in {pieces} fragments") if pieces else built.notes
        context.emit(RowSent(self.run.ident, built.row.number, len(built.datagram), built.payloads, notes))
        if self.run.resends:
            context.timers.set(Timer.RESEND, self.key, now + context.policy.resend_wait(0))
        return built

    def listen(self, now: float, header: Header, datagram: bytes) -> Took:
        """Take the peer's next message. Raises ``Discard``, ``Abort`` or ``Malformed``.

        A negotiation that the peer begins is told of only now that its first message has been looked at: then it is
        known which tunnel it is for (``tunnel_of`` the stage), and one that was discarded never was. If that message is
        refused, the caller announces it."""
        first = self.run.position == 0
        asked = self.run.outstanding
        took = self.run.take(now, header, datagram)
        if asked is not None and asked == self._cut[0] and len(self._cut[1]) > 1:
            self.fragmentation.proved = True
        if any(getattr(each, "fragments", False) for each in self.run.riders):
            self.fragmentation.spoken = True
        if first:
            self.tunnel = self._tunnel_of(self.run.stage) if self._tunnel_of else self.tunnel
            self.announce()
        self._context.timers.clear(Timer.RESEND, self.key)
        # the true answer has come, whatever somebody said before
        self._last_resort(now)
        self._drops.clear()
        self._failure = replace(self._failure, refusal="", authenticated=False, unreachable="")
        self._context.emit(
            RowTaken(self.run.ident, took.row.number, len(datagram), took.waited, took.payloads, took.notes)
        )
        return took

    def again(self, datagram: bytes) -> bool:
        """Answer a datagram that was taken before, if it is one; tells whether it was."""
        if not self.run.knows(datagram):
            return False
        answer = self.run.again(datagram)
        if answer is not None:
            row, reply = answer
            pieces = self._send(reply, again=True)
            if row:
                limit = self._context.policy.answered_duplicates
                self._context.emit(RowResent(self.run.ident, row, 0, limit, 0.0, len(reply), pieces))
        return True

    def resend(self, now: float) -> bool:
        """The answer did not come in time: send again. False if that has been done often enough."""
        run, policy = self.run, self._context.policy
        if run.outstanding is None or run.sends > policy.resend_limit:
            return False
        pieces = self._send(run.outstanding, again=True)
        run.sends += 1
        wait = policy.resend_wait(run.sends - 1)
        self._context.timers.set(Timer.RESEND, self.key, now + wait)
        last = run.sends > policy.resend_limit
        self._context.emit(
            RowResent(
                run.ident, run.position, run.sends - 1, policy.resend_limit, 0.0 if last else wait,
                len(run.outstanding), pieces,
            )
        )
        return True

    def _send(self, datagram: bytes, *, again: bool = False) -> int:
        """Gives in how many pieces; 0: whole."""
        if self._cut[0] != datagram or len(self._cut[1]) == 1:
            cut = self.fragmentation.cut(
                datagram, self.local.host, self._context.policy, floated=self.floated, again=again
            )
            self._cut = datagram, cut
        pieces = self._cut[1]
        for each in pieces:
            self._context.emit(Send(self.local, self.remote, each, self.floated))
        return len(pieces) if len(pieces) > 1 else 0

    def move(self, local: Spot, remote: Spot, *, floated: bool) -> None:
        """From now on between these ports."""
        self.local, self.remote, self.floated = local, remote, floated

    # -- what is known should it fail ----------------------------------------------------------------------------

    def refused(self, now: float, notify: str, *, authenticated: bool) -> None:
        """The peer has sent an error notify. It does not end the negotiation, but it is not waited for much longer."""
        if authenticated or not self._failure.authenticated:
            self._failure = replace(self._failure, refusal=notify, authenticated=authenticated)
        self._hurry(now)

    def unreachable(self, now: float, detail: str) -> None:
        """ICMP says that our message did not arrive."""
        self._failure = replace(self._failure, unreachable=detail)
        self._hurry(now)

    def dropped(self, now: float, remote: Spot, size: int, reason: DropReason, detail: str) -> None:
        """A message of this negotiation was not taken."""
        if len(self._drops) < _DROPS_KEPT:
            self._drops.append(reason)
        self._context.emit(MessageDropped(self.peer, str(remote), size, reason, detail, self.run.ident))

    def doubtful(self, now: float) -> None:
        """What came looks like a refusal that cannot be read: do not wait for much longer."""
        self._hurry(now)

    def _hurry(self, now: float) -> None:
        timers, patience = self._context.timers, now + self._context.policy.refused_patience
        current = timers.get(Timer.GIVE_UP, self.key)
        if current is None or patience < current:
            timers.set(Timer.GIVE_UP, self.key, patience)

    def _known(self, now: float) -> Failure:
        run = self.run
        return replace(
            self._failure,
            row=run.position,
            sent=run.outstanding is not None,
            sends=run.sends if run.outstanding is not None else 0,
            seconds=now - (run.sent_at if run.sends else run.begun),
            local=str(self.local),
            remote=str(self.remote),
            size=len(run.outstanding) if run.outstanding is not None else 0,
            floated=self.floated,
            drops=tuple(self._drops),
        )

    def state(self, now: float) -> str:
        """What it waits for, in a sentence."""
        return waiting(self._known(now))

    # -- the end --------------------------------------------------------------------------------------------------

    def finish(self, now: float, outcome: str) -> None:
        """It succeeded."""
        self._finished = True
        self._context.timers.clear(Timer.RESEND, self.key)
        self._context.timers.clear(Timer.GIVE_UP, self.key)
        self._context.timers.clear(Timer.HALF_OPEN, self.key)
        self._context.openings.over(now, self.peer)
        self._context.emit(ExchangeFinished(self.run.ident, now - self.run.begun, outcome))

    def fail(self, now: float, abort: Abort | None = None, cause: Cause = Cause.NO_ANSWER, detail: str = "") -> Verdict:
        """It ended without success: by our own refusal, for a cause from outside, or because nothing came."""
        known = self._known(now)
        if abort is not None:
            known = replace(
                known, cause=abort.cause, detail=abort.detail, offered=abort.offered, expected=abort.expected
            )
        elif cause is not Cause.NO_ANSWER:
            known = replace(known, cause=cause, detail=detail)
        verdict = explain(known)
        # our own offer tells something only where it was refused
        sides = (known.offered, known.expected) if abort or verdict.cause is Cause.NO_PROPOSAL else ((), ())
        self._finished = True
        self.verdict = verdict
        self._context.timers.clear_all(self.key)
        self._context.openings.over(now, self.peer)
        self._context.emit(
            ExchangeFailed(
                self.run.ident, self.run.position, now - self.run.begun, verdict.cause, verdict.sentence, verdict.hints,
                *sides,
            )
        )
        return verdict
