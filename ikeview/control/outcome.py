"""What became of an order: read from the facts after it, so that a command can wait for what it asked for."""

from dataclasses import dataclass

from ikeview.core import facts as f
from ikeview.core.orders import Initiate, Order, Probe, RekeyPhase2, RenewPhase1, Terminate
from ikeview.explain.verdict import advice
from ikeview.model import State
from ikeview.model.negotiations import waits_for
from ikeview.model.state import Exchange
from ikeview.record.units import duration, latency


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, in a sentence; ``hints`` say what to do about a failure. Text may quote the peer."""

    ok: bool
    text: str
    hints: tuple[str, ...] = ()


def target_of(order: Order) -> str:
    """The tunnel or peer that an order is about."""
    return order.peer if isinstance(order, RenewPhase1 | Probe) else order.tunnel


def already(order: Order, state: State) -> Outcome | None:
    """The outcome of an order that asks for what is so already; None if there is something to do."""
    if isinstance(order, Initiate):
        tunnel = state.tunnels.get(order.tunnel)
        if tunnel is not None and tunnel.state in ("up", "rekeying"):
            return Outcome(True, f"{order.tunnel} is up already")
    return None


def judge(order: Order, fact: f.Fact, state: State) -> Outcome | None:
    """Whether ``fact`` says how ``order`` ended; None if it does not. ``state`` knows the fact already."""
    target = target_of(order)
    if isinstance(fact, f.OrderRefused) and fact.target == target:
        return Outcome(False, f"{target}: {fact.why}")
    if isinstance(fact, f.EngineStopped):
        return Outcome(isinstance(order, Terminate), f"{target}: the engine has stopped")
    match order:
        case Initiate(tunnel):
            if isinstance(fact, f.TunnelUp) and fact.tunnel == tunnel:
                return Outcome(True, f"{tunnel} is up after {latency(fact.took)}")
            return _failed(tunnel, fact, state)
        case Terminate(tunnel):
            if isinstance(fact, f.TunnelDown) and fact.tunnel == tunnel:
                return Outcome(True, f"{tunnel} is down")
        case RekeyPhase2(tunnel):
            if isinstance(fact, f.SaReplaced) and fact.tunnel == tunnel:
                return Outcome(True, f"{tunnel}: SA {fact.old} was replaced by {fact.new} in {latency(fact.took)}")
            return _failed(tunnel, fact, state)
        case RenewPhase1(peer):
            if isinstance(fact, f.Phase1Established) and fact.peer == peer:
                return Outcome(True, f"{peer}: phase 1 was renewed, good for {duration(fact.lifetime)}")
            return _failed(peer, fact, state)
        case Probe(peer):
            if isinstance(fact, f.ProbeAnswered) and fact.peer == peer:
                return Outcome(True, f"{peer} answered after {latency(fact.rtt)}")
            if isinstance(fact, f.ProbeMissed | f.PeerSilent) and fact.peer == peer:
                return Outcome(False, f"{peer} did not answer")
    return None


def interim(order: Order, state: State, now: float) -> Outcome:
    """What is known when the time to wait is over."""
    target = target_of(order)
    if isinstance(order, Terminate):
        return Outcome(False, f"{target} is not down yet")
    running = [each for each in state.exchanges.values() if each.status == "running" and _about(each, target)]
    if running:
        return Outcome(False, f"{target}: {waits_for(running[-1], now)}")
    tunnel = state.tunnels.get(target)
    if tunnel is not None and tunnel.retry_at > now:
        following = duration(tunnel.retry_at - now)
        return Outcome(False, f"{target}: {tunnel.detail or tunnel.cause or 'not up'}; next attempt in {following}")
    return Outcome(False, f"{target}: nothing has come of it yet")


def _failed(target: str, fact: f.Fact, state: State) -> Outcome | None:
    if isinstance(fact, f.TunnelDown) and fact.tunnel == target:
        return Outcome(False, f"{target}: {fact.detail or fact.cause}", advice(fact.cause, fact.detail))
    if isinstance(fact, f.ExchangeFailed):
        exchange = state.exchanges.get(fact.exchange)
        # the peer's own failed attempts are not what was asked for
        if exchange is not None and exchange.role == "initiator" and _about(exchange, target):
            return Outcome(False, f"{target}: {fact.verdict}", fact.hints)
    return None


def _about(exchange: Exchange, target: str) -> bool:
    """Whether an exchange serves the tunnel (its phase 2, or its peer's phase 1) or the peer (phase 1)."""
    if exchange.tunnel:
        return exchange.tunnel == target
    return exchange.peer == target.partition("/")[0]
