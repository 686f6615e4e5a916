"""What the keys of a ``[[tunnel]]`` must be to each other, to the peer, and to the tunnels before it."""

from collections.abc import Iterator
from ipaddress import ip_address

from ikeview.settings.schema import Peer, Tunnel
from ikeview.settings.shape import Finding
from ikeview.settings.units import format_duration
from ikeview.settings.values import Traffic

ESP_PROPOSALS_MOST = 20
"""Proposals of one offer, at 56 octets each: more would not fit an unfragmented datagram beside the rest."""
DEFAULT_MARGIN_MOST = 540.0
DEFAULT_MARGIN_PART = 0.15


def margin(tunnel: Tunnel) -> float:
    """Seconds before its end at which an SA is rekeyed: as written, else 15 % of the lifetime and 9 minutes at most."""
    if tunnel.rekey_margin is not None:
        return tunnel.rekey_margin
    return min(DEFAULT_MARGIN_MOST, tunnel.lifetime * DEFAULT_MARGIN_PART)


def version_of(local: str) -> int | None:
    """The IP version of the peer's ``local``, if that is an address."""
    try:
        return ip_address(local).version
    except ValueError:
        return None


def versions(peer: Peer, tunnel: Tunnel) -> tuple[int | None, int | None]:
    """The IP version of the local and the remote traffic, as far as the configuration tells it."""
    local = tunnel.local.version if tunnel.local is not None else None
    if tunnel.remote is None:
        return local, None
    remote = tunnel.remote.version
    if remote is None:
        if peer.config is not None and peer.config.pool is not None:
            remote = peer.config.pool.version
        elif peer.remote is not None and peer.config is None:
            place = peer.remote.address or peer.remote.network
            remote = place.version if place is not None else None
    return local, remote


def tunnel_findings(peer: Peer) -> Iterator[Finding]:
    """Rules of all tunnels of a peer."""
    tunnels = peer.tunnel or []
    for index, tunnel in enumerate(tunnels):
        key = f"tunnel[{index}]"
        yield from _selector_findings(peer, tunnel, key, tunnels[:index])
        yield from _dynamic_findings(peer, tunnel, key)
        if tunnel.mode == "transport":
            yield from _transport_findings(peer, tunnel, key)
        if tunnel.name is not None and any(each.name == tunnel.name for each in tunnels[:index]):
            yield Finding(f"{key}.name", f"the peer has another tunnel named {tunnel.name!r}", "give each its own name")
        if margin(tunnel) >= tunnel.lifetime:
            written, lifetime = format_duration(margin(tunnel)), format_duration(tunnel.lifetime)
            yield Finding(
                f"{key}.rekey_margin",
                f"{written} is not shorter than the lifetime of {lifetime}",
                f"write for example {format_duration(tunnel.lifetime * DEFAULT_MARGIN_PART)}",
                (f"{key}.lifetime",),
            )
        if len(tunnel.proposals or ()) > ESP_PROPOSALS_MOST:
            text = f"more than {ESP_PROPOSALS_MOST} do not fit one datagram"
            yield Finding(f"{key}.proposals", text, "take some out")


def _selector_findings(peer: Peer, tunnel: Tunnel, key: str, before: list[Tunnel]) -> Iterator[Finding]:
    local, remote = tunnel.local, tunnel.remote
    if local is None or remote is None:
        return
    mine, theirs = versions(peer, tunnel)
    if None not in (mine, theirs) and mine != theirs:
        yield Finding(
            f"{key}.remote",
            f"is IPv{theirs} and local is IPv{mine}",
            "write one tunnel for each IP version",
            (f"{key}.local", "config.pool", "remote"),
        )
    one, other = local.selector.protocol, remote.selector.protocol
    if one and other and one != other:
        text = "names another protocol than local"
        yield Finding(f"{key}.remote", text, "write the same for both", (f"{key}.local",))
    twin = next((each for each in before if (each.local, each.remote) == (local, remote)), None)
    if twin is not None:
        yield Finding(
            f"{key}.remote",
            f"local and remote are those of the tunnel {twin.name or 'before'}",
            "a packet can take only one of them",
            (f"{key}.local",),
        )


def _dynamic_findings(peer: Peer, tunnel: Tunnel, key: str) -> Iterator[Finding]:
    role = peer.config.role if peer.config is not None else None
    about = ("config", "config.role", "remote")
    if tunnel.local is not None and tunnel.local.dynamic and role != "client":
        yield Finding(
            f"{key}.local",
            "dynamic is the address that mode config gives us, and we do not ask for one",
            'write [config] and below it role = "client"',
            about,
        )
    one_place = role == "client" or (peer.remote is not None and peer.remote.is_one_place)
    if tunnel.remote is not None and tunnel.remote.dynamic and role != "server" and one_place:
        yield Finding(
            f"{key}.remote",
            "dynamic is the address that mode config gives the peer, or that of a peer from anywhere",
            'write [config] and below it role = "server", or remote = "any"',
            about,
        )


def _transport_findings(peer: Peer, tunnel: Tunnel, key: str) -> Iterator[Finding]:
    """Transport mode protects what the two gateways themselves send each other (RFC 4301 section 4.1)."""
    for end, traffic in (("local", tunnel.local), ("remote", tunnel.remote)):
        if traffic is None:
            continue
        if _is_given(peer, end, traffic):
            yield Finding(
                f"{key}.{end}",
                "is given by mode config, and transport mode is between the gateways' own addresses",
                'write mode = "tunnel", or the address itself',
                (f"{key}.mode", "config"),
            )
        elif not traffic.dynamic and traffic.selector.network.num_addresses != 1:
            yield Finding(
                f"{key}.{end}",
                f"{traffic.selector.network} is a network, and transport mode is between two hosts",
                'write one address, or mode = "tunnel"',
                (f"{key}.mode",),
            )
    place = peer.remote and (peer.remote.address or peer.remote.network)
    mine = version_of(peer.local)
    for end, version in (("local", mine), ("remote", place.version if place else None)):
        inner = versions(peer, tunnel)[0 if end == "local" else 1]
        if None not in (inner, version) and inner != version:
            yield Finding(
                f"{key}.{end}",
                f"is IPv{inner}, and transport mode adds no header: the gateways speak IPv{version}",
                'write the gateway\'s own address, or mode = "tunnel"',
                (f"{key}.mode", end, f"{key}.local", f"{key}.remote"),
            )


def _is_given(peer: Peer, end: str, traffic: Traffic) -> bool:
    """Whether mode config gives the address."""
    return traffic.dynamic and (end == "local" or peer.config is not None)
