"""``ikeview demo``: two gateways on loopback, real UDP, real IKE and real ESP, without root and without a peer."""

from ikeview.demo.once import once
from ikeview.demo.show import show


def demo(*, once_only: bool, plain: bool) -> int:
    """Run it: on the screen, or once through in text. Returns the exit status. Raises ``EngineRefused``."""
    return once() if once_only else show(plain=plain)
