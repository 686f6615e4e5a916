"""``ikeview demo --once``: two tunnels' negotiations message by message as text, some traffic, and an end."""

import threading
import time
from collections.abc import Callable

from ikeview.core import facts as f
from ikeview.core.orders import RekeyPhase2, Terminate
from ikeview.demo.gateways import Gateways
from ikeview.demo.hosts import Flow, Hosts, quick_flows
from ikeview.engine.bus import Subscription
from ikeview.engine.client import LocalClient
from ikeview.model import State, apply
from ikeview.model.negotiations import exchanges_of
from ikeview.model.state import Exchange, Row
from ikeview.record.sentences import sentence

_PATIENCE = 10.0
"""Seconds for each step; on an idle machine all of them take about one."""
_TUNNEL, _VISIT = "osaka/lan", "kobe/visit"
_PINGS = 10


class _Follower:
    """The model of one engine, kept up to date while something is waited for."""

    def __init__(self, client: LocalClient) -> None:
        self._woken = threading.Event()
        self._facts: Subscription = client.subscribe(self._woken.set)
        self.state: State = self._facts.snapshot()

    def wait(self, condition: Callable[[f.Fact], bool], what: str) -> f.Fact:
        """The next fact for which the condition holds. Raises ``TimeoutError``."""
        end = time.monotonic() + _PATIENCE
        while (left := end - time.monotonic()) > 0:
            self._woken.wait(left)
            self._woken.clear()
            found = None
            for stamped in self._facts.drain():
                apply(self.state, stamped)
                if found is None and condition(stamped.fact):
                    found = stamped.fact
            if found is not None:
                return found
        raise TimeoutError(what)


def once() -> int:
    """Bring a tunnel up, pass traffic, rekey, take it down. Returns the exit status. Raises ``EngineRefused``."""
    gateways = Gateways()
    hosts = Hosts(gateways.inside_here, gateways.inside_there, quick_flows())
    gateways.start()
    try:
        return _run(gateways, hosts)
    except TimeoutError as error:
        print(f"ikeview: the demo waited in vain for {error}")
        return 1
    finally:
        hosts.stop()
        gateways.stop()


def _run(gateways: Gateways, hosts: Hosts) -> int:
    client = LocalClient(gateways.here)
    follower = _Follower(client)
    for name in (_TUNNEL, _VISIT):
        while follower.state.tunnels[name].state != "up":
            follower.wait(lambda fact: isinstance(fact, f.TunnelUp), f"the tunnel {name}")
    for name in (_TUNNEL, _VISIT):
        _print_tunnel(follower.state, name)
    hosts.start()
    end = time.monotonic() + _PATIENCE
    while any(flow.answered < _PINGS for flow in hosts.flows) and time.monotonic() < end:
        time.sleep(0.01)
    for flow in hosts.flows:
        _print_traffic(flow)
    client.send(RekeyPhase2(_TUNNEL, by="demo"))
    replaced = follower.wait(lambda fact: isinstance(fact, f.SaReplaced) and fact.tunnel == _TUNNEL, "the rekey")
    print(f"rekey:   {sentence(replaced)}")
    client.send(Terminate(_TUNNEL, by="demo"))
    down = follower.wait(lambda fact: isinstance(fact, f.TunnelDown) and fact.tunnel == _TUNNEL, "its end")
    print(f"end:     {sentence(down)}")
    return 0 if all(flow.answered >= _PINGS for flow in hosts.flows) else 1


def _print_tunnel(state: State, name: str) -> None:
    """The negotiations that brought it up, and who the two ends are to each other."""
    peer = state.peers[state.tunnels[name].peer]
    print(f"== {name}: {peer.mode} mode, {peer.auth}")
    print()
    for exchange in exchanges_of(state, name):
        if exchange.status == "finished":
            _print_ladder(exchange)
    if peer.user and peer.config is not None:
        print(f"user:    the gateway knows us as {peer.user} and gave us the address {peer.config.address}")
        print()


def _print_traffic(flow: Flow) -> None:
    ends = f"{flow.source} to {flow.target}"
    print(f"traffic: {flow.answered} of {flow.sent} echo requests from {ends} answered through ESP")


def _print_ladder(exchange: Exchange) -> None:
    """The exchange as its RFC draws it, with what really passed."""
    print(f"{exchange.kind} as {exchange.role}, {exchange.local} to {exchange.remote}")
    width = max(len(row.text) for row in exchange.rows)
    for number, row in enumerate(exchange.rows, 1):
        arrow = "-->" if row.initiator else "<--"
        seen = f"{row.size:4} octets  {_waited(row):>8}  {'; '.join(row.notes)}"
        print(f"  {number}  {row.text:<{width}}  {arrow}  {seen}".rstrip())
    print(f"  done in {exchange.took * 1000:.1f} ms: {exchange.outcome}")
    print()


def _waited(row: Row) -> str:
    return f"{row.waited * 1000:.1f} ms" if row.waited else ""
