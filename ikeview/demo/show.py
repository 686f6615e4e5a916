"""``ikeview demo``: the screen on one of the two gateways, with everything moving."""

from ikeview.core.specs import UiSpec
from ikeview.demo.gateways import Gateways
from ikeview.demo.hosts import Hosts, demo_flows
from ikeview.engine.client import LocalClient


def show(*, plain: bool) -> int:
    """Run until the operator quits. Returns the exit status. Raises ``EngineRefused``."""
    gateways = Gateways()
    hosts = Hosts(gateways.inside_here, gateways.inside_there, demo_flows())
    gateways.start()
    hosts.start()
    try:
        from ikeview.ui.app import run_app

        run_app(LocalClient(gateways.here), settings_ui=UiSpec(), plain=plain, read_only=False, attached=False)
    finally:
        hosts.stop()
        gateways.stop()
    return 0
