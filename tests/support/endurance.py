"""Days of one tunnel on a bad line. A seed decides everything: who begins, what is in between, when there is traffic.

A direction of the tunnel is down while a packet of its sender would find no SA there, or none at the receiver; that is
known at every instant (``Passage``). What the line does to packets is not counted, and neither is what a partition or a
rebound NAT box does to them, except that the tunnel must be there when it is over.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from random import Random
from typing import Any

from ikeview.core.facts import Fact, NatFound, TunnelDown
from ikeview.core.identity import Identity, IdentityPattern
from ikeview.core.orders import Terminate
from ikeview.core.specs import KeepaliveSpec, Settings, Start
from tests.support.laws import assert_tidy
from tests.support.nat_box import NatBox
from tests.support.network import End, Network
from tests.support.passage import Passage
from tests.support.specs import world
from tests.support.weather import Bursts, Weather

HOUR, DAY = 3600.0, 86_400.0
HUB, INNER, PUBLIC = IPv4Address("198.51.100.1"), IPv4Address("192.168.1.10"), IPv4Address("203.0.113.5")
PATIENT = KeepaliveSpec("dpd", interval=60.0, timeout=120.0, action="restart")
HASTY = KeepaliveSpec("dpd", interval=10.0, timeout=30.0, action="restart")
"""As configured by default. At 20% loss it holds the peer for dead now and then, and the tunnel must survive that."""
LONGEST_DOWN = 30.0
LONGEST_ALONE = HOUR + 60
"""A Delete may be lost for good, and of two pairs that crossed both stay until traffic shows which the peer has; such a
half SA ends with its lifetime and no later."""
_RECALLED = 60


@dataclass
class Story:
    """What one seed is about."""

    seed: int
    days: float
    nat: bool
    rebinds: bool
    partitions: bool
    bursts: bool
    both_begin: bool
    hasty: bool

    @classmethod
    def of(cls, seed: int, days: float) -> "Story":
        """Every mixture of the others comes up in 32 seeds, and of 128 seeds 16 are hasty."""
        return cls(
            seed, days, nat=seed % 2 == 1, rebinds=seed % 4 == 3, partitions=seed // 4 % 2 == 1,
            bursts=seed // 8 % 4 == 3, both_begin=seed % 2 == 0 and seed // 2 % 2 == 1,
            hasty=seed // 16 % 8 == 1,
        )

    @property
    def words(self) -> str:
        """For a reader."""
        names = ("nat", "rebinds", "partitions", "bursts", "both_begin", "hasty")
        return ", ".join(name.replace("_", " ") for name in names if getattr(self, name)) or "plain"


@dataclass
class Result:
    """What came of it; ``wrong`` is empty if all is well."""

    story: Story
    wrong: list[str] = field(default_factory=list)
    downs: list[float] = field(default_factory=list)
    """Seconds of every outage."""
    told: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    packets: Counter[str] = field(default_factory=Counter)
    datagrams: int = 0
    most_sas: int = 0
    longest_alone: float = 0.0


class Endurance:
    """One seed's network."""

    def __init__(self, story: Story, loss: float = 0.2) -> None:
        self.story = story
        weather = Weather(latency=0.02, jitter=0.05, loss=loss, duplicate=0.05, reorder=0.05, late=0.3)
        if story.bursts:
            # as much loss on the whole, but in bursts
            weather.loss, weather.bursts = 0.0, Bursts()
        self.network = Network(seed=f"endurance {story.seed}", weather=weather)
        self.network.records = False
        self.network.on_fact = self._told
        self.chance = Random(f"story {story.seed}")
        self.recent: deque[tuple[float, str, Fact]] = deque(maxlen=_RECALLED)
        self.result = Result(story)
        self.box = NatBox(PUBLIC, life=120.0) if story.nat else None
        self._add("hub", HUB, self._hub())
        self._add("s1", INNER if self.box else PUBLIC, self._spoke())
        self.passage = Passage(self.network, "hub", "s1", ("s1/lan", "hub/lan"))
        self._busy = True
        for end in ("hub", "s1"):
            self._talk(end)
        self._change_traffic()
        if story.rebinds:
            self._later(1 * HOUR, 6 * HOUR, self._rebind)
        if story.partitions:
            self._later(0.5 * HOUR, 4 * HOUR, self._partition)

    def _add(self, name: str, address: IPv4Address, spec: Settings) -> None:
        box = self.box if name == "s1" else None
        self.network.add(name, address, spec, box=box).keeps_facts = False

    def _hub(self) -> Settings:
        begins = self.story.both_begin
        keepalive = HASTY if self.story.hasty else PATIENT
        # who is behind a NAT box calls itself by its inner address
        who = {"remote_id": IdentityPattern.of(Identity.of_address(INNER))} if self.box else {}
        return world(
            peers={"s1": str(PUBLIC)}, here="hub", hub=True, keepalive=keepalive, lifetime=4 * HOUR,
            role="both" if begins else "responder", child=_child(begins), **who,
        )

    def _spoke(self) -> Settings:
        keepalive = HASTY if self.story.hasty else PATIENT
        return world(
            peers={"hub": str(HUB)}, here="s1", hub=False, keepalive=keepalive, lifetime=4 * HOUR, child=_child(True)
        )

    # -- what happens ------------------------------------------------------------------------------------------------

    def _later(self, least: float, most: float, action: Any) -> None:
        self.network.later(self.chance.uniform(least, most), action)

    def _talk(self, name: str) -> None:
        """Each end sends a packet now and then while there is traffic."""
        end = self.network.ends[name]
        if self._busy:
            self.network.packet(end, _TUNNELS[name], asks=True)
            self.network.sample(end)
        self._later(10, 40, lambda: self._talk(name))

    def _change_traffic(self) -> None:
        self._busy = not self._busy
        self._later(0.2 * HOUR, 3 * HOUR, self._change_traffic)

    def _rebind(self) -> None:
        assert self.box is not None
        self.box.rebind()
        self._later(1 * HOUR, 6 * HOUR, self._rebind)

    def _partition(self) -> None:
        ends = self.network.ends
        self.network.partition(ends["hub"], ends["s1"], self.chance.uniform(1, 20))
        self._later(0.5 * HOUR, 4 * HOUR, self._partition)

    def _told(self, end: End, fact: Fact) -> None:
        name = type(fact).__name__
        self.result.told[name] += 1
        if isinstance(fact, NatFound) and (fact.here or fact.there):
            self.result.told["NAT"] += 1
        if isinstance(fact, TunnelDown):
            self.result.causes[f"{end.name} down: {fact.cause}"] += 1
        if name not in _DULL:
            self.recent.append((self.network.now, end.name, fact))

    # -- the end -----------------------------------------------------------------------------------------------------

    def run(self) -> Result:
        """Let the days pass, take the tunnel down on a good line, and judge."""
        network, result = self.network, self.result
        until = network.now + self.story.days * DAY
        seen = 0
        while network.now < until:
            network.run(min(HOUR / 4, until - network.now))
            for outage in self.passage.outages[seen:]:
                result.downs.append(outage.seconds)
                if outage.seconds > LONGEST_DOWN:
                    what = f"{outage.sender} could not send for {outage.seconds:.1f} s ({outage.why})"
                    self._wrong(what, outage.since)
            seen = len(self.passage.outages)
        self.passage.close()
        for since, spi, seconds in self.passage.alone:
            result.longest_alone = max(result.longest_alone, seconds)
            if seconds > LONGEST_ALONE:
                self._wrong(f"SPI {spi:08x} was left over for {seconds:.1f} s", since)
        result.most_sas = self.passage.most
        result.datagrams = network.datagrams
        self._finish()
        return result

    def _wrong(self, what: str, since: float) -> None:
        if len(self.result.wrong) < 5:
            story = [f"    {at - since:+9.3f} {name:4} {fact}" for at, name, fact in self.recent]
            self.result.wrong.append("\n".join([f"seed {self.story.seed}: {what}, from {since:.3f}", *story]))

    def _finish(self) -> None:
        network = self.network
        network.weather.loss = network.weather.duplicate = 0.0
        network.weather.bursts = None
        self._busy, self._change_traffic = False, lambda: None
        network.cut.clear()
        network.run(300)
        hub, spoke = network.ends["hub"], network.ends["s1"]
        if not (hub.carrying("s1/lan") and spoke.carrying("hub/lan")):
            self._wrong("it is not up at the end", network.now)
        for end in (hub, spoke):
            self.result.packets += end.packets
        for end in (spoke, hub):
            network.do(end, Terminate(_TUNNELS[end.name]))
        network.run(120)
        for end in (hub, spoke):
            if end.inbound or end.outbound:
                self._wrong(f"{end.name} has SAs left over after the end", network.now)
            if agenda := end.endpoint.agenda():
                self._wrong(f"{end.name} has timers left over after the end: {agenda}", network.now)
            assert_tidy(end)


_TUNNELS = {"hub": "s1/lan", "s1": "hub/lan"}
_DULL = {"ProbeSent", "ProbeTaken", "ProbeAnswered", "RowSent", "RowTaken"}


def _child(begins: bool) -> dict[str, Any]:
    return {"lifetime": HOUR, "start": Start.BOOT if begins else Start.MANUAL}


def live(seed: int, days: float, loss: float = 0.2) -> Result:
    """One seed's days."""
    return Endurance(Story.of(seed, days), loss).run()
