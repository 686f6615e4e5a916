"""Echo requests over loopback, whose kernel answers, and replies that are none."""

import asyncio
import socket
from ipaddress import ip_address

import pytest

from ikeview.core.inputs import EchoAnswered
from ikeview.core.outputs import SendEcho
from ikeview.engine import echo as module
from ikeview.engine.echo import Echo
from tests.support.requirements import need
from tests.unit.engine.fakes import PATIENCE, FakeEndpoint, make
from tests.unit.engine.test_engine import Running

HERE = {4: ip_address("127.0.0.1"), 6: ip_address("::1")}


def allowed(kind: int) -> bool:
    try:
        socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
    except PermissionError:
        return False
    return True


KINDS = [kind for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW) if allowed(kind)]
"""One is enough for ikeview; which of them there are is the machine's business."""


def need_icmp() -> None:
    need(bool(KINDS), "no kind of ICMP socket is allowed here")


class Answers:
    """Waits for them."""

    def __init__(self) -> None:
        self.all: list[EchoAnswered] = []
        self._more = asyncio.Event()

    def __call__(self, answer: EchoAnswered) -> None:
        self.all.append(answer)
        self._more.set()

    async def wait(self, count: int) -> list[EchoAnswered]:
        async with asyncio.timeout(PATIENCE):
            while len(self.all) < count:
                self._more.clear()
                await self._more.wait()
        return self.all


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bound", [True, False])
async def test_requests_are_answered(version: int, kind: int, bound: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == socket.SOCK_RAW:
        made = socket.socket

        def refusing(family: int, kind: int, protocol: int) -> socket.socket:
            if kind & 0xF == socket.SOCK_DGRAM:
                raise PermissionError
            return made(family, kind, protocol)

        monkeypatch.setattr(module.socket, "socket", refusing)
    answers = Answers()
    echo = Echo(answers)
    source = HERE[version] if bound else None
    for peer, sequence in (("tokyo", 7), ("osaka", 70_000)):
        echo.send(SendEcho(peer, source, HERE[version], sequence))
    assert await answers.wait(2) == [EchoAnswered("tokyo", 7), EchoAnswered("osaka", 70_000)]
    assert {sock.type for sock in echo._sockets.values()} == {kind}
    assert len(echo._sockets) == 1
    assert echo._waiting == {}
    echo.close()
    echo.close()


async def test_what_is_no_reply_to_a_request_of_ours_is_nothing() -> None:
    need_icmp()
    answers = Answers()
    echo = Echo(answers)
    request = SendEcho("tokyo", None, HERE[4], 7)
    token = bytes(range(16))
    echo._waiting[token] = request
    reply = b"\0\0\0\0\x12\x34\0\x07" + token
    head = b"\x45" + bytes(19)
    for data, sender, raw in (
        (b"", "127.0.0.1", True), (b"\xff", "127.0.0.1", True), (b"\x4f" + bytes(40), "127.0.0.1", True),
        (b"", "127.0.0.1", False), (reply[:-1], "127.0.0.1", False), (reply + b"\0", "127.0.0.1", False),
        (reply, "127.0.0.2", False), (reply, "not an address", False), (b"\x08" + reply[1:], "127.0.0.1", False),
        (b"\0\x01" + reply[2:], "127.0.0.1", False), (reply[:8] + bytes(16), "127.0.0.1", False),
    ):
        echo._take(data, sender, 4, raw=raw)
    assert answers.all == []
    echo._take(head + reply, "127.0.0.1", 4, raw=True)
    echo._take(reply, "127.0.0.1", 4, raw=False)
    assert answers.all == [EchoAnswered("tokyo", 7)]
    echo.close()


async def test_requests_without_a_reply_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 3)
    monkeypatch.setattr(Echo, "_readable", lambda *_: None)
    echo = Echo(Answers())
    for sequence in range(10):
        echo.send(SendEcho("tokyo", None, HERE[4], sequence))
    assert [request.sequence for request in echo._waiting.values()] == [7, 8, 9]
    echo.close()


@pytest.mark.parametrize(
    ("source", "target", "problem"),
    [
        ("192.0.2.77", "127.0.0.1", "192.0.2.77 is not an address of this machine: correct keepalive.source"),
        ("::1", "127.0.0.1", "are of two families"),
        ("127.0.0.1", "192.0.2.77", "an echo request to 192.0.2.77 cannot be sent"),
    ],
)
async def test_what_cannot_be_sent_is_said(source: str, target: str, problem: str) -> None:
    answers = Answers()
    echo = Echo(answers)
    echo.send(SendEcho("tokyo", ip_address(source), ip_address(target), 9))
    [answer] = answers.all
    assert (answer.peer, answer.sequence) == ("tokyo", 9)
    assert problem in answer.problem
    assert echo._waiting == {}
    echo.close()


async def test_a_machine_without_icmp_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    answers = Answers()
    echo = Echo(answers)
    monkeypatch.setattr(module.socket, "socket", refuse)
    echo.send(SendEcho("tokyo", None, HERE[4], 9))
    monkeypatch.undo()
    assert "ICMP sockets are not allowed" in answers.all[0].problem


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\1\2", bytes(40), b"\xff" * 33])
def test_the_checksum_makes_the_sum_all_ones(data: bytes) -> None:
    whole = data + bytes(len(data) % 2) + module._checksum(data).to_bytes(2)
    assert int.from_bytes(whole) % 0xFFFF == 0


def test_the_engine_pings(running: Running) -> None:
    need_icmp()
    endpoint = FakeEndpoint()
    endpoint.at_start = [SendEcho("tokyo", None, HERE[4], 3), SendEcho("osaka", HERE[6], HERE[4], 4)]
    running(make(endpoint))
    endpoint.wait(lambda e: len(e.of(EchoAnswered)) == 2)
    answers = {(each.peer, bool(each.problem)) for each in endpoint.of(EchoAnswered)}
    assert answers == {("tokyo", False), ("osaka", True)}
