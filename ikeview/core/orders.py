"""What an operator (screen, command, control socket) asks of the engine. All are small and make a JSON round trip."""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Initiate:
    """Bring a tunnel up."""

    tunnel: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Terminate:
    """Take a tunnel down: Deletes are sent; with its last tunnel the peer's phase 1 goes too."""

    tunnel: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class RekeyPhase2:
    """Make a new IPsec SA for the tunnel beside the old one, then drop the old one."""

    tunnel: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class RenewPhase1:
    """Make a new ISAKMP SA beside the old one; the tunnels stay."""

    peer: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """Send a keepalive (R-U-THERE) now."""

    peer: str
    by: str = ""


Order = Initiate | Terminate | RekeyPhase2 | RenewPhase1 | Probe

ORDERS: dict[str, type[Order]] = {
    "initiate": Initiate,
    "terminate": Terminate,
    "rekey2": RekeyPhase2,
    "renew1": RenewPhase1,
    "probe": Probe,
}
_NAMES = {kind: name for name, kind in ORDERS.items()}


class BadOrder(ValueError):
    """A mapping is no order; the text says why."""


def order_to_dict(order: Order) -> dict[str, Any]:
    """For JSON."""
    return {"order": _NAMES[type(order)], **asdict(order)}


def order_from_dict(data: object) -> Order:
    """Back from JSON. Raises ``BadOrder``."""
    if not isinstance(data, dict) or not isinstance(data.get("order"), str) or data["order"] not in ORDERS:
        raise BadOrder(f"unknown order; known are {', '.join(ORDERS)}")
    kind = ORDERS[data["order"]]
    values = {key: value for key, value in data.items() if key != "order"}
    known = {each.name for each in fields(kind)}
    if not set(values) <= known or not all(isinstance(value, str) for value in values.values()):
        raise BadOrder(f"order {data['order']} takes {', '.join(sorted(known))}, all text")
    try:
        return kind(**values)
    except TypeError as error:
        raise BadOrder(f"order {data['order']} lacks a value: {error}") from error
