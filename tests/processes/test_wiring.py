import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ikeview import wiring
from ikeview.core import facts as f
from ikeview.core.orders import Initiate
from ikeview.core.specs import EngineSpec, PeerSpec, Selector, Settings, TunnelSpec, UiSpec
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import EspSuite, Phase1Suite
from ikeview.engine.engine import Engine
from ikeview.engine.refused import EngineRefused
from ikeview.model import apply
from ikeview.settings.load import load
from tests.unit.engine.fakes import Reader, adjacent_ports, engine_settings, udp

ROOT = Path(wiring.__file__).parents[1]
HERE, THERE = "127.0.0.41", "127.0.0.42"


def gateway(own: str, other: str, port: int) -> Settings:
    """One of two gateways that have a tunnel with each other."""
    nets = {HERE: "10.1.0.0/24", THERE: "10.2.0.0/24"}
    local, remote = (Selector(ip_network(nets[each])) for each in (own, other))
    tunnel = TunnelSpec("peer", "lan", local, remote, (EspSuite.parse("aes256-sha256-modp2048"),))
    suites = (Phase1Suite.parse("aes256-sha256-modp2048"),)
    secret = Secret(b"of the test")
    peer = PeerSpec("peer", other, secret, suites, (tunnel,), remote_address=ip_address(other), local=own)
    return Settings(EngineSpec((ip_address(own),), port, port + 1, "memory"), UiSpec(), (peer,), "/nowhere")


@pytest.fixture
def engines() -> Iterator[list[Engine]]:
    """What is put in here is stopped after the test."""
    made: list[Engine] = []
    yield made
    for engine in made:
        assert engine.stop()


def test_two_engines_in_one_process_bring_a_tunnel_up_and_down(engines: list[Engine]) -> None:
    port = adjacent_ports()
    one = wiring.make_engine(gateway(HERE, THERE, port), control=False)
    two = wiring.make_engine(gateway(THERE, HERE, port), control=False)
    for engine in (two, one):
        engines.append(engine)
        engine.start()
    near, far = Reader(one.bus), Reader(two.bus)
    one.send(Initiate("peer/lan"))
    near.until(f.TunnelUp)
    far.until(f.TunnelUp)
    ours, theirs = near.until(f.SaInstalled), far.until(f.SaInstalled)
    assert (ours.spi_in, ours.spi_out) == (theirs.spi_out, theirs.spi_in)
    assert one.stop()
    assert far.until(f.TunnelDown).cause is f.Cause.PEER_DELETED
    assert near.of(f.EngineFault) == far.of(f.EngineFault) == []


def test_the_memory_plane_only_if_asked_for() -> None:
    plane, why = wiring.choose_plane(engine_settings())
    assert (plane.name, why) == ("memory", "asked for by engine.dataplane; it carries no traffic")


def settings_with(dataplane: str) -> Settings:
    return Settings(EngineSpec(dataplane=dataplane), UiSpec(), ())


@pytest.mark.parametrize("dataplane", ["auto", "esp"])
def test_without_rights_or_tun_the_operator_is_told_what_to_do(
    dataplane: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(wiring, "_may_change_the_network", lambda: False)
    with pytest.raises(EngineRefused, match="needs root or CAP_NET_ADMIN"):
        wiring.choose_plane(settings_with(dataplane))
    monkeypatch.setattr(wiring, "_may_change_the_network", lambda: True)
    monkeypatch.setattr(wiring, "_TUN", tmp_path / "tun")
    with pytest.raises(EngineRefused, match="modprobe tun"):
        wiring.choose_plane(settings_with(dataplane))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_run_ends_in_order_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    port = adjacent_ports()
    (tmp_path / "ikeview.toml").write_text(
        f'[engine]\nlisten = ["127.0.0.1"]\nport = {port}\nnat_port = {port + 1}\ndataplane = "memory"\n'
    )
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IKEVIEW_RUNTIME": str(runtime)}
    with subprocess.Popen(
        [sys.executable, "-m", "ikeview", "run", "-c", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        try:
            assert "started" in running.stdout.readline()
            running.send_signal(number)
            assert running.wait(10) == 0
            assert running.stdout.read() == "engine stopped\n"
            assert running.stderr.read() == ""
        finally:
            running.kill()
    assert not (runtime / "control.sock").exists()


@dataclass
class Shown:
    """What stands in for the screen's ``run_app``: notes how it was called and waits for one kind of event."""

    until: Callable[[Any], bool]
    arguments: dict[str, Any] = field(default_factory=dict)
    gone: str = ""
    describe: str = ""

    def __call__(self, client: Any, **arguments: Any) -> str:
        self.arguments, self.describe = arguments, client.describe
        woken = threading.Event()
        subscription = client.subscribe(woken.set)
        state = subscription.snapshot()
        while not (subscription.gone or self.until(state)):
            assert woken.wait(10)
            woken.clear()
            for stamped in subscription.drain():
                apply(state, stamped)
        self.gone = subscription.gone
        return "gone" if self.gone else "teardown"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """A screen that ends as soon as the engine runs."""
    made = Shown(lambda state: state.engine.running)
    app = ModuleType("ikeview.ui.app")
    app.run_app = made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ikeview.ui.app", app)
    # the handlers would outlive the test
    monkeypatch.setattr(wiring.signal, "signal", lambda *_: None)
    return made


def folder_with(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("IKEVIEW_RUNTIME", str(runtime))
    (tmp_path / "ikeview.toml").write_text(
        f'[engine]\nlisten = ["127.0.0.1"]\nport = {port}\nnat_port = {port + 1}\ndataplane = "memory"\n'
        '[ui]\ntheme = "day"\n'
    )
    return tmp_path


def test_the_screen_starts_an_engine_where_none_runs_and_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: Shown
) -> None:
    folder = folder_with(tmp_path, port := adjacent_ports(), monkeypatch)
    assert wiring.screen(folder, plain=True) == 0
    assert shown.describe == "in this process"
    assert shown.arguments == {
        "settings_ui": UiSpec("day"), "plain": True, "read_only": False, "attached": False
    }
    assert not (tmp_path / "run" / "control.sock").exists()
    udp(port=port).close()


def test_an_engine_that_does_not_start_ends_the_screen_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: Shown
) -> None:
    folder = folder_with(tmp_path, port := adjacent_ports(), monkeypatch)
    with udp(port=port), pytest.raises(EngineRefused, match=f"UDP port {port} on 127.0.0.1 is taken by"):
        wiring.screen(folder, plain=False)


def test_the_screen_attaches_to_an_engine_that_runs_and_leaves_it_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: Shown, engines: list[Engine]
) -> None:
    folder = folder_with(tmp_path, adjacent_ports(), monkeypatch)
    engines.append(wiring.make_engine(load(folder)))
    engines[0].start()
    assert wiring.screen(folder, plain=False) == 0
    assert shown.describe == f"attached to pid {os.getpid()}"
    assert shown.arguments["attached"] is True
    assert shown.arguments["settings_ui"] == UiSpec("day")
    # a configuration that has become faulty since is no obstacle
    (folder / "ikeview.toml").write_text("[engine")
    assert wiring.screen(folder, plain=False) == 0
    assert shown.arguments["settings_ui"] == UiSpec()
    assert engines[0].bus.gone == ""
