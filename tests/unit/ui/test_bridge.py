"""One wake-up at a time, and a fresh start after a loss."""

from ikeview.core import facts as f
from ikeview.ui.bridge import DRAIN_EVERY, Bridge
from tests.support.fake_engine import FakeEngine


def test_many_facts_wake_once_until_drained(engine: FakeEngine):
    woken: list[int] = []
    bridge = Bridge(engine, lambda: woken.append(1))
    for number in range(50):
        engine.push(f.ProbeSent("tokyo", number))
    assert len(woken) == 1
    assert len(bridge.drain()) == 50
    engine.push(f.ProbeSent("tokyo", 51))
    assert len(woken) == 2


def test_what_is_drained_is_in_the_state(engine: FakeEngine):
    bridge = Bridge(engine, lambda: None)
    engine.push(f.TunnelUp("lab/lan", 1.0))
    assert bridge.state.tunnels["lab/lan"].state == "down"
    bridge.drain()
    assert bridge.state.tunnels["lab/lan"].state == "up"
    assert bridge.state == engine.state
    assert bridge.state is not engine.state


def test_after_a_loss_the_state_is_taken_anew(engine: FakeEngine):
    bridge = Bridge(engine, lambda: None)
    engine.push(f.TunnelUp("lab/lan", 1.0), f.ProbeSent("tokyo", 1))
    subscription = engine.subscriptions[0]
    del subscription.queue[0]
    subscription.lost = 1
    assert bridge.drain() == []
    assert subscription.snapshots == 2
    assert bridge.state == engine.state


def test_the_pace(engine: FakeEngine):
    clock = [100.0]
    bridge = Bridge(engine, lambda: None, lambda: clock[0])
    assert bridge.due_in() == 0
    bridge.drain()
    assert bridge.due_in() == DRAIN_EVERY
    clock[0] += 10
    assert bridge.due_in() == 0


def test_closing(engine: FakeEngine):
    Bridge(engine, lambda: None).close()
    assert engine.subscriptions[0].closed
