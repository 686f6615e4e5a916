"""What the engine's process and the ESP process say to each other.

JSON, one object a message, but for IKE datagrams, which are octets behind a fixed head. Keys are in here and nowhere
else outside the two processes: never on a command line, in the environment or in a file.
"""

import json
import struct
from dataclasses import asdict, dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Any

from ikeview.core.facts import Sample
from ikeview.core.inputs import (
    Acquire,
    BytesHard,
    BytesSoft,
    Counters,
    FirstUse,
    PeerSeen,
    PlaneEvent,
    PlaneTrouble,
    Traffic,
    UnknownSpi,
)
from ikeview.core.outputs import Direction, HalfSa, Install, Move, Protect, Remove, Spot, Unprotect
from ikeview.core.specs import Selector, TunnelSpec
from ikeview.crypto.esp import EspKeys
from ikeview.crypto.secret import Secret
from ikeview.crypto.suites import EspSuite


@dataclass(frozen=True, slots=True)
class Ready:
    """The child runs."""


@dataclass(frozen=True, slots=True)
class AskSample:
    """The parent wants counters."""


@dataclass(frozen=True, slots=True)
class Drops:
    """Packets dropped since the start by reason; goes before each ``Counters``."""

    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class IkeDatagram:
    """An IKE datagram that came in on the NAT port, its marker taken off."""

    local: Spot
    remote: Spot
    data: bytes


Order = Protect | Unprotect | Install | Remove | Move | AskSample
Answer = Ready | Drops | IkeDatagram | PlaneEvent

# -- to the child ------------------------------------------------------------------------------------------------------


def write_order(order: Order) -> bytes:
    """A message to the child."""
    body: dict[str, Any]
    match order:
        case Protect(tunnel) | Unprotect(tunnel):
            body = {"tunnel": _tunnel_out(tunnel)}
        case Install(half):
            body = _half_out(half)
        case Remove(spi, direction):
            body = {"spi": spi, "direction": direction}
        case Move(old, new):
            body = {"old": _spot_out(old), "new": _spot_out(new)}
        case AskSample():
            body = {}
    return json.dumps({"do": type(order).__name__, **body}).encode()


def read_order(message: bytes) -> Order:
    """Back from ``write_order``. Raises ``ValueError``."""
    body = json.loads(message)
    match body["do"]:
        case "Protect":
            return Protect(_tunnel_in(body["tunnel"]))
        case "Unprotect":
            return Unprotect(_tunnel_in(body["tunnel"]))
        case "Install":
            return Install(_half_in(body))
        case "Remove":
            return Remove(body["spi"], Direction(body["direction"]))
        case "Move":
            return Move(_spot_in(body["old"]), _spot_in(body["new"]))
        case "AskSample":
            return AskSample()
    raise ValueError(f"unknown order {body['do']!r}")


def _half_out(half: HalfSa) -> dict[str, Any]:
    # the group is phase 2's business and over by now
    suite = replace(half.suite, group=None)
    return {
        "direction": half.direction,
        "spi": half.spi,
        "tunnel": _tunnel_out(half.tunnel),
        "suite": str(suite),
        "keys": [part.reveal().hex() for part in (half.keys.encryption, half.keys.salt, half.keys.integrity)],
        "local": _spot_out(half.local),
        "remote": _spot_out(half.remote),
        "soft": half.soft_bytes,
        "hard": half.hard_bytes,
        "window": half.replay_window,
    }


def _half_in(body: dict[str, Any]) -> HalfSa:
    encryption, salt, integrity = (Secret(bytes.fromhex(part)) for part in body["keys"])
    return HalfSa(
        direction=Direction(body["direction"]),
        spi=body["spi"],
        tunnel=_tunnel_in(body["tunnel"]),
        suite=EspSuite.parse(body["suite"]),
        keys=EspKeys(encryption, salt, integrity),
        local=_spot_in(body["local"]),
        remote=_spot_in(body["remote"]),
        encapsulated=True,
        soft_bytes=body["soft"],
        hard_bytes=body["hard"],
        replay_window=body["window"],
    )


def _tunnel_out(tunnel: TunnelSpec) -> list[Any]:
    return [tunnel.peer, tunnel.name, _selector_out(tunnel.local), _selector_out(tunnel.remote), tunnel.mode]


def _tunnel_in(body: list[Any]) -> TunnelSpec:
    peer, name, local, remote, mode = body
    return TunnelSpec(peer, name, _selector_in(local), _selector_in(remote), (), mode)


def _selector_out(selector: Selector) -> list[Any]:
    return [str(selector.network), selector.protocol, selector.port]


def _selector_in(body: list[Any]) -> Selector:
    return Selector(ip_network(body[0]), body[1], body[2])


def _spot_out(spot: Spot) -> list[Any]:
    return [str(spot.host), spot.port]


def _spot_in(body: list[Any]) -> Spot:
    return Spot(ip_address(body[0]), body[1])


# -- to the parent -----------------------------------------------------------------------------------------------------

_HEAD = struct.Struct("!BH")
"""The octet ``_IKE`` and the size of the two addresses, as JSON; after these comes the datagram."""
_IKE = 0
"""First octet of an IKE datagram's message; JSON begins with a brace."""


def write_answer(answer: Answer) -> bytes:
    """A message to the parent."""
    if isinstance(answer, IkeDatagram):
        spots = json.dumps([_spot_out(answer.local), _spot_out(answer.remote)]).encode()
        return b"".join((_HEAD.pack(_IKE, len(spots)), spots, answer.data))
    body: dict[str, Any]
    if isinstance(answer, PeerSeen):
        body = {"spi": answer.spi, "remote": _spot_out(answer.remote)}
    elif isinstance(answer, UnknownSpi):
        body = {"remote": _spot_out(answer.remote)}
    else:
        body = asdict(answer)
    return json.dumps({"is": type(answer).__name__, **body}).encode()


def read_answer(message: bytes) -> Answer:
    """Back from ``write_answer``. Raises ``ValueError``."""
    if message[0] == _IKE:
        start = _HEAD.size + _HEAD.unpack_from(message)[1]
        local, remote = json.loads(message[_HEAD.size : start])
        return IkeDatagram(_spot_in(local), _spot_in(remote), message[start:])
    body = json.loads(message)
    match body["is"]:
        case "Ready":
            return Ready()
        case "Drops":
            return Drops(body["counts"])
        case "BytesSoft":
            return BytesSoft(body["spi"], Direction(body["direction"]))
        case "BytesHard":
            return BytesHard(body["spi"], Direction(body["direction"]))
        case "FirstUse":
            return FirstUse(body["spi"])
        case "Traffic":
            return Traffic(tuple(body["spis"]))
        case "Acquire":
            return Acquire(body["tunnel"])
        case "PeerSeen":
            return PeerSeen(body["spi"], _spot_in(body["remote"]))
        case "UnknownSpi":
            return UnknownSpi(_spot_in(body["remote"]))
        case "Counters":
            return Counters(tuple(Sample(**sample) for sample in body["samples"]))
        case "PlaneTrouble":
            return PlaneTrouble(body["text"], body["fatal"])
    raise ValueError(f"unknown answer {body['is']!r}")
