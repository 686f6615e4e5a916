"""Which negotiation belongs to which tunnel, and what a running one waits for."""

from ikeview.model.state import Exchange, State


def exchanges_of(state: State, tunnel: str) -> list[Exchange]:
    """A tunnel's own exchanges and the phase 1 exchanges of its peer, oldest first."""
    name = state.tunnels[tunnel].peer if tunnel in state.tunnels else tunnel.partition("/")[0]
    # that of a member began before it was known which one it is
    peer = state.peers.get(name)
    began = {each.exchange for each in peer.phase1s} if peer and peer.member_of else set()
    return [
        each
        for each in state.exchanges.values()
        if each.tunnel == tunnel or (not each.tunnel and each.peer == name) or each.id in began
    ]


def latest_exchange(state: State, tunnel: str) -> Exchange | None:
    """The one to look at: the running one, else the last that failed or finished. None if there was none."""
    known = exchanges_of(state, tunnel)
    running = [each for each in known if each.status == "running"]
    candidates = running or known
    return candidates[-1] if candidates else None


def latest_failure(state: State, tunnel: str) -> Exchange | None:
    """The tunnel's (or its peer's phase 1's) last failed negotiation, if it is still remembered."""
    failed = [each for each in exchanges_of(state, tunnel) if each.status == "failed"]
    return failed[-1] if failed else None


def waits_for(exchange: Exchange, now: float) -> str:
    """What a running negotiation waits for, in words; empty if it has ended."""
    if exchange.status != "running":
        return ""
    done = [number for number, row in enumerate(exchange.rows, 1) if row.at]
    if not done:
        return f"{exchange.kind} with {exchange.remote} is being prepared"
    last = exchange.rows[done[-1] - 1]
    if done[-1] == len(exchange.rows):
        return f"{exchange.kind} with {exchange.remote} is being concluded"
    if not last.ours:
        return f"message {done[-1] + 1} of {exchange.kind} is being prepared"
    sends = "1 send" if not last.resends else f"{last.resends + 1} sends"
    return (
        f"no answer from {exchange.remote} to message {done[-1]} of {exchange.kind} after {sends}"
        f" and {max(0.0, now - last.at):.0f} s"
    )
