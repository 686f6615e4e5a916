"""Facts about tunnels and their IPsec SAs."""

from ikeview.core import facts as f
from ikeview.model.fold_peers import peer_of
from ikeview.model.state import Sa, State, Tunnel


def tunnel_of(state: State, name: str) -> Tunnel:
    """The tunnel of that name, made if it was not told of before (a journal may begin anywhere)."""
    if name not in state.tunnels:
        state.tunnels[name] = Tunnel(name, name.partition("/")[0])
    return state.tunnels[name]


def _find(tunnel: Tunnel, spi_in: str) -> Sa | None:
    return next((sa for sa in tunnel.sas if sa.spi_in == spi_in), None)


def settle(tunnel: Tunnel) -> None:
    """Between ``up`` and ``rekeying``: what its SAs say."""
    if tunnel.state in ("up", "rekeying"):
        tunnel.state = "rekeying" if any(sa.rekeying and not sa.replaced for sa in tunnel.sas) else "up"


def _configured(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.TunnelConfigured)
    tunnel = tunnel_of(state, fact.tunnel)
    peer_of(state, fact.peer)
    tunnel.peer, tunnel.mode, tunnel.local, tunnel.remote = fact.peer, fact.mode, fact.local, fact.remote
    tunnel.proposals, tunnel.lifetime, tunnel.lifebytes = list(fact.proposals), fact.lifetime, fact.lifebytes
    tunnel.rekey_margin, tunnel.start, tunnel.when_down = fact.rekey_margin, fact.start, fact.when_down
    return {f"tunnel:{fact.tunnel}"}


def _wanted(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.TunnelWanted)
    tunnel = tunnel_of(state, fact.tunnel)
    tunnel.wanted, tunnel.wanted_why = True, fact.why
    return {f"tunnel:{fact.tunnel}"}


def _trying(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.TunnelTrying)
    tunnel = tunnel_of(state, fact.tunnel)
    if tunnel.state == "down":
        tunnel.state, tunnel.since_at = "trying", stamped.at
    tunnel.attempt, tunnel.retry_at = fact.attempt, 0.0
    return {f"tunnel:{fact.tunnel}"}


def _up(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.TunnelUp)
    tunnel = tunnel_of(state, fact.tunnel)
    tunnel.state, tunnel.since_at, tunnel.took = "up", stamped.at, fact.took
    tunnel.cause = tunnel.detail = ""
    tunnel.retry_at, tunnel.rekeys, tunnel.stalled = 0.0, 0, ""
    settle(tunnel)
    return {f"tunnel:{fact.tunnel}"}


def _down(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.TunnelDown)
    tunnel = tunnel_of(state, fact.tunnel)
    tunnel.state, tunnel.since_at = "down", stamped.at
    tunnel.cause, tunnel.detail = str(fact.cause), fact.detail
    tunnel.retry_at, tunnel.stalled = 0.0, ""
    if fact.cause in (f.Cause.OPERATOR, f.Cause.SHUTDOWN):
        tunnel.wanted = False
    return {f"tunnel:{fact.tunnel}"}


def _retrying(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.TunnelRetrying)
    tunnel = tunnel_of(state, fact.tunnel)
    tunnel.retry_at, tunnel.attempt = stamped.at + fact.after, fact.attempt
    return {f"tunnel:{fact.tunnel}"}


def _installed(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.SaInstalled)
    tunnel = tunnel_of(state, fact.tunnel)
    tunnel.sas.append(
        Sa(
            spi_in=fact.spi_in,
            spi_out=fact.spi_out,
            exchange=fact.exchange,
            role=fact.role,
            suite=fact.suite,
            mode=fact.mode,
            local=fact.local,
            remote=fact.remote,
            encapsulated=fact.encapsulated,
            local_selector=fact.local_selector,
            remote_selector=fact.remote_selector,
            lifetime=fact.lifetime,
            installed_at=stamped.at,
            installed_wall=stamped.wall,
            expires_at=stamped.at + fact.lifetime if fact.lifetime else 0.0,
            rekeys_at=stamped.at + fact.rekeys_in if fact.rekeys_in else 0.0,
            lifebytes=fact.lifebytes,
            rekey_bytes=fact.rekey_bytes,
            generation=fact.generation,
            sampled_at=stamped.at,
        )
    )
    state.tunnel_of_sa[fact.spi_in] = fact.tunnel
    return {f"tunnel:{fact.tunnel}"}


def _rekeying(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.SaRekeying)
    tunnel = tunnel_of(state, fact.tunnel)
    sa = _find(tunnel, fact.spi_in)
    if sa is not None:
        sa.rekeying = fact.why or "unknown"
    settle(tunnel)
    return {f"tunnel:{fact.tunnel}"}


def _replaced(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.SaReplaced)
    tunnel = tunnel_of(state, fact.tunnel)
    old = _find(tunnel, fact.old)
    if old is not None:
        old.replaced, old.rekeying, old.draining_until = True, "", stamped.at + fact.overlap
    tunnel.rekeys += 1
    settle(tunnel)
    return {f"tunnel:{fact.tunnel}"}


def _deleted(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.SaDeleted)
    state.tunnel_of_sa.pop(fact.spi_in, None)
    tunnel = state.tunnels.get(fact.tunnel)
    if tunnel is None:
        # one that is removed does not come back with its last SA
        return set()
    tunnel.sas = [sa for sa in tunnel.sas if sa.spi_in != fact.spi_in]
    settle(tunnel)
    return {f"tunnel:{fact.tunnel}"}


def _stalled(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.TrafficStalled)
    tunnel = tunnel_of(state, fact.tunnel)
    tunnel.stalled, tunnel.stalled_at, tunnel.silent = fact.action or "nothing", stamped.at, fact.seconds
    return {f"tunnel:{fact.tunnel}"}


def _sampled(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.CountersSampled)
    touched = set()
    for sample in fact.samples:
        name = state.tunnel_of_sa.get(sample.spi_in, "")
        tunnel = state.tunnels.get(name)
        sa = _find(tunnel, sample.spi_in) if tunnel else None
        if tunnel is None or sa is None:
            continue
        if sample.packets_in > sa.packets_in:
            tunnel.stalled = ""
        _count(sa, sample, stamped.at)
        touched.add(f"tunnel:{name}")
    return touched


def _count(sa: Sa, sample: f.Sample, at: float) -> None:
    elapsed = at - sa.sampled_at
    sa.rate_in = max(0, sample.bytes_in - sa.bytes_in) / elapsed if elapsed > 0 else 0.0
    sa.rate_out = max(0, sample.bytes_out - sa.bytes_out) / elapsed if elapsed > 0 else 0.0
    if sample.packets_in > sa.packets_in:
        sa.last_in_at = at
    if sample.packets_out > sa.packets_out:
        sa.last_out_at = at
    sa.bytes_in, sa.packets_in = sample.bytes_in, sample.packets_in
    sa.bytes_out, sa.packets_out = sample.bytes_out, sample.packets_out
    sa.replayed, sa.forged, sa.sampled_at = sample.replayed, sample.forged, at


HANDLERS = {
    f.TunnelConfigured: _configured,
    f.TunnelWanted: _wanted,
    f.TunnelTrying: _trying,
    f.TunnelUp: _up,
    f.TunnelDown: _down,
    f.TunnelRetrying: _retrying,
    f.SaInstalled: _installed,
    f.SaRekeying: _rekeying,
    f.SaReplaced: _replaced,
    f.SaDeleted: _deleted,
    f.TrafficStalled: _stalled,
    f.CountersSampled: _sampled,
}
