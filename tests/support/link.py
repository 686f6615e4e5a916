"""Two endpoints on a simulated link, with a clock that jumps to whatever happens next."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from ikeview.core.facts import Fact
from ikeview.core.inputs import Arrival, Input, Located, Stop
from ikeview.core.outputs import (
    Direction,
    HalfSa,
    Install,
    Locate,
    Move,
    Protect,
    Remove,
    Send,
    SendKeepalive,
    Spot,
    Unprotect,
)
from ikeview.core.policy import Policy
from ikeview.core.specs import Address, Settings
from ikeview.ikev1.build import build_endpoint
from tests.support.entropy import SeededEntropy
from tests.support.specs import LEFT, RIGHT, settings

Verdict = list[tuple[float, bytes]]
"""What becomes of a datagram: copies with their delays; none means that it is lost."""


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
        halves = [half for half in self.outbound.values() if half.tunnel.full_name == tunnel]
        return halves[-1] if halves else None


class Link:
    """Joins ``left`` and ``right``. ``fate(sent) -> Verdict`` may lose, delay, copy or change datagrams."""

    def __init__(
        self,
        left: Settings | None = None,
        right: Settings | None = None,
        *,
        latency: float = 0.01,
        policy: Policy | None = None,
        seed: str = "seed",
        forces_encapsulation: bool = False,
        addresses: tuple[Address, Address] = (LEFT, RIGHT),
    ) -> None:
        self.now = 1000.0
        self.latency = latency
        self.wire: list[Sent] = []
        self.fate: Callable[[Sent], Verdict] = lambda sent: [(self.latency, sent.send.data)]
        self.translate: Callable[[str, Spot], Spot] | None = None
        """A NAT in front of a sender: where its datagrams come from as the receiver sees it."""
        self.forward: Callable[[str, Spot], Spot] | None = None
        """A NAT in front of a receiver: where datagrams that were sent to a spot arrive."""
        self._flying: list[tuple[float, int, str, Arrival]] = []
        self._order = itertools.count()
        self._policy = policy or Policy()
        self._forces = forces_encapsulation
        self._seed = seed
        self.left = self._end("left", addresses[0], left or settings(left=True))
        self.right = self._end("right", addresses[1], right or settings(left=False))
        self._ends = {"left": self.left, "right": self.right}
        for end in self._ends.values():
            end.endpoint.start(self.now)
            self._drain(end)
            self._prepare(end)

    def _end(self, name: str, address: Address, spec: Settings) -> End:
        entropy = SeededEntropy(f"{self._seed} {name}")
        endpoint = build_endpoint(
            spec, entropy=entropy, forces_encapsulation=self._forces, policy=self._policy
        )
        return End(name, address, endpoint, entropy, spec)

    def replace_end(self, name: str, spec: Settings) -> End:
        """The end crashes and starts anew, knowing nothing."""
        old = self._ends[name]
        self._seed += "'"
        new = self._end(name, old.address, spec)
        self._ends[name] = new
        setattr(self, name, new)
        new.endpoint.start(self.now)
        self._drain(new)
        self._prepare(new)
        return new

    # -- driving -----------------------------------------------------------------------------------------------------

    def do(self, end: End, event: Input) -> None:
        """One event for an end, now."""
        end.endpoint.take(self.now, event)
        self._drain(end)
        self._prepare(end)

    def _prepare(self, end: End) -> None:
        """Key pairs are made ahead as soon as the messages are out, before anything else can happen."""
        while end.endpoint.deadline() == 0.0:
            end.endpoint.tick(self.now)

    def stop(self, end: End) -> None:
        """The end's engine stops."""
        self.do(end, Stop())

    def inject(self, end: End, data: bytes, *, remote: Spot | None = None, floated: bool = False) -> None:
        """A datagram from nowhere."""
        other = self.right if end is self.left else self.left
        port = 4500 if floated else 500
        self.do(end, Arrival(Spot(end.address, port), remote or Spot(other.address, port), data, floated))

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

    def _next(self) -> float | None:
        times = [self._flying[0][0]] if self._flying else []
        times += [at for end in self._ends.values() if not end.dead and (at := end.endpoint.deadline()) is not None]
        return min(times) if times else None

    def _step(self, at: float) -> None:
        self.now = max(self.now, at)
        if self._flying and self._flying[0][0] <= self.now:
            _, _, name, arrival = heapq.heappop(self._flying)
            end = self._ends[name]
            if not end.dead:
                self.do(end, arrival)
            return
        for end in self._ends.values():
            deadline = end.endpoint.deadline()
            if not end.dead and deadline is not None and deadline <= self.now:
                end.endpoint.tick(self.now)
                self._drain(end)
                self._prepare(end)

    def _drain(self, end: End) -> None:
        while items := end.endpoint.drain():
            for item in items:
                self._carry_out(end, item)

    def _carry_out(self, end: End, item: Any) -> None:
        match item:
            case Fact():
                end.facts.append(item)
                end.stamped.append((self.now, item))
            case Send():
                self._send(end, item)
            case Locate():
                remote = self._ends["left" if end.name == "right" else "right"].address
                end.endpoint.take(self.now, Located(item.peer, end.address, remote))
            case Install(half=half):
                halves = end.inbound if half.direction is Direction.IN else end.outbound
                assert half.spi not in halves, "installed twice"
                halves[half.spi] = half
            case Remove(spi=spi, direction=direction):
                (end.inbound if direction is Direction.IN else end.outbound).pop(spi)
            case Protect(tunnel=tunnel):
                end.protected.append(tunnel.full_name)
            case Unprotect(tunnel=tunnel):
                end.protected.remove(tunnel.full_name)
            case Move() | SendKeepalive():
                pass
            case _:
                raise AssertionError(f"unknown output {item!r}")

    def _send(self, end: End, send: Send) -> None:
        sent = Sent(self.now, end.name, send)
        self.wire.append(sent)
        other = "right" if end.name == "left" else "left"
        source = self.translate(end.name, send.local) if self.translate else send.local
        for delay, data in self.fate(sent):
            local = self.forward(other, send.remote) if self.forward else send.remote
            arrival = Arrival(local, source, data, send.floated)
            heapq.heappush(self._flying, (self.now + delay, next(self._order), other, arrival))

    # -- laws --------------------------------------------------------------------------------------------------------

    def mirrored(self) -> bool:
        """Whether each inbound half of one end is an outbound half of the other, with the same keys."""

        def keyed(halves: dict[int, HalfSa]) -> set[tuple[int, bytes, bytes]]:
            return {
                (half.spi, half.keys.encryption.reveal(), half.keys.integrity.reveal()) for half in halves.values()
            }

        return keyed(self.left.inbound) == keyed(self.right.outbound) and keyed(self.right.inbound) == keyed(
            self.left.outbound
        )

    def empty(self) -> bool:
        """Whether neither data plane holds anything."""
        return not (self.left.inbound or self.left.outbound or self.right.inbound or self.right.outbound)


def lossy(link: Link, seed: int, loss: float, *, duplicate: float = 0.0, jitter: float = 0.0) -> None:
    """Make the link lose, copy and delay datagrams by chance."""
    random = Random(seed)

    def fate(sent: Sent) -> Verdict:
        if random.random() < loss:
            return []
        copies = 2 if random.random() < duplicate else 1
        return [(link.latency + random.random() * jitter, sent.send.data) for _ in range(copies)]

    link.fate = fate
