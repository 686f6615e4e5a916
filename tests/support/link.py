"""Two endpoints on a simulated link: the smallest network, on which everything that is sent reaches the other end."""

from collections.abc import Callable
from random import Random

from ikeview.core.inputs import Arrival, Located
from ikeview.core.outputs import HalfSa, Locate, Spot
from ikeview.core.policy import Policy
from ikeview.core.specs import Address, Settings
from tests.support.network import End, Network, Sent, Verdict
from tests.support.specs import LEFT, RIGHT, settings

__all__ = ["End", "Link", "Sent", "Verdict", "lossy"]


class Link(Network):
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
        super().__init__(seed=seed, policy=policy)
        self.latency = latency
        self.fate = lambda sent: [(self.latency, sent.send.data)]
        self.packet_fate = lambda end, half: [self.latency]
        self.translate: Callable[[str, Spot], Spot] | None = None
        """A NAT in front of a sender: where its datagrams come from as the receiver sees it."""
        self.forward: Callable[[str, Spot], Spot] | None = None
        """A NAT in front of a receiver: where datagrams that were sent to a spot arrive."""
        self._forces = {"left": forces_encapsulation, "right": forces_encapsulation}
        self.left = self._make("left", addresses[0], left or settings(left=True))
        self.right = self._make("right", addresses[1], right or settings(left=False))
        for end in (self.left, self.right):
            self.start(end)

    def replace_end(self, name: str, spec: Settings) -> End:
        """The end crashes and starts anew, knowing nothing."""
        return self.restart(self.ends[name], spec)

    def restart(self, end: End, spec: Settings | None = None) -> End:
        """See ``Network``."""
        end.dead = True
        self._lives[end.name] += 1
        new = self._make(end.name, end.address, spec or end.settings)
        setattr(self, end.name, new)
        self.start(new)
        return new

    def inject(self, end: End, data: bytes, *, remote: Spot | None = None, floated: bool = False) -> None:
        """A datagram from nowhere."""
        port = 4500 if floated else 500
        self.do(end, Arrival(Spot(end.address, port), remote or Spot(self._other(end).address, port), data, floated))

    def _other(self, end: End) -> End:
        return self.right if end.name == "left" else self.left

    def _next(self) -> float | None:
        # tests also speak to the two endpoints directly
        for end in (self.left, self.right):
            self._touch(end)
        return super()._next()

    def _locate(self, end: End, item: Locate) -> Located:
        return Located(item.peer, end.address, self._other(end).address)

    def _route(self, end: End, local: Spot, remote: Spot) -> tuple[str, Spot, Spot] | None:
        other = self._other(end).name
        source = self.translate(end.name, local) if self.translate else local
        return other, self.forward(other, remote) if self.forward else remote, source

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
