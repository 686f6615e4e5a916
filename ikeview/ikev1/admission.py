"""What lies between phase 1 and its use: XAUTH asks for the user, mode config gives an address. Whoever is admitted
gets its machine (``clients``) and its tunnels their selectors."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

from ikeview.core.context import Context
from ikeview.core.endpoint import tunnel_configured
from ikeview.core.facts import Cause, ConfigAssigned, ConfigReleased, DropReason, UserAuthenticated, UserRefused
from ikeview.core.inputs import Arrival, PasswordVerified
from ikeview.core.lifecycle import Tunnel
from ikeview.core.negotiation import Negotiation
from ikeview.core.outputs import AssignAddress, Protect, ReleaseAddress, SaveLeases, VerifyPassword
from ikeview.core.refusals import Discard
from ikeview.core.runner import Exchange, Run
from ikeview.core.specs import Address, Role, Selector
from ikeview.core.timers import Timer
from ikeview.ikev1 import mode_config, xauth
from ikeview.ikev1.clients import NotUnique
from ikeview.ikev1.isakmp_sa import Await, IsakmpSa
from ikeview.ikev1.transaction import MODE_CONFIG, XAUTH, Answered, Ask, Ground, Heard, Listening, is_xauth
from ikeview.wire.header import Header
from ikeview.wire.numbers import ConfigMessage
from ikeview.wire.payloads import Attributes

if TYPE_CHECKING:
    from ikeview.ikev1.peer import Peer

_TRANSACTIONS_KEPT = 16
"""Of one ISAKMP SA; a peer that begins more is not answered."""

Then = Callable[[float, IsakmpSa, Attributes], None]


class Admission:
    """One peer's. ``address`` is what mode config has given us."""

    def __init__(self, peer: "Peer", context: Context) -> None:
        self._peer = peer
        self._context = context
        self.address: Address | None = None
        self._then: dict[str, Then] = {}
        """What is done with the answer of a transaction that we began, by its exchange."""
        self._verifying: dict[str, tuple[IsakmpSa, str]] = {}
        """Passwords that are being looked at: whose they are, by exchange."""

    # -- the steps ---------------------------------------------------------------------------------------------------

    def begin(self, now: float, sa: IsakmpSa) -> None:
        """Phase 1 is complete."""
        if sa.candidate.scheme.client is None:
            self._configure(now, sa)
            return
        sa.awaits = Await.USER
        self._patience(now, sa)
        if sa.serves_user:
            self._ask(now, sa, XAUTH, xauth.question(self._identifier()), self._login)

    def _patience(self, now: float, sa: IsakmpSa) -> None:
        self._context.timers.set(Timer.TRANSACTION, sa.key, now + self._context.policy.transaction_patience)

    def _identifier(self) -> int:
        return int.from_bytes(self._context.entropy.octets("identifier", 2))

    def _configure(self, now: float, sa: IsakmpSa) -> None:
        spec = self._peer.spec.config
        if spec is None or (spec.server and not spec.push):
            self._admit(now, sa)
            return
        sa.awaits = Await.CONFIG
        self._patience(now, sa)
        if spec.server:
            address = self._lease(sa, None)
            if address is None:
                self._refuse(now, sa, Cause.NO_CONFIG, f"all addresses of the pool {spec.pool} are in use")
                return
            given = mode_config.offer(
                ConfigMessage.SET, self._identifier(), spec, address, unity=sa.vendors.unity
            )
            self._ask(now, sa, MODE_CONFIG, given, self._taken)
        elif not spec.push:
            asked = mode_config.question(
                self._identifier(), self._version, self.address, unity=sa.vendors.unity
            )
            self._ask(now, sa, MODE_CONFIG, asked, self._given)

    @property
    def _version(self) -> int:
        """The IP version of the address that we need."""
        tunnels = self._peer.tunnels.values()
        return next((each.spec.remote.network.version for each in tunnels if each.spec.local_dynamic), 4)

    def _admit(self, now: float, sa: IsakmpSa) -> None:
        """All is well: the ISAKMP SA goes to its machine, and is used."""
        sa.awaits = Await.NOTHING
        for timer in (Timer.TRANSACTION, Timer.AFTER_XAUTH):
            self._context.timers.clear(timer, sa.key)
        try:
            machine = self._peer.clients.machine(now, sa)
        except NotUnique as refusal:
            self._refuse(now, sa, Cause.NOT_UNIQUE, str(refusal))
            return
        machine.phase1.adopt(sa, self._peer)
        if sa.serves_user:
            # only now is it known under which name its peer is told of
            self._context.emit(UserAuthenticated(machine.spec.name, sa.user, True))
        machine.admission.resolve(now, sa)
        machine.phase1.established(now, sa)

    def resolve(self, now: float, sa: IsakmpSa) -> None:
        """The peer's selectors are what it was given, or its own address."""
        config = self._peer.spec.config
        if config is None or not config.server:
            self._resolve(now, remote=sa.remote.host)
        elif sa.assigned is not None:
            self._resolve(now, remote=sa.assigned)

    def _resolve(self, now: float, local: Address | None = None, remote: Address | None = None) -> None:
        for tunnel in self._peer.tunnels.values():
            spec = tunnel.spec
            if spec.local_dynamic and local is not None:
                spec = replace(spec, local=_host(spec.local, local))
            if spec.remote_dynamic and remote is not None:
                spec = replace(spec, remote=_host(spec.remote, remote))
            if spec != tunnel.spec:
                tunnel.spec = spec
                self._context.emit(tunnel_configured(spec))
                if not spec.unresolved:
                    self._context.emit(Protect(spec))
                    self._stale(now, tunnel)

    def _stale(self, now: float, tunnel: Tunnel) -> None:
        """SAs for other selectors than the tunnel has now carry nothing more."""
        pairs = self._peer.phase2.pairs
        for pair in list(tunnel.pairs):
            old = pair.inbound.tunnel
            if (old.local, old.remote) != (tunnel.spec.local, tunnel.spec.remote):
                pairs.drop(now, tunnel, pair, Cause.REPLACED)

    def _refuse(self, now: float, sa: IsakmpSa, cause: Cause, detail: str) -> None:
        self._peer.phase1.drop(now, sa, cause, detail=detail)

    def go_on(self, now: float, sa: IsakmpSa) -> None:
        """The server has had time to take our last word in XAUTH."""
        if not sa.admitted:
            self._configure(now, sa)

    def late(self, now: float, sa: IsakmpSa) -> None:
        """The patience is over."""
        who = f"{sa.remote} ({sa.remote_id})"
        if sa.awaits is Await.USER and not sa.serves_user:
            self._refuse(now, sa, Cause.USER, f"{who} agreed on XAUTH, but has not brought it to its end")
        elif sa.awaits is Await.USER:
            self._refuse(now, sa, Cause.USER, f"{who} has not said who its user is")
        elif sa.awaits is Await.CONFIG:
            self._refuse(now, sa, Cause.NO_CONFIG, f"{who} has not answered to mode config")

    # -- transactions ------------------------------------------------------------------------------------------------

    def _ask(self, now: float, sa: IsakmpSa, exchange: Exchange, question: Attributes, then: Then) -> None:
        """Begin a transaction of ours."""
        message_id = self._context.new_message_id(sa.used)
        run = self._run(now, sa, exchange, Role.INITIATOR, message_id, Ask(Ground(sa.keys, message_id), question))
        negotiation = self._negotiation(sa, run, "initiate")
        self._then[run.ident] = then
        negotiation.announce()
        negotiation.speak(now)

    def _run(self, now: float, sa: IsakmpSa, exchange: Exchange, role: Role, message_id: int, stage: object) -> Run:
        return Run(
            self._context.new_exchange(), exchange, role, (sa.cookies.initiator, sa.cookies.responder), message_id,
            stage, now=now, policy=self._context.policy,
            channel=sa.keys.message_channel(sa.last_block, message_id),
        )

    def _negotiation(self, sa: IsakmpSa, run: Run, why: str) -> Negotiation:
        negotiation = Negotiation(
            self._context, sa.peer, "", run, sa.local, sa.remote, floated=sa.floated, why=why,
            local_id=str(sa.local_id), method=str(sa.candidate.scheme.method), fragmentation=sa.fragmentation,
        )
        sa.transactions[run.message_id] = negotiation
        return negotiation

    def take(self, now: float, sa: IsakmpSa, arrival: Arrival, header: Header) -> None:
        """A message of a transaction. Raises ``Discard``."""
        negotiation = sa.transactions.get(header.message_id)
        if negotiation is None:
            self._asked(now, sa, arrival, header)
            return
        if negotiation.again(arrival.data):
            return
        if negotiation.over:
            raise Discard(DropReason.NOT_EXPECTED, "the transaction is over")
        try:
            negotiation.listen(now, header, arrival.data)
        except Discard as refusal:
            negotiation.dropped(now, arrival.remote, len(arrival.data), refusal.reason, refusal.detail)
            raise
        self._peer.authentic(now, sa, arrival)
        stage = negotiation.run.stage
        assert isinstance(stage, Answered)
        negotiation.finish(now, _outcome(stage.reply))
        self._keep(now, negotiation)
        then = self._then.pop(negotiation.run.ident, None)
        if then is not None:
            then(now, sa, stage.reply)

    def _asked(self, now: float, sa: IsakmpSa, arrival: Arrival, header: Header) -> None:
        """The peer begins a transaction."""
        if not header.message_id:
            raise Discard(DropReason.BAD_MESSAGE_ID, "a transaction has one of its own")
        if header.message_id in sa.used:
            raise Discard(DropReason.USED_MESSAGE_ID)
        if len(sa.transactions) >= _TRANSACTIONS_KEPT:
            raise Discard(DropReason.HALF_OPEN_LIMIT, f"{len(sa.transactions)} transactions")
        stage = Listening(Ground(sa.keys, header.message_id), lambda question: self._answer(sa, question))
        run = self._run(now, sa, MODE_CONFIG, Role.RESPONDER, header.message_id, stage)
        negotiation = self._negotiation(sa, run, "peer")
        try:
            negotiation.listen(now, header, arrival.data)
        except Exception:
            del sa.transactions[header.message_id]
            raise
        sa.used.add(header.message_id)
        self._peer.authentic(now, sa, arrival)
        heard = run.stage
        assert isinstance(heard, Heard)
        negotiation.speak(now)
        negotiation.finish(now, _outcome(heard.reply))
        self._keep(now, negotiation)
        self._react(now, sa, heard)

    def _keep(self, now: float, negotiation: Negotiation) -> None:
        self._context.timers.set(Timer.FORGET, negotiation.key, now + self._context.policy.answers_kept)

    def fire(self, now: float, timer: Timer, subject: str) -> bool:
        """A timer of a transaction ran out; tells whether it was one."""
        for sa in self._peer.phase1.sas:
            for message_id, each in sa.transactions.items():
                if each.run.ident != subject:
                    continue
                if timer is Timer.FORGET:
                    del sa.transactions[message_id]
                elif timer is not Timer.RESEND or not each.resend(now):
                    self._then.pop(subject, None)
                    verdict = each.fail(now)
                    self._keep(now, each)
                    if not sa.admitted:
                        cause = Cause.USER if sa.awaits is Await.USER else Cause.NO_CONFIG
                        self._refuse(now, sa, cause, verdict.sentence)
                return True
        return False

    # -- asked by the peer -------------------------------------------------------------------------------------------

    def _answer(self, sa: IsakmpSa, question: Attributes) -> Attributes:
        """The reply to a question that is authentic. Raises ``Discard``."""
        spec, config = self._peer.spec, self._peer.spec.config
        if is_xauth(question):
            client = sa.candidate.scheme.client is not None and not sa.serves_user
            if not client or spec.xauth is None:
                raise Discard(DropReason.SWITCHED_OFF, "XAUTH was not agreed on, or it is for us to ask")
            if question.kind == ConfigMessage.REQUEST:
                return xauth.answer(question, spec.xauth)
            return xauth.acknowledged(question)
        if question.kind == ConfigMessage.SET:
            if config is None or config.server or not config.push or sa.awaits is Await.USER:
                raise Discard(DropReason.SWITCHED_OFF, "mode config by push is not expected")
            return mode_config.acknowledged(question)
        if config is None or not config.server or not sa.admitted:
            raise Discard(DropReason.SWITCHED_OFF, "mode config is not offered, or not yet")
        address = self._lease(sa, mode_config.wish(question)) if mode_config.wants_address(question) else None
        return mode_config.offer(
            ConfigMessage.REPLY, question.identifier, config, address, unity=sa.vendors.unity, asked=question
        )

    def _react(self, now: float, sa: IsakmpSa, heard: Heard) -> None:
        """What follows from a question, once it is answered."""
        if heard.question.kind == ConfigMessage.REQUEST and is_xauth(heard.question):
            spec = self._peer.spec.xauth
            assert spec is not None, "it was answered"
            if refused := xauth.unanswerable(heard.question):
                why = f"the peer asks for {refused}, which a name and a password do not answer"
                self._context.emit(UserRefused(sa.peer, spec.user, False, why))
                self._refuse(now, sa, Cause.USER, why)
        elif is_xauth(heard.question):
            self._told(now, sa, heard.question)
        elif heard.question.kind == ConfigMessage.SET:
            self._given(now, sa, heard.question)
        else:
            address = mode_config.read(heard.reply).address
            if address is not None:
                self._gave(now, sa, address)

    # -- XAUTH -------------------------------------------------------------------------------------------------------

    def _login(self, now: float, sa: IsakmpSa, reply: Attributes) -> None:
        """The client has said who it is."""
        spec, given = self._peer.spec.xauth, xauth.login(reply)
        assert spec is not None, "we are the server"
        if given is None:
            self._judge(now, sa, "", right=False, why="the peer named no user")
            return
        stored = dict(spec.users).get(given.user)
        ident = self._context.new_exchange()
        self._verifying[ident] = (sa, given.user)
        self._context.emit(VerifyPassword(ident, self._peer.spec.name, stored, given.password))

    def verified(self, now: float, event: PasswordVerified) -> None:
        """The password has been looked at."""
        sa, user = self._verifying.pop(event.ident, (None, ""))
        if sa is not None and sa in self._peer.phase1.sas and sa.awaits is Await.USER:
            self._judge(now, sa, user, right=event.right, why="the user is not known, or the password is wrong")

    def _judge(self, now: float, sa: IsakmpSa, user: str, *, right: bool, why: str = "") -> None:
        if right:
            sa.user = user
            then = self._passed
        else:
            self._context.emit(UserRefused(sa.peer, user, True, why))
            then = self._failed
        self._patience(now, sa)
        self._ask(now, sa, XAUTH, xauth.result(self._identifier(), right=right), then)

    def _passed(self, now: float, sa: IsakmpSa, reply: Attributes) -> None:
        self._configure(now, sa)

    def _failed(self, now: float, sa: IsakmpSa, reply: Attributes) -> None:
        self._refuse(now, sa, Cause.USER, "the user is not known, or the password is wrong")

    def _told(self, now: float, sa: IsakmpSa, said: Attributes) -> None:
        """The server says how it went."""
        spec = self._peer.spec.xauth
        assert spec is not None, "we are the client"
        if sa.awaits is not Await.USER:
            return
        if xauth.status(said) == xauth.OK:
            sa.user = spec.user
            self._context.emit(UserAuthenticated(sa.peer, spec.user, False))
            sa.awaits = Await.CONFIG if self._peer.spec.config is not None else Await.NOTHING
            self._context.timers.set(Timer.AFTER_XAUTH, sa.key, now + self._context.policy.after_xauth)
            return
        text = xauth.message(said)
        why = "the peer does not accept the user or the password" + (f": {text}" if text else "")
        self._context.emit(UserRefused(sa.peer, spec.user, False, why))
        self._refuse(now, sa, Cause.USER, f"{sa.remote} refuses the user {spec.user}: {why}")

    # -- mode config, as server ----------------------------------------------------------------------------------------

    def _lease(self, sa: IsakmpSa, wished: Address | None) -> Address | None:
        base, config = self._peer.base, self._peer.spec.config
        assert config is not None and config.pool is not None, "we are the server"
        if sa.assigned is not None:
            return sa.assigned
        leases = self._context.leases.setdefault(base.spec.name, {})
        before = dict(leases)
        who = sa.user or str(sa.remote_id)
        address = mode_config.lease(config.pool, leases, base.clients.addresses(sa), who, wished)
        sa.assigned = address
        if leases != before:
            self._context.emit(SaveLeases(base.spec.name, tuple(leases.items())))
        return address

    def _taken(self, now: float, sa: IsakmpSa, reply: Attributes) -> None:
        """The client has taken what we pushed."""
        assert sa.assigned is not None, "it was given"
        self._admit(now, sa)
        if sa.admitted:
            # by now it may be another machine's
            self._context.peers[sa.peer].admission.gave(sa, sa.assigned)

    def _gave(self, now: float, sa: IsakmpSa, address: Address) -> None:
        """The client has asked for its address and got it."""
        self.gave(sa, address)
        self._resolve(now, remote=address)

    def gave(self, sa: IsakmpSa, address: Address) -> None:
        """Tell what the peer has been given."""
        config = self._peer.spec.config
        assert config is not None and config.pool is not None, "we are the server"
        self._context.emit(
            ConfigAssigned(
                sa.peer, True, str(address), str(config.pool.netmask), tuple(map(str, config.dns)), config.domain,
                config.banner, tuple(map(str, config.split_include)), (),
            )
        )

    # -- mode config, as client ----------------------------------------------------------------------------------------

    def _given(self, now: float, sa: IsakmpSa, said: Attributes) -> None:
        """The server has given us something."""
        given = mode_config.read(said)
        if given.address is None:
            if not sa.admitted:
                why = "; ".join(given.ignored) or "its pool may be used up, or it has none for us"
                self._refuse(now, sa, Cause.NO_CONFIG, f"{sa.remote} gave us no address by mode config: {why}")
            return
        sa.assigned = given.address
        if self.address != given.address:
            self.release(now)
            self.address = given.address
            self._context.emit(AssignAddress(self._peer.spec.name, given.address))
        self._context.emit(
            ConfigAssigned(
                sa.peer, False, str(given.address), given.netmask, given.dns, given.domain, given.banner,
                given.split_include, given.ignored,
            )
        )
        self._resolve(now, local=given.address)
        if not sa.admitted:
            self._admit(now, sa)

    # -- the end -------------------------------------------------------------------------------------------------------

    def ended(self, now: float, sa: IsakmpSa) -> None:
        """An ISAKMP SA is gone."""
        for ident in [ident for ident, (each, _) in self._verifying.items() if each is sa]:
            del self._verifying[ident]

    def release(self, now: float) -> None:
        """The peer has nothing with us any more: what mode config gave goes back. The traffic of tunnels whose
        selectors we were given stays blocked."""
        name = self._peer.spec.name
        if self.address is not None:
            self._context.emit(ReleaseAddress(name, self.address))
            self._context.emit(ConfigReleased(name, False, str(self.address)))
            self.address = None
        config = self._peer.spec.config
        if config is not None and config.server:
            for tunnel in self._peer.tunnels.values():
                if tunnel.spec.remote_dynamic and not tunnel.spec.remote_unresolved:
                    address = str(tunnel.spec.remote.network.network_address)
                    self._context.emit(ConfigReleased(name, True, address))
                    return


def _host(selector: Selector, address: Address) -> Selector:
    return replace(selector, network=ip_network(address))


def _outcome(reply: Attributes) -> str:
    return "answered" if reply.attributes else "answered with nothing"
