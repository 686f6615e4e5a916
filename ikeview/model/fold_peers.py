"""Facts about peers: configuration, ISAKMP SAs, users, addresses, names, keepalive, drops."""

from ikeview.core import facts as f
from ikeview.model.state import (
    RTTS_KEPT,
    Certificate,
    Config,
    Keepalive,
    Peer,
    Phase1,
    Resolved,
    State,
)


def peer_of(state: State, name: str) -> Peer:
    """The peer of that name, made if it was not told of before (a journal may begin anywhere)."""
    return state.peers.setdefault(name, Peer(name))


def _configured(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.PeerConfigured)
    peer = peer_of(state, fact.peer)
    peer.remote, peer.mode, peer.role, peer.auth = fact.remote, fact.mode, fact.role, fact.auth
    peer.local_id, peer.remote_id = fact.local_id, fact.remote_id
    peer.proposals, peer.lifetime = list(fact.proposals), fact.lifetime
    peer.keepalive_set = fact.keepalive
    peer.warnings, peer.member_of = list(fact.warnings), fact.member_of
    return {f"peer:{fact.peer}"}


def _removed(state: State, stamped: f.Stamped) -> set[str]:
    """With all that is its own; its negotiations are history and stay."""
    fact = stamped.fact
    assert isinstance(fact, f.PeerRemoved)
    gone = [name for name, tunnel in state.tunnels.items() if tunnel.peer == fact.peer]
    for name in gone:
        for sa in state.tunnels.pop(name).sas:
            state.tunnel_of_sa.pop(sa.spi_in, None)
    state.peers.pop(fact.peer, None)
    return {f"peer:{fact.peer}", *(f"tunnel:{name}" for name in gone)}


def _established(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.Phase1Established)
    peer = peer_of(state, fact.peer)
    exchange = state.exchanges.get(fact.exchange)
    for older in peer.phase1s:
        older.replaced = older.replaced or older.cookies == fact.replaces
    peer.phase1s.append(
        Phase1(
            cookies=fact.cookies,
            exchange=fact.exchange,
            role=fact.role,
            mode=fact.mode,
            local=fact.local,
            remote=fact.remote,
            local_id=fact.local_id,
            remote_id=fact.remote_id,
            suite=fact.suite,
            auth=fact.auth,
            lifetime=fact.lifetime,
            established_at=stamped.at,
            established_wall=stamped.wall,
            expires_at=stamped.at + fact.lifetime if fact.lifetime else 0.0,
            renews_at=stamped.at + fact.renews_in if fact.renews_in else 0.0,
            nat=fact.nat,
            vendors=list(fact.vendors),
            certificate=exchange.certificate if exchange else None,
        )
    )
    for each in (peer.keepalive, peer.echo):
        each.dead, each.missed, each.dead_at = False, 0, 0.0
    peer.moved_to = ""
    return {f"peer:{fact.peer}"}


def _deleted(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.Phase1Deleted)
    peer = state.peers.get(fact.peer)
    if peer is None:
        # one that is removed does not come back with its last SA
        return set()
    peer.phase1s = [each for each in peer.phase1s if each.cookies != fact.cookies]
    if not peer.phase1s:
        # the user was known to that SA
        peer.user = ""
        for each in (peer.keepalive, peer.echo):
            each.next_at = each.dead_at = 0.0
    return {f"peer:{fact.peer}"}


def _moved(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.PeerMoved)
    peer = peer_of(state, fact.peer)
    peer.moved_to = fact.new
    if peer.phase1 is not None:
        peer.phase1.remote = fact.new
    return {f"peer:{fact.peer}"}


def _certified(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.CertificateTaken)
    certificate = Certificate(
        fact.subject, fact.issuer, fact.serial, list(fact.names), fact.key, fact.not_before, fact.not_after,
        list(fact.path), fact.revocation,
    )
    touched = {f"peer:{fact.peer}"}
    exchange = state.exchanges.get(fact.exchange)
    if exchange is not None:
        exchange.certificate = certificate
        touched.add(f"exchange:{fact.exchange}")
    peer = state.peers.get(fact.peer)
    for each in peer.phase1s if peer else ():
        if each.exchange == fact.exchange:
            each.certificate = certificate
    return touched


def _user(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.UserAuthenticated)
    peer = peer_of(state, fact.peer)
    peer.user, peer.user_is_ours, peer.user_refused = fact.user, not fact.server, ""
    return {f"peer:{fact.peer}"}


def _user_refused(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.UserRefused)
    peer = peer_of(state, fact.peer)
    peer.user = ""
    peer.user_refused = f"{fact.user}: {fact.why}" if fact.user else fact.why
    return {f"peer:{fact.peer}"}


def _assigned(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.ConfigAssigned)
    peer_of(state, fact.peer).config = Config(
        fact.server, fact.address, fact.netmask, list(fact.dns), fact.domain, fact.banner, list(fact.split_include),
        list(fact.ignored), stamped.at,
    )
    return {f"peer:{fact.peer}"}


def _released(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.ConfigReleased)
    peer = state.peers.get(fact.peer)
    if peer is None or peer.config is None or peer.config.address != fact.address:
        return set()
    peer.config = None
    return {f"peer:{fact.peer}"}


def _resolved(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.NameResolved)
    peer = peer_of(state, fact.peer)
    before = peer.resolved
    peer.resolved = Resolved(
        fact.name, fact.address, stamped.at, stamped.at + fact.ttl if fact.ttl else 0.0,
        changes=(before.changes if before else 0) + fact.changed,
    )
    return {f"peer:{fact.peer}"}


def _unresolved(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.NameUnresolved)
    peer = peer_of(state, fact.peer)
    resolved = peer.resolved or Resolved(fact.name)
    peer.resolved = resolved
    resolved.name, resolved.address, resolved.problem = fact.name, fact.kept, fact.why
    resolved.at, resolved.next_at = stamped.at, 0.0
    return {f"peer:{fact.peer}"}


def _notified(state: State, stamped: f.Stamped) -> set[str]:
    """Only an earlier end is news; that of an SA which is not there yet stands in the fact of its installation."""
    fact = stamped.fact
    assert isinstance(fact, f.LifetimeNotified)
    touched = set()
    peer = state.peers.get(fact.peer)
    for phase1 in peer.phase1s if peer else ():
        if phase1.cookies == fact.about and fact.seconds:
            phase1.expires_at = _earlier(phase1.expires_at, phase1.established_at + fact.seconds)
            phase1.renews_at = min(phase1.renews_at, phase1.expires_at)
            touched.add(f"peer:{fact.peer}")
    for tunnel in state.tunnels.values():
        for sa in tunnel.sas if tunnel.peer == fact.peer else ():
            if fact.about in (sa.spi_in, sa.spi_out):
                if fact.seconds:
                    sa.expires_at = _earlier(sa.expires_at, sa.installed_at + fact.seconds)
                    sa.rekeys_at = min(sa.rekeys_at, sa.expires_at)
                if fact.octets:
                    sa.lifebytes = min(sa.lifebytes or fact.octets, fact.octets)
                    sa.rekey_bytes = min(sa.rekey_bytes, sa.lifebytes)
                touched.add(f"tunnel:{tunnel.name}")
    return touched


def _earlier(one: float, other: float) -> float:
    return min(one or other, other)


def _of_method(peer: Peer, method: str) -> Keepalive:
    return peer.echo if method == "icmp" else peer.keepalive


def _probe_sent(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.ProbeSent)
    keepalive = _of_method(peer_of(state, fact.peer), fact.method)
    keepalive.sent += 1
    keepalive.sent_at = stamped.at
    keepalive.next_at = 0.0
    return {f"peer:{fact.peer}"}


def _probe_answered(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.ProbeAnswered)
    keepalive = _of_method(peer_of(state, fact.peer), fact.method)
    keepalive.answered += 1
    keepalive.missed = 0
    keepalive.dead = False
    keepalive.dead_at = 0.0
    keepalive.rtt = fact.rtt
    keepalive.answered_at = stamped.at
    keepalive.next_at = stamped.at + fact.next_in
    keepalive.history.append(fact.rtt)
    del keepalive.history[:-RTTS_KEPT]
    return {f"peer:{fact.peer}"}


def _probe_missed(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.ProbeMissed)
    keepalive = _of_method(peer_of(state, fact.peer), fact.method)
    keepalive.missed = fact.missed
    keepalive.missed_ever += 1
    keepalive.dead_at = stamped.at + fact.dead_in
    keepalive.history.append(-1.0)
    del keepalive.history[:-RTTS_KEPT]
    return {f"peer:{fact.peer}"}


def _probe_taken(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.ProbeTaken)
    peer_of(state, fact.peer).keepalive.taken += 1
    return {f"peer:{fact.peer}"}


def _silent(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.PeerSilent)
    peer_of(state, fact.peer).alive.dead = True
    return {f"peer:{fact.peer}"}


def _dropped(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.MessageDropped)
    reason = str(fact.reason)
    state.drops[reason] = state.drops.get(reason, 0) + fact.count
    # a stranger's datagram makes no peer
    if fact.peer not in state.peers:
        return {"engine"}
    peer = state.peers[fact.peer]
    peer.drops += fact.count
    peer.last_drop = f"{reason} ({fact.detail})" if fact.detail else reason
    return {f"peer:{fact.peer}"}


HANDLERS = {
    f.PeerConfigured: _configured,
    f.PeerRemoved: _removed,
    f.Phase1Established: _established,
    f.Phase1Deleted: _deleted,
    f.PeerMoved: _moved,
    f.CertificateTaken: _certified,
    f.UserAuthenticated: _user,
    f.UserRefused: _user_refused,
    f.ConfigAssigned: _assigned,
    f.ConfigReleased: _released,
    f.NameResolved: _resolved,
    f.NameUnresolved: _unresolved,
    f.LifetimeNotified: _notified,
    f.ProbeSent: _probe_sent,
    f.ProbeAnswered: _probe_answered,
    f.ProbeMissed: _probe_missed,
    f.ProbeTaken: _probe_taken,
    f.PeerSilent: _silent,
    f.MessageDropped: _dropped,
}
