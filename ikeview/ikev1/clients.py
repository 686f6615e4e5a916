"""Several peers under one configuration (``remote`` is ``any`` or a network): each that has proved itself gets a
machine of its own, found by its identity or user."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ikeview.core.context import Context
from ikeview.core.limiter import Limiter
from ikeview.core.specs import Address
from ikeview.core.timers import Timer
from ikeview.ikev1.isakmp_sa import IsakmpSa

if TYPE_CHECKING:
    from ikeview.ikev1.peer import Peer


class NotUnique(Exception):
    """The peer may not connect beside the one that is there; the text says why."""


class Clients:
    """The machines of one configured peer. The first that connects gets the configured peer's own, the next ones get
    ``NAME#2``, ``NAME#3`` ..."""

    def __init__(self, base: "Peer", context: Context, limiter: Limiter) -> None:
        self._base = base
        self._context = context
        self._limiter = limiter
        self._by_who: dict[str, Peer] = {}

    def machine(self, now: float, sa: IsakmpSa) -> "Peer":
        """Whose the ISAKMP SA is. Raises ``NotUnique``."""
        who = self._who(sa)
        if not self._base.spec.many:
            self._check_unique(now, self._base, sa, who)
            return self._base
        found = self._by_who.get(who)
        if found is None:
            found = self._free(now)
            self._by_who[who] = found
        else:
            self._check_unique(now, found, sa, who)
        self._watch(now, found)
        return found

    def _check_unique(self, now: float, machine: "Peer", sa: IsakmpSa, who: str) -> None:
        other = machine.phase1.current
        if machine.spec.unique != "keep" or other is None or other.remote.host == sa.remote.host:
            return
        silence = now - machine.keepalive.heard_at
        if silence < machine.spec.keepalive.timeout:
            raise NotUnique(f"{who} is connected from {other.remote}, and unique = keep")

    def _free(self, now: float) -> "Peer":
        base, context = self._base, self._context
        if base not in self._by_who.values():
            return base
        if len(self._by_who) >= context.policy.members_most:
            raise NotUnique(f"{len(self._by_who)} peers are connected under {base.spec.name}")
        taken = {each.spec.name for each in self._by_who.values()}
        number = next(each for each in range(2, len(taken) + 3) if f"{base.spec.name}#{each}" not in taken)
        name = f"{base.spec.name}#{number}"
        # as configured: what has been learned of the first peer's selectors is not for the others
        tunnels = tuple(replace(each, peer=name) for each in base.spec.tunnels)
        machine = base.another(replace(base.spec, name=name, tunnels=tunnels), self._limiter)
        context.enrol(machine, base.spec.name)
        return machine

    def _watch(self, now: float, machine: "Peer") -> None:
        self._context.timers.set(
            Timer.MEMBER, (self._base.spec.name, machine.spec.name), now + self._context.policy.member_life
        )

    def look(self, now: float, name: str) -> None:
        """Whether a machine is still needed."""
        for who, machine in list(self._by_who.items()):
            if machine.spec.name != name:
                continue
            if not machine.idle:
                self._watch(now, machine)
                return
            del self._by_who[who]
            machine.admission.release(now)
            if machine is not self._base:
                self._context.dismiss(machine)

    @property
    def machines(self) -> list["Peer"]:
        """The configured peer's own and all others."""
        return [self._base, *(each for each in self._by_who.values() if each is not self._base)]

    def addresses(self, but: IsakmpSa) -> set[Address]:
        """What mode config has given to others than the owner of that ISAKMP SA, and is in use: by an ISAKMP SA, or by
        IPsec SAs that have outlived it."""
        who = self._who(but)
        own = self._by_who.get(who) if self._base.spec.many else self._base
        given = {
            sa.assigned
            for machine in self.machines
            for sa in machine.phase1.sas
            if sa.assigned is not None and sa is not but and self._who(sa) != who
        }
        return given | {
            tunnel.spec.remote.network.network_address
            for machine in self.machines if machine is not own
            for tunnel in machine.tunnels.values() if tunnel.spec.remote_dynamic and tunnel.pairs
        }

    def _who(self, sa: IsakmpSa) -> str:
        """By what the peer is told from others: its user, for a group's peers share an identity, else its identity;
        where both of two that share it may stay, its place too."""
        who = f"user {sa.user}" if sa.user and sa.serves_user else str(sa.remote_id)
        return f"{who} at {sa.remote}" if self._base.spec.many and self._base.spec.unique == "never" else who
