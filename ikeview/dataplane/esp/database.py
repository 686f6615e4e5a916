"""The SAs and policies of userspace ESP (RFC 4301 section 4.4), and what each packet does to them."""

import struct
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from ikeview.core.facts import Sample
from ikeview.core.inputs import Acquire, BytesHard, BytesSoft, FirstUse, PeerSeen, PlaneEvent, Traffic, UnknownSpi
from ikeview.core.outputs import Direction, HalfSa, Spot
from ikeview.core.specs import Address, TunnelSpec
from ikeview.dataplane.esp.inner import Flow, NotIp, Policy, read_flow
from ikeview.dataplane.esp.packet import (
    HEADER_SIZE,
    LAST_EXTENDED,
    LAST_SEQUENCE,
    NEXT_IPV4,
    NEXT_IPV6,
    NEXT_NONE,
    BadPacket,
    Forged,
    Opener,
    Sealer,
    split_trailer,
)
from ikeview.dataplane.esp.replay import ReplayWindow
from ikeview.dataplane.esp.transport import Reassembly, is_fragment, rebuilder, strip

SOFT_SEQUENCE, SOFT_EXTENDED = 2**31, 2**63
"""Half of the sequence numbers are used: time to rekey."""
REPORT_INTERVAL = 1.0
"""Seconds between two ``Traffic`` reports, and between two ``Acquire`` of one tunnel."""
UNKNOWN_INTERVAL, STRANGERS = 10.0, 64
"""Seconds between two ``UnknownSpi`` of one address, and of how many addresses at once."""
TRANSPORT = "transport"
_HEADER = struct.Struct("!II")
_FLOWS_KEPT = 4096
"""Flows whose policy is remembered; when there are more, all are looked up again."""


class Drop(StrEnum):
    """Why a packet did not pass; all are silent and counted."""

    NOT_IP = "no whole IP packet"
    NO_POLICY = "no tunnel takes it"
    NO_SA = "its tunnel has no SA"
    OVER_LIMIT = "byte limit or sequence numbers used up"
    UNKNOWN_SPI = "unknown SPI"
    BAD_SIZE = "length does not fit the SA"
    REPLAYED = "replayed or too old"
    FORGED = "wrong ICV"
    BAD_TRAILER = "wrong padding"
    DUMMY = "dummy packet"
    NOT_TUNNEL = "next header is not IP"
    OUTSIDE = "outside the tunnel's selectors"
    NOT_SENT = "the socket took no more"
    NOT_WRITTEN = "the device took no more"


class Dropped(Exception):
    """The packet at hand does not pass."""

    def __init__(self, reason: Drop) -> None:
        super().__init__(reason)
        self.reason = reason


class _Half:
    """One direction of an SA, with its counters."""

    def __init__(self, half: HalfSa, report: Callable[[PlaneEvent], None]) -> None:
        self.spi = half.spi
        self.direction = half.direction
        self.octets = 0
        self.packets = 0
        self._soft = half.soft_bytes
        self._hard = half.hard_bytes
        self._report = report
        self._soft_told = False
        self.closed = False
        """Nothing more passes."""

    def room(self, octets: int) -> bool:
        """Whether that many octets may still pass; if not, none ever will."""
        if not self.closed and self._hard is not None and self.octets + octets > self._hard:
            self.close()
        return not self.closed

    def count(self, octets: int) -> None:
        """A packet has passed."""
        self.octets += octets
        self.packets += 1
        if self._soft is not None and self.octets >= self._soft:
            self.wear()
        if self._hard is not None and self.octets >= self._hard:
            self.close()

    def wear(self) -> None:
        """Report the soft limit, once."""
        if not self._soft_told:
            self._soft_told = True
            self._report(BytesSoft(self.spi, self.direction))

    def close(self) -> None:
        """Report the hard limit, once."""
        if not self.closed:
            self.closed = True
            self._report(BytesHard(self.spi, self.direction))


class Inbound(_Half):
    """An inbound half SA."""

    def __init__(self, half: HalfSa, report: Callable[[PlaneEvent], None]) -> None:
        super().__init__(half, report)
        self.opener = Opener(half.suite, half.keys)
        self.window = ReplayWindow(half.replay_window)
        self.esn = half.suite.esn
        self.policy = Policy(half.tunnel)
        self.remote = half.remote
        tunnel = half.tunnel
        self.rebuild = (
            rebuilder(tunnel.remote.network.network_address, tunnel.local.network.network_address)
            if tunnel.mode == TRANSPORT
            else None
        )
        self.replayed = 0
        self.forged = 0
        self.used = False

    def sample(self) -> Sample:
        """The counters, as the ``Counters`` report wants them."""
        return Sample(f"{self.spi:08x}", self.octets, self.packets, 0, 0, self.replayed, self.forged)


class Outbound(_Half):
    """An outbound half SA."""

    def __init__(self, half: HalfSa, report: Callable[[PlaneEvent], None]) -> None:
        super().__init__(half, report)
        self.sealer = Sealer(half.spi, half.suite, half.keys)
        self.tunnel = half.tunnel.full_name
        self.transport = half.tunnel.mode == TRANSPORT
        self.local = half.local
        self.remote = half.remote
        self.sequence = 0
        self.soft_sequence, self.last_sequence = (
            (SOFT_EXTENDED, LAST_EXTENDED) if half.suite.esn else (SOFT_SEQUENCE, LAST_SEQUENCE)
        )
        self.path: Any = None
        """Where the forwarder keeps how to send; forgotten when ``remote`` changes."""

    def sample(self) -> Sample:
        """The counters, as the ``Counters`` report wants them."""
        return Sample(f"{self.spi:08x}", 0, 0, self.octets, self.packets)


class Database:
    """All SAs and policies. ``now`` is any clock of seconds that never goes back."""

    def __init__(self, report: Callable[[PlaneEvent], None]) -> None:
        self._report = report
        self._inbound: dict[int, Inbound] = {}
        self._outbound: dict[int, Outbound] = {}
        self._by_tunnel: dict[str, list[Outbound]] = {}
        self._policies: list[Policy] = []
        self._hosts: dict[str, tuple[int, int]] = {}
        """The two ends of each tunnel in transport mode, ours first."""
        self._reassembly = Reassembly()
        self._flows: dict[tuple[int, ...], Policy | None] = {}
        self._acquired: dict[str, float] = {}
        self._heard: set[int] = set()
        self._strangers: dict[Address, float] = {}
        """Who has sent ESP without an SA, and when that was told; the oldest first."""
        self._next_traffic = 0.0
        self.drops: Counter[Drop] = Counter()

    # -- changes -------------------------------------------------------------------------------------------------------

    def protect(self, tunnel: TunnelSpec) -> None:
        """Add the tunnel's policy, in place of one of the same name."""
        self.unprotect(tunnel.full_name)
        self._policies.append(Policy(tunnel))
        self._policies.sort(key=lambda policy: policy.rank, reverse=True)
        if tunnel.mode == TRANSPORT:
            ends = int(tunnel.local.network.network_address), int(tunnel.remote.network.network_address)
            self._hosts[tunnel.full_name] = ends

    def unprotect(self, name: str) -> None:
        """Take a policy away."""
        self._policies = [policy for policy in self._policies if policy.name != name]
        self._hosts.pop(name, None)
        self._acquired.pop(name, None)
        self._flows.clear()

    def install(self, half: HalfSa) -> None:
        """Put a half SA in; an outbound one carries its tunnel's traffic from now on."""
        if half.direction is Direction.IN:
            self._inbound[half.spi] = Inbound(half, self._report)
        else:
            outbound = self._outbound[half.spi] = Outbound(half, self._report)
            self._by_tunnel.setdefault(outbound.tunnel, []).append(outbound)

    def remove(self, spi: int, direction: Direction) -> None:
        """Take a half SA out; unknown ones are ignored."""
        if direction is Direction.IN:
            self._inbound.pop(spi, None)
            self._heard.discard(spi)
        elif outbound := self._outbound.pop(spi, None):
            others = self._by_tunnel[outbound.tunnel]
            others.remove(outbound)
            if not others:
                del self._by_tunnel[outbound.tunnel]

    def move(self, old: Spot, new: Spot) -> None:
        """Outbound halves towards ``old`` go to ``new``, and inbound ones are expected from there."""
        for outbound in self._outbound.values():
            if outbound.remote == old:
                outbound.remote, outbound.path = new, None
        for inbound in self._inbound.values():
            if inbound.remote == old:
                inbound.remote = new

    def samples(self) -> list[Sample]:
        """The counters of every half SA."""
        return [half.sample() for half in self._inbound.values()] + [half.sample() for half in self._outbound.values()]

    # -- packets -------------------------------------------------------------------------------------------------------

    def outbound(self, packet: bytes, now: float) -> tuple[bytes, Outbound] | None:
        """The ESP packet for an inner one, and the half SA that says where it goes; None if it is dropped, or a
        fragment that has to wait for the others."""
        try:
            return self._seal(packet, now)
        except Dropped as dropped:
            self.drops[dropped.reason] += 1
            return None

    def _seal(self, packet: bytes, now: float) -> tuple[bytes, Outbound] | None:
        try:
            flow = read_flow(packet)
            if self._hosts and is_fragment(packet, flow.version) and flow[1:3] in self._hosts.values():
                whole = self._reassembly.add(packet, flow)
                if whole is None:
                    return None
                packet, flow = whole, read_flow(whole)
        except NotIp:
            raise Dropped(Drop.NOT_IP) from None
        policy = self._policy(flow)
        if policy is None:
            raise Dropped(Drop.NO_POLICY)
        halves = self._by_tunnel.get(policy.name)
        if halves is None:
            if now - self._acquired.get(policy.name, -REPORT_INTERVAL) >= REPORT_INTERVAL:
                self._acquired[policy.name] = now
                self._report(Acquire(policy.name))
            raise Dropped(Drop.NO_SA)
        half = halves[-1]
        if not half.room(flow.length):
            raise Dropped(Drop.OVER_LIMIT)
        half.sequence += 1
        inner, next_header = packet[: flow.length], NEXT_IPV4 if flow.version == 4 else NEXT_IPV6
        if half.transport:
            inner, next_header = strip(inner, flow.version)
        sealed = half.sealer.seal(half.sequence, inner, next_header)
        half.count(flow.length)
        if half.sequence >= half.soft_sequence:
            half.wear()
            if half.sequence >= half.last_sequence:
                half.close()
        return sealed, half

    def _policy(self, flow: Flow) -> Policy | None:
        key = flow[:6]
        try:
            return self._flows[key]
        except KeyError:
            pass
        if len(self._flows) >= _FLOWS_KEPT:
            self._flows.clear()
        found = next((policy for policy in self._policies if policy.leaves_by(flow)), None)
        self._flows[key] = found
        return found

    def inbound(self, packet: bytes, remote: Spot, now: float) -> bytes | None:
        """The inner packet of an ESP packet that came from ``remote``; None if it is dropped.

        In the order of RFC 4303 section 3.4: SA, window, ICV, window update, trailer; then the selectors.
        """
        try:
            return self._open(packet, remote, now)
        except Dropped as dropped:
            self.drops[dropped.reason] += 1
            return None

    def _open(self, packet: bytes, remote: Spot, now: float) -> bytes:
        if len(packet) < HEADER_SIZE:
            raise Dropped(Drop.BAD_SIZE)
        spi, sequence = _HEADER.unpack_from(packet)
        half = self._inbound.get(spi)
        if half is None:
            self._unknown(remote, now)
            raise Dropped(Drop.UNKNOWN_SPI)
        if half.closed:
            raise Dropped(Drop.OVER_LIMIT)
        high = b""
        if half.esn:
            sequence = half.window.whole(sequence)
            high = (sequence >> 32).to_bytes(4)
        try:
            half.opener.check_size(packet)
            if not half.window.fresh(sequence):
                half.replayed += 1
                raise Dropped(Drop.REPLAYED)
            plaintext = half.opener.uncover(packet, high)
            highest = half.window.take(sequence)
        except BadPacket:
            raise Dropped(Drop.BAD_SIZE) from None
        except Forged:
            half.forged += 1
            raise Dropped(Drop.FORGED) from None
        self._authentic(half, remote if highest else half.remote, now)
        try:
            payload, next_header = split_trailer(plaintext)
        except BadPacket:
            raise Dropped(Drop.BAD_TRAILER) from None
        if next_header == NEXT_NONE:
            raise Dropped(Drop.DUMMY)
        return self._inner(half, payload, next_header)

    def _inner(self, half: Inbound, payload: bytes, next_header: int) -> bytes:
        try:
            if half.rebuild is not None:
                payload = half.rebuild(payload, next_header)
            elif next_header not in (NEXT_IPV4, NEXT_IPV6):
                raise Dropped(Drop.NOT_TUNNEL)
            elif payload[:1] and payload[0] >> 4 != (4 if next_header == NEXT_IPV4 else 6):
                raise NotIp
            flow = read_flow(payload)
        except NotIp:
            raise Dropped(Drop.NOT_IP) from None
        if not half.policy.lets_in(flow):
            raise Dropped(Drop.OUTSIDE)
        if not half.room(flow.length):
            raise Dropped(Drop.OVER_LIMIT)
        half.count(flow.length)
        return payload[: flow.length]

    def _unknown(self, remote: Spot, now: float) -> None:
        """Tell of ESP without an SA, once in a while for each address, and of so many addresses only: a flood from
        forged ones costs a look into a small dictionary."""
        last = self._strangers.get(remote.host)
        if last is not None and now < last + UNKNOWN_INTERVAL:
            return
        if last is None and len(self._strangers) >= STRANGERS:
            oldest = next(iter(self._strangers))
            if now < self._strangers[oldest] + UNKNOWN_INTERVAL:
                return
            del self._strangers[oldest]
        self._strangers.pop(remote.host, None)
        self._strangers[remote.host] = now
        self._report(UnknownSpi(remote))

    def _authentic(self, half: Inbound, remote: Spot, now: float) -> None:
        if not half.used:
            half.used = True
            self._report(FirstUse(half.spi))
        # only the newest packet tells where the peer is: one that was held back on its way must not move it back
        if remote != half.remote:
            half.remote = remote
            self._report(PeerSeen(half.spi, remote))
        self._heard.add(half.spi)
        if now >= self._next_traffic:
            self.tick(now)

    # -- time ----------------------------------------------------------------------------------------------------------

    def deadline(self) -> float | None:
        """When ``tick`` wants to be called, if at all."""
        return self._next_traffic if self._heard else None

    def tick(self, now: float) -> None:
        """Report the traffic of the last second, if there was any and the second is over."""
        if self._heard and now >= self._next_traffic:
            self._report(Traffic(tuple(sorted(self._heard))))
            self._heard.clear()
            self._next_traffic = now + REPORT_INTERVAL
