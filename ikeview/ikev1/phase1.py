"""One peer's phase 1: negotiations under way, the ISAKMP SAs that came of them, their renewal and their end."""

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from ikeview.core.context import Context
from ikeview.core.facts import (
    Cause,
    CertificateTaken,
    DropReason,
    NatFound,
    NotifySent,
    Phase1Deleted,
    Phase1Established,
)
from ikeview.core.fragments import Fragmentation
from ikeview.core.identity import Identity
from ikeview.core.inputs import Arrival, Located
from ikeview.core.negotiation import Negotiation
from ikeview.core.outputs import Send, SendKeepalive, Spot
from ikeview.core.refusals import Abort, Discard
from ikeview.core.runner import Run, Took
from ikeview.core.specs import Address, Role
from ikeview.core.timers import Timer
from ikeview.crypto.certificates import Judged
from ikeview.ikev1 import aggressive_mode, informational, lifetimes, main_mode
from ikeview.ikev1.authentication import Candidate, candidate_of, name_text, narrowest_first
from ikeview.ikev1.isakmp_sa import IsakmpSa
from ikeview.ikev1.keys import Cookies
from ikeview.ikev1.lifetimes import ResponderLifetime
from ikeview.ikev1.nat import AGGRESSIVE_ROWS, MAIN_MODE_ROWS, NatTraversal
from ikeview.ikev1.offers import Life
from ikeview.ikev1.phase1_riders import CertificateRequests, InitialContact
from ikeview.ikev1.phase1_steps import Authenticated, Setup
from ikeview.ikev1.vendor_ids import VendorIds, ours_for
from ikeview.wire.header import NO_COOKIE, Header
from ikeview.wire.numbers import ExchangeType, Flag, NotifyType, ProtocolId
from ikeview.wire.payloads import Delete, Notify, Payload

if TYPE_CHECKING:
    from ikeview.ikev1.peer import Peer

_REFUSED_KEPT = 4
_NONCE_SIZE = 32
"""Octets; RFC 2409 section 5 allows 8 to 256."""


class Phase1s:
    """``sas`` are established, the newest last; ``negotiations`` run, by our cookie."""

    def __init__(self, peer: "Peer", context: Context) -> None:
        self._peer = peer
        self._context = context
        self.sas: list[IsakmpSa] = []
        self.negotiations: dict[bytes, Negotiation] = {}
        self._refused: deque[Negotiation] = deque(maxlen=_REFUSED_KEPT)
        """Negotiations of the peer's that ended with their first message, which may come again."""
        self._locating = ""
        """Why the peer is being looked for; empty: it is not."""
        self._attempt = 0

    @property
    def current(self) -> IsakmpSa | None:
        """The ISAKMP SA that new exchanges run under."""
        return next((sa for sa in reversed(self.sas) if sa.admitted and not sa.superseded and not sa.doubted), None)

    @property
    def newest(self) -> IsakmpSa | None:
        """The same, even if its peer is held for dead."""
        return next((sa for sa in reversed(self.sas) if sa.admitted and not sa.superseded), None)

    @property
    def locating(self) -> bool:
        """Whether the peer is being looked for."""
        return bool(self._locating)

    @property
    def busy(self) -> bool:
        """Whether we are making one."""
        return (
            bool(self._locating)
            or any(each.run.role is Role.INITIATOR for each in self.negotiations.values())
            or any(not sa.admitted and sa.role is Role.INITIATOR for sa in self.sas)
        )

    def find(self, header: Header) -> IsakmpSa | None:
        """The ISAKMP SA that a message belongs to."""
        cookies = (header.initiator_cookie, header.responder_cookie)
        return next((sa for sa in self.sas if (sa.cookies.initiator, sa.cookies.responder) == cookies), None)

    def negotiation(self, header: Header) -> Negotiation | None:
        """The negotiation under way that a message belongs to: by our cookie, and by the peer's once that is known."""
        for cookie in (header.initiator_cookie, header.responder_cookie):
            found = self.negotiations.get(cookie)
            if found is not None:
                run = found.run
                if run.initiator_cookie == header.initiator_cookie and (
                    run.responder_cookie in (NO_COOKIE, header.responder_cookie)
                    or header.responder_cookie == NO_COOKIE
                ):
                    return found
        return None

    # -- as initiator ----------------------------------------------------------------------------------------------

    def want(self, now: float, why: str) -> None:
        """Make an ISAKMP SA, unless one is being made."""
        if self.busy:
            return
        spec = self._peer.spec
        if not spec.can_initiate:
            self._peer.phase1_failed(
                now, Cause.UNREACHABLE, f"only the peer can begin: remote = {spec.remote}, role = {spec.role}"
            )
            return
        self._locating = why
        self._context.openings.ask(now, spec.name, self._open)

    def _open(self) -> None:
        """There is room for one more."""
        if self._locating:
            self._peer.whereabouts.ask()

    def located(self, now: float, event: Located) -> None:
        """We know where the peer is, or that we cannot know."""
        why, self._locating = self._locating, ""
        if not why:
            return
        if event.problem or event.local is None or event.remote is None:
            self._peer.phase1_failed(now, Cause.UNREACHABLE, event.problem or "the peer's address is not known")
            return
        context = self._context
        self._attempt += 1
        local, remote = Spot(event.local, context.port), Spot(event.remote, context.port)
        cookie = context.new_cookie(self._peer)
        spec = self._peer.spec
        candidate = candidate_of(spec, Role.INITIATOR, local.host, remote.host)
        kind = ExchangeType.AGGRESSIVE if spec.mode == "aggressive" else ExchangeType.MAIN_MODE
        run = self._run(now, Role.INITIATOR, (cookie, NO_COOKIE), cookie, local, remote, (candidate,), kind)
        negotiation = Negotiation(
            context, spec.name, "", run, local, remote, floated=False, why=why, attempt=self._attempt,
            local_id=str(candidate.local_id), method=str(spec.auth_method),
            offered=tuple(str(suite) for suite in spec.proposals),
            fragmentation=Fragmentation(spec.fragmentation, run.exchange.number),
        )
        self.negotiations[cookie] = negotiation
        negotiation.announce()
        negotiation.speak(now)

    def _run(
        self, now: float, role: Role, cookies: tuple[bytes, bytes], cookie: bytes, local: Spot, remote: Spot,
        candidates: tuple[Candidate, ...], exchange_type: int,
    ) -> Run:
        context, spec = self._context, self._peer.spec
        setup = Setup(
            cookie, candidates, spec.lifetime, context.entropy.octets("nonce", _NONCE_SIZE), context.key_pair,
            context.wall(),
        )
        nat = NatTraversal(
            role, local, remote,
            enabled=spec.nat_traversal != "off" or context.force_encapsulation,
            forced=spec.nat_traversal == "force" or context.force_encapsulation,
            decoy=context.entropy.octets("decoy", 16),
            rows=AGGRESSIVE_ROWS if exchange_type == ExchangeType.AGGRESSIVE else MAIN_MODE_ROWS,
        )
        scheme = candidates[0].scheme
        exchange = aggressive_mode if exchange_type == ExchangeType.AGGRESSIVE else main_mode
        return Run(
            context.new_exchange(), exchange.variant(scheme.initiator, scheme.responder), role, cookies, 0, setup,
            now=now, policy=context.policy,
            riders=(
                VendorIds(ours_for(spec)), nat, CertificateRequests(role), InitialContact(self._alone),
                ResponderLifetime(role, spec.lifetime),
            ),
        )

    def _alone(self) -> bool:
        """Whether we have nothing with the peer, and may tell it so."""
        spec = self._peer.spec
        return spec.unique != "never" and not self.sas and not any(each.pairs for each in self._peer.tunnels.values())

    # -- as responder ------------------------------------------------------------------------------------------------

    def begin(self, now: float, arrival: Arrival, header: Header, rivals: list["Peer"]) -> None:
        """A first message from the peer, or from one of the ``rivals``, which share its place. Raises ``Discard`` or
        ``Malformed``."""
        context, spec = self._context, self._peer.spec
        runs = [*self.negotiations.values(), *(sa.phase1 for sa in self.sas)]
        for each in runs:
            if each.run.initiator_cookie == header.initiator_cookie and each.run.role is Role.RESPONDER:
                if each.again(arrival.data):
                    return
                raise Discard(DropReason.NOT_EXPECTED, "another first message with the same cookie")
        if any(each.again(arrival.data) for each in self._refused):
            return
        candidates = narrowest_first(
            candidate_of(each.spec, Role.RESPONDER, arrival.local.host, arrival.remote.host)
            for each in rivals if each.spec.role != "initiator"
        )
        if not candidates:
            raise Discard(DropReason.SWITCHED_OFF, f"peer {spec.name} has role = initiator")
        self._make_room(now, arrival)
        if header.exchange_type == ExchangeType.AGGRESSIVE and not self._peer.affordable(now, arrival, candidates[0]):
            raise Discard(DropReason.HALF_OPEN_LIMIT, "its answer with our certificate is larger than what came")
        cookie = context.new_cookie(self._peer)
        run = self._run(
            now, Role.RESPONDER, (header.initiator_cookie, cookie), cookie, arrival.local, arrival.remote, candidates,
            header.exchange_type,
        )
        negotiation = Negotiation(
            context, spec.name, "", run, arrival.local, arrival.remote, floated=arrival.floated, why="peer",
            local_id=str(candidates[0].local_id), method=str(spec.auth_method),
            fragmentation=Fragmentation(spec.fragmentation, run.exchange.number),
        )
        try:
            negotiation.listen(now, header, arrival.data)
        except Abort as abort:
            del context.cookies[cookie]
            told = self._peer.refuse(now, arrival, Cookies(header.initiator_cookie, cookie), abort.notify)
            if not told:
                # anybody can send these in the peer's name: they must not fill the operator's screen
                raise Discard(DropReason.REFUSED_BEFORE, abort.detail) from abort
            run.refuse(arrival.data, told)
            self._refused.append(negotiation)
            negotiation.announce()
            negotiation.fail(now, abort)
            return
        except Exception:
            del context.cookies[cookie]
            raise
        self.negotiations[cookie] = negotiation
        context.half_open += 1
        context.timers.set(Timer.HALF_OPEN, negotiation.key, now + context.policy.half_open_life)
        negotiation.speak(now)

    def _make_room(self, now: float, arrival: Arrival) -> None:
        """Half-open negotiations are bounded: for one address, and over all. Raises ``Discard``."""
        context, spec = self._context, self._peer.spec
        waiting = [
            each for each in self.negotiations.values()
            if each.run.role is Role.RESPONDER and (not spec.anywhere or each.remote.host == arrival.remote.host)
        ]
        if len(waiting) >= context.policy.half_open_for_peer:
            self._give_up_one(now, waiting, f"{len(waiting)} from this peer")
        # who may come from anywhere leaves some places to those whose address is known
        most = context.policy.half_open_total - (context.policy.half_open_reserved if spec.anywhere else 0)
        if context.half_open >= most:
            every = [each for each in self.negotiations.values() if each.run.role is Role.RESPONDER]
            self._give_up_one(now, every, f"{context.half_open} over all")

    def _give_up_one(self, now: float, waiting: list[Negotiation], why: str) -> None:
        """Whoever has not answered may have lied about the address: the oldest of such makes room, for they must not
        keep the true peer out. Raises ``Discard`` if there is none."""
        unproved = next((each for each in waiting if each.run.position == 2), None)
        if unproved is None:
            raise Discard(DropReason.HALF_OPEN_LIMIT, why)
        self._end(now, unproved, cause=Cause.REPLACED, detail="given up in favour of a newer one")

    # -- both --------------------------------------------------------------------------------------------------------

    def take(self, now: float, arrival: Arrival, header: Header) -> None:
        """A later message of Main or Aggressive Mode. Raises ``Discard`` or ``Malformed``."""
        negotiation = self.negotiation(header)
        if negotiation is None:
            sa = self.find(header)
            if sa is None:
                raise Discard(DropReason.UNKNOWN_COOKIE)
            if not sa.phase1.again(arrival.data):
                raise Discard(DropReason.NOT_EXPECTED, f"{sa.phase1.run.exchange.name} is over")
            return
        if arrival.remote.host != negotiation.remote.host:
            raise Discard(DropReason.WRONG_ADDRESS, f"negotiating with {negotiation.remote}")
        if negotiation.again(arrival.data):
            return
        before = _nat(negotiation.run)
        if negotiation.run.role is Role.RESPONDER:
            _between(negotiation.run, arrival.local, arrival.remote)
        try:
            took = negotiation.listen(now, header, arrival.data)
        except Abort as abort:
            self._abort(now, negotiation, abort, arrival)
            return
        nat = _nat(negotiation.run)
        if nat.compared and not before.compared:
            self._context.emit(
                NatFound(self._peer.spec.name, negotiation.run.ident, nat.here, nat.there, nat.forced)
            )
        if negotiation.run.role is Role.RESPONDER:
            # the peer's own port, and the NAT port once it has moved there (RFC 3947 section 4)
            negotiation.move(arrival.local, arrival.remote, floated=arrival.floated)
        elif nat.found and not negotiation.floated:
            port = self._context.nat_port
            negotiation.move(
                Spot(negotiation.local.host, port), Spot(negotiation.remote.host, self._peer.remote_nat_port),
                floated=True,
            )
            _between(negotiation.run, negotiation.local, negotiation.remote)
        if not negotiation.run.done:
            negotiation.speak(now)
        if negotiation.run.done:
            self._agreed(now, negotiation, contact=_says_initial_contact(negotiation.run, took))

    def contact(self, now: float, begun: float) -> None:
        """The peer has nothing of what there was before ``begun``, when the phase 1 in which it says so began."""
        for sa in [each for each in self.sas if each.established_at <= begun]:
            self.drop(now, sa, Cause.PEER_RESTARTED, tell=False)
        self._peer.phase2.pairs.forget(now, Cause.PEER_RESTARTED, begun)

    def count_message_ids(self, now: float, sa: IsakmpSa) -> None:
        """None is ever used twice, so all are remembered; an SA that has seen too many is renewed, and ended should
        that not come about."""
        most = self._context.policy.used_message_ids
        if len(sa.used) >= 2 * most:
            # at the next tick: the message that brought this about is still being handled
            self._context.timers.set(Timer.EXPIRE_PHASE1, sa.key, now)
        elif len(sa.used) >= most and sa is self.current and self._peer.spec.can_initiate:
            self.want(now, "renew: message IDs")

    def _abort(self, now: float, negotiation: Negotiation, abort: Abort, arrival: Arrival) -> None:
        """The peer's message ends the negotiation. To the peer it is the last of phase 1, so the IV of what we tell
        comes from its last block; an initiator refuses the last row, so the peer has an SA to delete."""
        run, context = negotiation.run, self._context
        cookies = Cookies(run.initiator_cookie, run.responder_cookie)
        notify = Notify.of(ProtocolId.ISAKMP, abort.notify, cookies.both)
        secured = getattr(run.stage, "secured", None) or (run.stage if run.channel else None)
        if secured is not None and run.channel is not None:
            encrypted = Header.read(arrival.data).flags & Flag.ENCRYPTION
            last_block = arrival.data[-run.channel.cipher.block_size :] if encrypted else run.channel.iv
            told: list[Payload] = [notify]
            if run.role is Role.INITIATOR:
                # in a message of its own: some stacks look at the first payload alone
                told.append(Delete.of(ProtocolId.ISAKMP, cookies.both))
            for each in told:
                message_id = int.from_bytes(context.entropy.octets("message_id", 4)) or 1
                data = informational.seal(secured.keys, last_block, cookies, message_id, [each])
                context.emit(Send(negotiation.local, negotiation.remote, data, negotiation.floated))
            context.emit(NotifySent(self._peer.spec.name, str(negotiation.remote), abort.notify.label))
        else:
            self._peer.refuse(now, arrival, cookies, abort.notify)
        self._end(now, negotiation, abort=abort)

    def _end(
        self, now: float, negotiation: Negotiation, abort: Abort | None = None, cause: Cause = Cause.NO_ANSWER,
        detail: str = "taken down by the operator",
    ) -> None:
        """A negotiation is over without an SA."""
        self._forget(negotiation)
        verdict = negotiation.fail(now, abort, cause, detail)
        if negotiation.run.role is Role.INITIATOR and cause not in (Cause.OPERATOR, Cause.SHUTDOWN):
            current, timers = self.current, self._context.timers
            if current is not None and timers.get(Timer.RENEW, current.key) is None:
                # it could not be renewed: once more before it ends
                timers.set(Timer.RENEW, current.key, now + self._context.policy.retry_most)
            self._peer.phase1_failed(now, verdict.cause, verdict.sentence)

    def _forget(self, negotiation: Negotiation) -> None:
        cookie = _our_cookie(negotiation.run)
        self.negotiations.pop(cookie, None)
        self._context.cookies.pop(cookie, None)
        self._leave_half_open(negotiation)

    def _leave_half_open(self, negotiation: Negotiation) -> None:
        if negotiation.run.role is Role.RESPONDER:
            self._context.half_open -= 1

    def _agreed(self, now: float, negotiation: Negotiation, *, contact: bool) -> None:
        """Both ends have proved themselves: there is an ISAKMP SA, and what follows decides whether it may be used.
        ``contact``: the peer says that it has nothing else with us."""
        context, run = self._context, negotiation.run
        result = run.stage
        assert isinstance(result, Authenticated) and run.channel is not None
        owner = context.peers[result.proved.candidate.peer]
        spec = owner.spec
        chosen, nat, vendors = result.secured.chosen, _nat(run), _vendors(run)
        policy = context.policy
        notified = next(each for each in run.riders if isinstance(each, ResponderLifetime)).notified
        lifetime = owner.phase1._lifetime(lifetimes.shorter(chosen.offer.life, notified or Life()))
        sa = IsakmpSa(
            self._peer.spec.name, chosen.cookies, run.role, result.secured.keys, run.channel.iv, negotiation.local,
            negotiation.remote, negotiation.floated, nat, vendors, result.proved.candidate, result.remote_id, now,
            lifetime, negotiation,
        )
        sa.contact = contact
        sa.next_probe = int.from_bytes(context.entropy.octets("probe", 4)) & 0x7FFFFFFF
        self.negotiations.pop(sa.our_cookie, None)
        self._leave_half_open(negotiation)
        self.sas.append(sa)
        if notified is not None:
            context.emit(lifetimes.told(spec.name, str(sa.cookies), notified))
        context.timers.set(Timer.EXPIRE_PHASE1, sa.key, now + lifetime)
        if nat.found and nat.here:
            context.timers.set(Timer.NAT_KEEPALIVE, sa.key, now + spec.nat_keepalive)
        negotiation.finish(now, f"{chosen.suite}, {result.remote_id} authenticated")
        if run.role is Role.INITIATOR and run.outstanding is not None:
            # nothing answers the last message of Aggressive Mode: it goes again until the peer shows that it has it
            context.timers.set(Timer.RESEND, negotiation.key, now + policy.resend_wait(0))
        if result.judged is not None:
            context.emit(certificate_taken(spec.name, run.ident, result.judged))
        owner.phase1.adopt(sa, self._peer)
        owner.admission.begin(now, sa)

    def _lifetime(self, life: Life) -> float:
        """The shorter of both ends' counts, within reason."""
        policy, ours = self._context.policy, self._peer.spec.lifetime
        lifetime = min(ours, life.seconds or ours, policy.lifetime_most)
        return max(lifetime, min(policy.lifetime_least, ours))

    def shortened(self, now: float, sa: IsakmpSa, life: Life) -> None:
        """The peer ends it earlier, and so do we (RFC 2407 section 4.6.3.1)."""
        lifetime, timers = self._lifetime(life), self._context.timers
        if lifetime >= sa.lifetime:
            return
        sa.lifetime = lifetime
        timers.set(Timer.EXPIRE_PHASE1, sa.key, max(now, sa.established_at + lifetime))
        if timers.get(Timer.RENEW, sa.key) is not None:
            timers.set(Timer.RENEW, sa.key, now + self._renews_in(now, sa))

    def _renews_in(self, now: float, sa: IsakmpSa) -> float:
        policy = self._context.policy
        margin = policy.renew_margin if sa.role is Role.INITIATOR else policy.renew_margin_responder
        share = margin - 0.05 * self._context.entropy.fraction("renew")
        return max(0.0, sa.established_at + sa.lifetime * share - now)

    def adopt(self, sa: IsakmpSa, holder: "Peer") -> None:
        """An ISAKMP SA that another peer of the configuration holds turns out to be ours."""
        if holder is self._peer:
            return
        context, old = self._context, sa.key
        holder.phase1.sas.remove(sa)
        sa.peer = self._peer.spec.name
        context.timers.rename(old, sa.key)
        for each in (sa.phase1, *sa.transactions.values(), *sa.quick_modes.values()):
            before = each.key
            each.peer = sa.peer
            context.timers.rename(before, each.key)
        context.cookies[sa.our_cookie] = self._peer
        self.sas.append(sa)

    def established(self, now: float, sa: IsakmpSa) -> None:
        """All that was asked for has been done: the ISAKMP SA is used from now on."""
        context, spec, run = self._context, self._peer.spec, sa.phase1.run
        timers = context.timers
        replaced = self.newest
        sa.admitted = True
        self._attempt = 0
        left = sa.established_at + sa.lifetime - now
        renews_in = self._renews_in(now, sa)
        context.emit(
            Phase1Established(
                spec.name, str(sa.cookies), run.ident, str(sa.role), run.exchange.name, str(sa.local), str(sa.remote),
                str(sa.local_id), str(sa.remote_id), str(sa.suite), str(sa.candidate.scheme.method), left, renews_in,
                sa.nat.words, sa.vendors.names, str(replaced.cookies) if replaced else "",
            )
        )
        timers.set(Timer.RENEW, sa.key, now + renews_in)
        if sa.contact:
            self.contact(now, run.begun)
        self._replace_elsewhere(now, sa)
        self._supersede(now, sa)
        self._peer.keepalive.begin(now, sa)
        self._peer.phase1_established(now, sa)

    def _replace_elsewhere(self, now: float, newest: IsakmpSa) -> None:
        """The peer has come from another address: what it had from there is of no more use."""
        if self._peer.spec.unique == "replace" and newest.role is Role.RESPONDER:
            for old in [each for each in self.sas if each is not newest and each.remote.host != newest.remote.host]:
                self.drop(now, old, Cause.NOT_UNIQUE)

    def _supersede(self, now: float, newest: IsakmpSa) -> None:
        """Older SAs give way, and the initiator of the newest deletes them. Of two that have crossed both ends keep the
        same one, and the initiator of the other deletes that: were both ends to delete what is old to them, nothing
        would be left."""
        context, policy = self._context, self._context.policy
        for old in [each for each in self.sas if each is not newest]:
            crossed = old.crossed(newest)
            goes, stays = (newest, old) if crossed and old.precedes(newest) else (old, newest)
            if stays.superseded:
                continue
            if not goes.superseded:
                goes.superseded = True
                context.timers.clear(Timer.RENEW, goes.key)
            if crossed and goes.role is Role.INITIATOR:
                # the peer may not have the last message of the other one yet
                context.timers.set(Timer.DROP_PHASE1, goes.key, now + policy.old_sa_patience)
            elif not crossed and stays.role is Role.INITIATOR:
                context.timers.set(Timer.DROP_PHASE1, goes.key, now + policy.old_sa_initiator)
        for old in [each for each in self.sas if each.superseded][: -context.policy.superseded_phase1s]:
            self.drop(now, old, Cause.REPLACED)

    def refused(self, now: float, negotiation: Negotiation, notify: str) -> None:
        """The peer refuses, authenticated: the negotiation is over."""
        negotiation.refused(now, notify, authenticated=True)
        self._end(now, negotiation)

    # -- timers, orders, hints -----------------------------------------------------------------------------------------

    def fire(self, now: float, timer: Timer, subject: str) -> bool:
        """A timer of a negotiation or an SA ran out; tells whether it was one of ours."""
        negotiation = next((each for each in self.negotiations.values() if each.run.ident == subject), None)
        if negotiation is not None:
            if timer is not Timer.RESEND or not negotiation.resend(now):
                self._end(now, negotiation)
            return True
        last = next((each.phase1 for each in self.sas if each.phase1.run.ident == subject), None)
        if last is not None:
            last.resend(now)
            return True
        sa = next((each for each in self.sas if str(each.cookies) == subject), None)
        if sa is None:
            return False
        match timer:
            case Timer.RENEW:
                if self._peer.spec.can_initiate and sa is self.current:
                    self.want(now, "renew: time")
            case Timer.EXPIRE_PHASE1:
                self.drop(now, sa, Cause.LIFETIME)
            case Timer.TRANSACTION:
                self._peer.admission.late(now, sa)
            case Timer.AFTER_XAUTH:
                self._peer.admission.go_on(now, sa)
            case Timer.DROP_PHASE1:
                self.drop(now, sa, Cause.REPLACED)
            case Timer.NAT_KEEPALIVE:
                if not sa.superseded:
                    self._context.emit(SendKeepalive(sa.local, sa.remote))
                self._context.timers.set(timer, sa.key, now + self._peer.spec.nat_keepalive)
            case Timer.PROBE:
                self._peer.keepalive.fire(now, sa)
            case _:
                return False
        return True

    def drop(self, now: float, sa: IsakmpSa, cause: Cause, *, tell: bool = True, detail: str = "") -> None:
        """An ISAKMP SA ends; its IPsec SAs live on (RFC 2408 section 2.1 keeps the phases apart)."""
        if tell:
            sa.tell(self._context, [Delete.of(ProtocolId.ISAKMP, sa.cookies.both)])
        self.sas.remove(sa)
        self._context.cookies.pop(sa.our_cookie, None)
        self._context.timers.clear_all(sa.key)
        self._context.timers.clear(Timer.RESEND, sa.phase1.key)
        for quick in sa.quick_modes.values():
            self._context.timers.clear_all(quick.key)
            if not quick.over:
                self._peer.phase2.lost(now, quick, cause)
        for each in sa.transactions.values():
            self._context.timers.clear_all(each.key)
            if not each.over:
                each.fail(now, None, cause, f"the ISAKMP SA has ended: {cause}")
        if sa.admitted:
            self._context.emit(Phase1Deleted(self._peer.spec.name, str(sa.cookies), cause))
        if self.newest is None:
            self._revive(now)
        if sa.nat.found and sa.nat.here and not self.sas:
            self._peer.phase2.pairs.keep_mapping(now, sa.local, sa.remote)
        self._peer.admission.ended(now, sa)
        if not sa.admitted and sa.role is Role.INITIATOR and cause not in (Cause.OPERATOR, Cause.SHUTDOWN):
            why = detail or f"phase 1 ended before {sa.awaits} was over: {cause}"
            self._peer.phase1_failed(now, cause, why)

    def _revive(self, now: float) -> None:
        """The one that has taken over is gone: an older one is used again."""
        left = [each for each in self.sas if each.admitted]
        if left:
            left[-1].superseded = False
            self._context.timers.clear(Timer.DROP_PHASE1, left[-1].key)
            self._context.timers.set(Timer.RENEW, left[-1].key, now + self._renews_in(now, left[-1]))

    def abandon(self, now: float, cause: Cause) -> None:
        """Give up what is under way."""
        self._locating = ""
        self._context.openings.cancel(self._peer.spec.name)
        for negotiation in list(self.negotiations.values()):
            self._end(now, negotiation, cause=cause)

    def give_up_elsewhere(self, now: float, host: Address) -> None:
        """The peer is at ``host`` now: what was begun elsewhere and has had no answer yet is given up."""
        for each in list(self.negotiations.values()):
            if each.run.role is Role.INITIATOR and each.run.position == 1 and each.remote.host != host:
                self._end(now, each, cause=Cause.UNREACHABLE, detail=f"the peer's name stands for {host} now")

    def drop_doubted(self, now: float) -> None:
        """What was kept in case the peer lived after all goes."""
        for sa in [each for each in self.sas if each.doubted]:
            self.drop(now, sa, Cause.PEER_SILENT, tell=False)

    def unreachable(self, now: float, host: Address, detail: str) -> None:
        """ICMP says that the peer's address does not take what we send."""
        for negotiation in self.negotiations.values():
            if negotiation.remote.host == host and negotiation.run.role is Role.INITIATOR:
                negotiation.unreachable(now, detail)


def _our_cookie(run: Run) -> bytes:
    return run.initiator_cookie if run.role is Role.INITIATOR else run.responder_cookie


def _says_initial_contact(run: Run, took: Took) -> bool:
    """INITIAL-CONTACT, authenticated: the peer has forgotten all it had with us (RFC 2407 section 4.6.3.3). It names
    the cookies, so that octets changed on the way do not look like one."""
    cookies = (run.initiator_cookie + run.responder_cookie, b"")
    return took.row.encrypted and any(
        each.kind == NotifyType.INITIAL_CONTACT and each.spi in cookies for each in took.chain.all(Notify)
    )


def certificate_taken(peer: str, exchange: str, judged: Judged) -> CertificateTaken:
    """The fact of a certificate that was found good."""
    ours = judged.path[0]
    names = tuple(str(Identity.of_general_name(each)) for each in ours.names[1:])
    return CertificateTaken(
        peer, exchange, name_text(ours.subject), name_text(ours.issuer), ours.serial, names, str(ours.public_key),
        ours.not_before, ours.not_after, tuple(name_text(each.subject) for each in judged.path[1:]), judged.revocation,
    )


def _nat(run: Run) -> NatTraversal:
    return next(each for each in run.riders if isinstance(each, NatTraversal))


def _between(run: Run, local: Spot, remote: Spot) -> None:
    """NAT-D is about the ports that a message really goes between: in Aggressive Mode its last one has moved already
    (RFC 3947 section 4)."""
    run.riders = tuple(
        replace(each, local=local, remote=remote) if isinstance(each, NatTraversal) else each for each in run.riders
    )


def _vendors(run: Run) -> VendorIds:
    return next(each for each in run.riders if isinstance(each, VendorIds))
