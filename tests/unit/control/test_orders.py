from collections.abc import Callable
from typing import Any

import pytest

from ikeview.control.connection import Connection
from ikeview.core import facts as f
from ikeview.core.inputs import Input
from ikeview.core.orders import Initiate, Probe, RekeyPhase2, RenewPhase1, Terminate
from tests.unit.control.conftest import REMOTE, Served, failed, started

Serve = Callable[..., Served]
UP = f.TunnelUp("tokyo/lan", 0.31)


def ask(served: Served, order: str, tunnel: str, wait: float = 10.0) -> dict[str, Any]:
    with Connection(served.folder) as connection:
        return connection.request({"do": "order", "order": order, "tunnel": tunnel, "by": "a", "wait": wait}, 20)


def on(kind: type, *facts: f.Fact) -> Callable[[Input], list[Any]]:
    return lambda event: list(facts) if isinstance(event, kind) else []


def test_up_answers_when_the_tunnel_is_up(serve: Serve) -> None:
    served = serve()
    served.endpoint.answer = on(Initiate, f.TunnelTrying("tokyo/lan", 1), UP)
    answer = ask(served, "initiate", "tokyo/lan")
    assert answer == {
        "ok": True,
        "text": "tokyo/lan is up after 310 ms",
        "results": [{"target": "tokyo/lan", "ok": True, "text": "tokyo/lan is up after 310 ms", "hints": []}],
    }
    assert served.endpoint.taken == [Initiate("tokyo/lan", "a")]


def test_up_of_what_is_up_orders_nothing(serve: Serve) -> None:
    served = serve()
    served.endpoint.answer = on(Initiate, UP)
    ask(served, "initiate", "tokyo/lan")
    assert ask(served, "initiate", "tokyo/lan")["text"] == "tokyo/lan is up already"
    assert len(served.endpoint.taken) == 1


@pytest.mark.parametrize("tunnel", ["", "tokyo/lan"])
def test_up_answers_with_the_verdict_of_its_own_phase(serve: Serve, tunnel: str) -> None:
    served = serve()
    served.endpoint.answer = on(Initiate, started("x1", "tokyo", tunnel), failed("x1", "the peer wants aes256"))
    answer = ask(served, "initiate", "tokyo/lan")
    assert answer["ok"] is False
    assert answer["results"][0]["text"] == "tokyo/lan: the peer wants aes256"
    assert answer["results"][0]["hints"] == ["allow aes256"]


def test_up_answers_with_advice_where_no_negotiation_failed(serve: Serve) -> None:
    served = serve()
    served.endpoint.answer = on(Initiate, f.TunnelDown("tokyo/lan", f.Cause.USER, "the peer refuses the user anna"))
    result = ask(served, "initiate", "tokyo/lan")["results"][0]
    assert (result["ok"], result["text"]) == (False, "tokyo/lan: the peer refuses the user anna")
    assert result["hints"] == ["check user and password in our configuration", "look at the peer's log"]


def test_the_failures_of_others_are_not_ours(serve: Serve) -> None:
    served = serve()
    served.endpoint.answer = on(
        Initiate,
        started("x1", "osaka"),
        failed("x1", "another peer"),
        started("x2", "tokyo", "tokyo/dmz", "Quick Mode"),
        failed("x2", "another tunnel"),
        started("x3", "tokyo", role="responder"),
        failed("x3", "what the peer began"),
        failed("x9", "nobody knows it"),
        f.TunnelDown("tokyo/dmz", f.Cause.NO_ANSWER, "another tunnel"),
        UP,
    )
    assert ask(served, "initiate", "tokyo/lan")["text"] == "tokyo/lan is up after 310 ms"


def test_a_tunnel_that_goes_down_or_an_order_that_is_refused(serve: Serve) -> None:
    served = serve()
    served.endpoint.answer = on(Initiate, f.TunnelDown("tokyo/lan", f.Cause.UNREACHABLE, "there is no such name"))
    assert ask(served, "initiate", "tokyo/lan")["text"] == "tokyo/lan: there is no such name"
    served.endpoint.answer = on(Initiate, f.OrderRefused("initiate", "tokyo/lan", "the peer has no address"))
    assert ask(served, "initiate", "tokyo/lan")["text"] == "tokyo/lan: the peer has no address"


def test_when_the_wait_is_over_the_answer_says_what_is_waited_for(serve: Serve) -> None:
    served = serve()
    resent = [f.RowResent("x1", 1, count, 12, 4.0, 300) for count in range(1, 8)]
    served.endpoint.answer = on(
        Initiate, started("x1", "tokyo"), f.RowSent("x1", 1, 300, ("SA",), ()), *resent
    )
    answer = ask(served, "initiate", "tokyo/lan", 0.05)
    assert answer["ok"] is False
    assert answer["text"].startswith(f"tokyo/lan: no answer from {REMOTE} to message 1 of Main Mode after 8 sends")


def test_when_the_wait_is_over_between_two_attempts(serve: Serve) -> None:
    served = serve()
    served.endpoint.answer = on(RekeyPhase2, f.TunnelRetrying("tokyo/lan", 100.0, 2))
    assert "next attempt in 1m40s" in ask(served, "rekey2", "tokyo/lan", 0.05)["text"]
    assert ask(served, "rekey2", "osaka/lan", 0.05)["text"] == "osaka/lan: nothing has come of it yet"


def test_a_peer_stands_for_its_tunnels_and_a_star_for_all(serve: Serve) -> None:
    served = serve()
    assert ask(served, "initiate", "tokyo", 0)["ok"] is True
    assert served.endpoint.taken == [Initiate("tokyo/lan", "a"), Initiate("tokyo/dmz", "a")]
    served.endpoint.taken.clear()
    ask(served, "initiate", "*", 0)
    assert [each.tunnel for each in served.endpoint.of(Initiate)] == ["tokyo/lan", "tokyo/dmz", "osaka/lan"]


def test_of_several_one_that_fails_fails_the_whole(serve: Serve) -> None:
    served = serve()

    def answer(event: Input) -> list[Any]:
        if event == Initiate("tokyo/lan", "a"):
            return [UP]
        return [f.TunnelDown("tokyo/dmz", f.Cause.NO_ANSWER, "")]

    served.endpoint.answer = answer
    told = ask(served, "initiate", "tokyo")
    assert told["ok"] is False
    assert [each["ok"] for each in told["results"]] == [True, False]
    assert told["text"] == "tokyo/lan is up after 310 ms; tokyo/dmz: no answer"


def test_down(serve: Serve) -> None:
    served = serve()
    served.endpoint.answer = on(Initiate, UP)
    ask(served, "initiate", "tokyo/lan")
    served.endpoint.answer = on(Terminate, f.TunnelDown("tokyo/lan", f.Cause.OPERATOR, ""))
    assert ask(served, "terminate", "tokyo/lan") == {
        "ok": True,
        "text": "tokyo/lan is down",
        "results": [{"target": "tokyo/lan", "ok": True, "text": "tokyo/lan is down", "hints": []}],
    }


def test_down_of_what_is_down_is_ordered_all_the_same_and_waits_for_nothing(serve: Serve) -> None:
    served = serve()
    assert ask(served, "terminate", "tokyo/lan", 3600)["text"] == "tokyo/lan is down"
    served.endpoint.wait(lambda e: e.taken == [Terminate("tokyo/lan", "a")])


def test_rekey_of_both_phases_and_a_probe(serve: Serve) -> None:
    served = serve()
    served.endpoint.answer = on(RekeyPhase2, f.SaReplaced("tokyo/lan", "c1", "c2", "operator", 0.05, 5.0))
    assert ask(served, "rekey2", "tokyo/lan")["text"] == "tokyo/lan: SA c1 was replaced by c2 in 50 ms"
    established = f.Phase1Established(
        "tokyo", "aa:bb", "x1", "initiator", "main", "a", REMOTE, "a", "b", "aes", "psk", 28800.0, 27000.0, "", (), "cc"
    )
    served.endpoint.answer = on(RenewPhase1, established)
    assert ask(served, "renew1", "tokyo/lan")["text"] == "tokyo: phase 1 was renewed, good for 8h00m"
    assert served.endpoint.taken[-1] == RenewPhase1("tokyo", "a")
    served.endpoint.answer = on(Probe, f.ProbeAnswered("tokyo", 7, 0.02, 10.0))
    assert ask(served, "probe", "tokyo")["text"] == "tokyo answered after 20 ms"
    served.endpoint.answer = on(Probe, f.ProbeMissed("tokyo", 8, 1, 20.0))
    assert ask(served, "probe", "tokyo")["ok"] is False


def test_explain_shows_both_sides_of_the_last_failure(serve: Serve) -> None:
    served = serve()
    served.endpoint.answer = on(Initiate, started("x1", "tokyo"), failed("x1", "the peer wants aes256"))
    ask(served, "initiate", "tokyo/lan")
    with Connection(served.folder) as connection:
        answer = connection.request({"do": "explain", "tunnel": "tokyo/lan"})
    failure = answer["tunnels"][0]["failure"]
    assert (failure["kind"], failure["remote"], failure["cause"]) == ("Main Mode", REMOTE, "no common proposal")
    assert (failure["offered"], failure["expected"], failure["hints"]) == (["3des"], ["aes256"], ["allow aes256"])
