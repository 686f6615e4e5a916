"""Where the networks that a peer asks for come nearest to a configured tunnel."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

_BETWEEN = " === "


@dataclass(frozen=True, slots=True)
class _End:
    network: IPv4Network | IPv6Network
    ports: str
    """Protocol and port in words; empty: any."""


def _ends(text: str) -> tuple[_End, _End] | None:
    """Of ``10.1.0.0/24 tcp/22 === 10.2.0.0/24``: ours, then the peer's. None where that is not what it says."""
    ends = []
    for part in text.split(_BETWEEN):
        network, _, ports = part.strip().partition(" ")
        try:
            ends.append(_End(ip_network(network), ports))
        except ValueError:
            return None
    return (ends[0], ends[1]) if len(ends) == 2 else None


def nearest_selectors(asked: tuple[str, ...], configured: tuple[str, ...]) -> str:
    """How what is asked for differs from the tunnel that comes nearest; empty if none is near."""
    if len(asked) != 1:
        return ""
    theirs = _ends(asked[0])
    known = [(text, ends) for text in configured if (ends := _ends(text)) is not None]
    if theirs is None or not known:
        return ""
    for text, ours in known:
        if [each.network for each in ours] == [each.network for each in reversed(theirs)]:
            return f"the networks of {text} are the right ones, but swapped: mirror them at one end"
    text, ours = min(known, key=lambda each: _distance(theirs[0], each[1][0]) + _distance(theirs[1], each[1][1]))
    told = []
    for whose, one, other in (("our", theirs[0], ours[0]), ("its", theirs[1], ours[1])):
        if _distance(one, other) > _RELATED:
            return ""
        told += _difference(whose, one, other)
    return f"nearest is {text}: {', and '.join(told)}" if told else ""


_RELATED = 2


def _distance(one: _End, other: _End) -> int:
    """0: the same, 1: other ports, 2: one is a part of the other, more: apart."""
    if one == other:
        return 0
    if one.network == other.network:
        return 1
    return _RELATED if _inside(one, other) or _inside(other, one) else 8


def _inside(one: _End, other: _End) -> bool:
    small, large = one.network, other.network
    if isinstance(small, IPv4Network) and isinstance(large, IPv4Network):
        return small.subnet_of(large)
    return isinstance(small, IPv6Network) and isinstance(large, IPv6Network) and small.subnet_of(large)


def _difference(whose: str, asked: _End, ours: _End) -> list[str]:
    if asked == ours:
        return []
    if asked.network == ours.network:
        return [f"for {whose} {ours.network} it asks for {asked.ports or 'all protocols'}, not {ours.ports or 'all'}"]
    size = "smaller" if _inside(asked, ours) else "larger"
    return [f"{whose} side is {size} there ({asked.network}) than here ({ours.network})"]
