import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ikeview.control import conversation, server
from ikeview.control.connection import Connection, NoEngine
from ikeview.control.protocol import LOCK_NAME, REQUEST_LIMIT, SOCKET_NAME
from ikeview.control.server import ControlServer
from ikeview.core import facts as f
from ikeview.core.orders import Initiate
from ikeview.engine.refused import EngineRefused
from tests.unit.control.conftest import Served
from tests.unit.engine.fakes import PATIENCE, FakeEndpoint, make

Serve = Callable[..., Served]


def raw(served: Served) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE)
    sock.connect(str(served.folder / SOCKET_NAME))
    return sock


def all_of(sock: socket.socket) -> bytes:
    received = b""
    try:
        while piece := sock.recv(1 << 16):
            received += piece
    except ConnectionResetError:
        pass
    return received


def works(served: Served) -> bool:
    with Connection(served.folder) as connection:
        return connection.request({"do": "status"})["ok"] is True


def let_go(served: Served) -> None:
    """Until the engine has no other client any more; it stays awake meanwhile: each round trip is its loop's turn."""
    clients = served.engine._services[0]._clients  # type: ignore[attr-defined]
    with Connection(served.folder) as connection:
        for _ in range(100_000):
            assert connection.request({"do": "status"})["ok"] is True
            if len(clients) == 1:
                return
    raise AssertionError("a client is still held")


def test_the_socket_is_the_owners_alone(serve: Serve) -> None:
    served = serve()
    for name in (SOCKET_NAME, LOCK_NAME):
        assert stat.S_IMODE((served.folder / name).stat().st_mode) == 0o600


def test_status(serve: Serve) -> None:
    served = serve("tokyo/lan")
    with Connection(served.folder) as connection:
        answer = connection.request({"do": "status"})
    assert answer["ok"] is True
    assert answer["status"]["engine"]["pid"] == os.getpid()
    assert [each["name"] for each in answer["status"]["tunnels"]] == ["tokyo/lan"]


def test_several_requests_on_one_connection(serve: Serve) -> None:
    with Connection(serve().folder) as connection:
        assert [connection.request({"do": "status"})["ok"] for _ in range(3)] == [True] * 3


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"\xff\xfe\x00garbage", "not a line of JSON"),
        (b"{", "not a line of JSON"),
        (b"[" * 60_000, "not a line of JSON"),
        (b"17", "not a JSON mapping"),
        (b"{}", "unknown request; known are status, order"),
        (b'{"do": ["status"]}', "unknown request"),
        (b'{"do": "order"}', "unknown order"),
        (b'{"do": "order", "order": ["initiate"]}', "unknown order"),
        (b'{"do": "order", "order": "initiate"}', "an order needs a tunnel"),
        (b'{"do": "order", "order": "initiate", "tunnel": 7}', "an order needs a tunnel"),
        (b'{"do": "order", "order": "initiate", "tunnel": "tokyo/lan", "by": 7}', "all text"),
        (b'{"do": "order", "order": "initiate", "tunnel": "tokyo/lan", "wait": -1}', "wait is a number"),
        (b'{"do": "order", "order": "initiate", "tunnel": "tokyo/lan", "wait": "x"}', "wait is a number"),
        (b'{"do": "order", "order": "initiate", "tunnel": "tokyo/lan", "wait": NaN}', "wait is a number"),
        (b'{"do": "order", "order": "initiate", "tunnel": "tokio/lan"}', "did you mean tokyo/lan?"),
        (b'{"do": "explain"}', "no tunnel or peer is called"),
        (b"x" * (2 * REQUEST_LIMIT), "the line is too long"),
    ],
)
def test_a_bad_request_is_answered_and_ends_the_connection(serve: Serve, line: bytes, text: str) -> None:
    served = serve()
    with raw(served) as sock:
        sock.sendall(line + b"\n")
        answer = json.loads(all_of(sock))
    assert answer["ok"] is False
    assert text in answer["text"]
    assert served.endpoint.taken == []
    assert works(served)


def test_half_a_line_and_then_nothing(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve()
    with raw(served) as sock:
        sock.sendall(b'{"do": "sta')
        sock.shutdown(socket.SHUT_WR)
        assert all_of(sock) == b""
    # and one that keeps the connection open is let go after a while
    monkeypatch.setattr(conversation, "IDLE_SECONDS", 0.01)
    with raw(served) as sock:
        sock.sendall(b'{"do": "sta')
        assert all_of(sock) == b""
    assert works(served)


def test_a_client_that_never_reads_is_let_go(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "WRITE_SECONDS", 0.05)
    monkeypatch.setattr(server, "WRITE_SECONDS", 0.05)
    served = serve()
    with raw(served) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.sendall(b'{"do": "events", "follow": true}\n')
        text = "x" * 50_000
        for _ in range(100):
            served.engine.bus.publish(f.PlaneProblem("", text))
        let_go(served)
    assert works(served)


def test_clients_beyond_the_limit_are_told(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CLIENTS", 2)
    served = serve()
    with Connection(served.folder) as one, Connection(served.folder) as two:
        assert one.request({"do": "status"})["ok"] is True
        assert two.request({"do": "status"})["ok"] is True
        with raw(served) as three:
            assert "too many clients" in json.loads(all_of(three))["text"]


def test_another_user_is_not_heard(serve: Serve) -> None:
    served = serve(uid_of=lambda sock: os.geteuid() + 1)
    with raw(served) as sock:
        assert json.loads(all_of(sock)) == {"ok": False, "text": "this engine belongs to another user"}


def test_root_is_heard(serve: Serve) -> None:
    assert works(serve(uid_of=lambda sock: 0))


def test_two_engines_never_share_a_folder(serve: Serve) -> None:
    served = serve()
    second = make(FakeEndpoint(), services=(ControlServer(lambda: served.folder),))
    with pytest.raises(EngineRefused, match=rf"another ikeview engine \(pid {os.getpid()}\)"):
        second.start()
    assert works(served), "the first one's socket is still there"


def test_what_a_killed_engine_left_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
        stale.bind(str(tmp_path / SOCKET_NAME))
    with pytest.raises(NoEngine, match="no engine is running"):
        Connection(tmp_path)
    engine = make(FakeEndpoint(), services=(ControlServer(lambda: tmp_path),))
    engine.start()
    try:
        with Connection(tmp_path) as connection:
            assert connection.request({"do": "status"})["ok"] is True
    finally:
        assert engine.stop()
    assert not (tmp_path / SOCKET_NAME).exists()
    with pytest.raises(NoEngine):
        Connection(tmp_path)


def test_a_folder_with_a_path_longer_than_a_socket_address(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    engine = make(FakeEndpoint(), services=(ControlServer(lambda: folder),))
    engine.start()
    try:
        with Connection(folder) as connection:
            assert connection.request({"do": "status"})["ok"] is True
    finally:
        assert engine.stop()


def test_a_folder_that_cannot_be_written_is_a_refusal(tmp_path: Path) -> None:
    engine = make(FakeEndpoint(), services=(ControlServer(lambda: tmp_path / "missing"),))
    with pytest.raises(EngineRefused, match="the control socket cannot be made"):
        engine.start()


def test_events_past_and_to_come(serve: Serve) -> None:
    served = serve("tokyo/lan")
    with Connection(served.folder) as connection:
        connection.send({"do": "events", "follow": False})
        past = list(connection.lines())
    assert [each["fact"] for each in past] == ["EngineStarted", "TunnelConfigured"]
    assert [each["seq"] for each in past] == [1, 2]
    assert past[1]["about"] == "tokyo/lan"
    with Connection(served.folder) as connection:
        connection.send({"do": "events", "follow": True})
        assert [connection.receive(PATIENCE)["seq"] for _ in past] == [1, 2]  # type: ignore[index]
        served.engine.bus.publish(f.TunnelUp("tokyo/lan", 0.31))
        event = connection.receive(PATIENCE)
        assert event is not None
        assert (event["fact"], event["sentence"]) == ("TunnelUp", "tunnel is up after 310 ms")
        served.engine.ask_stop()
        rest = list(connection.lines())
    assert rest[-1]["fact"] == "EngineStopped"


def test_the_end_of_a_client_ends_its_wait(serve: Serve) -> None:
    served = serve()
    with Connection(served.folder) as connection:
        connection.send({"do": "order", "order": "initiate", "tunnel": "tokyo/lan", "wait": 3600})
        served.endpoint.wait(lambda e: e.of(Initiate))
    let_go(served)
    assert len(served.engine.bus._subscriptions) == 0
