"""Messages between the processes, and the channel they go over."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from ikeview.core.facts import Sample
from ikeview.core.inputs import (
    Acquire,
    BytesHard,
    BytesSoft,
    Counters,
    FirstUse,
    PeerSeen,
    PlaneTrouble,
    Traffic,
    UnknownSpi,
)
from ikeview.core.outputs import Direction, Install, Move, Protect, Remove, Spot, Unprotect
from ikeview.dataplane.esp import channel as channel_module
from ikeview.dataplane.esp.channel import Channel, Closed
from ikeview.dataplane.esp.messages import (
    AskSample,
    Drops,
    IkeDatagram,
    Ready,
    read_answer,
    read_order,
    write_answer,
    write_order,
)
from tests.support.halves import HERE, THERE, half, tunnel

V6 = Spot(ip_address("fe80::1%eth0"), 4500)


@pytest.mark.parametrize(
    "order",
    [
        Protect(tunnel(remote="10.2.0.0/24 6 22")),
        Unprotect(tunnel(local="fd01::/64", remote="fd02::/64")),
        Install(half(Direction.OUT, 0xFFFFFFFF, tunnel(), "aes256-sha512", soft_bytes=5, hard_bytes=6)),
        Install(half(Direction.IN, 256, tunnel(), "aes192gcm12", replay_window=4096)),
        Install(half(Direction.IN, 256, tunnel(mode="transport"), "chacha20poly1305-esn")),
        Install(half(Direction.OUT, 256, tunnel(), "null-sha256_96-esn")),
        Remove(7, Direction.IN),
        Move(HERE, V6),
        AskSample(),
    ],
)
def test_orders_arrive_as_sent(order: object) -> None:
    assert read_order(write_order(order)) == order


@pytest.mark.parametrize(
    "answer",
    [
        Ready(),
        Drops({"wrong ICV": 3}),
        IkeDatagram(HERE, THERE, bytes(range(256))),
        IkeDatagram(V6, V6, b""),
        BytesSoft(1, Direction.IN),
        BytesHard(1, Direction.OUT),
        FirstUse(1),
        Traffic((1, 2)),
        Acquire("peer/lan"),
        PeerSeen(1, V6),
        UnknownSpi(V6),
        Counters((Sample("00000001", 1, 2, 3, 4, 5, 6),)),
        Counters(()),
        PlaneTrouble("words", fatal=True),
    ],
)
def test_answers_arrive_as_sent(answer: object) -> None:
    assert read_answer(write_answer(answer)) == answer


def test_unknown_messages_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown order"):
        read_order(b'{"do": "Dance"}')
    with pytest.raises(ValueError, match="unknown answer"):
        read_answer(b'{"is": "Dance"}')


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    one, other = map(Channel, socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    yield one, other
    one.close()
    other.close()


def test_a_channel_keeps_order_while_the_other_side_is_slow(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    sent = 0
    while not one.waiting or sent % 10:
        assert one.send(b"%d" % sent + bytes(20_000))
        sent += 1
    assert not one.send(b"a datagram", droppable=True)
    got: list[bytes] = []
    while len(got) < sent:
        got += [message.rstrip(b"\0") for message in other.receive()]
        one.flush()
    assert got == [b"%d" % number for number in range(sent)]
    assert not one.waiting


def test_a_channel_is_bounded(ends: tuple[Channel, Channel], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "_MOST_WAITING", 3)
    one, _ = ends
    while not one.full:
        assert one.send(bytes(100_000))
    assert not one.send(b"one too many")


def test_a_closed_channel_says_so(ends: tuple[Channel, Channel]) -> None:
    one, other = ends
    one.send(b"last words")
    one.close()
    received = other.receive()
    assert next(received) == b"last words"
    with pytest.raises(Closed):
        next(received)
    with pytest.raises(Closed):
        other.send(b"anybody there?")
