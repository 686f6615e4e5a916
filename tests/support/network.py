"""Endpoints on a simulated network: weather, NAT boxes, partitions, crashes and an attacker, with a clock that jumps to
whatever happens next. All chance comes from one seed."""

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from random import Random
from typing import Any

from ikeview.core.facts import Fact, Sample
from ikeview.core.inputs import (
    Acquire,
    Arrival,
    Counters,
    EchoAnswered,
    FirstUse,
    Input,
    Located,
    PasswordVerified,
    PeerSeen,
    Stop,
    Traffic,
    Unreachable,
)
from ikeview.core.outputs import (
    AssignAddress,
    Direction,
    HalfSa,
    Install,
    Locate,
    Move,
    Protect,
    ReleaseAddress,
    Remove,
    SaveLeases,
    Send,
    SendEcho,
    SendKeepalive,
    Spot,
    Unprotect,
    VerifyPassword,
)
from ikeview.core.policy import Policy
from ikeview.core.specs import Address, Settings, TunnelSpec, WhenDown
from ikeview.ikev1.build import build_endpoint
from tests.support.entropy import SeededEntropy
from tests.support.nat_box import NatBox
from tests.support.weather import Weather

Verdict = list[tuple[float, bytes]]
"""What becomes of a datagram: copies with their delays; none means that it is lost."""

Leases = dict[str, tuple[tuple[str, Address], ...]]
"""What is kept over a restart, by peer."""

WALL = 1_767_225_600.0
"""The time of day when the network's clock stands at 0: the first second of 2026."""

PACKET = 120
"""Octets of a simulated ESP packet."""


@dataclass
class Sent:
    """A datagram that an end has sent, as a capture would show it."""

    at: float
    sender: str
    send: Send


@dataclass
class End:
    """One endpoint with its data plane, which is two dictionaries."""

    name: str
    address: Address
    endpoint: Any
    entropy: SeededEntropy
    settings: Settings
    facts: list[Fact] = field(default_factory=list)
    stamped: list[tuple[float, Fact]] = field(default_factory=list)
    inbound: dict[int, HalfSa] = field(default_factory=dict)
    outbound: dict[int, HalfSa] = field(default_factory=dict)
    protected: list[str] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    """Inbound SPIs on which a packet has come in."""
    dead: bool = False
    box: NatBox | None = None
    """The NAT box it is behind."""
    guarded: dict[str, TunnelSpec] = field(default_factory=dict)
    """Protected tunnels by full name."""
    seen_at: dict[int, Spot] = field(default_factory=dict)
    """Where the last packet on an inbound SPI came from."""
    assigned: list[Address] = field(default_factory=list)
    """Addresses that mode config gave us."""
    leases: Leases = field(default_factory=dict)
    """What it asked to keep over a restart, by peer."""
    packets: Counter[str] = field(default_factory=Counter)
    """Packets of its tunnels: sent, taken; and lost: blocked, clear (no SA here), no SA (there), weather."""
    counts: Counter[tuple[int, Direction]] = field(default_factory=Counter)
    """Packets by half SA."""
    answers_echo: bool = True
    """The hosts behind it answer pings."""
    keeps_facts: bool = True

    def of(self, kind: type) -> list[Any]:
        """All facts of that kind so far."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def last(self, kind: type) -> Any:
        """The last fact of that kind; fails if there is none."""
        found = self.of(kind)
        assert found, f"{self.name} has told no {kind.__name__}; it told {[type(fact).__name__ for fact in self.facts]}"
        return found[-1]

    def carrying(self, tunnel: str) -> HalfSa | None:
        """The outbound half that carries the tunnel: the one installed last."""
        for half in reversed(self.outbound.values()):
            if half.tunnel.full_name == tunnel:
                return half
        return None


@dataclass(frozen=True, slots=True)
class Packet:
    """An ESP packet on its way. ``asks``: a host behind the receiver answers it, as ``reply``. ``echo``: it is a ping,
    or its answer, of that peer and number."""

    spi: int
    source: Spot
    echo: tuple[str, int] | None = None
    asks: bool = False
    reply: bool = False


class Network:
    """``fate`` decides over IKE datagrams, ``weather`` over both unless ``fate`` is replaced; ESP has ``weather``."""

    def __init__(self, *, seed: str = "seed", policy: Policy | None = None, weather: Weather | None = None) -> None:
        self.now = 1000.0
        self.chance = Random(seed)
        self.weather = weather or Weather()
        self.weather.chance = self.chance
        self.ends: dict[str, End] = {}
        self.names: dict[str, tuple[Address, float]] = {}
        """DNS: address and TTL."""
        self.wire: list[Sent] = []
        self.records = True
        """Whether ``wire`` keeps what is sent."""
        self.datagrams = 0
        """How many were sent."""
        self.fate: Callable[[Sent], Verdict] = self._by_weather
        self.packet_fate: Callable[[End, HalfSa], list[float]] = lambda end, half: self.weather.delays(self.now, PACKET)
        self.cut: set[frozenset[str]] = set()
        """Pairs of ends between which nothing passes."""
        self.on_plane: Callable[[End], None] = lambda end: None
        """Called after an end's data plane has changed."""
        self.on_fact: Callable[[End, Fact], None] = lambda end, fact: None
        self._flying: list[tuple[float, int, str, Any]] = []
        self._due: list[tuple[float, int, str]] = []
        self._deadlines: dict[str, float | None] = {}
        self._order = itertools.count()
        self._policy = policy or Policy()
        self._seed = seed
        self._lives: Counter[str] = Counter()
        self._forces: dict[str, bool] = {}

    # -- ends --------------------------------------------------------------------------------------------------------

    def add(
        self, name: str, address: Address, spec: Settings, *, box: NatBox | None = None,
        forces_encapsulation: bool = False,
    ) -> End:
        """A new end, which starts at once."""
        self._forces[name] = forces_encapsulation
        end = self._make(name, address, spec)
        end.box = box
        self.start(end)
        return end

    def _make(self, name: str, address: Address, spec: Settings, leases: Leases | None = None) -> End:
        entropy = SeededEntropy(f"{self._seed}{chr(39) * self._lives[name]} {name}")
        endpoint = build_endpoint(
            spec, entropy=entropy, forces_encapsulation=self._forces.get(name, False),
            wall=lambda: WALL + self.now, policy=self._policy, leases=leases or {},
        )
        end = self.ends[name] = End(name, address, endpoint, entropy, spec, leases=dict(leases or {}))
        return end

    def start(self, end: End) -> None:
        """Its engine begins."""
        end.endpoint.start(self.now)
        self._after(end)

    def crash(self, end: End) -> None:
        """Its engine and its data plane are gone; nobody is told."""
        end.dead = True
        end.inbound.clear()
        end.outbound.clear()
        self._touch(end)
        self.on_plane(end)

    def restart(self, end: End, spec: Settings | None = None) -> End:
        """The end crashes and starts anew, knowing nothing."""
        self.crash(end)
        self._lives[end.name] += 1
        new = self._make(end.name, end.address, spec or end.settings, end.leases)
        new.box, new.keeps_facts, new.packets = end.box, end.keeps_facts, end.packets
        self.start(new)
        return new

    def renumber(self, end: End, address: Address) -> None:
        """The end has another address; what it sends from the old one does not leave."""
        end.address = address

    def partition(self, one: End, other: End, seconds: float) -> None:
        """Nothing passes between the two for a while."""
        pair = frozenset((one.name, other.name))
        self.cut.add(pair)
        self.later(seconds, lambda: self.cut.discard(pair))

    # -- driving -----------------------------------------------------------------------------------------------------

    def do(self, end: End, event: Input) -> None:
        """One event for an end, now."""
        end.endpoint.take(self.now, event)
        self._after(end)

    def _after(self, end: End) -> None:
        self._drain(end)
        self._prepare(end)
        self._touch(end)

    def _prepare(self, end: End) -> None:
        """Key pairs are made ahead as soon as the messages are out, before anything else can happen."""
        while end.endpoint.deadline() == 0.0:
            end.endpoint.tick(self.now)

    def stop(self, end: End) -> None:
        """The end's engine stops."""
        self.do(end, Stop())

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something after a while."""
        heapq.heappush(self._flying, (self.now + seconds, next(self._order), "", action))

    def inject(self, end: End, data: bytes, *, remote: Spot, floated: bool = False) -> None:
        """The attacker sends a datagram to an end, from any address."""
        port = 4500 if floated else 500
        self.do(end, Arrival(Spot(end.address, port), remote, data, floated))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while (at := self._next()) is not None and at <= until:
            self._step(at)
        self.now = until

    def run_until(self, condition: Callable[[], bool], within: float = 120.0) -> None:
        """Let time pass until something is true; fails if that takes longer than ``within`` simulated seconds."""
        until = self.now + within
        while not condition():
            at = self._next()
            assert at is not None, "nothing is going to happen any more"
            assert at <= until, f"not within {within} s"
            self._step(at)

    def _touch(self, end: End) -> None:
        """Its next deadline may have changed."""
        deadline = None if end.dead else end.endpoint.deadline()
        if self._deadlines.get(end.name) != deadline:
            self._deadlines[end.name] = deadline
            if deadline is not None:
                heapq.heappush(self._due, (deadline, next(self._order), end.name))

    def _settle(self) -> None:
        while self._due and self._deadlines[self._due[0][2]] != self._due[0][0]:
            heapq.heappop(self._due)

    def _next(self) -> float | None:
        self._settle()
        times = [heap[0][0] for heap in (self._flying, self._due) if heap]
        return min(times) if times else None

    def _step(self, at: float) -> None:
        self.now = max(self.now, at)
        if self._flying and self._flying[0][0] <= self.now:
            _, _, name, item = heapq.heappop(self._flying)
            if callable(item):
                item()
            elif not self.ends[name].dead:
                self._arrive(self.ends[name], item)
            return
        while self._due and self._due[0][0] <= self.now:
            end = self.ends[heapq.heappop(self._due)[2]]
            self._deadlines[end.name] = None
            end.endpoint.tick(self.now)
            self._after(end)
            self._settle()

    def _arrive(self, end: End, item: Any) -> None:
        if isinstance(item, Packet):
            self._packet_arrives(end, item)
        else:
            self.do(end, item)

    # -- what the endpoints ask for ----------------------------------------------------------------------------------

    def _drain(self, end: End) -> None:
        changed = False
        while items := end.endpoint.drain():
            for item in items:
                self._carry_out(end, item)
                changed = changed or isinstance(item, Install | Remove | Move)
        if changed:
            self.on_plane(end)

    def _carry_out(self, end: End, item: Any) -> None:
        match item:
            case Fact():
                self.on_fact(end, item)
                if end.keeps_facts:
                    end.facts.append(item)
                    end.stamped.append((self.now, item))
            case Send():
                self._send(end, item)
            case Locate():
                end.endpoint.take(self.now, self._locate(end, item))
            case Install(half=half):
                halves = end.inbound if half.direction is Direction.IN else end.outbound
                assert half.spi not in halves, "installed twice"
                halves[half.spi] = half
            case Remove(spi=spi, direction=direction):
                (end.inbound if direction is Direction.IN else end.outbound).pop(spi)
                if direction is Direction.IN:
                    end.used.discard(spi)
                    end.seen_at.pop(spi, None)
            case Move(old=old, new=new):
                for halves in (end.inbound, end.outbound):
                    for spi, half in halves.items():
                        if half.remote == old:
                            halves[spi] = replace(half, remote=new)
            case Protect(tunnel=tunnel):
                end.protected.append(tunnel.full_name)
                end.guarded[tunnel.full_name] = tunnel
            case Unprotect(tunnel=tunnel):
                end.protected.remove(tunnel.full_name)
                del end.guarded[tunnel.full_name]
            case VerifyPassword(ident=ident, peer=peer, stored=stored, password=password):
                right = stored is not None and stored.fits(password)
                end.endpoint.take(self.now, PasswordVerified(ident, peer, right))
            case SaveLeases(peer=peer, leases=leases):
                end.leases[peer] = leases
            case AssignAddress(address=address):
                assert address not in end.assigned, "assigned twice"
                end.assigned.append(address)
            case ReleaseAddress(address=address):
                if address in end.assigned:
                    end.assigned.remove(address)
            case SendEcho():
                self._send_echo(end, item)
            case SendKeepalive(local=local, remote=remote):
                if end.box is not None:
                    end.box.outward(self.now, local, remote)
            case _:
                raise AssertionError(f"unknown output {item!r}")

    def _locate(self, end: End, item: Locate) -> Located:
        address, ttl = self.names.get(item.remote, (None, 0.0))
        if address is None:
            try:
                address = ip_address(item.remote)
            except ValueError:
                return Located(item.peer, None, None, f"no address for {item.remote}")
        return Located(item.peer, end.address, address, ttl=ttl)

    # -- datagrams ---------------------------------------------------------------------------------------------------

    def _by_weather(self, sent: Sent) -> Verdict:
        data = sent.send.data
        return [(delay, data) for delay in self.weather.delays(self.now, len(data) + 4 * sent.send.floated)]

    def _send(self, end: End, send: Send) -> None:
        sent = Sent(self.now, end.name, send)
        self.datagrams += 1
        if self.records:
            self.wire.append(sent)
        route = self._route(end, send.local, send.remote)
        if route is None:
            if send.local.host != end.address:
                self._fly(0.0, end.name, Unreachable(send.remote, "cannot send: Invalid argument", local=True))
            return
        receiver, local, source = route
        for delay, data in self.fate(sent):
            self._fly(delay, receiver, Arrival(local, source, data, send.floated))

    def _fly(self, delay: float, receiver: str, item: Any) -> None:
        heapq.heappush(self._flying, (self.now + delay, next(self._order), receiver, item))

    def _route(self, end: End, local: Spot, remote: Spot) -> tuple[str, Spot, Spot] | None:
        """Who gets what is sent there: the end, where it arrives at it, and where it comes from as seen there."""
        if local.host != end.address:
            return None
        source = local
        if end.box is not None:
            source = end.box.outward(self.now, local, remote)
        for other in self.ends.values():
            if other is end:
                continue
            arrived: Spot | None = remote
            if other.box is not None:
                arrived = other.box.inward(self.now, remote, source) if remote.host == other.box.public else None
            if arrived is not None and arrived.host == other.address:
                cut = self.cut and frozenset((end.name, other.name)) in self.cut
                return None if cut else (other.name, arrived, source)
        return None

    def sample(self, end: End) -> None:
        """Its data plane reports its counters."""
        samples = []
        for halves in (end.inbound, end.outbound):
            for spi, half in halves.items():
                passed = (end.counts[spi, half.direction] * PACKET, end.counts[spi, half.direction])
                inbound, outbound = (passed, (0, 0)) if half.direction is Direction.IN else ((0, 0), passed)
                samples.append(Sample(f"{spi:08x}", *inbound, *outbound))
        self.do(end, Counters(tuple(samples)))

    # -- packets through the tunnels ---------------------------------------------------------------------------------

    def packet(
        self, end: End, tunnel: str, *, echo: tuple[str, int] | None = None, asks: bool = False, reply: bool = False
    ) -> bool:
        """A packet wants a tunnel of that end; whether it left. What becomes of it is in ``packets``."""
        half = end.carrying(tunnel)
        if half is None:
            spec = end.guarded.get(tunnel)
            held = spec is not None and spec.when_down is WhenDown.BLOCK
            end.packets["blocked" if held else "clear"] += 1
            if spec is not None and not end.dead:
                self.do(end, Acquire(tunnel))
            return False
        end.packets["sent"] += 1
        end.counts[half.spi, Direction.OUT] += 1
        route = self._route(end, half.local, half.remote)
        delays = self.packet_fate(end, half) if route is not None else []
        if route is None or not delays:
            end.packets["weather"] += 1
            return True
        for delay in delays[:1]:
            self._fly(delay, route[0], Packet(half.spi, route[2], echo, asks, reply))
        return True

    def _packet_arrives(self, end: End, packet: Packet) -> None:
        half = end.inbound.get(packet.spi)
        if half is None:
            end.packets["no SA"] += 1
            return
        end.packets["taken"] += 1
        end.counts[packet.spi, Direction.IN] += 1
        if packet.spi not in end.used:
            end.used.add(packet.spi)
            self.do(end, FirstUse(packet.spi))
        if half.encapsulated and end.seen_at.get(packet.spi, half.remote) != packet.source:
            self.do(end, PeerSeen(packet.spi, packet.source))
        if half.encapsulated:
            end.seen_at[packet.spi] = packet.source
        self.do(end, Traffic((packet.spi,)))
        if packet.echo is not None and packet.reply:
            self.do(end, EchoAnswered(*packet.echo))
        elif packet.asks and end.answers_echo:
            self.packet(end, half.tunnel.full_name, echo=packet.echo, reply=True)

    def _send_echo(self, end: End, item: SendEcho) -> None:
        for name, spec in end.guarded.items():
            half = end.carrying(name)
            if spec.peer == item.peer and item.target in (half.tunnel if half else spec).remote.network:
                self.packet(end, name, echo=(item.peer, item.sequence), asks=True)
                return
