"""One peer: takes its messages, timers and orders apart and hands them to phase 1, phase 2 and the keepalive."""

from ikeview.core.context import Context
from ikeview.core.facts import Cause, DropReason, NotifySent, NotifyTaken, PeerMoved
from ikeview.core.inputs import Arrival, Located, PasswordVerified, Unreachable
from ikeview.core.lifecycle import Tunnel
from ikeview.core.limiter import Limiter
from ikeview.core.outputs import Move, Send, Spot
from ikeview.core.refusals import Discard
from ikeview.core.specs import Address, PeerSpec, Start
from ikeview.core.timers import Timer
from ikeview.ikev1 import informational, lifetimes
from ikeview.ikev1.admission import Admission
from ikeview.ikev1.authentication import Candidate, Proof
from ikeview.ikev1.clients import Clients
from ikeview.ikev1.isakmp_sa import IsakmpSa
from ikeview.ikev1.keepalive import Keepalive
from ikeview.ikev1.keys import Cookies
from ikeview.ikev1.phase1 import Phase1s
from ikeview.ikev1.phase2 import Phase2s
from ikeview.ikev1.whereabouts import Whereabouts
from ikeview.wire.header import HEADER_SIZE, Header
from ikeview.wire.message import Chain
from ikeview.wire.numbers import ExchangeType, Flag, NotifyType, ProtocolId, is_error, notify_label
from ikeview.wire.payloads import Delete, Notify

_PHASE1 = (ExchangeType.MAIN_MODE, ExchangeType.AGGRESSIVE)
_NOT_PROVED = (DropReason.UNDECRYPTABLE, DropReason.BAD_HASH, DropReason.BAD_SIGNATURE)


class Peer:
    """See ``core.endpoint.PeerMachine`` for what the endpoint expects of it."""

    def __init__(self, spec: PeerSpec, context: Context, limiter: Limiter, base: "Peer | None" = None) -> None:
        self.spec = spec
        self._context = context
        self._limiter = limiter
        self.base = base or self
        """The configured peer, whose machine this is or one of several."""
        self.clients: Clients = Clients(self, context, limiter) if base is None else base.clients
        self.admission = Admission(self, context)
        self.phase1 = Phase1s(self, context)
        self.phase2 = Phase2s(self, context)
        self.keepalive = Keepalive(self, context)
        self.whereabouts = Whereabouts(self, context)
        self._address: Address | None = spec.remote_address

    def another(self, spec: PeerSpec, limiter: Limiter) -> "Peer":
        """The machine of one more peer under the same configuration."""
        return Peer(spec, self._context, limiter, self)

    @property
    def address(self) -> Address | None:
        """Where the peer was last known to be."""
        return self._address

    @address.setter
    def address(self, new: Address | None) -> None:
        if new != self._address:
            self._context.places.moved(self, self._address, new)
            self._address = new

    @property
    def remote_nat_port(self) -> int:
        """The peer's NAT port: the same number as ours, for both ends of a test may use others than 4500."""
        return self._context.nat_port

    @property
    def tunnels(self) -> dict[str, Tunnel]:
        """Its tunnels by full name."""
        return self.phase2.tunnels

    # -- orders ------------------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """The engine has started: what shall be up at boot is brought up, and a peer known by name is looked for, so
        that it is known when it begins."""
        for tunnel in self.tunnels.values():
            if tunnel.spec.start is Start.BOOT:
                self.phase2.want(now, tunnel, "boot")
        self.whereabouts.start()

    def initiate(self, now: float, tunnel: Tunnel, why: str) -> str:
        """Bring a tunnel up. Gives a sentence if that cannot be."""
        if tunnel.current is None and not self.spec.can_initiate and self.phase1.current is None:
            return f"only the peer can begin: remote = {self.spec.remote}, role = {self.spec.role}"
        self.phase2.want(now, tunnel, why)
        return ""

    def terminate(self, now: float, tunnel: Tunnel) -> str:
        """Take a tunnel down; with the last one phase 1 goes too."""
        self.phase2.terminate(now, tunnel, Cause.OPERATOR)
        if self.phase2.idle:
            self._close(now, Cause.OPERATOR)
        return ""

    def rekey(self, now: float, tunnel: Tunnel) -> str:
        """Make a new SA for a tunnel. Gives a sentence if that cannot be."""
        if tunnel.current is None:
            return "it is not up, so there is nothing to rekey"
        if self.phase1.current is None and not self.spec.can_initiate:
            return "there is no phase 1, and only the peer can begin one"
        self.phase2.rekey(now, tunnel, "operator")
        return ""

    def renew(self, now: float) -> str:
        """Make a new ISAKMP SA. Gives a sentence if that cannot be."""
        if not self.spec.can_initiate:
            return f"only the peer can begin: remote = {self.spec.remote}, role = {self.spec.role}"
        self.phase1.want(now, "renew: operator" if self.phase1.current else "initiate")
        return ""

    def probe(self, now: float) -> str:
        """Send a keepalive now. Gives a sentence if that cannot be."""
        sa = self.phase1.current
        if sa is None:
            return "there is no phase 1 to send a keepalive in"
        if not sa.dpd:
            return "the peer has not said that it answers keepalives (RFC 3706)"
        self.keepalive.probe(now, sa)
        return ""

    def stop(self, now: float) -> None:
        """The engine ends: tell the peer."""
        for tunnel in self.tunnels.values():
            self.phase2.terminate(now, tunnel, Cause.SHUTDOWN)
        self._close(now, Cause.SHUTDOWN)
        self.whereabouts.stop()

    def _close(self, now: float, cause: Cause) -> None:
        self._context.timers.clear(Timer.ABANDON, (self.spec.name, self.spec.name))
        self.phase1.abandon(now, cause)
        for sa in list(self.phase1.sas):
            self.phase1.drop(now, sa, cause)
        self.admission.release(now)

    @property
    def idle(self) -> bool:
        """Whether there is nothing with the peer, and nothing under way."""
        return self.phase2.idle and not self.phase1.sas and not self.phase1.negotiations

    # -- messages ----------------------------------------------------------------------------------------------------

    def takes(self, exchange_type: int) -> bool:
        """Whether the peer may begin a phase 1 that way, or say something before it."""
        wanted = ExchangeType.AGGRESSIVE if self.spec.mode == "aggressive" else ExchangeType.MAIN_MODE
        return exchange_type in (wanted, ExchangeType.INFORMATIONAL)

    def first(self, now: float, arrival: Arrival, header: Header, rivals: list["Peer"]) -> None:
        """A message without a responder cookie, from this peer or one of the ``rivals`` that share its place. Raises
        ``Discard`` or ``Malformed``."""
        if header.exchange_type == ExchangeType.INFORMATIONAL:
            self._unprotected(now, arrival, header)
        elif header.exchange_type not in _PHASE1:
            raise Discard(DropReason.NOT_EXPECTED, "a phase 1 begins with Main or Aggressive Mode")
        elif not self.takes(header.exchange_type):
            raise Discard(DropReason.SWITCHED_OFF, f"peer {self.spec.name} has mode = {self.spec.mode}")
        else:
            self.phase1.begin(now, arrival, header, rivals)

    def message(self, now: float, arrival: Arrival, header: Header) -> None:
        """A message with a cookie of ours. Raises ``Discard`` or ``Malformed``."""
        if header.exchange_type in _PHASE1:
            if header.message_id:
                raise Discard(DropReason.BAD_MESSAGE_ID, "phase 1 has 0")
            self._phase1(now, arrival, header)
            return
        if header.exchange_type == ExchangeType.INFORMATIONAL:
            if header.flags & Flag.ENCRYPTION:
                self._protected(now, arrival, header)
            else:
                self._unprotected(now, arrival, header)
            return
        sa = self.phase1.find(header)
        if sa is None:
            if self.phase1.negotiation(header) is not None:
                raise Discard(DropReason.NOT_EXPECTED, "phase 1 is not complete")
            raise Discard(DropReason.UNKNOWN_COOKIE)
        if header.exchange_type == ExchangeType.TRANSACTION:
            self.admission.take(now, sa, arrival, header)
            return
        if header.exchange_type != ExchangeType.QUICK_MODE:
            raise Discard(DropReason.NOT_EXPECTED, f"exchange type {header.exchange_type}")
        if not sa.admitted:
            raise Discard(DropReason.NOT_EXPECTED, f"{sa.awaits} comes first")
        quick = sa.quick_modes.get(header.message_id)
        try:
            self.phase2.take(now, sa, arrival, header)
        except Discard as refusal:
            if quick is not None and not quick.over:
                quick.dropped(now, arrival.remote, len(arrival.data), refusal.reason, refusal.detail)
            raise

    def _phase1(self, now: float, arrival: Arrival, header: Header) -> None:
        negotiation = self.phase1.negotiation(header)
        try:
            self.phase1.take(now, arrival, header)
        except Discard as refusal:
            if negotiation is not None and arrival.remote.host == negotiation.remote.host:
                negotiation.dropped(now, arrival.remote, len(arrival.data), refusal.reason, refusal.detail)
                if refusal.reason in _NOT_PROVED:
                    # the peer waits for an answer that will never come: tell it, so that its operator need not wait
                    cookies = Cookies(header.initiator_cookie, header.responder_cookie)
                    self.refuse(now, arrival, cookies, NotifyType.PAYLOAD_MALFORMED)
                    negotiation.doubtful(now)
            raise

    def _protected(self, now: float, arrival: Arrival, header: Header) -> None:
        sa = self.phase1.find(header)
        if sa is None:
            self._protected_early(now, arrival, header)
            return
        chain = sa.hear(header, arrival.data)
        if not sa.bearable(now, self._context.policy):
            raise Discard(DropReason.TOO_MANY, "Informational")
        self.authentic(now, sa, arrival, alive=not self.keepalive.stale(sa, chain))
        for delete in chain.all(Delete):
            if delete.protocol == ProtocolId.ESP:
                self.phase2.pairs.deleted(now, delete.spis)
        for notify in chain.all(Notify):
            self._notified(now, sa, notify)
        for delete in chain.all(Delete):
            if delete.protocol == ProtocolId.ISAKMP and sa.cookies.both in delete.spis and sa in self.phase1.sas:
                self.phase1.drop(now, sa, Cause.PEER_DELETED, tell=False)

    def _protected_early(self, now: float, arrival: Arrival, header: Header) -> None:
        """Protected, but phase 1 is not complete: the peer refuses our identity, or its keys are not ours."""
        negotiation = self.phase1.negotiation(header)
        if negotiation is None:
            raise Discard(DropReason.UNKNOWN_COOKIE)
        run = negotiation.run
        secured = getattr(run.stage, "secured", None)
        if secured is None or run.channel is None:
            raise Discard(DropReason.NOT_EXPECTED, "no keys yet")
        try:
            chain = informational.unseal(secured.keys, run.channel.iv, header, arrival.data)
        except Discard as refusal:
            negotiation.dropped(now, arrival.remote, len(arrival.data), refusal.reason, refusal.detail)
            negotiation.doubtful(now)
            raise
        for notify in chain.all(Notify):
            if is_error(notify.kind):
                label = notify_label(notify.kind)
                self._context.emit(NotifyTaken(self.spec.name, run.ident, label, True))
                self.phase1.refused(now, negotiation, label)
                return

    def _notified(self, now: float, sa: IsakmpSa, notify: Notify) -> None:
        match notify.kind:
            case NotifyType.R_U_THERE:
                if not self.keepalive.asked(sa, notify):
                    raise Discard(DropReason.PROBE_SEQUENCE)
                return
            case NotifyType.R_U_THERE_ACK:
                if not self.keepalive.answered(now, sa, notify):
                    raise Discard(DropReason.PROBE_SEQUENCE)
                return
            case NotifyType.RESPONDER_LIFETIME:
                self._shortened(now, sa, notify)
                return
            case NotifyType.INITIAL_CONTACT:
                if sa.admitted:
                    self.phase1.contact(now, sa.phase1.run.begun)
                else:
                    # it counts once XAUTH has told who the peer is
                    sa.contact = True
        label = notify_label(notify.kind)
        exchange = self.phase2.refused(now, sa, notify, label) if is_error(notify.kind) else ""
        self._context.emit(NotifyTaken(self.spec.name, exchange, label, True))

    def _shortened(self, now: float, sa: IsakmpSa, notify: Notify) -> None:
        life = lifetimes.read(notify)
        if life is None:
            return
        about = notify.spi.hex()
        if notify.protocol == ProtocolId.ISAKMP:
            about = str(sa.cookies)
            self.phase1.shortened(now, sa, life)
        elif not self.phase2.pairs.shortened(now, notify.spi, life):
            return
        self._context.emit(lifetimes.told(self.spec.name, about, life))

    def _unprotected(self, now: float, arrival: Arrival, header: Header) -> None:
        """In clear: anybody may have sent it. A hint while Main Mode runs, nothing afterwards."""
        negotiation = self.phase1.negotiation(header)
        if negotiation is None or arrival.remote.host != negotiation.remote.host:
            raise Discard(DropReason.UNPROTECTED_NOTIFY)
        chain: Chain = informational.unprotected(header, arrival.data)
        for notify in chain.all(Notify):
            label = notify_label(notify.kind)
            if is_error(notify.kind):
                negotiation.refused(now, label, authenticated=False)
            self._context.emit(NotifyTaken(self.spec.name, negotiation.run.ident, label, False))

    def refuse(self, now: float, arrival: Arrival, cookies: Cookies, notify: NotifyType) -> bytes:
        """Tell an unauthenticated peer, within the limits for strangers and never more than it sent; gives what was
        sent, or nothing."""
        data = informational.clear(cookies, 0, Notify.of(ProtocolId.ISAKMP, notify))
        if len(data) > max(len(arrival.data), HEADER_SIZE) or not self._limiter.allows(now, arrival.remote.host):
            return b""
        self._context.emit(Send(arrival.local, arrival.remote, data, arrival.floated))
        self._context.emit(NotifySent(self.spec.name, str(arrival.remote), notify.label))
        return data

    def affordable(self, now: float, arrival: Arrival, candidate: Candidate) -> bool:
        """Whether Aggressive Mode may be answered: with certificates its second message is many times the first, which
        anybody can have sent in another's name, so that is done no more often than strangers are told something."""
        if candidate.scheme.responder is not Proof.SIGNATURE:
            return True
        extra = sum(len(each.der) for each in candidate.certificates)
        return extra <= len(arrival.data) / 2 or self._limiter.allows(now, arrival.remote.host)

    def authentic(self, now: float, sa: IsakmpSa, arrival: Arrival, *, alive: bool = True) -> None:
        """A message that proved its origin and is no replay: a sign of life, and the place to answer to."""
        if alive:
            self.keepalive.alive(now)
        self.phase1.count_message_ids(now, sa)
        self.phase2.pairs.heard(now)
        self._context.timers.clear(Timer.RESEND, sa.phase1.key)
        if arrival.remote != sa.remote and arrival.floated == sa.floated:
            self._moved(now, sa, arrival.remote)

    def esp_seen(self, now: float, remote: Spot) -> None:
        """An authentic ESP packet came from another place: NAT has moved the peer (RFC 3947 section 6)."""
        sa = self.phase1.current
        if sa is not None and sa.floated and sa.remote != remote:
            self.keepalive.esp_alive(now)
            self._moved(now, sa, remote)

    def _moved(self, now: float, sa: IsakmpSa, remote: Spot) -> None:
        """The peer has been seen elsewhere, beyond doubt and replay. It is followed, but not at every packet; and never
        by an end that is behind a NAT itself while the peer is not: then it cannot have moved (RFC 3947 section 6)."""
        if sa.nat.found and sa.nat.here and not sa.nat.there:
            return
        if now < sa.moved_at + self._context.policy.move_least:
            sa.moving_to = remote
            self._context.timers.set(Timer.FOLLOW, sa.key, sa.moved_at + self._context.policy.move_least)
            return
        self._context.timers.clear(Timer.FOLLOW, sa.key)
        sa.moved_at, sa.moving_to = now, None
        old, sa.remote = sa.remote, remote
        self.address = remote.host
        for quick in sa.quick_modes.values():
            quick.move(quick.local, remote, floated=quick.floated)
        self._context.emit(PeerMoved(self.spec.name, str(old), str(remote)))
        self._context.emit(Move(old, remote))

    # -- what the parts tell each other ------------------------------------------------------------------------------

    def phase1_established(self, now: float, sa: IsakmpSa) -> None:
        """Phase 1 is up: what waited for it goes on."""
        self.address = sa.remote.host
        self.keepalive.alive(now)
        self.phase2.phase1_established(now, sa)
        self.keepalive.stalls.phase1_established(now)
        self.whereabouts.phase1_established(now, sa)

    def phase1_failed(self, now: float, cause: Cause, detail: str) -> None:
        """No phase 1 came about."""
        self.whereabouts.failed()
        self.phase2.phase1_failed(now, cause, detail)
        self.phase1.drop_doubted(now)

    def silent(self, now: float) -> None:
        """The peer is dead. A new phase 1 is begun beside what is there, which goes only when that has come about or
        has failed: if the peer lives after all, nothing is lost. If only the peer can begin, it gets more time."""
        action = self.spec.keepalive.action
        wanted = [tunnel for tunnel in self.tunnels.values() if tunnel.current is not None]
        if action == "restart" and self.spec.can_initiate and (wanted or self.phase2.pending):
            for sa in self.phase1.sas:
                sa.doubted = True
            for tunnel in wanted:
                tunnel.wanted = True
            self.phase2.doubt(now)
            return
        if action == "restart" and not self.spec.can_initiate:
            key = (self.spec.name, self.spec.name)
            self._context.timers.set(Timer.ABANDON, key, now + self._context.policy.abandon)
            return
        self._abandon(now)

    def _abandon(self, now: float) -> None:
        """What there is with the peer goes; nobody is told, for nobody listens."""
        action = self.spec.keepalive.action
        wanted = [tunnel for tunnel in self.tunnels.values() if tunnel.current is not None]
        for sa in list(self.phase1.sas):
            self.phase1.drop(now, sa, Cause.PEER_SILENT, tell=False)
        for tunnel in wanted:
            tunnel.wanted = False
            tunnel.held = action == "hold"
        self.phase2.pairs.forget(now, Cause.PEER_SILENT)

    def password_verified(self, now: float, event: PasswordVerified) -> None:
        """Answer to ``VerifyPassword``."""
        self.admission.verified(now, event)

    def located(self, now: float, event: Located) -> None:
        """Answer to ``Locate``."""
        if self.whereabouts.answered(now, event):
            self.phase1.located(now, event)

    def unreachable(self, now: float, event: Unreachable) -> None:
        """ICMP about the peer's address, or our own system about what we sent there."""
        self.phase1.unreachable(now, event.remote.host, event.detail)
        sa = self.phase1.newest
        if event.local and sa is not None:
            self.whereabouts.missed(now, sa)
        elif not event.local:
            self.keepalive.hint(now)

    def fire(self, now: float, timer: Timer, subject: str) -> None:
        """A timer of this peer ran out."""
        match timer:
            case Timer.ABANDON:
                if self.keepalive.silent:
                    self._abandon(now)
            case Timer.ECHO:
                self.keepalive.echoes.fire(now)
            case Timer.STALLED:
                self.keepalive.stalls.fire(now, self.tunnels[subject])
            case Timer.RESOLVE | Timer.MOVE:
                self.whereabouts.fire(now, timer)
            case Timer.MEMBER:
                self.clients.look(now, subject)
            case Timer.FOLLOW:
                for sa in self.phase1.sas:
                    if str(sa.cookies) == subject and sa.moving_to not in (None, sa.remote):
                        self._moved(now, sa, sa.moving_to)
            case _:
                self._fire(now, timer, subject)

    def _fire(self, now: float, timer: Timer, subject: str) -> None:
        if not self.phase1.fire(now, timer, subject) and not self.admission.fire(now, timer, subject):
            self.phase2.fire(now, timer, subject)

