"""Facts about exchanges: the ladder's rows as they are sent and taken."""

from ikeview.core import facts as f
from ikeview.model.fold_tunnels import settle
from ikeview.model.state import EXCHANGES_KEPT, FAILED_KEPT, Exchange, Row, State

NOTIFIES_KEPT = 8
"""Shown in the ladder; a peer may send any number."""


def _touched(exchange: Exchange) -> set[str]:
    owner = f"tunnel:{exchange.tunnel}" if exchange.tunnel else f"peer:{exchange.peer}"
    return {f"exchange:{exchange.id}", owner}


def _row(text: str, role: str) -> Row:
    initiator = text.startswith(">")
    return Row(text.lstrip("<> ").strip(), initiator, initiator == (role == "initiator"))


def _evict(state: State) -> None:
    """Failed ones go last, up to a share; running ones only if there is nothing else."""
    while len(state.exchanges) > EXCHANGES_KEPT:
        ended = [each for each in state.exchanges.values() if each.status != "running"]
        failed = [each for each in ended if each.status == "failed"]
        finished = [each for each in ended if each.status == "finished"]
        choice = (failed if len(failed) > FAILED_KEPT else finished) or ended or list(state.exchanges.values())
        del state.exchanges[choice[0].id]


def _started(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.ExchangeStarted)
    exchange = Exchange(
        id=fact.exchange,
        peer=fact.peer,
        tunnel=fact.tunnel,
        kind=fact.kind,
        role=fact.role,
        local=fact.local,
        remote=fact.remote,
        cookies=fact.cookies,
        message_id=fact.message_id,
        attempt=fact.attempt,
        why=fact.why,
        started_at=stamped.at,
        started_wall=stamped.wall,
        rows=[_row(text, fact.role) for text in fact.rows],
    )
    state.exchanges[fact.exchange] = exchange
    _evict(state)
    return _touched(exchange)


def _find(state: State, name: str, number: int) -> tuple[Exchange, Row] | None:
    exchange = state.exchanges.get(name)
    if exchange is None or not 1 <= number <= len(exchange.rows):
        return None
    return exchange, exchange.rows[number - 1]


def _calm(exchange: Exchange) -> None:
    for row in exchange.rows:
        row.resend_at = 0.0


def _sent(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.RowSent)
    found = _find(state, fact.exchange, fact.row)
    if found is None:
        return set()
    exchange, row = found
    row.at, row.wall, row.size = stamped.at, stamped.wall, fact.size
    row.payloads, row.notes = list(fact.payloads), list(fact.notes)
    exchange.last_row = max(exchange.last_row, fact.row)
    return _touched(exchange)


def _resent(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.RowResent)
    found = _find(state, fact.exchange, fact.row)
    if found is None:
        return set()
    exchange, row = found
    row.resends, row.resend_limit = fact.count, fact.limit
    row.resend_at = stamped.at + fact.next_in if fact.next_in else 0.0
    return _touched(exchange)


def _taken(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.RowTaken)
    found = _find(state, fact.exchange, fact.row)
    if found is None:
        return set()
    exchange, row = found
    _calm(exchange)
    row.at, row.wall, row.size, row.waited = stamped.at, stamped.wall, fact.size, fact.waited
    row.payloads, row.notes = list(fact.payloads), list(fact.notes)
    exchange.last_row = max(exchange.last_row, fact.row)
    return _touched(exchange)


def _finished(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.ExchangeFinished)
    exchange = state.exchanges.get(fact.exchange)
    if exchange is None:
        return set()
    _calm(exchange)
    exchange.status, exchange.ended_at, exchange.took = "finished", stamped.at, fact.took
    exchange.outcome = fact.outcome
    return _touched(exchange)


def _failed(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.ExchangeFailed)
    exchange = state.exchanges.get(fact.exchange)
    if exchange is None:
        return set()
    _calm(exchange)
    exchange.status, exchange.ended_at, exchange.took = "failed", stamped.at, fact.took
    exchange.last_row = fact.row
    exchange.cause, exchange.verdict = str(fact.cause), fact.verdict
    exchange.hints, exchange.offered, exchange.expected = list(fact.hints), list(fact.offered), list(fact.expected)
    tunnel = state.tunnels.get(exchange.tunnel)
    if tunnel is not None and exchange.why.startswith("rekey"):
        for sa in tunnel.sas:
            sa.rekeying = ""
        settle(tunnel)
    return _touched(exchange)


def _notified(state: State, stamped: f.Stamped) -> set[str]:
    fact = stamped.fact
    assert isinstance(fact, f.NotifyTaken)
    exchange = state.exchanges.get(fact.exchange)
    if exchange is None:
        return set()
    exchange.notifies.append(fact.notify + ("" if fact.authenticated else " (not authenticated)"))
    del exchange.notifies[:-NOTIFIES_KEPT]
    return _touched(exchange)


HANDLERS = {
    f.ExchangeStarted: _started,
    f.RowSent: _sent,
    f.RowResent: _resent,
    f.RowTaken: _taken,
    f.ExchangeFinished: _finished,
    f.ExchangeFailed: _failed,
    f.NotifyTaken: _notified,
}
