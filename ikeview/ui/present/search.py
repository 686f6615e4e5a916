"""The filter of the tunnel list: words that must all fit; a state's name is a word; ``!`` turns one round."""

from ikeview.model.state import State, Tunnel
from ikeview.ui.safe import safe

STATE_WORDS = ("up", "down", "trying", "rekeying")


def _fits(state: State, tunnel: Tunnel, word: str) -> bool:
    name = word.removeprefix("/")
    if name in STATE_WORDS:
        # an SA that is being rekeyed carries traffic: it is up as well
        return tunnel.state == name or (name == "up" and tunnel.state == "rekeying")
    peer = state.peers.get(tunnel.peer)
    texts = [tunnel.name, tunnel.local, tunnel.remote, tunnel.cause]
    if peer is not None:
        texts += [peer.remote, peer.user, peer.config.address if peer.config else ""]
        if peer.phase1 is not None:
            texts += [peer.phase1.remote, peer.phase1.remote_id]
            texts += [peer.phase1.certificate.subject] if peer.phase1.certificate else []
    return any(word in text.lower() for text in texts)


def fits(state: State, tunnel: Tunnel, query: str) -> bool:
    """Whether the tunnel fits all words of ``query``: parts of its name, addresses, selectors, user, certificate or
    cause, or states."""
    for word in query.lower().split():
        inverse = word.startswith("!")
        bare = word.lstrip("!")
        if bare and _fits(state, tunnel, bare) == inverse:
            return False
    return True


def chosen(state: State, query: str) -> list[str]:
    """Names of the tunnels that fit, in the order of the configuration, those of members behind their own."""
    if not query.strip():
        return _grouped(state)
    return [name for name in _grouped(state) if fits(state, state.tunnels[name], query)]


def _grouped(state: State) -> list[str]:
    owners = {name: peer.member_of for name, peer in state.peers.items() if peer.member_of}
    if not owners:
        return list(state.tunnels)
    behind: dict[str, list[str]] = {}
    first: list[Tunnel] = []
    configured = {tunnel.peer for tunnel in state.tunnels.values()}
    for tunnel in state.tunnels.values():
        owner = owners.get(tunnel.peer, "")
        if owner in configured and owner != tunnel.peer:
            behind.setdefault(owner, []).append(tunnel.name)
        else:
            first.append(tunnel)
    last = {tunnel.peer: tunnel.name for tunnel in first}
    names: list[str] = []
    for tunnel in first:
        names.append(tunnel.name)
        if last[tunnel.peer] == tunnel.name:
            names += behind.get(tunnel.peer, [])
    return names


def described(query: str, found: int, total: int) -> str:
    """For the title: what the filter lets through."""
    return f"filter {safe(query, 30)}: {found} of {total}" if query.strip() else ""
