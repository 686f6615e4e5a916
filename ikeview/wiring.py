"""The one place where the parts are joined: settings, entropy, data plane, endpoint, engine, control socket, screen."""

import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ikeview.engine.bus import Subscription
from ikeview.engine.client import LocalClient
from ikeview.engine.contract import Endpoint
from ikeview.engine.engine import Engine, Service
from ikeview.engine.refused import EngineRefused

if TYPE_CHECKING:
    from ikeview.core.specs import Settings, UiSpec
    from ikeview.dataplane.plane import Plane
    from ikeview.engine.leases import Leases

_TUN = Path("/dev/net/tun")
_CAP_NET_ADMIN = 12
_PRINT_PAUSE = 0.1
_END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def choose_plane(settings: "Settings") -> "tuple[Plane, str]":
    """The data plane for ``engine.dataplane``, and why it was chosen. Raises ``EngineRefused``."""
    asked = settings.engine.dataplane
    if asked == "memory":
        from ikeview.dataplane.memory import MemoryPlane

        return MemoryPlane(), "asked for by engine.dataplane; it carries no traffic"
    why = "asked for by engine.dataplane" if asked == "esp" else "userspace ESP over a TUN device"
    elsewhere = "`ikeview demo` shows everything without"
    if not _may_change_the_network():
        raise EngineRefused(f"the data plane needs root or CAP_NET_ADMIN: run as root; {elsewhere}")
    if not _TUN.exists():
        raise EngineRefused(f"{_TUN} is missing: load the module with `modprobe tun`; {elsewhere}")
    from ikeview.dataplane.esp.plane import EspPlane
    from ikeview.dataplane.esp.tun import TunDevice

    return EspPlane(TunDevice()), why


def _may_change_the_network() -> bool:
    """Whether CAP_NET_ADMIN is among the effective capabilities (proc(5), capabilities(7))."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return True
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _CAP_NET_ADMIN & 1)
    return True


def make_endpoint(settings: "Settings", plane: "Plane", leases: "Leases | None" = None) -> Endpoint:
    """The IKE endpoint on real entropy and the real time of day."""
    from ikeview.engine import clock
    from ikeview.engine.entropy import SystemEntropy
    from ikeview.ikev1.build import build_endpoint

    return build_endpoint(
        settings,
        entropy=SystemEntropy(),
        forces_encapsulation=plane.needs_encapsulation,
        wall=clock.wall,
        leases=leases.load() if leases is not None else {},
    )


def make_engine(settings: "Settings", plane: "tuple[Plane, str] | None" = None, *, control: bool = True) -> Engine:
    """An engine, not begun. Without ``plane`` the one of the settings; ``control``: with the control socket, and with
    the leases of earlier runs."""
    leases = None
    if control and any(peer.config is not None and peer.config.server for peer in settings.peers):
        from ikeview.engine.leases import Leases

        leases = Leases(_state_folder(settings))
    services: list[Service] = []
    if control:
        from ikeview.control.server import ControlServer

        services.append(ControlServer(_control_folder))
    return Engine(
        settings,
        lambda: plane or choose_plane(settings),
        lambda chosen: make_endpoint(settings, chosen, leases),
        services=services,
        leases=leases,
    )


def _state_folder(settings: "Settings") -> Path:
    from ikeview.settings.places import PlaceRefused, state_folder

    try:
        return state_folder(settings.engine.state, make=True)
    except PlaceRefused as error:
        raise EngineRefused(str(error)) from error


def _control_folder() -> Path:
    from ikeview.settings.places import PlaceRefused, runtime_folder

    try:
        return runtime_folder(make=True)
    except PlaceRefused as error:
        raise EngineRefused(str(error)) from error


def run(folder: Path) -> int:
    """``ikeview run``: the engine without a screen, until a signal. Prints what matters. Raises ``EngineRefused``,
    ``SettingsError``."""
    from ikeview.settings.load import load

    engine = make_engine(load(folder))
    woken = threading.Event()
    facts = engine.bus.subscribe(woken.set)
    for number in (signal.SIGINT, *_END_SIGNALS):
        signal.signal(number, lambda *_: engine.ask_stop())
    engine.begin()
    while not facts.gone:
        woken.wait()
        # what is printed a moment later is printed without holding up the negotiation that it is about
        time.sleep(_PRINT_PAUSE)
        woken.clear()
        _print_news(engine, facts)
    _print_news(engine, facts)
    engine.stop()
    if engine.problem:
        raise EngineRefused(engine.problem)
    return 0


def _print_news(engine: Engine, facts: Subscription) -> None:
    from ikeview.control.telling import told

    for stamped in facts.drain():
        with engine.bus.lock:
            words = told(stamped.fact, engine.bus.state)
        if words.level in ("notice", "alert"):
            # a log that cannot be written is no reason to end the tunnels
            with suppress(OSError):
                print(f"{words.about}: {words.text}" if words.about else words.text, flush=True)


def screen(folder: Path, *, plain: bool) -> int:
    """``ikeview``: attach to the engine that runs, else start one here. Raises ``EngineRefused``, ``SettingsError``,
    ``EngineSilent``."""
    from ikeview.control.connection import NoEngine

    try:
        return _attached_screen(folder, plain=plain)
    except NoEngine:
        return _own_screen(folder, plain=plain)


def _attached_screen(folder: Path, *, plain: bool) -> int:
    from ikeview.control.attach import RemoteClient
    from ikeview.settings.places import runtime_folder

    client = RemoteClient(runtime_folder())
    try:
        from ikeview.ui.app import run_app

        run_app(client, settings_ui=_ui_settings(folder), plain=plain, read_only=False, attached=True)
        return 0
    finally:
        client.close()


def _ui_settings(folder: Path) -> "UiSpec":
    """The engine runs with what it has read; a folder that has become faulty since does not keep the screen away."""
    from ikeview.core.specs import UiSpec
    from ikeview.settings.load import load
    from ikeview.settings.problems import SettingsError

    try:
        return load(folder).ui
    except SettingsError:
        return UiSpec()


def _own_screen(folder: Path, *, plain: bool) -> int:
    from ikeview.settings.load import load

    settings = load(folder)
    engine = make_engine(settings)
    # it starts while the screen's library is being imported
    for number in _END_SIGNALS:
        # until the screen has handlers of its own
        signal.signal(number, lambda *_: sys.exit(0))
    engine.begin()
    try:
        from ikeview.ui.app import run_app

        if not engine.problem:
            run_app(LocalClient(engine), settings_ui=settings.ui, plain=plain, read_only=False, attached=False)
    finally:
        for number in _END_SIGNALS:
            # the orderly end is under way and takes two seconds at most
            signal.signal(number, signal.SIG_IGN)
        ended = engine.stop()
    if engine.problem:
        raise EngineRefused(engine.problem)
    if not ended:
        print("ikeview: the engine did not end in time; its peers may not know", file=sys.stderr)
        return 1
    return 0
