import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ikeview.control.attach import RemoteClient
from ikeview.control.connection import EngineSilent, NoEngine
from ikeview.core import facts as f
from ikeview.core.orders import Initiate
from ikeview.engine.client import LocalClient
from ikeview.model import dump
from tests.unit.control.conftest import Served
from tests.unit.engine.fakes import PATIENCE, Reader

Serve = Callable[..., Served]


def test_a_screen_in_another_process_sees_the_same_as_one_in_this(serve: Serve) -> None:
    served = serve("tokyo/lan")
    remote = RemoteClient(served.folder)
    assert remote.describe.startswith("attached to pid ")
    far = Reader(remote._bus)
    served.endpoint.answer = lambda event: [f.TunnelTrying("tokyo/lan", 1), f.TunnelUp("tokyo/lan", 0.3)]
    remote.send(Initiate("tokyo/lan", "me"))
    far.until(f.TunnelUp)
    assert served.endpoint.taken == [Initiate("tokyo/lan", "me")]
    near = LocalClient(served.engine).subscribe(lambda: None).snapshot()
    assert dump(remote.subscribe(lambda: None).snapshot()) == dump(near)
    assert remote.clock() >= far.seen[-1].at
    remote.close()


def gone(client: RemoteClient) -> tuple[Any, threading.Event]:
    told = threading.Event()
    subscription = client.subscribe(lambda: told.set() if subscription.gone else subscription.drain())
    return subscription, told


def test_the_end_of_the_engine_is_told(serve: Serve) -> None:
    served = serve()
    client = RemoteClient(served.folder)
    subscription, told = gone(client)
    served.engine.stop()
    assert told.wait(PATIENCE)
    assert subscription.gone == "the engine was stopped"


def test_the_engine_survives_a_screen_that_goes(serve: Serve) -> None:
    served = serve()
    client = RemoteClient(served.folder)
    subscription, _ = gone(client)
    client.close()
    assert subscription.gone == "detached"
    RemoteClient(served.folder).close()


def test_without_an_engine_there_is_nothing_to_attach_to(tmp_path: Path) -> None:
    with pytest.raises(NoEngine, match="start one with `ikeview` or `ikeview run`"):
        RemoteClient(tmp_path)


def test_an_engine_of_another_version_is_told(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve()
    monkeypatch.setattr("ikeview.control.conversation.dump", lambda state: {"tunnels": 7})
    with pytest.raises(EngineSilent, match="of another version of ikeview"):
        RemoteClient(served.folder)
