"""What settings must be towards each other: in ``ikeview.toml``, within a peer, and between peers.

The tables may lack what was wrong by itself; a rule says in ``about`` which keys it looked at, and is not heard if one
of them is among these (``shape.relevant``).
"""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import NamedTuple

from ikeview.core.specs import Start
from ikeview.settings.schema import Auth, Peer, Program, Tunnel
from ikeview.settings.shape import Finding
from ikeview.settings.units import format_duration
from ikeview.settings.values import Remote

PHASE1_PROPOSALS_MOST, ESP_PROPOSALS_MOST = 40, 20
"""Proposals of one offer, at 36 and 56 octets each: more would not fit an unfragmented datagram beside the rest."""
DEFAULT_MARGIN_MOST = 540.0
DEFAULT_MARGIN_PART = 0.15


def margin(tunnel: Tunnel) -> float:
    """Seconds before its end at which an SA is rekeyed: as written, else 15 % of the lifetime and 9 minutes at most."""
    if tunnel.rekey_margin is not None:
        return tunnel.rekey_margin
    return min(DEFAULT_MARGIN_MOST, tunnel.lifetime * DEFAULT_MARGIN_PART)


def program_findings(program: Program) -> Iterator[Finding]:
    """Rules of ``ikeview.toml``."""
    engine = program.engine
    if engine.port == engine.nat_port:
        yield Finding(
            "engine.nat_port", f"is the same as port ({engine.port})", "IKE and ESP in UDP need two", ("engine.port",)
        )
    for index, address in enumerate(engine.listen):
        if address in engine.listen[:index]:
            yield Finding(f"engine.listen[{index}]", f"{address} is listed twice", "take one out")


def peer_findings(peer: Peer) -> Iterator[Finding]:
    """Rules within one peer."""
    if peer.auth is not None:
        yield from _auth_findings(peer.auth)
    if peer.remote is not None:
        yield from _place_findings(peer, peer.remote)
    keepalive = peer.keepalive
    if keepalive.timeout < keepalive.interval:
        timeout, interval = format_duration(keepalive.timeout), format_duration(keepalive.interval)
        yield Finding(
            "keepalive.timeout",
            f"{timeout} is shorter than the interval of {interval}",
            f"write for example {format_duration(3 * keepalive.interval)}",
            ("keepalive.interval",),
        )
    if peer.phase1 is not None and len(peer.phase1.proposals or ()) > PHASE1_PROPOSALS_MOST:
        yield Finding("phase1.proposals", f"more than {PHASE1_PROPOSALS_MOST} do not fit one datagram", "take some out")
    tunnels = peer.tunnel or []
    for index, tunnel in enumerate(tunnels):
        yield from _tunnel_findings(tunnel, f"tunnel[{index}]", tunnels[:index])


def _auth_findings(auth: Auth) -> Iterator[Finding]:
    ways = [name for name in ("secret_file", "secret_env", "secret") if getattr(auth, name) is not None]
    if len(ways) != 1:
        yield Finding(
            "auth",
            f"{' and '.join(ways)} exclude one another" if ways else "has no secret",
            "keep one of them" if ways else 'write secret_file = "../secrets/tokyo.psk", secret_env or secret',
            ("auth.secret_file", "auth.secret_env", "auth.secret"),
        )


def _place_findings(peer: Peer, remote: Remote) -> Iterator[Finding]:
    if not remote.is_one_place and peer.role == "initiator":
        yield Finding(
            "remote",
            f"{remote.text} is no single address, and role is initiator",
            'write an address or DNS name, or role = "responder"',
            ("role",),
        )
    where = remote.address or (remote.network and remote.network.network_address)
    version = _ip_version(peer.local)
    if where is not None and version not in (None, where.version):
        text = f"{peer.local} is IPv{version} and remote is IPv{where.version}"
        yield Finding("local", text, "write both alike", ("remote",))
    why = "role is responder" if peer.role == "responder" else "" if remote.is_one_place else f"remote is {remote.text}"
    for index, tunnel in enumerate(peer.tunnel or ()):
        if why and tunnel.start is not Start.MANUAL:
            yield Finding(
                f"tunnel[{index}].start",
                f"{tunnel.start} needs a peer that can be called, and {why}",
                f'write "{Start.MANUAL}": the peer brings the tunnel up',
                ("role", "remote"),
            )


def _ip_version(local: str) -> int | None:
    try:
        return ip_address(local).version
    except ValueError:
        return None


def _tunnel_findings(tunnel: Tunnel, key: str, before: list[Tunnel]) -> Iterator[Finding]:
    local, remote = tunnel.local, tunnel.remote
    if tunnel.name is not None and any(each.name == tunnel.name for each in before):
        yield Finding(f"{key}.name", f"the peer has another tunnel named {tunnel.name!r}", "give each its own name")
    if local is not None and remote is not None:
        if local.network.version != remote.network.version:
            yield Finding(
                f"{key}.remote",
                f"is IPv{remote.network.version} and local is IPv{local.network.version}",
                "write one tunnel for each IP version",
                (f"{key}.local",),
            )
        if local.protocol and remote.protocol and local.protocol != remote.protocol:
            yield Finding(
                f"{key}.remote", "names another protocol than local", "write the same for both", (f"{key}.local",)
            )
        twin = next((each for each in before if (each.local, each.remote) == (local, remote)), None)
        if twin is not None:
            yield Finding(
                f"{key}.remote",
                f"local and remote are those of the tunnel {twin.name or 'before'}",
                "a packet can take only one of them",
                (f"{key}.local",),
            )
    if margin(tunnel) >= tunnel.lifetime:
        yield Finding(
            f"{key}.rekey_margin",
            f"{format_duration(margin(tunnel))} is not shorter than the lifetime of {format_duration(tunnel.lifetime)}",
            f"write for example {format_duration(tunnel.lifetime * DEFAULT_MARGIN_PART)}",
            (f"{key}.lifetime",),
        )
    if len(tunnel.proposals or ()) > ESP_PROPOSALS_MOST:
        yield Finding(f"{key}.proposals", f"more than {ESP_PROPOSALS_MOST} do not fit one datagram", "take some out")


class Named(NamedTuple):
    """A peer with its file, the name it goes by (empty if that is wrong itself) and its remote (None if that is wrong,
    or a key by which peers with one remote are told apart)."""

    file: str
    name: str
    remote: Remote | None
    peer: Peer


def between_peers(peers: list[Named]) -> Iterator[tuple[str, Finding]]:
    """Rules between peers: findings with the file they are found in, which is the later one."""
    names: dict[str, str] = {}
    places: dict[str, list[Named]] = {}
    for each in peers:
        first = names.setdefault(each.name, each.file)
        if each.name and first != each.file:
            yield each.file, Finding("name", f"{each.name!r} is the name of {first} too", "give each its own")
        remote = each.remote
        if remote is None:
            continue
        same = places.setdefault(str(remote.address or remote.network or remote.text.lower().removesuffix(".")), [])
        rival = next((other for other in same if _ambiguous(each.peer, other.peer)), None)
        if rival is not None:
            yield (
                each.file,
                Finding(
                    "remote",
                    f"{remote.text} is the remote of {rival.file} too, in the same role",
                    "put the tunnels into one file, or give each another local address",
                ),
            )
        same.append(each)


def _ambiguous(one: Peer, other: Peer) -> bool:
    """Whether a first message could belong to both: this version tells peers apart by addresses and role only."""
    same_local = one.local == other.local or "any" in (one.local, other.local)
    both_answer = "initiator" not in (one.role, other.role)
    return same_local and (one.role == other.role or both_answer)
