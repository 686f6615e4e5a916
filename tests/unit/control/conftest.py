"""An engine with a control socket, its endpoint scripted by the test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ikeview.control.server import ControlServer, peer_uid
from ikeview.core import facts as f
from ikeview.engine.engine import Engine
from tests.unit.engine.fakes import FakeEndpoint, make

REMOTE = "192.0.2.1:500"
ROWS = ("> HDR, SA", "< HDR, SA", "> HDR, KE, Ni", "< HDR, KE, Nr")


def configured(*names: str) -> list[f.Fact]:
    nets = ("10.1.0.0/24", "10.2.0.0/24")
    return [
        f.TunnelConfigured(name, name.partition("/")[0], "tunnel", *nets, (), 3600.0, 0, 540.0, "manual", "block")
        for name in names
    ]


def started(exchange: str, peer: str, tunnel: str = "", kind: str = "Main Mode", role: str = "initiator") -> f.Fact:
    return f.ExchangeStarted(
        exchange, peer, tunnel, kind, role, "192.0.2.9:500", REMOTE, "aa:bb", "00000000", 1, "initiate", ROWS
    )


def failed(exchange: str, verdict: str) -> f.Fact:
    return f.ExchangeFailed(exchange, 1, 0.1, f.Cause.NO_PROPOSAL, verdict, ("allow aes256",), ("3des",), ("aes256",))


@dataclass
class Served:
    """A running engine and its endpoint."""

    folder: Path
    endpoint: FakeEndpoint
    engine: Engine


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts an engine with these tunnels; stops it after the test."""
    engines: list[Engine] = []

    def start(*tunnels: str, uid_of=peer_uid) -> Served:  # type: ignore[no-untyped-def]
        tmp_path.chmod(0o700)
        endpoint = FakeEndpoint()
        endpoint.at_start = configured(*(tunnels or ("tokyo/lan", "tokyo/dmz", "osaka/lan")))
        engine = make(endpoint, services=(ControlServer(lambda: tmp_path, uid_of),))
        engines.append(engine)
        engine.start()
        return Served(tmp_path, endpoint, engine)

    yield start
    for engine in engines:
        assert engine.stop(), "the engine did not end in time"
