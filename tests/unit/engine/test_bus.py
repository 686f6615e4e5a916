from ikeview.core.facts import EngineFault, EngineStalled, PlaneProblem, TunnelConfigured
from ikeview.engine import bus as bus_module
from ikeview.engine.bus import Bus


def make_bus() -> Bus:
    return Bus(now=lambda: 10.0, wall=lambda: 1e9)


def stalls(*seconds: float) -> list[EngineStalled]:
    return [EngineStalled(each) for each in seconds]


def configured(name: str) -> TunnelConfigured:
    peer = name.partition("/")[0]
    return TunnelConfigured(name, peer, "tunnel", "10.1.0.0/24", "10.2.0.0/24", (), 3600.0, 0, 540.0, "manual", "block")


def test_facts_are_stamped_in_order_and_reach_every_subscriber() -> None:
    bus = make_bus()
    one, two = bus.subscribe(lambda: None), bus.subscribe(lambda: None)
    bus.publish(*stalls(1, 2))
    bus.publish(*stalls(3))
    facts = one.drain()
    assert [(each.seq, each.at, each.wall, each.fact) for each in facts] == [
        (1, 10.0, 1e9, EngineStalled(1)),
        (2, 10.0, 1e9, EngineStalled(2)),
        (3, 10.0, 1e9, EngineStalled(3)),
    ]
    assert two.drain() == facts
    assert one.drain() == []


def test_one_wake_up_is_pending_until_the_facts_are_drained() -> None:
    bus, wakes = make_bus(), []
    subscription = bus.subscribe(lambda: wakes.append(1))
    for each in stalls(1, 2, 3):
        bus.publish(each)
    assert len(wakes) == 1
    assert len(subscription.drain()) == 3
    bus.publish(*stalls(4))
    assert len(wakes) == 2


def test_a_slow_subscriber_loses_its_oldest_and_knows_how_many() -> None:
    bus = make_bus()
    slow, quick = bus.subscribe(lambda: None, limit=3), bus.subscribe(lambda: None)
    for each in stalls(1, 2, 3, 4, 5):
        bus.publish(each)
    assert slow.lost == 2
    assert [each.fact for each in slow.drain()] == stalls(3, 4, 5)
    assert quick.lost == 0
    assert len(quick.drain()) == 5


def test_a_snapshot_holds_all_so_far_and_the_facts_after_it_follow() -> None:
    bus = make_bus()
    bus.publish(configured("tokyo/lan"))
    subscription = bus.subscribe(lambda: None, limit=1)
    bus.publish(configured("osaka/lan"), configured("kyoto/lan"))
    state = subscription.snapshot()
    assert list(state.tunnels) == ["tokyo/lan", "osaka/lan", "kyoto/lan"]
    assert subscription.lost == 0
    bus.publish(configured("nara/lan"))
    assert [each.fact for each in subscription.drain()] == [configured("nara/lan")]
    assert "nara/lan" not in state.tunnels, "the snapshot is the caller's own"


def test_after_close_nothing_comes() -> None:
    bus, wakes = make_bus(), []
    subscription = bus.subscribe(lambda: wakes.append(1))
    subscription.close()
    subscription.close()
    bus.publish(*stalls(1))
    assert wakes == []
    assert subscription.drain() == []


def test_a_wake_up_that_fails_ends_that_subscription_alone() -> None:
    bus = make_bus()

    def broken() -> None:
        raise RuntimeError("the loop is closed")

    gone, healthy = bus.subscribe(broken), bus.subscribe(lambda: None)
    bus.publish(*stalls(1))
    bus.publish(*stalls(2))
    assert len(healthy.drain()) == 2
    assert len(gone.drain()) == 1


def test_the_end_is_told_once_with_its_reason() -> None:
    bus, wakes = make_bus(), []
    subscription = bus.subscribe(lambda: wakes.append(1))
    assert subscription.gone == ""
    bus.end("the engine was stopped")
    bus.end("for another reason")
    assert subscription.gone == "the engine was stopped"
    assert len(wakes) == 1


def test_a_model_that_trips_over_a_fact_is_told_once_and_the_fact_still_goes_out(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def trip(state: object, stamped: object) -> None:
        if isinstance(stamped.fact, PlaneProblem):  # type: ignore[attr-defined]
            raise KeyError("psk: hunter2")

    monkeypatch.setattr(bus_module, "apply", trip)
    bus = make_bus()
    subscription = bus.subscribe(lambda: None)
    bus.publish(PlaneProblem("", "one"))
    bus.publish(PlaneProblem("", "two"))
    facts = [each.fact for each in subscription.drain()]
    assert [type(each) for each in facts] == [PlaneProblem, EngineFault, PlaneProblem]
    assert "hunter2" not in repr(facts)


def test_relayed_facts_keep_their_stamps() -> None:
    origin, mirror = make_bus(), Bus(now=lambda: 99.0, wall=lambda: 2e9)
    out = origin.subscribe(lambda: None)
    origin.publish(configured("tokyo/lan"), *stalls(1))
    stamped = out.drain()
    subscription = mirror.subscribe(lambda: None)
    mirror.relay(stamped)
    assert subscription.drain() == stamped
    assert list(subscription.snapshot().tunnels) == ["tokyo/lan"]
