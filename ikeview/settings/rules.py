"""What settings must be towards each other, in ``ikeview.toml`` and within a peer.

The tables may lack what was wrong by itself; a rule says in ``about`` which keys it looked at, and is not heard if one
of them is among these (``shape.relevant``).
"""

from collections.abc import Iterator

from ikeview.core.specs import Start
from ikeview.settings.auth_rules import auth_findings, config_findings, xauth_findings
from ikeview.settings.schema import Keepalive, Peer, Phase1, Program
from ikeview.settings.shape import Finding
from ikeview.settings.tunnel_rules import tunnel_findings, version_of
from ikeview.settings.units import format_duration
from ikeview.settings.values import Remote

PHASE1_PROPOSALS_MOST = 40
"""Proposals of one offer, at 36 octets each: more would not fit an unfragmented datagram beside the rest."""
_ICMP = {4: 1, 6: 58}


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
        yield from auth_findings(peer, peer.auth)
    if peer.xauth is not None:
        yield from xauth_findings(peer.xauth)
    if peer.config is not None:
        yield from config_findings(peer.config)
    if peer.remote is not None:
        yield from _place_findings(peer, peer.remote)
    yield from _keepalive_findings(peer.keepalive, peer)
    if peer.phase1 is not None:
        yield from _phase1_findings(peer.phase1, peer)
    yield from tunnel_findings(peer)


def _phase1_findings(phase1: Phase1, peer: Peer) -> Iterator[Finding]:
    proposals = phase1.proposals or []
    if len(proposals) > PHASE1_PROPOSALS_MOST:
        yield Finding("phase1.proposals", f"more than {PHASE1_PROPOSALS_MOST} do not fit one datagram", "take some out")
    groups = list(dict.fromkeys(suite.group.name for suite in proposals))
    calls = peer.role != "responder" and peer.remote is not None and peer.remote.is_one_place
    if peer.mode == "aggressive" and calls and len(groups) > 1:
        yield Finding(
            "phase1.proposals",
            f"name the groups {', '.join(groups)}: the first message of Aggressive Mode holds the key of one already",
            "write proposals of one group",
            ("mode", "role", "remote"),
        )


def _keepalive_findings(keepalive: Keepalive, peer: Peer) -> Iterator[Finding]:
    if keepalive.timeout < keepalive.interval:
        timeout, interval = format_duration(keepalive.timeout), format_duration(keepalive.interval)
        yield Finding(
            "keepalive.timeout",
            f"{timeout} is shorter than the interval of {interval}",
            f"write for example {format_duration(3 * keepalive.interval)}",
            ("keepalive.interval",),
        )
    target, source = keepalive.target, keepalive.source
    if keepalive.method != "icmp":
        for key, value in (("target", target), ("source", source)):
            if value is not None:
                text = f'has no meaning with method = "{keepalive.method}"'
                yield Finding(f"keepalive.{key}", text, 'take it out, or write method = "icmp"', ("keepalive.method",))
        return
    if target is None:
        yield Finding(
            "keepalive.target",
            'is missing: method = "icmp" must know whom to ping',
            "write an address behind the peer that answers",
            ("keepalive.method",),
        )
        return
    about = ("tunnel",)
    taking = [
        each
        for each in peer.tunnel or ()
        if each.remote is not None
        and not each.remote.dynamic
        and target in each.remote.selector.network
        and each.remote.selector.protocol in (0, _ICMP[target.version])
    ]
    if not taking:
        text = f"{target} lies in no tunnel's remote network, so pings would not go through one"
        yield Finding("keepalive.target", text, "write an address behind the peer", about)
    elif source is not None and not any(
        each.local is not None and not each.local.dynamic and source in each.local.selector.network for each in taking
    ):
        text = f"{source} does not lie in the local network of the tunnel that target lies in"
        yield Finding("keepalive.source", text, "write an address of ours there, or leave it out", about)


def _place_findings(peer: Peer, remote: Remote) -> Iterator[Finding]:
    if not remote.is_one_place and peer.role == "initiator":
        yield Finding(
            "remote",
            f"{remote.text} is no single address, and role is initiator",
            'write an address or DNS name, or role = "responder"',
            ("role",),
        )
    where = remote.address or (remote.network and remote.network.network_address)
    version = version_of(peer.local)
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
