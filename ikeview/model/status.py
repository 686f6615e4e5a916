"""What ``ikeview status --json`` prints: configured and active together. The shape is stable; it may only grow."""

from typing import Any

from ikeview.model.state import Certificate, Config, Peer, Phase1, Sa, State, Tunnel


def _left(at: float, now: float) -> float | None:
    return round(max(0.0, at - now), 1) if at else None


def _certificate(certificate: Certificate) -> dict[str, Any]:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": certificate.serial,
        "names": list(certificate.names),
        "key": certificate.key,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "path": list(certificate.path),
        "revocation": certificate.revocation,
    }


def _config(config: Config) -> dict[str, Any]:
    return {
        "server": config.server,
        "address": config.address,
        "netmask": config.netmask or None,
        "dns": list(config.dns),
        "domain": config.domain or None,
        "banner": config.banner or None,
        "split_include": list(config.split_include),
        "ignored": list(config.ignored),
    }


def _phase1(peer: Peer, phase1: Phase1, now: float) -> dict[str, Any]:
    return {
        "cookies": phase1.cookies,
        "role": phase1.role,
        "mode": phase1.mode,
        "local": phase1.local,
        "remote": phase1.remote,
        "local_id": phase1.local_id,
        "remote_id": phase1.remote_id,
        "suite": phase1.suite,
        "auth": phase1.auth,
        "nat": phase1.nat,
        "established_ago": round(max(0.0, now - phase1.established_at), 1),
        "renews_in": _left(phase1.renews_at, now),
        "expires_in": _left(phase1.expires_at, now),
        "user": peer.user or None,
        "certificate": _certificate(phase1.certificate) if phase1.certificate else None,
        "config": _config(peer.config) if peer.config else None,
    }


def _sa(sa: Sa, now: float) -> dict[str, Any]:
    return {
        "spi_in": sa.spi_in,
        "spi_out": sa.spi_out,
        "suite": sa.suite,
        "mode": sa.mode,
        "local": sa.local,
        "remote": sa.remote,
        "encapsulated": sa.encapsulated,
        "local_selector": sa.local_selector,
        "remote_selector": sa.remote_selector,
        "bytes_in": sa.bytes_in,
        "packets_in": sa.packets_in,
        "bytes_out": sa.bytes_out,
        "packets_out": sa.packets_out,
        "replayed": sa.replayed,
        "forged": sa.forged,
        "installed_ago": round(max(0.0, now - sa.installed_at), 1),
        "rekeys_in": _left(sa.rekeys_at, now),
        "expires_in": _left(sa.expires_at, now),
        "lifebytes": sa.lifebytes,
        "rekey_bytes": sa.rekey_bytes,
        "generation": sa.generation,
        "rekeying": sa.rekeying or None,
        "replaced": sa.replaced,
    }


def _tunnel(tunnel: Tunnel, peer: Peer | None, now: float) -> dict[str, Any]:
    phase1 = peer.phase1 if peer else None
    return {
        "name": tunnel.name,
        "peer": tunnel.peer,
        "member_of": (peer.member_of or None) if peer else None,
        "state": tunnel.state,
        "cause": tunnel.cause or None,
        "detail": tunnel.detail or None,
        "wanted": tunnel.wanted,
        "attempt": tunnel.attempt,
        "retry_in": _left(tunnel.retry_at, now),
        "local": tunnel.local,
        "remote": tunnel.remote,
        "rekeys": tunnel.rekeys,
        "stalled": tunnel.stalled or None,
        "warnings": list(peer.warnings) if peer else [],
        "phase1": _phase1(peer, phase1, now) if peer and phase1 else None,
        "sas": [_sa(sa, now) for sa in tunnel.sas],
    }


def status(state: State, now: float) -> dict[str, Any]:
    """The state as a JSON-able mapping; ``now`` is the engine's clock.

    Durations are seconds, sizes octets; ``null`` where there is no such time, ``lifebytes`` 0 where there is no limit::

        {"engine": {"version", "pid", "plane", "why", "running", "uptime", "listen": [...], "port", "nat_port",
                    "folder"},
         "tunnels": [{"name": "tokyo/lan", "peer": "tokyo", "member_of": text | null,
                      "state": "down" | "trying" | "up" | "rekeying",
                      "cause": text | null, "detail": text | null, "wanted", "attempt", "retry_in",
                      "local", "remote", "rekeys", "stalled": text | null, "warnings": [text],
                      "phase1": {"cookies", "role", "mode", "local", "remote", "local_id", "remote_id", "suite",
                                 "auth", "nat", "established_ago", "renews_in", "expires_in",
                                 "user": text | null,
                                 "certificate": {"subject", "issuer", "serial", "names": [text], "key", "not_before",
                                                 "not_after", "path": [text], "revocation"} | null,
                                 "config": {"server", "address", "netmask": text | null, "dns": [text],
                                            "domain": text | null, "banner": text | null, "split_include": [text],
                                            "ignored": [text]} | null} | null,
                      "sas": [{"spi_in", "spi_out", "suite", "mode", "local", "remote", "encapsulated",
                               "local_selector", "remote_selector", "bytes_in", "packets_in", "bytes_out",
                               "packets_out", "replayed", "forged", "installed_ago", "rekeys_in", "expires_in",
                               "lifebytes", "rekey_bytes", "generation", "rekeying": text | null, "replaced"}]}]}

    ``cause`` is one of ``core.facts.Cause``. The last of ``sas`` carries the outbound traffic; a ``replaced`` one still
    takes packets for a short time. ``member_of`` is the configuration under which a peer connected, with others;
    ``stalled`` what is done because IKE answers and no ESP comes in; ``user`` whom XAUTH has authenticated. Of a
    certificate ``not_before`` and ``not_after`` are UTC seconds since 1970 and ``path`` the subjects above it;
    ``config`` is what mode config gave to the peer if we are the ``server``, else to us.
    """
    engine = state.engine
    return {
        "engine": {
            "version": engine.version,
            "pid": engine.pid,
            "plane": engine.plane,
            "why": engine.why,
            "running": engine.running,
            "uptime": round(max(0.0, now - engine.started_at), 1),
            "listen": list(engine.listen),
            "port": engine.port,
            "nat_port": engine.nat_port,
            "folder": engine.folder,
        },
        "tunnels": [_tunnel(each, state.peers.get(each.peer), now) for each in state.tunnels.values()],
    }
