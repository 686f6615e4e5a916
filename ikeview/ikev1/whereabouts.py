"""Where a peer is and where we are, as seen from each other: names looked up again, and addresses that change.

What runs between old addresses is left alone while it lives. A new phase 1 between the new ones is begun beside it when
the old ones fall silent, or at once if nothing is up; the tunnels' SAs follow it.
"""

from typing import TYPE_CHECKING

from ikeview.core.context import Context
from ikeview.core.facts import NameResolved, NameUnresolved
from ikeview.core.inputs import Located
from ikeview.core.outputs import Locate
from ikeview.core.specs import Address, Role
from ikeview.core.timers import Timer
from ikeview.ikev1.isakmp_sa import IsakmpSa

if TYPE_CHECKING:
    from ikeview.ikev1.peer import Peer

NEW_ADDRESS = "new address"
_SECONDS_WITHOUT_KEEPALIVE = 30.0


class Whereabouts:
    """One peer's. Timers: RESOLVE under the name that is looked up, MOVE under the peer's own.

    The engine answers only the last ``Locate`` of a peer, so what was asked last is what the next answer is about.
    """

    def __init__(self, peer: "Peer", context: Context) -> None:
        self._peer = peer
        self._context = context
        self.resolved: Address | None = None
        """What the peer's name stood for when it was last looked up with success."""
        self.others: tuple[Address, ...] = ()
        """What else it stood for."""
        self._failures = 0
        """Lookups in a row that failed."""
        self._question = ""
        """What the next answer is about: ``name``, ``kept`` (the name's old address) or ``check`` (of our own)."""
        self._tried: Address | None = None
        self._avoid: Address | None = None
        """An address of the name that did not answer."""
        self._checked_at = float("-inf")

    @property
    def named(self) -> bool:
        """Whether the peer is known by a DNS name."""
        spec = self._peer.spec
        return spec.remote_address is None and spec.remote_network is None and spec.remote != "any"

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where its messages may come from, as far as its name says."""
        return (self.resolved, *self.others) if self.resolved is not None else ()

    def start(self) -> None:
        """The engine has started: a peer known by name is looked for, so that it is known when it begins."""
        if self.named and not self._peer.phase1.locating:
            self.ask()

    def stop(self) -> None:
        """The engine ends."""
        self._context.timers.clear(Timer.RESOLVE, self._resolve_key)
        self._context.timers.clear(Timer.MOVE, self._move_key)

    @property
    def _resolve_key(self) -> tuple[str, str]:
        return self._peer.spec.name, self._peer.spec.remote

    @property
    def _move_key(self) -> tuple[str, str]:
        return self._peer.spec.name, self._peer.spec.name

    # -- asking ----------------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Where is the peer, and from which address of ours is it reached?"""
        spec = self._peer.spec
        self._question = "name" if self.named else "address"
        prefer = self.resolved if self.resolved != self._avoid else None
        self._context.emit(Locate(spec.name, spec.remote, spec.local, prefer, self._avoid))

    def answered(self, now: float, event: Located) -> bool:
        """Takes note of an answer; whether it is one that phase 1 can go by."""
        question, self._question = self._question, ""
        if question == "check":
            self._checked(now, event)
            return False
        if question == "name":
            if event.remote is not None and event.ttl > 0:
                self._resolved(now, event)
            else:
                self._unresolved(now, event.problem)
                if self.resolved is not None:
                    self._question = "kept"
                    spec = self._peer.spec
                    self._context.emit(Locate(spec.name, str(self.resolved), spec.local))
                    return False
        if event.remote is not None:
            self._tried = event.remote
            if self._peer.phase1.current is None:
                self._peer.address = event.remote
        return True

    def failed(self) -> None:
        """No phase 1 came about: if the name has several addresses, another one is next."""
        self._avoid = self._tried if self.others else None

    # -- the name --------------------------------------------------------------------------------------------------

    def _resolved(self, now: float, event: Located) -> None:
        policy, spec, address = self._context.policy, self._peer.spec, event.remote
        assert address is not None
        # another one of several addresses is no change while the old one is still among them
        changed = self.resolved is not None and self.resolved not in (address, *event.others)
        before = self.addresses
        self.resolved, self.others, self._failures = address, event.others, 0
        self._context.places.named(self._peer, before, self.addresses)
        ttl = min(max(event.ttl, policy.resolve_least), policy.resolve_most)
        self._context.timers.set(Timer.RESOLVE, self._resolve_key, now + ttl)
        self._context.emit(NameResolved(spec.name, spec.remote, str(address), ttl, changed))
        if changed:
            self._begin_move(now)

    def _unresolved(self, now: float, why: str) -> None:
        policy, spec = self._context.policy, self._peer.spec
        self._failures += 1
        wait = min(policy.resolve_least * 2.0 ** min(self._failures - 1, 8), policy.resolve_patience)
        self._context.timers.set(Timer.RESOLVE, self._resolve_key, now + wait)
        kept = str(self.resolved) if self.resolved is not None else ""
        self._context.emit(NameUnresolved(spec.name, spec.remote, why or "no answer", kept))

    # -- another address of the peer -------------------------------------------------------------------------------

    @property
    def _silence(self) -> float:
        spec = self._peer.spec.keepalive
        return spec.interval if spec.method != "off" else _SECONDS_WITHOUT_KEEPALIVE

    def _begin_move(self, now: float) -> None:
        phase1 = self._peer.phase1
        if phase1.newest is None or phase1.newest.doubted:
            # nothing to keep: what is tried at the old address is given up, what waits for its turn has it
            assert self.resolved is not None
            phase1.give_up_elsewhere(now, self.resolved)
            self._peer.phase2.retry_now(now)
            return
        self._context.timers.set(Timer.MOVE, self._move_key, max(now, self._peer.keepalive.heard_at + self._silence))

    def _move(self, now: float) -> None:
        """See whether it is time to begin anew at the address that the name stands for now."""
        sa, keepalive = self._peer.phase1.newest, self._peer.keepalive
        if sa is None or self.resolved is None or sa.remote.host == self.resolved or not self._peer.spec.can_initiate:
            return
        quiet_at = keepalive.heard_at + self._silence
        if now < quiet_at:
            self._context.timers.set(Timer.MOVE, self._move_key, quiet_at)
            return
        self._context.timers.set(Timer.MOVE, self._move_key, now + self._context.policy.retry_most)
        self._peer.phase1.want(now, f"renew: {NEW_ADDRESS}")

    # -- another address of ours -----------------------------------------------------------------------------------

    def missed(self, now: float, sa: IsakmpSa) -> None:
        """The peer has not answered, or what we sent did not leave: is the SA's address still ours?

        If we began it, its address was the one that leads to the peer, and it should still be. If the peer did, all
        that matters is that it is an address of ours."""
        policy = self._context.policy
        if self._peer.phase1.busy or self._question or now < self._checked_at + policy.probe_resend:
            return
        if not self._peer.spec.can_initiate or sa is not self._peer.phase1.newest:
            return
        self._checked_at = now
        self._question = "check"
        local = self._peer.spec.local if sa.role is Role.INITIATOR else str(sa.local.host)
        self._context.emit(Locate(self._peer.spec.name, str(sa.remote.host), local))

    def _checked(self, now: float, event: Located) -> None:
        sa = self._peer.phase1.newest
        if sa is None:
            return
        if sa.role is Role.INITIATOR:
            # without a way to the peer nothing can be begun anew either
            moved = event.local is not None and event.local != sa.local.host
        else:
            moved = event.local is None
        if moved:
            self._peer.phase1.want(now, f"renew: {NEW_ADDRESS}")

    # -- what follows ----------------------------------------------------------------------------------------------

    def phase1_established(self, now: float, sa: IsakmpSa) -> None:
        """The tunnels' SAs follow a phase 1 between other addresses."""
        self._avoid = None
        self._context.timers.clear(Timer.MOVE, self._move_key)
        if sa.role is Role.RESPONDER:
            # whoever has moved brings its tunnels along
            return
        for tunnel in self._peer.tunnels.values():
            pair = tunnel.current
            if pair is None:
                continue
            half = pair.outbound
            if (half.local.host, half.remote.host) != (sa.local.host, sa.remote.host):
                self._peer.phase2.rekey(now, tunnel, NEW_ADDRESS)

    def fire(self, now: float, timer: Timer) -> None:
        """RESOLVE or MOVE has run out."""
        if timer is Timer.MOVE:
            self._move(now)
        elif self._question or self._peer.phase1.locating:
            # it is being asked already
            self._context.timers.set(Timer.RESOLVE, self._resolve_key, now + self._context.policy.resolve_least)
        else:
            self.ask()
