import asyncio
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, ip_network

import pytest

from ikeview.core import facts as f
from ikeview.core.inputs import Acquire, Arrival, Located, PlaneTrouble, Stop, Unreachable
from ikeview.core.orders import Initiate
from ikeview.core.outputs import AssignAddress, Locate, Move, Protect, ReleaseAddress, Remove, Send, SendKeepalive, Spot
from ikeview.core.outputs import Direction as D
from ikeview.core.specs import Selector, TunnelSpec
from ikeview.engine import clock
from ikeview.engine import engine as engine_module
from ikeview.engine import pump as pump_module
from ikeview.engine.client import LocalClient
from ikeview.engine.engine import Engine
from ikeview.engine.refused import EngineRefused
from tests.unit.engine.fakes import (
    LOOPBACK,
    FakeEndpoint,
    FakePlane,
    Reader,
    engine_settings,
    free_port,
    make,
    udp,
)

Running = Callable[[Engine], Engine]


def tunnel() -> TunnelSpec:
    return TunnelSpec("tokyo", "lan", Selector(ip_network("10.1.0.0/24")), Selector(ip_network("10.2.0.0/24")), ())


def port_of(engine: Engine) -> int:
    return engine.bus.state.engine.port


def test_a_datagram_goes_in_and_the_endpoints_answer_goes_out(running: Running) -> None:
    endpoint = FakeEndpoint(
        lambda event: [Send(event.local, event.remote, event.data.upper())] if isinstance(event, Arrival) else []
    )
    engine = running(make(endpoint))
    with udp() as peer:
        peer.sendto(b"hello", ("127.0.0.1", port_of(engine)))
        assert peer.recv(100) == b"HELLO"


def test_it_says_what_it_is_before_the_endpoints_facts(running: Running) -> None:
    endpoint = FakeEndpoint()
    endpoint.at_start = [f.PlaneProblem("", "the first of the endpoint")]
    engine = make(endpoint)
    reader = Reader(engine.bus)
    running(engine)
    reader.until(f.PlaneProblem)
    kinds = [type(each.fact) for each in reader.seen]
    assert kinds == [f.EngineStarted, f.PlaneProblem]
    started = reader.until(f.EngineStarted)
    assert (started.plane, started.why, started.folder) == ("fake", "for the test", "/nowhere")
    assert started.port != 0
    assert started.nat_port != 0


def test_an_order_given_before_the_start_is_carried_out_after_it(running: Running) -> None:
    endpoint = FakeEndpoint()
    engine = make(endpoint)
    client = LocalClient(engine)
    client.send(Initiate("tokyo/lan"))
    running(engine)
    client.send(Initiate("osaka/lan"))
    endpoint.wait(lambda e: len(e.of(Initiate)) == 2)
    assert endpoint.taken == [Initiate("tokyo/lan"), Initiate("osaka/lan")]


def test_a_flood_does_not_starve_an_order(running: Running) -> None:
    port = free_port()
    plane = FakePlane()
    endpoint = FakeEndpoint()
    engine = make(endpoint, plane, engine_settings(port=port))

    def flood() -> None:
        with udp() as peer:
            for _ in range(300):
                peer.sendto(b"flood", ("127.0.0.1", port))

    def on_first(event: object) -> list:  # type: ignore[type-arg]
        if isinstance(event, Arrival) and len(endpoint.taken) == 1:
            engine.send(Initiate("tokyo/lan"))
        return []

    # all 300 wait in the socket before the engine reads the first one
    plane.before_started = flood
    endpoint.answer = on_first
    running(engine)
    endpoint.wait(lambda e: len(e.taken) == 301)
    assert endpoint.taken.index(Initiate("tokyo/lan")) <= 2 * 64


def test_icmp_port_unreachable_becomes_unreachable(running: Running) -> None:
    with udp() as gone:
        nowhere = Spot(LOOPBACK, gone.getsockname()[1])
    endpoint = FakeEndpoint()
    endpoint.at_start = [Send(Spot(LOOPBACK, 0), nowhere, b"anybody there?")]
    running(make(endpoint))
    endpoint.wait(lambda e: e.of(Unreachable))
    assert endpoint.taken == [Unreachable(nowhere, "port unreachable")]


def test_a_send_that_fails_becomes_unreachable(running: Running) -> None:
    endpoint = FakeEndpoint()
    elsewhere = Spot(IPv4Address("127.0.0.9"), 0)
    endpoint.at_start = [Send(elsewhere, Spot(LOOPBACK, 9), b"x"), SendKeepalive(elsewhere, Spot(LOOPBACK, 9))]
    running(make(endpoint))
    endpoint.wait(lambda e: len(e.of(Unreachable)) == 2)
    assert "cannot send" in endpoint.taken[0].detail


def test_a_fault_ends_one_event_and_tells_no_secret(running: Running) -> None:
    def answer(event: object) -> list:  # type: ignore[type-arg]
        if event == Initiate("bad/one"):
            raise ValueError("the secret is hunter2")
        return [f.EngineStalled(7.0)]

    endpoint = FakeEndpoint(answer)
    engine = running(make(endpoint))
    reader = Reader(engine.bus)
    engine.send(Initiate("bad/one"))
    engine.send(Initiate("good/one"))
    reader.until(f.EngineStalled)
    fault = reader.until(f.EngineFault)
    assert fault.where == "taking Initiate"
    assert "ValueError" in fault.text
    assert "hunter2" not in repr(reader.seen)


def test_a_timer_is_kept(running: Running) -> None:
    endpoint = FakeEndpoint()

    def once() -> list:  # type: ignore[type-arg]
        endpoint.due = None
        return [f.EngineStalled(1.0)]

    endpoint.due, endpoint.on_tick = clock.now() + 0.02, once
    engine = make(endpoint)
    reader = Reader(engine.bus)
    running(engine)
    reader.until(f.EngineStalled)
    assert endpoint.ticks == 1


def test_a_timer_that_fails_does_not_spin(running: Running) -> None:
    endpoint = FakeEndpoint()

    def fail() -> list:  # type: ignore[type-arg]
        raise RuntimeError("again")

    endpoint.due, endpoint.on_tick = 0.0, fail
    begun = clock.now()
    engine = make(endpoint)
    running(engine)
    endpoint.wait(lambda e: e.ticks)
    # each order is a turn, which sets the timer anew
    for number in range(50):
        engine.send(Initiate(f"tokyo/{number}"))
    endpoint.wait(lambda e: len(e.of(Initiate)) == 50)
    assert endpoint.ticks <= 2 + (clock.now() - begun)


def test_stop_tells_the_peers_and_undoes_everything() -> None:
    plane = FakePlane()
    with udp() as peer:
        remote = Spot(LOOPBACK, peer.getsockname()[1])
        endpoint = FakeEndpoint(
            lambda event: [Send(Spot(LOOPBACK, 0), remote, b"delete")] if isinstance(event, Stop) else []
        )
        engine = make(endpoint, plane)
        reader = Reader(engine.bus)
        engine.start()
        port = port_of(engine)
        assert engine.stop()
        assert peer.recv(100) == b"delete"
    assert endpoint.taken == [Stop()]
    assert plane.stopped.is_set()
    reader.until(f.EngineStopped)
    assert reader.subscription.gone == "the engine was stopped"
    assert engine.problem == ""
    udp(port=port).close()
    engine.send(Initiate("too/late"))
    assert engine.stop(), "again is harmless"


def test_one_that_was_stopped_before_it_began_does_not_start() -> None:
    engine = make(FakeEndpoint())
    engine.ask_stop()
    with pytest.raises(EngineRefused, match="was stopped"):
        engine.start()


def test_a_plane_that_refuses_to_start_leaves_nothing() -> None:
    plane, port = FakePlane(refuses="start"), free_port()
    engine = make(FakeEndpoint(), plane, engine_settings(port=port))
    with pytest.raises(EngineRefused, match="there is no device"):
        engine.start()
    assert engine.stop()
    assert engine.problem == "there is no device"
    assert engine.bus.gone == "there is no device"
    udp(port=port).close()


def test_a_defect_at_the_start_is_a_refusal_without_its_message() -> None:
    engine = make(FakeEndpoint())
    engine._make_endpoint = lambda plane: {}["hunter2"]  # type: ignore[misc]
    with pytest.raises(EngineRefused, match="the engine failed: KeyError") as refused:
        engine.start()
    assert "hunter2" not in str(refused.value)


def test_what_the_plane_refuses_is_told_to_the_endpoint(running: Running) -> None:
    endpoint = FakeEndpoint()
    endpoint.at_start = [Protect(tunnel())]
    running(make(endpoint, FakePlane(refuses="protect")))
    endpoint.wait(lambda e: e.of(PlaneTrouble))
    assert endpoint.taken == [PlaneTrouble("protect is not possible", tunnel="tokyo/lan")]


def test_outputs_reach_the_plane_in_order(running: Running) -> None:
    old, new = Spot(LOOPBACK, 1), Spot(LOOPBACK, 2)
    plane, endpoint = FakePlane(), FakeEndpoint()
    endpoint.at_start = [Protect(tunnel()), Remove(7, D.IN), Move(old, new)]
    running(make(endpoint, plane))
    assert plane.told == [("protect", tunnel()), ("remove", (7, D.IN)), ("move", (old, new))]


def test_an_address_that_two_peers_gave_stays_until_both_take_it_back(running: Running) -> None:
    plane, endpoint = FakePlane(), FakeEndpoint()
    here, there = IPv4Address("10.9.0.1"), IPv4Address("10.9.0.2")
    endpoint.at_start = [
        ReleaseAddress("tokyo", here), AssignAddress("tokyo", here), AssignAddress("tokyo", here),
        AssignAddress("osaka", here), ReleaseAddress("tokyo", here), ReleaseAddress("tokyo", here),
        AssignAddress("tokyo", there), ReleaseAddress("osaka", here), ReleaseAddress("osaka", here),
    ]  # fmt: skip
    running(make(endpoint, plane))
    assert plane.told == [("assign", here), ("assign", there), ("release", here)]


def test_an_address_that_the_plane_refuses_is_told(running: Running) -> None:
    endpoint = FakeEndpoint()
    endpoint.at_start = [AssignAddress("tokyo", IPv4Address("10.9.0.1"))]
    running(make(endpoint, FakePlane(refuses="assign")))
    endpoint.wait(lambda e: e.of(PlaneTrouble))
    assert endpoint.taken == [PlaneTrouble("assign is not possible")]


def test_a_plane_that_reports_from_within_a_call_is_heard_after_the_turn(running: Running) -> None:
    class Eager(FakePlane):
        def move(self, old: Spot, new: Spot) -> None:
            self.report(Acquire("tokyo/lan"))

    endpoint = FakeEndpoint()
    spot = Spot(LOOPBACK, 1)
    endpoint.at_start = [Move(spot, spot), f.EngineStalled(1.0)]
    endpoint.answer = lambda event: [f.EngineStalled(2.0)]
    engine = make(endpoint, Eager())
    reader = Reader(engine.bus)
    running(engine)
    reader.until(f.EngineStalled, lambda fact: fact.seconds == 2.0)
    assert reader.of(f.EngineStalled) == [f.EngineStalled(1.0), f.EngineStalled(2.0)]


def test_the_engines_own_sockets_are_kept_out_of_the_tunnels(running: Running) -> None:
    plane = FakePlane()
    running(make(FakeEndpoint(), plane))
    assert len(plane.exempted) == 2


def test_a_dead_plane_is_started_again(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikeview.engine.pump.REVIVE_FIRST", 0.01)
    plane, endpoint = FakePlane(), FakeEndpoint()
    engine = running(make(endpoint, plane))
    engine._loop.call_soon_threadsafe(plane.report, PlaneTrouble("it has ended", fatal=True))  # type: ignore[union-attr]
    assert plane.restarted.wait(5)
    endpoint.wait(lambda e: len(e.of(PlaneTrouble)) == 2)
    assert [event.fatal for event in endpoint.of(PlaneTrouble)] == [True, False]
    assert plane.restarts == 1


@pytest.mark.parametrize("takes", [True, False])
def test_the_nat_port_is_read_by_the_plane_or_by_the_engine(running: Running, takes: bool) -> None:
    plane, endpoint = FakePlane(takes_nat_sockets=takes), FakeEndpoint()
    engine = running(make(endpoint, plane))
    assert bool(plane.started_with) == takes
    local, remote = Spot(LOOPBACK, 4500), Spot(LOOPBACK, 4501)
    if takes:
        engine._loop.call_soon_threadsafe(plane.ike_arrived, b"ike", local, remote)  # type: ignore[union-attr]
    else:
        with udp() as peer:
            peer.sendto(b"\0\0\0\0ike", ("127.0.0.1", engine.bus.state.engine.nat_port))
            endpoint.wait(lambda e: e.of(Arrival))
    endpoint.wait(lambda e: e.of(Arrival))
    assert (endpoint.taken[0].data, endpoint.taken[0].floated) == (b"ike", True)


def test_counters_are_asked_for_and_a_stall_is_told(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump_module, "BEAT", 0.001)
    plane = FakePlane()
    engine = make(FakeEndpoint(), plane)
    reader = Reader(engine.bus)
    running(engine)
    assert plane.sampled.wait(10)
    loop, pump = engine._loop, engine._pump
    assert loop is not None
    assert pump is not None
    loop.call_soon_threadsafe(lambda: pump._on_beat(loop.time() - 2.0))
    assert reader.until(f.EngineStalled).seconds >= 2.0


def test_a_peer_is_located(running: Running) -> None:
    endpoint = FakeEndpoint()
    endpoint.at_start = [Locate("tokyo", "127.0.0.1", "any")]
    running(make(endpoint))
    endpoint.wait(lambda e: e.of(Located))
    assert endpoint.taken == [Located("tokyo", LOOPBACK, LOOPBACK)]


def test_two_engines_talk_in_one_process(running: Running) -> None:
    here, there = IPv4Address("127.0.0.21"), IPv4Address("127.0.0.22")
    port = free_port()

    def ping_pong(event: object) -> list:  # type: ignore[type-arg]
        if isinstance(event, Arrival) and len(event.data) < 10:
            return [Send(event.local, event.remote, event.data + b".")]
        return []

    one, two = FakeEndpoint(ping_pong), FakeEndpoint(ping_pong)
    one.at_start = [Send(Spot(here, port), Spot(there, port), b".")]
    running(make(two, settings=engine_settings(there, port=port)))
    running(make(one, settings=engine_settings(here, port=port)))
    two.wait(lambda e: len(e.of(Arrival)) == 5)
    one.wait(lambda e: len(e.of(Arrival)) == 5)
    assert {event.remote for event in one.taken} == {Spot(there, port)}


def test_a_service_runs_beside_it_and_is_ended_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "STOP_SECONDS", 0.02)
    told: list[str] = []

    class Beside:
        async def start(self, engine: Engine) -> None:
            told.append("start")

        async def stop(self) -> None:
            told.append("stop")

    class Hanging(Beside):
        async def stop(self) -> None:
            await asyncio.get_running_loop().create_future()

    engine = make(FakeEndpoint(), services=(Beside(), Hanging()))
    reader = Reader(engine.bus)
    engine.start()
    assert engine.stop(), "a service that hangs holds up nothing"
    assert told == ["start", "start", "stop"]
    assert reader.until(f.EngineFault).where == "stopping Hanging"


def test_no_socket_of_the_engine_survives_an_exec() -> None:
    from ikeview.engine.sockets import UdpSockets

    sockets = UdpSockets.open(engine_settings().engine)
    each = [bound.sock for bound in sockets._bound]
    assert not any(sock.get_inheritable() for sock in each)
    assert all(sock.type == socket.SOCK_DGRAM for sock in each)
    sockets.close()
