"""What packets do to SAs: order of checks, limits, reports."""

from ipaddress import ip_address

import pytest

from ikeview.core.inputs import Acquire, BytesHard, BytesSoft, FirstUse, PeerSeen, PlaneEvent, Traffic, UnknownSpi
from ikeview.core.outputs import Direction, HalfSa, Spot
from ikeview.dataplane.esp.database import SOFT_EXTENDED, SOFT_SEQUENCE, STRANGERS, Database, Drop
from ikeview.dataplane.esp.packet import LAST_EXTENDED, LAST_SEQUENCE, Sealer
from tests.support.halves import HERE, THERE, half, tunnel
from tests.support.packets import ipv4, ipv6, ports

IN, OUT = Direction.IN, Direction.OUT
LAN = tunnel()
OURS = ipv4("10.1.0.1", "10.2.0.1", 80)
THEIRS = ipv4("10.2.0.1", "10.1.0.1", 80)


class Bench:
    """A database, its reports, and a peer that seals."""

    def __init__(self, *halves: HalfSa) -> None:
        self.events: list[PlaneEvent] = []
        self.database = Database(self.events.append)
        self.database.protect(LAN)
        self.sealers: dict[int, Sealer] = {}
        for each in halves:
            self.database.install(each)
            self.sealers[each.spi] = Sealer(each.spi, each.suite, each.keys)

    def arrive(
        self, sequence: int, inner: bytes = THEIRS, next_header: int = 4, *, spi: int = 0x1001, remote: Spot = THERE,
        now: float = 0.0,
    ) -> bytes | None:
        return self.database.inbound(self.sealers[spi].seal(sequence, inner, next_header), remote, now)

    def drops(self) -> dict[Drop, int]:
        return dict(self.database.drops)


def inbound(**more: object) -> HalfSa:
    return half(IN, 0x1001, LAN, **more)


def outbound(spi: int = 0x2001, **more: object) -> HalfSa:
    return half(OUT, spi, LAN, **more)


# -- inbound -----------------------------------------------------------------------------------------------------------


def test_a_good_packet_comes_out_and_is_counted() -> None:
    bench = Bench(inbound())
    assert bench.arrive(1) == THEIRS
    sample = bench.database.samples()[0]
    assert (sample.spi_in, sample.bytes_in, sample.packets_in, sample.bytes_out) == ("00001001", 100, 1, 0)
    assert bench.events == [FirstUse(0x1001), Traffic((0x1001,))]
    assert not bench.drops()


def test_replayed_too_old_and_zero() -> None:
    bench = Bench(inbound(replay_window=1024))
    for number in (1, 2000):
        assert bench.arrive(number) is not None
    for number in (2000, 1, 976, 0):
        assert bench.arrive(number) is None
    assert bench.arrive(977) is not None
    assert bench.drops() == {Drop.REPLAYED: 4}
    assert bench.database.samples()[0].replayed == 4


def test_a_huge_jump_is_taken() -> None:
    bench = Bench(inbound())
    assert bench.arrive(1) is not None
    assert bench.arrive(LAST_SEQUENCE) is not None
    assert bench.arrive(2) is None


def test_a_forged_packet_moves_no_window() -> None:
    bench = Bench(inbound())
    forged = bytearray(bench.sealers[0x1001].seal(LAST_SEQUENCE, THEIRS, 4))
    forged[-1] ^= 1
    assert bench.database.inbound(bytes(forged), THERE, 0.0) is None
    assert bench.arrive(1) == THEIRS
    assert bench.drops() == {Drop.FORGED: 1}
    assert bench.database.samples()[0].forged == 1


@pytest.mark.parametrize("suite", ["aes128gcm16", "aes128gcm8", "aes256-sha256", "3des-md5"])
def test_truncated_at_every_length(suite: str) -> None:
    bench = Bench(inbound(suite=suite))
    packet = bench.sealers[0x1001].seal(1, THEIRS, 4)
    for length in range(4, len(packet)):
        assert bench.database.inbound(packet[:length], THERE, 0.0) is None
    assert bench.database.inbound(packet, THERE, 0.0) == THEIRS
    assert set(bench.drops()) == {Drop.BAD_SIZE, Drop.FORGED}


def test_unknown_spi_and_our_own_packet_reflected() -> None:
    bench = Bench(inbound(), outbound())
    sealed = bench.database.outbound(OURS, 0.0)
    assert sealed is not None
    assert bench.database.inbound(sealed[0], THERE, 0.0) is None
    assert bench.drops() == {Drop.UNKNOWN_SPI: 1}
    assert bench.events == [UnknownSpi(THERE)]


def test_esp_without_an_sa_is_told_once_in_ten_seconds_and_of_few_addresses() -> None:
    bench = Bench()
    packet = bytes.fromhex("00001001 00000001") + bytes(40)
    for tenth in range(305):
        bench.database.inbound(packet, THERE, tenth / 10)
    assert bench.events == [UnknownSpi(THERE)] * 4
    bench.events.clear()
    # a flood from forged addresses: no more is remembered, and an old friend has its turn again afterwards
    for number in range(100_000):
        bench.database.inbound(packet, Spot(ip_address(0x0A000000 + number), 4500), 31.0 + number / 100_000)
    assert len(bench.events) == STRANGERS - 1
    assert len(bench.database._strangers) == STRANGERS
    bench.events.clear()
    bench.database.inbound(packet, THERE, 45.0)
    assert bench.events == [UnknownSpi(THERE)]


def test_dummy_is_dropped_but_shows_that_the_peer_lives() -> None:
    bench = Bench(inbound())
    assert bench.arrive(1, b"\x00" * 40, 59) is None
    assert bench.drops() == {Drop.DUMMY: 1}
    assert bench.events == [FirstUse(0x1001), Traffic((0x1001,))]
    assert bench.database.samples()[0].packets_in == 0


@pytest.mark.parametrize("inner", [THEIRS, ipv4("10.2.0.1", "10.1.0.1")])
def test_tfc_padding_is_cut(inner: bytes) -> None:
    bench = Bench(inbound())
    assert bench.arrive(1, inner + b"\xaa" * 300) == inner


@pytest.mark.parametrize(
    ("inner", "next_header", "reason"),
    [
        (ipv4("10.3.0.1", "10.1.0.1"), 4, Drop.OUTSIDE),
        (ipv4("10.2.0.1", "10.9.0.1"), 4, Drop.OUTSIDE),
        (ipv4("10.1.0.1", "10.2.0.1"), 4, Drop.OUTSIDE),
        (ipv6("fd01::1", "fd02::1"), 41, Drop.OUTSIDE),
        (THEIRS, 41, Drop.NOT_IP),
        (ipv6("fd01::1", "fd02::1"), 4, Drop.NOT_IP),
        (THEIRS[:-1], 4, Drop.NOT_IP),
        (b"", 4, Drop.NOT_IP),
        (THEIRS, 6, Drop.NOT_TUNNEL),
        (THEIRS, 50, Drop.NOT_TUNNEL),
    ],
)
def test_what_an_authenticated_peer_may_not_send(inner: bytes, next_header: int, reason: Drop) -> None:
    bench = Bench(inbound())
    assert bench.arrive(1, inner, next_header) is None
    assert bench.drops() == {reason: 1}
    assert bench.database.samples()[0].packets_in == 0


def test_wrong_padding_of_an_authentic_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(inbound())
    monkeypatch.setattr("ikeview.dataplane.esp.packet._PADDING", bytes(range(255, 0, -1)))
    packet = bench.sealers[0x1001].seal(1, THEIRS + b"\0", 4)
    monkeypatch.undo()
    assert bench.database.inbound(packet, THERE, 0.0) is None
    assert bench.drops() == {Drop.BAD_TRAILER: 1}


def test_peer_seen_elsewhere_once_and_not_by_an_old_packet() -> None:
    bench = Bench(inbound())
    elsewhere = Spot(ip_address("198.51.100.7"), 1024)
    bench.arrive(5)
    bench.arrive(6, remote=elsewhere)
    bench.arrive(7, remote=elsewhere)
    bench.arrive(2, remote=THERE)
    assert [event for event in bench.events if isinstance(event, PeerSeen)] == [PeerSeen(0x1001, elsewhere)]


def test_a_moved_peer_is_no_news() -> None:
    bench = Bench(inbound())
    elsewhere = Spot(ip_address("198.51.100.7"), 1024)
    bench.database.move(THERE, elsewhere)
    bench.arrive(1, remote=elsewhere)
    assert not any(isinstance(event, PeerSeen) for event in bench.events)


def test_traffic_at_most_once_a_second() -> None:
    bench = Bench(inbound(), half(IN, 0x1002, LAN))
    bench.arrive(1, now=100.0)
    assert bench.database.deadline() is None
    bench.arrive(2, now=100.1)
    bench.arrive(1, spi=0x1002, now=100.2)
    assert bench.database.deadline() == 101.0
    bench.database.tick(100.9)
    bench.database.tick(101.0)
    bench.database.tick(103.0)
    traffic = [event for event in bench.events if isinstance(event, Traffic)]
    assert traffic == [Traffic((0x1001,)), Traffic((0x1001, 0x1002))]
    assert bench.database.deadline() is None


@pytest.mark.parametrize("suite", ["aes128gcm16-esn", "aes128-sha256-esn", "aes256ccm8-esn", "null-sha1-esn"])
def test_extended_numbers_go_on_where_the_low_half_begins_anew(suite: str) -> None:
    bench = Bench(inbound(suite=suite, replay_window=64))
    turn, rest = 2**32, 2**31
    for number in (1, rest, turn - 2, turn + 1, turn - 1, turn, turn + 2, turn + rest, 2 * turn - 3, 2 * turn + 5):
        assert bench.arrive(number) == THEIRS, number
    for number in (turn - 2, turn, 2 * turn + 5, 2 * turn - 3):
        assert bench.arrive(number) is None, number
    assert bench.drops() == {Drop.FORGED: 2, Drop.REPLAYED: 2}, "far below the window the high half cannot be told"


def test_a_replayed_packet_of_another_turn_is_forged() -> None:
    bench = Bench(inbound(suite="aes128gcm16-esn", replay_window=64))
    early = bench.sealers[0x1001].seal(100, THEIRS, 4)
    for number in (100, 2**32 + 5):
        assert bench.arrive(number) == THEIRS
    assert bench.database.inbound(early, THERE, 0.0) is None
    assert bench.drops() == {Drop.FORGED: 1}, "it is taken for number 2^32 + 100, which its ICV does not fit"


def test_a_forged_packet_moves_no_extended_window() -> None:
    bench = Bench(inbound(suite="aes128gcm16-esn"))
    for number in (2**31, 2**32 - 5):
        assert bench.arrive(number) == THEIRS
    for low in (3, 2**31, 2**32 - 1):
        assert bench.database.inbound(b"\0\0\x10\1" + low.to_bytes(4) + bytes(60), THERE, 0.0) is None
    assert bench.arrive(2**32 - 4) == THEIRS
    assert bench.drops() == {Drop.FORGED: 3}


def test_inbound_limits() -> None:
    bench = Bench(inbound(soft_bytes=150, hard_bytes=300))
    passed = [bench.arrive(number) is not None for number in range(1, 7)]
    assert passed == [True, True, True, False, False, False]
    limits = [event for event in bench.events if isinstance(event, BytesSoft | BytesHard)]
    assert limits == [BytesSoft(0x1001, IN), BytesHard(0x1001, IN)]


# -- outbound ----------------------------------------------------------------------------------------------------------


def test_sequence_numbers_begin_at_one_and_rise() -> None:
    bench = Bench(outbound())
    numbers = [bench.database.outbound(OURS, 0.0) for _ in range(3)]
    assert [number and int.from_bytes(number[0][4:8]) for number in numbers] == [1, 2, 3]


def test_newest_half_carries_and_the_older_one_again() -> None:
    bench = Bench(outbound(0x2001), outbound(0x2002, seed=9))

    def spi() -> int | None:
        sealed = bench.database.outbound(OURS, 0.0)
        return sealed and int.from_bytes(sealed[0][:4])

    assert spi() == 0x2002
    bench.database.remove(0x2002, OUT)
    assert spi() == 0x2001
    bench.database.remove(0x2001, OUT)
    assert spi() is None
    bench.database.remove(0x2001, OUT)
    assert bench.events == [Acquire("peer/lan")]


def test_acquire_at_most_once_a_second_a_tunnel() -> None:
    bench = Bench()
    bench.database.protect(tunnel("other", remote="10.3.0.0/24"))
    for now in (50.0, 50.5, 50.9, 51.0, 51.5):
        assert bench.database.outbound(OURS, now) is None
    bench.database.outbound(ipv4("10.1.0.1", "10.3.0.1"), 51.5)
    assert bench.events == [Acquire("peer/lan"), Acquire("peer/lan"), Acquire("peer/other")]
    assert bench.drops() == {Drop.NO_SA: 6}


def test_the_most_specific_tunnel_takes_the_packet() -> None:
    bench = Bench()
    for name, remote in (
        ("all", "0.0.0.0/0"), ("host", "10.2.0.5/32"), ("tcp", "10.2.0.0/24 6"), ("ssh", "10.2.0.0/24 6 22"),
    ):
        bench.database.protect(tunnel(name, remote=remote))

    def chosen(packet: bytes) -> str:
        bench.events.clear()
        bench.database.outbound(packet, chosen.now)
        chosen.now += 10.0
        (event,) = bench.events
        assert isinstance(event, Acquire)
        return event.tunnel

    chosen.now = 0.0
    for _ in range(2):
        assert chosen(ipv4("10.1.0.1", "9.9.9.9")) == "peer/all"
        assert chosen(ipv4("10.1.0.1", "10.2.0.1")) == "peer/lan"
        assert chosen(ipv4("10.1.0.1", "10.2.0.5", protocol=6, payload=ports(1, 22))) == "peer/host"
        assert chosen(ipv4("10.1.0.1", "10.2.0.1", protocol=6, payload=ports(1, 22))) == "peer/ssh"
        assert chosen(ipv4("10.1.0.1", "10.2.0.1", protocol=6, payload=ports(1, 23))) == "peer/tcp"
    bench.database.unprotect("peer/ssh")
    assert chosen(ipv4("10.1.0.1", "10.2.0.1", protocol=6, payload=ports(1, 22))) == "peer/tcp"


def test_remembered_flows_are_bounded() -> None:
    bench = Bench(outbound())
    for number in range(10_000):
        bench.database.outbound(ipv4("10.1.0.1", "10.2.0.1", protocol=17, payload=ports(number, 53)), 0.0)
    assert len(bench.database._flows) <= 4096


def test_outbound_limits_are_told_once_and_hold() -> None:
    bench = Bench(outbound(soft_bytes=200, hard_bytes=350))
    passed = [bench.database.outbound(OURS, 0.0) is not None for _ in range(6)]
    assert passed == [True, True, True, False, False, False]
    # a smaller packet would still fit, but the limit has been told
    assert bench.database.outbound(ipv4("10.1.0.1", "10.2.0.1"), 0.0) is None
    assert bench.events == [BytesSoft(0x2001, OUT), BytesHard(0x2001, OUT)]
    assert bench.database.samples()[0].bytes_out == 300


def test_the_sequence_number_never_wraps() -> None:
    bench = Bench(outbound())
    (kept,) = bench.database._outbound.values()
    kept.sequence = SOFT_SEQUENCE - 2
    assert bench.database.outbound(OURS, 0.0) is not None
    assert not bench.events
    assert bench.database.outbound(OURS, 0.0) is not None
    assert bench.events == [BytesSoft(0x2001, OUT)]
    kept.sequence = LAST_SEQUENCE - 1
    last = bench.database.outbound(OURS, 0.0)
    assert last is not None
    assert last[0][4:8] == b"\xff\xff\xff\xff"
    assert bench.database.outbound(OURS, 0.0) is None
    assert bench.events == [BytesSoft(0x2001, OUT), BytesHard(0x2001, OUT)]


def test_an_extended_sequence_number_goes_on_and_never_wraps() -> None:
    bench = Bench(outbound(suite="aes128gcm16-esn"))
    (kept,) = bench.database._outbound.values()
    kept.sequence = LAST_SEQUENCE - 1
    numbers = [bench.database.outbound(OURS, 0.0) for _ in range(3)]
    assert [number and int.from_bytes(number[0][4:8]) for number in numbers] == [LAST_SEQUENCE, 0, 1]
    assert [number and int.from_bytes(number[0][8:16]) for number in numbers] == [2**32 - 1, 2**32, 2**32 + 1]
    assert not bench.events
    kept.sequence = SOFT_EXTENDED - 1
    assert bench.database.outbound(OURS, 0.0) is not None
    assert bench.events == [BytesSoft(0x2001, OUT)]
    kept.sequence = LAST_EXTENDED - 1
    assert bench.database.outbound(OURS, 0.0) is not None
    assert bench.database.outbound(OURS, 0.0) is None
    assert bench.events == [BytesSoft(0x2001, OUT), BytesHard(0x2001, OUT)]


def test_move_changes_only_what_went_there() -> None:
    other, new = Spot(ip_address("203.0.113.5"), 4500), Spot(ip_address("203.0.113.6"), 999)
    wide = tunnel("wide", remote="0.0.0.0/0")
    bench = Bench(outbound(), half(OUT, 0x2002, wide, remote=other))
    bench.database.protect(wide)
    bench.database.move(THERE, new)
    here, elsewhere = bench.database.outbound(OURS, 0.0), bench.database.outbound(ipv4("10.1.0.1", "9.9.9.9"), 0.0)
    assert here is not None
    assert elsewhere is not None
    assert (here[1].remote, elsewhere[1].remote) == (new, other)
    assert here[1].local == HERE


@pytest.mark.parametrize("packet", [b"", b"\x45\0", b"junk" * 20, OURS[:-1]])
def test_junk_from_the_device(packet: bytes) -> None:
    bench = Bench(outbound())
    assert bench.database.outbound(packet, 0.0) is None
    assert bench.drops() == {Drop.NOT_IP: 1}


def test_what_no_tunnel_takes() -> None:
    bench = Bench(outbound())
    assert bench.database.outbound(ipv4("10.1.0.1", "172.16.0.1"), 0.0) is None
    assert bench.drops() == {Drop.NO_POLICY: 1}
    assert not bench.events
