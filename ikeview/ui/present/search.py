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
        texts += [peer.remote, peer.phase1.remote if peer.phase1 else "", peer.phase1.remote_id if peer.phase1 else ""]
    return any(word in text.lower() for text in texts)


def fits(state: State, tunnel: Tunnel, query: str) -> bool:
    """Whether the tunnel fits all words of ``query``: parts of its name, addresses, selectors or cause, or states."""
    for word in query.lower().split():
        inverse = word.startswith("!")
        bare = word.lstrip("!")
        if bare and _fits(state, tunnel, bare) == inverse:
            return False
    return True


def chosen(state: State, query: str) -> list[str]:
    """Names of the tunnels that fit, in the order of the configuration."""
    if not query.strip():
        return list(state.tunnels)
    return [tunnel.name for tunnel in state.tunnels.values() if fits(state, tunnel, query)]


def described(query: str, found: int, total: int) -> str:
    """For the title: what the filter lets through."""
    return f"filter {safe(query, 30)}: {found} of {total}" if query.strip() else ""
