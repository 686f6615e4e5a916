"""One fact into the state. Pure: what is true depends on the facts and on nothing else."""

from collections.abc import Callable

from ikeview.core import facts as f
from ikeview.model import fold_exchanges, fold_peers, fold_tunnels
from ikeview.model.state import EVENTS_KEPT, ROUTINE_KEPT, Engine, State

Handler = Callable[[State, f.Stamped], set[str]]

_ROUTINE = (f.RowSent, f.RowTaken, f.ProbeSent, f.ProbeAnswered, f.ProbeTaken, f.MessageDropped)


def _engine_started(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.EngineStarted)
    # what an earlier engine held is gone with it; its history stays
    state.peers.clear()
    state.tunnels.clear()
    state.exchanges.clear()
    state.tunnel_of_sa.clear()
    state.engine = Engine(
        version=fact.version,
        pid=fact.pid,
        plane=fact.plane,
        why=fact.why,
        listen=list(fact.listen),
        port=fact.port,
        nat_port=fact.nat_port,
        folder=fact.folder,
        running=True,
        started_at=stamped.at,
        started_wall=stamped.wall,
    )
    return {"engine"}


def _engine_stopped(state: State, stamped: f.Stamped) -> set[str]:
    state.engine.running = False
    return {"engine"}


def _plane_problem(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.PlaneProblem)
    state.engine.problem = fact.text
    state.engine.problem_at = stamped.at
    return {"engine"}


def _engine_problem(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.EngineProblem)
    state.engine.problem = fact.text
    state.engine.problem_at = stamped.at
    return {"engine"}


def _engine_fault(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.EngineFault)
    state.engine.problem = f"fault while {fact.where}: {fact.text}"
    state.engine.problem_at = stamped.at
    return {"engine"}


def _engine_stalled(state: State, stamped: f.Stamped) -> set[str]:
    state.engine.stalls += 1
    return {"engine"}


_HANDLERS: dict[type[f.Fact], Handler] = {
    f.EngineStarted: _engine_started,
    f.EngineStopped: _engine_stopped,
    f.PlaneProblem: _plane_problem,
    f.EngineStalled: _engine_stalled,
    f.EngineFault: _engine_fault,
    f.EngineProblem: _engine_problem,
    **fold_peers.HANDLERS,
    **fold_tunnels.HANDLERS,
    **fold_exchanges.HANDLERS,
}


def apply(state: State, stamped: f.Stamped) -> set[str]:
    """Fold one fact in; returns what it touched: ``engine``, ``peer:NAME``, ``tunnel:PEER/NAME``, ``exchange:ID``."""
    fact = stamped.fact
    state.seq, state.at, state.wall = stamped.seq, stamped.at, stamped.wall
    name = type(fact).__name__
    state.counts[name] = state.counts.get(name, 0) + 1
    if isinstance(fact, _ROUTINE) or (isinstance(fact, f.NameResolved) and not fact.changed):
        state.routine.append(stamped)
        del state.routine[:-ROUTINE_KEPT]
    elif not isinstance(fact, f.CountersSampled):
        state.events.append(stamped)
        del state.events[:-EVENTS_KEPT]
    handler = _HANDLERS.get(type(fact))
    return handler(state, stamped) if handler else set()
