"""All peers of one gateway behind one door: datagrams, orders, time and the data plane's reports go in, outputs and
facts come out.

One mutation (``start``, ``take`` or ``tick``), then ``drain`` until it is empty, then ``deadline``. ``now`` is the
engine's clock in seconds.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from ikeview.core.context import Context
from ikeview.core.facts import (
    CountersSampled,
    DropReason,
    Fact,
    MessageDropped,
    NotifySent,
    OrderRefused,
    OrderTaken,
    PeerConfigured,
    PeerRemoved,
    PlaneProblem,
    Sample,
    TunnelConfigured,
)
from ikeview.core.fragments import Fragments
from ikeview.core.inputs import (
    Acquire,
    Arrival,
    BytesHard,
    BytesSoft,
    Counters,
    EchoAnswered,
    FirstUse,
    Input,
    Located,
    PasswordVerified,
    PeerSeen,
    PlaneTrouble,
    Stop,
    Traffic,
    UnknownSpi,
    Unreachable,
)
from ikeview.core.lifecycle import Pair, Tunnel
from ikeview.core.limiter import Limiter
from ikeview.core.orders import Initiate, Order, Probe, RekeyPhase2, RenewPhase1, Terminate
from ikeview.core.outputs import Direction, Output, Protect, Send, Spot, Unprotect
from ikeview.core.refusals import Discard
from ikeview.core.specs import Address, PeerSpec, Start, TunnelSpec
from ikeview.core.timers import Timer
from ikeview.crypto.groups import GROUPS
from ikeview.wire.header import HEADER_SIZE, MAX_MESSAGE, NO_COOKIE, Header
from ikeview.wire.numbers import Flag, PayloadType
from ikeview.wire.reader import Malformed

_STRANGERS_TOLD = 1.0
"""Facts a second about datagrams of one unknown address; all are counted."""
_TIMERS_A_TICK = 64
"""Some milliseconds of work, if each begins a negotiation."""
_WHEN = {
    "periodic": "every {:.0f}s", "idle": "after {:.0f}s of silence", "on-demand": "after {:.0f}s of unanswered traffic"
}
_ENDPOINT = ("", "")
"""The key of the endpoint's own timers."""


class PeerMachine(Protocol):
    """What the endpoint expects of a peer, whatever its version of IKE. What refuses gives a sentence, or nothing;
    messages raise ``Discard`` or ``Malformed``."""

    spec: PeerSpec
    address: Address | None
    phase2: Any
    keepalive: Any
    whereabouts: Any

    @property
    def tunnels(self) -> dict[str, Tunnel]: ...
    def start(self, now: float) -> None: ...
    def stop(self, now: float) -> None: ...
    def initiate(self, now: float, tunnel: Tunnel, why: str) -> str: ...
    def terminate(self, now: float, tunnel: Tunnel) -> str: ...
    def rekey(self, now: float, tunnel: Tunnel) -> str: ...
    def renew(self, now: float) -> str: ...
    def probe(self, now: float) -> str: ...
    def takes(self, exchange_type: int) -> bool: ...
    def first(self, now: float, arrival: Arrival, header: Header, rivals: list[Any]) -> None: ...
    def message(self, now: float, arrival: Arrival, header: Header) -> None: ...
    def located(self, now: float, event: Located) -> None: ...
    def unreachable(self, now: float, event: Unreachable) -> None: ...
    def esp_seen(self, now: float, remote: Spot) -> None: ...
    def password_verified(self, now: float, event: PasswordVerified) -> None: ...
    def fire(self, now: float, timer: Timer, subject: str) -> None: ...


Stranger = Callable[[Header], bytes]
"""What to answer to a first message from an address that nobody is configured for; may be nothing."""


class Endpoint:
    """See the module."""

    def __init__(
        self,
        context: Context,
        peers: list[PeerMachine],
        exchanges: frozenset[int],
        stranger: Stranger,
        limiter: Limiter,
    ) -> None:
        self._context = context
        self._peers: dict[str, PeerMachine] = context.peers
        self._peers.update((peer.spec.name, peer) for peer in peers)
        self._tunnels = {name: peer for peer in peers for name in peer.tunnels}
        self._exchanges = exchanges
        self._stranger = stranger
        self._limiter = limiter
        self._fragments = Fragments(context.policy, context.timers)
        self._told = Limiter(_STRANGERS_TOLD, 5.0, 20)
        self._untold: dict[DropReason, tuple[int, int]] = {}
        """Datagrams of strangers since the last telling: how many, and their octets."""
        context.enrol, context.dismiss = self._enrol, self._dismiss
        for peer in peers:
            context.places.add(peer)

    # -- in and out --------------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Tell what is configured, protect the tunnels' traffic, begin what starts at boot."""
        for peer in self._peers.values():
            self._tell_configured(peer)
        for peer in self._peers.values():
            if peer.spec.proposals:
                self._context.prepare(peer.spec.proposals[0].group)
            peer.start(now)

    def _tell_configured(self, peer: PeerMachine, member_of: str = "") -> None:
        self._context.emit(_peer_configured(peer.spec, member_of))
        for tunnel in peer.tunnels.values():
            self._context.emit(tunnel_configured(tunnel.spec))
            if not tunnel.spec.unresolved:
                self._context.emit(Protect(tunnel.spec))

    def _enrol(self, peer: PeerMachine, member_of: str) -> None:
        """One more peer that connects under a configuration that is there."""
        self._peers[peer.spec.name] = peer
        for name in peer.tunnels:
            self._tunnels[name] = peer
        self._tell_configured(peer, member_of)

    def _dismiss(self, peer: PeerMachine) -> None:
        """It has gone."""
        self._context.places.remove(peer)
        del self._peers[peer.spec.name]
        for name, tunnel in peer.tunnels.items():
            del self._tunnels[name]
            if not tunnel.spec.unresolved:
                self._context.emit(Unprotect(tunnel.spec))
        self._context.emit(PeerRemoved(peer.spec.name))

    def take(self, now: float, event: Input) -> None:
        """One thing that happened."""
        match event:
            case Arrival():
                self._arrival(now, event)
            case Initiate() | Terminate() | RekeyPhase2() | RenewPhase1() | Probe():
                self._order(now, event)
            case Located():
                peer = self._peers.get(event.peer)
                if peer is not None:
                    peer.located(now, event)
            case Unreachable():
                for peer in self._context.places.at(event.remote.host):
                    peer.unreachable(now, event)
            case EchoAnswered():
                peer = self._peers.get(event.peer)
                if peer is not None:
                    peer.keepalive.echoes.answered(now, event)
            case PasswordVerified():
                peer = self._peers.get(event.peer)
                if peer is not None:
                    peer.password_verified(now, event)
            case Stop():
                for peer in list(self._peers.values()):
                    peer.stop(now)
            case Counters():
                self._counters(now, event)
            case Traffic():
                for spi in event.spis:
                    owner = self._context.spis.get(spi)
                    if owner is not None:
                        owner.keepalive.esp_alive(now)
                        owner.phase2.pairs.traffic(now, spi)
            case Acquire():
                self._acquire(now, event)
            case PlaneTrouble():
                self._context.emit(PlaneProblem(event.tunnel, event.text))
                names = list(self._tunnels) if event.fatal else [event.tunnel]
                for name in names:
                    owner = self._tunnels.get(name)
                    if owner is not None:
                        owner.phase2.plane_failed(now, owner.tunnels[name], event.text)
            case BytesSoft():
                for owner in self._owners(event.spi, event.direction):
                    owner.phase2.pairs.bytes_soft(now, event.spi, event.direction)
            case BytesHard():
                for owner in self._owners(event.spi, event.direction):
                    owner.phase2.pairs.bytes_hard(now, event.spi, event.direction)
            case FirstUse():
                for owner in self._owners(event.spi, Direction.IN):
                    owner.phase2.pairs.first_use(now, event.spi)
            case UnknownSpi():
                for peer in self._context.places.at(event.remote.host):
                    peer.keepalive.hint(now)
            case PeerSeen():
                for owner in self._owners(event.spi, Direction.IN):
                    owner.esp_seen(now, event.remote)

    def tick(self, now: float) -> None:
        """Fire timers that have run out, so many at once; ``deadline`` says if there are more. After a suspend all are
        overdue together, and datagrams must get their turn among them."""
        for _ in range(_TIMERS_A_TICK):
            due = self._context.timers.pop_due(now)
            if due is None:
                return
            timer, (peer, subject) = due
            if timer is Timer.OPENING:
                self._context.openings.tick(now)
                continue
            if timer is Timer.TELL_DROPS:
                self._tell_drops()
                continue
            if timer is Timer.FRAGMENTS:
                self._fragments.fire(subject)
                continue
            if timer is Timer.PREPARE:
                self._context.make_spare(GROUPS[subject])
                # one at a time: what is more urgent may have come meanwhile
                return
            owner = self._peers.get(peer)
            if owner is not None:
                owner.fire(now, timer, subject)

    def drain(self) -> list[Output | Fact]:
        """What came of it, in order."""
        out, self._context.out = self._context.out, []
        return out

    def deadline(self) -> float | None:
        """When ``tick`` wants to be called."""
        return self._context.timers.next()

    def agenda(self) -> list[tuple[float, Timer, tuple[str, str]]]:
        """All that is due with the peers, the nearest first."""
        return [entry for entry in self._context.timers.table() if entry[2][0]]

    # -- datagrams ---------------------------------------------------------------------------------------------------

    def _arrival(self, now: float, arrival: Arrival) -> None:
        peer: PeerMachine | None = None
        mark = len(self._context.out)
        try:
            header = self._header(arrival)
            if header.responder_cookie == NO_COOKIE and header.initiator_cookie not in self._context.cookies:
                if header.next_payload == PayloadType.FRAGMENT:
                    raise Discard(DropReason.BAD_FRAGMENT, "first messages are taken whole")
                rivals = [
                    each for each in self._context.places.candidates(arrival.remote.host)
                    if each.spec.speaks_from(arrival.local.host)
                ]
                if not rivals:
                    self._unknown(now, arrival, header)
                    raise Discard(DropReason.UNKNOWN_PEER, str(arrival.remote.host))
                rivals = [each for each in rivals if each.takes(header.exchange_type)] or rivals[:1]
                peer = rivals[0]
                peer.first(now, arrival, header, rivals)
                return
            peer = self._context.cookies.get(header.initiator_cookie) or self._context.cookies.get(
                header.responder_cookie
            )
            if peer is None:
                raise Discard(DropReason.UNKNOWN_COOKIE)
            if header.next_payload == PayloadType.FRAGMENT:
                whole = self._assembled(now, peer, header, arrival)
                if whole is None:
                    return
                arrival, header = whole
            peer.message(now, arrival, header)
        except Discard as refusal:
            self._dropped(now, arrival, peer, refusal.reason, refusal.detail, mark)
        except Malformed as error:
            self._dropped(now, arrival, peer, DropReason.MALFORMED, str(error), mark)

    def _assembled(
        self, now: float, peer: PeerMachine, header: Header, arrival: Arrival
    ) -> tuple[Arrival, Header] | None:
        """The message of which that was the last piece. Raises ``Discard`` or ``Malformed``."""
        if peer.spec.fragmentation == "off":
            raise Discard(DropReason.SWITCHED_OFF, f"peer {peer.spec.name} has fragmentation = off")
        cookies = header.initiator_cookie, header.responder_cookie
        ours = next(each for each in cookies if each in self._context.cookies)
        data = self._fragments.take(now, ours, header, arrival.data)
        if data is None:
            return None
        whole = replace(arrival, data=data)
        inner = self._header(whole)
        if inner.next_payload == PayloadType.FRAGMENT:
            raise Discard(DropReason.BAD_FRAGMENT, "a fragment in fragments")
        if (inner.initiator_cookie, inner.responder_cookie) != cookies:
            raise Discard(DropReason.BAD_FRAGMENT, "the whole message has other cookies than its fragments")
        return whole, inner

    def _header(self, arrival: Arrival) -> Header:
        """The header, as far as it can be judged by itself (RFC 2408 section 5.1 and 5.2)."""
        data = arrival.data
        if not data:
            raise Discard(DropReason.EMPTY)
        if len(data) < HEADER_SIZE:
            raise Discard(DropReason.TOO_SHORT, f"{len(data)} octets")
        if len(data) > MAX_MESSAGE:
            raise Discard(DropReason.TOO_LONG, f"{len(data)} octets")
        header = Header.read(data)
        if header.major != 1:
            raise Discard(DropReason.BAD_VERSION, f"version {header.major}")
        if header.length != len(data):
            raise Discard(DropReason.BAD_LENGTH, f"says {header.length}, has {len(data)}")
        if header.exchange_type not in self._exchanges:
            raise Discard(DropReason.BAD_EXCHANGE, f"exchange type {header.exchange_type}")
        if header.initiator_cookie == NO_COOKIE:
            raise Discard(DropReason.ZERO_COOKIE)
        if header.responder_cookie == NO_COOKIE:
            if header.flags & Flag.ENCRYPTION:
                raise Discard(DropReason.BAD_FLAGS, "encrypted before there can be keys")
            if header.message_id:
                raise Discard(DropReason.BAD_MESSAGE_ID, f"{header.message_id:08x} in a first message")
        return header

    def _unknown(self, now: float, arrival: Arrival, header: Header) -> None:
        """Tell a stranger once in a while that it is one; never more octets than it sent."""
        reply = self._stranger(header)
        if reply and len(reply) <= len(arrival.data) and self._limiter.allows(now, arrival.remote.host):
            self._context.emit(Send(arrival.local, arrival.remote, reply, arrival.floated))
            self._context.emit(NotifySent("", str(arrival.remote), "NO-PROPOSAL-CHOSEN"))

    def _dropped(
        self, now: float, arrival: Arrival, peer: PeerMachine | None, reason: DropReason, detail: str, mark: int
    ) -> None:
        if any(isinstance(each, MessageDropped) for each in self._context.out[mark:]):
            return
        if peer is None and not self._told.allows(now, arrival.remote.host):
            # counted, but a stranger must not fill the log
            count, octets = self._untold.get(reason, (0, 0))
            self._untold[reason] = count + 1, octets + len(arrival.data)
            if self._context.timers.get(Timer.TELL_DROPS, _ENDPOINT) is None:
                self._context.timers.set(Timer.TELL_DROPS, _ENDPOINT, now + 1 / _STRANGERS_TOLD)
            return
        name = peer.spec.name if peer is not None else ""
        self._context.emit(MessageDropped(name, str(arrival.remote), len(arrival.data), reason, detail, ""))

    def _tell_drops(self) -> None:
        for reason, (count, octets) in self._untold.items():
            self._context.emit(MessageDropped("", "", octets, reason, "", "", count))
        self._untold.clear()

    # -- orders ------------------------------------------------------------------------------------------------------

    def _order(self, now: float, order: Order) -> None:
        name, target, command = _described(order)
        self._context.emit(OrderTaken(name, target, order.by, command))
        refusal = self._carry_out(now, order)
        if refusal:
            self._context.emit(OrderRefused(name, target, refusal))

    def _carry_out(self, now: float, order: Order) -> str:
        if isinstance(order, RenewPhase1 | Probe):
            peer = self._peers.get(order.peer)
            if peer is None:
                return f"there is no peer {order.peer}"
            return peer.renew(now) if isinstance(order, RenewPhase1) else peer.probe(now)
        owner = self._tunnels.get(order.tunnel)
        if owner is None:
            return f"there is no tunnel {order.tunnel}"
        tunnel = owner.tunnels[order.tunnel]
        match order:
            case Initiate():
                return owner.initiate(now, tunnel, "operator")
            case Terminate():
                return owner.terminate(now, tunnel)
            case RekeyPhase2():
                return owner.rekey(now, tunnel)

    # -- the data plane ----------------------------------------------------------------------------------------------

    def _owners(self, spi: int, direction: Direction) -> list[Any]:
        """The peer of the half SA with that SPI, if there is one."""
        context = self._context
        owner = context.spis.get(spi) if direction is Direction.IN else context.spis_out.get(spi.to_bytes(4))
        return [owner] if owner is not None else []

    def _acquire(self, now: float, event: Acquire) -> None:
        owner = self._tunnels.get(event.tunnel)
        if owner is not None:
            tunnel = owner.tunnels[event.tunnel]
            awaited = tunnel.spec.start is Start.TRAFFIC or tunnel.held
            if awaited and tunnel.current is None and not tunnel.pending:
                owner.initiate(now, tunnel, "traffic")

    def _counters(self, now: float, event: Counters) -> None:
        """Join the halves to pairs and tell which have changed. A report may be one of several, or leave out what has
        not changed, so what is not in it stays as it was."""
        before: dict[str, tuple[Any, Tunnel, Pair, Sample]] = {}
        for each in event.samples:
            direction = Direction.OUT if each.packets_out else Direction.IN
            spi = int(each.spi_in, 16)
            for owner in self._owners(spi, direction):
                found = owner.phase2.pairs.find(spi, direction)
                if found is None:
                    continue
                tunnel, pair = found
                old = pair.counted or Sample(pair.name, 0, 0, 0, 0)
                before.setdefault(pair.name, (owner, tunnel, pair, old))
                if direction is Direction.OUT:
                    pair.counted = replace(old, bytes_out=each.bytes_out, packets_out=each.packets_out)
                else:
                    pair.counted = replace(
                        old, bytes_in=each.bytes_in, packets_in=each.packets_in, replayed=each.replayed,
                        forged=each.forged,
                    )
        changed: list[Sample] = []
        for owner, tunnel, pair, old in before.values():
            new = pair.counted
            if new is not None and new != old:
                changed.append(new)
                came_in, went_out = new.packets_in > old.packets_in, new.packets_out > old.packets_out
                owner.keepalive.counted(now, tunnel, came_in=came_in, went_out=went_out)
        if changed:
            self._context.emit(CountersSampled(tuple(changed)))


def _described(order: Order) -> tuple[str, str, str]:
    """Name, target and the command line that repeats it."""
    match order:
        case Initiate(tunnel=tunnel):
            return "initiate", tunnel, f"ikeview up {tunnel}"
        case Terminate(tunnel=tunnel):
            return "terminate", tunnel, f"ikeview down {tunnel}"
        case RekeyPhase2(tunnel=tunnel):
            return "rekey phase 2", tunnel, f"ikeview rekey {tunnel}"
        case RenewPhase1(peer=peer):
            return "renew phase 1", peer, f"ikeview rekey {peer} --phase 1"
        case Probe(peer=peer):
            return "probe", peer, ""


def _peer_configured(spec: PeerSpec, member_of: str = "") -> PeerConfigured:
    keepalive = spec.keepalive
    words = "off"
    if keepalive.method != "off":
        method = f"icmp to {keepalive.target}" if keepalive.method == "icmp" else keepalive.method
        when = _WHEN[keepalive.when].format(keepalive.interval)
        words = f"{method} {when}, dead after {keepalive.timeout:.0f}s, then {keepalive.action}"
    return PeerConfigured(
        spec.name, spec.remote, spec.mode, spec.role, spec.auth_method, str(spec.local_id or ""),
        str(spec.remote_id or ""), tuple(str(suite) for suite in spec.proposals), spec.lifetime, words,
        spec.warnings, member_of,
    )


def tunnel_configured(spec: TunnelSpec) -> TunnelConfigured:
    """The fact of a tunnel's configuration, told again when mode config has given it its selectors."""
    return TunnelConfigured(
        spec.full_name, spec.peer, spec.mode, "dynamic" if spec.local_unresolved else str(spec.local),
        "dynamic" if spec.remote_unresolved else str(spec.remote),
        tuple(str(suite) for suite in spec.proposals), spec.lifetime, spec.lifebytes or 0, spec.rekey_margin,
        str(spec.start), str(spec.when_down),
    )
