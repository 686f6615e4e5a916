"""The endpoint with IKEv1 in it."""

from collections.abc import Callable, Mapping

from ikeview.core.context import Context
from ikeview.core.endpoint import Endpoint
from ikeview.core.entropy import Entropy
from ikeview.core.limiter import Limiter
from ikeview.core.policy import Policy
from ikeview.core.specs import Address, Settings
from ikeview.ikev1 import informational
from ikeview.ikev1.keys import Cookies
from ikeview.ikev1.peer import Peer
from ikeview.wire.header import Header
from ikeview.wire.numbers import ExchangeType, NotifyType, ProtocolId
from ikeview.wire.payloads import Notify

_EXCHANGES = frozenset({
    ExchangeType.MAIN_MODE, ExchangeType.AGGRESSIVE, ExchangeType.QUICK_MODE, ExchangeType.INFORMATIONAL,
    ExchangeType.TRANSACTION,
})


NO_LEASES: Mapping[str, tuple[tuple[str, Address], ...]] = {}


def build_endpoint(
    settings: Settings, *, entropy: Entropy, forces_encapsulation: bool, wall: Callable[[], float],
    policy: Policy | None = None, leases: Mapping[str, tuple[tuple[str, Address], ...]] = NO_LEASES,
) -> Endpoint:
    """An endpoint for all peers of the settings. ``forces_encapsulation``: the data plane can only do ESP in UDP.
    ``wall`` is the time of day; ``leases`` are the addresses given out before a restart, by peer."""
    policy = policy or Policy()
    context = Context(
        entropy,
        wall,
        policy,
        port=settings.engine.port,
        nat_port=settings.engine.nat_port,
        force_encapsulation=forces_encapsulation,
        leases={peer: dict(given) for peer, given in leases.items()},
    )
    limiter = Limiter(policy.notify_rate, policy.notify_total, policy.notify_burst)

    def stranger(header: Header) -> bytes:
        if header.exchange_type not in (ExchangeType.MAIN_MODE, ExchangeType.AGGRESSIVE):
            # an Informational message is never answered with one: two ends would go on for ever
            return b""
        cookies = Cookies(header.initiator_cookie, entropy.octets("cookie", 8))
        return informational.clear(cookies, 0, Notify.of(ProtocolId.ISAKMP, NotifyType.NO_PROPOSAL_CHOSEN))

    peers = [Peer(spec, context, limiter) for spec in settings.peers]
    return Endpoint(context, list(peers), _EXCHANGES, stranger, limiter)
