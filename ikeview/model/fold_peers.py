"""Facts about peers: configuration, ISAKMP SAs, keepalive, drops."""

from ikeview.core import facts as f
from ikeview.model.state import RTTS_KEPT, Peer, Phase1, State


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
    return {f"peer:{fact.peer}"}


def _established(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.Phase1Established)
    peer = peer_of(state, fact.peer)
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
        )
    )
    peer.keepalive.dead = False
    peer.keepalive.missed = 0
    peer.keepalive.dead_at = 0.0
    peer.moved_to = ""
    return {f"peer:{fact.peer}"}


def _deleted(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.Phase1Deleted)
    peer = peer_of(state, fact.peer)
    peer.phase1s = [each for each in peer.phase1s if each.cookies != fact.cookies]
    if not peer.phase1s:
        peer.keepalive.next_at = peer.keepalive.dead_at = 0.0
    return {f"peer:{fact.peer}"}


def _moved(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.PeerMoved)
    peer = peer_of(state, fact.peer)
    peer.moved_to = fact.new
    if peer.phase1 is not None:
        peer.phase1.remote = fact.new
    return {f"peer:{fact.peer}"}


def _probe_sent(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.ProbeSent)
    keepalive = peer_of(state, fact.peer).keepalive
    keepalive.sent += 1
    keepalive.sent_at = stamped.at
    keepalive.next_at = 0.0
    return {f"peer:{fact.peer}"}


def _probe_answered(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.ProbeAnswered)
    keepalive = peer_of(state, fact.peer).keepalive
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
    keepalive = peer_of(state, fact.peer).keepalive
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
    peer_of(state, fact.peer).keepalive.dead = True
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
    peer.drops += 1
    peer.last_drop = reason
    return {f"peer:{fact.peer}"}


HANDLERS = {
    f.PeerConfigured: _configured,
    f.Phase1Established: _established,
    f.Phase1Deleted: _deleted,
    f.PeerMoved: _moved,
    f.ProbeSent: _probe_sent,
    f.ProbeAnswered: _probe_answered,
    f.ProbeMissed: _probe_missed,
    f.ProbeTaken: _probe_taken,
    f.PeerSilent: _silent,
    f.MessageDropped: _dropped,
}
