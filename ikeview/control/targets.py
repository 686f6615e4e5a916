"""Which tunnels or peers a person means: a tunnel by its full name, a peer for all it has, ``*`` for all there are."""

from difflib import get_close_matches
from typing import Any

from ikeview.control.protocol import ALL
from ikeview.core.orders import ORDERS, BadOrder, Order, order_from_dict
from ikeview.model import State

_OF_PEERS = ("renew1", "probe")


class NoTarget(ValueError):
    """No tunnel or peer is meant; the text says what there is."""


def tunnels_meant(state: State, text: str) -> list[str]:
    """Full names of tunnels. Raises ``NoTarget``."""
    if text == ALL:
        found = list(state.tunnels)
    elif text in state.tunnels:
        found = [text]
    else:
        found = [name for name, tunnel in state.tunnels.items() if tunnel.peer == text]
    if found:
        return found
    if not state.tunnels:
        raise NoTarget("no tunnel is configured")
    names = [*state.tunnels, *dict.fromkeys(tunnel.peer for tunnel in state.tunnels.values())]
    near = get_close_matches(text, names, 1)
    raise NoTarget(f"no tunnel or peer is called {text!r}" + (f", did you mean {near[0]}?" if near else ""))


def orders_meant(state: State, message: dict[str, Any]) -> list[Order]:
    """A request's orders, one for each tunnel or peer meant. Raises ``NoTarget``, ``BadOrder``."""
    kind, by = message.get("order"), message.get("by", "")
    text = message.get("tunnel", message.get("peer"))
    if not isinstance(kind, str) or kind not in ORDERS:
        raise BadOrder(f"unknown order; known are {', '.join(ORDERS)}")
    if not isinstance(text, str) or not text:
        raise BadOrder("an order needs a tunnel")
    names = tunnels_meant(state, text)
    if kind in _OF_PEERS:
        peers = dict.fromkeys(state.tunnels[name].peer for name in names)
        return [order_from_dict({"order": kind, "peer": peer, "by": by}) for peer in peers]
    return [order_from_dict({"order": kind, "tunnel": name, "by": by}) for name in names]
