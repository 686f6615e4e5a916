from ikeview.control.explain import explain
from ikeview.control.report import event_line, explanation, outcome_lines, status_text
from ikeview.control.telling import told
from ikeview.core import facts as f
from ikeview.model import State, apply, status
from tests.unit.control.conftest import REMOTE, configured, failed, started

HOSTILE = "evil\x1b]52;c;AAAA\x07\n\u202e[/x]"


def state_of(*facts: f.Fact) -> State:
    state = State()
    begun = f.EngineStarted("0.1.0", 812, "esp", "why", ("0.0.0.0",), 500, 4500, "/etc/ikeview")
    for seq, fact in enumerate((begun, *configured("tokyo/lan", "osaka/branch-office"), *facts), 1):
        apply(state, f.Stamped(seq, 100.0, 1e9, fact))
    return state


def clean(text: str) -> bool:
    return all(letter.isprintable() or letter == "\n" for letter in text)


def test_the_table_stands_in_columns_and_a_tunnel_that_is_down_says_why() -> None:
    state = state_of(
        f.Phase1Established(
            "tokyo", "aa:bb", "x1", "initiator", "main", "192.0.2.9:500", REMOTE, "a", "b", "aes", "psk", 28800.0,
            27000.0, "", (), "",
        ),
        f.SaInstalled(
            tunnel="tokyo/lan", spi_in="c1", spi_out="c2", exchange="x2", role="initiator", suite="aes", mode="tunnel",
            local="192.0.2.9", remote="192.0.2.1", encapsulated=False, local_selector="", remote_selector="",
            lifetime=3600.0, rekeys_in=3000.0, lifebytes=0, rekey_bytes=0, generation=1, replaces="",
        ),
        f.TunnelUp("tokyo/lan", 0.3),
        f.CountersSampled((f.Sample("c1", 1_240_000, 100, 847, 9),)),
        f.TunnelDown("osaka/branch-office", f.Cause.NO_ANSWER, f"no answer from {HOSTILE}"),
        f.TunnelRetrying("osaka/branch-office", 72.0, 2),
    )
    text = status_text(status(state, 100.0))
    head, titles, tokyo, osaka, why = text.splitlines()
    assert head.endswith("data plane esp, UDP 500 and 4500, running for 0s: 1 of 2 tunnels up")
    assert tokyo.split() == ["tokyo/lan", "up", "8h00m", "50m", "1h00m", "1.24", "MB", "847", "B", REMOTE]
    assert osaka.split() == ["osaka/branch-office", "down", "-", "-", "-", "-", "-", "-"]
    for title, value in (("STATE", "up"), ("PHASE 1", "8h00m"), ("IN", "1.24 MB"), ("OUT", "847 B"), ("PEER", REMOTE)):
        assert tokyo[titles.index(title) :].startswith(value)
    assert why.startswith("  no answer: no answer from evil")
    assert why.endswith("next attempt in 1m12s")
    assert clean(text)


def test_nothing_configured() -> None:
    state = State()
    begun = f.EngineStarted("0.1.0", 812, "esp", "why", (), 500, 4500, "/etc/ikeview")
    apply(state, f.Stamped(1, 1.0, 1.0, begun))
    assert status_text(status(state, 1.0)).endswith("\nno tunnel is configured in /etc/ikeview")


def test_text_of_a_peer_is_never_interpreted() -> None:
    results = [{"target": "tokyo/lan", "ok": False, "text": HOSTILE, "hints": [HOSTILE]}]
    assert all(clean(line) for _, line in outcome_lines({"ok": False, "text": HOSTILE, "results": results}))
    values = {key: [HOSTILE] for key in ("offered", "expected", "notifies", "hints")}
    failure = {
        "kind": "Main Mode", "remote": REMOTE, "role": "initiator", "ago": 3.0, "row": 0, "rows": ["HDR, SA"],
        "cause": HOSTILE, "verdict": HOSTILE, **values,
    }
    about = {"tunnel": "tokyo/lan", "state": "down", "cause": HOSTILE, "detail": HOSTILE}
    assert clean(explanation({**about, "retry_in": 3.0, "waits_for": HOSTILE, "failure": failure}))
    assert clean(explanation({**about, "retry_in": None, "waits_for": None, "failure": None}))
    assert clean(event_line({"wall": 0.0, "about": HOSTILE, "sentence": HOSTILE}))


def test_lost_events_are_told() -> None:
    assert event_line({"lost": 7}) == "(7 events were lost: not read in time)"


def test_a_fact_of_an_exchange_is_told_by_its_tunnel_and_kind() -> None:
    state = state_of(started("x1", "tokyo"), started("x2", "tokyo", "tokyo/lan", "Quick Mode"))
    words = told(failed("x1", "no"), state)
    assert (words.about, words.level, words.text.partition(" failed")[0]) == ("tokyo", "alert", "Main Mode")
    assert told(failed("x2", "no"), state).about == "tokyo/lan"
    assert told(failed("x9", "no"), state).about == ""


def test_users_addresses_and_stalled_traffic_stand_below_the_tunnel() -> None:
    state = state_of(
        f.Phase1Established(
            "tokyo", "aa:bb", "x1", "initiator", "main", "192.0.2.9:500", REMOTE, "a", "b", "aes", "xauth-psk", 28800.0,
            27000.0, "", (), "",
        ),
        f.UserAuthenticated("tokyo", f"anna{HOSTILE}", True),
        f.ConfigAssigned("tokyo", True, "10.9.0.5", "", (), "", "", (), ()),
        f.TunnelUp("tokyo/lan", 0.3),
        f.TrafficStalled("tokyo/lan", 60.0, "a new phase 2 is being made"),
    )
    text = status_text(status(state, 100.0))
    assert clean(text)
    lines = text.splitlines()
    assert lines[3].startswith("  user annaevil") or lines[3].startswith("  user anna")
    assert lines[3].endswith(", the peer has 10.9.0.5")
    assert lines[4] == "  IKE answers, but no ESP comes in: a new phase 2 is being made"


def test_a_user_refused_in_a_negotiation_that_succeeded_is_explained() -> None:
    state = state_of(
        f.PeerConfigured(
            "tokyo", "192.0.2.1", "aggressive", "both", "xauth-psk", "", "", (), 28800.0, "off", ("modp1024 is weak",)
        ),
        f.UserRefused("tokyo", "anna", False, "wrong password"),
        f.TunnelDown("tokyo/lan", f.Cause.USER, "192.0.2.1:500 refuses the user anna: wrong password"),
    )
    assert explanation(explain(state, "tokyo/lan", 100.0)).splitlines() == [
        "tokyo/lan is down: user refused",
        "192.0.2.1:500 refuses the user anna: wrong password",
        "what to do:",
        "  check user and password in our configuration",
        "  look at the peer's log",
        "user refused: anna: wrong password",
        "take care: modp1024 is weak",
        "no failed negotiation is remembered",
    ]


def test_hints_are_not_told_twice() -> None:
    state = state_of(
        started("x1", "tokyo"),
        f.ExchangeFailed("x1", 1, 1.0, f.Cause.USER, "Refused.", ("do this",), (), ()),
        f.TunnelDown("tokyo/lan", f.Cause.USER, "Refused."),
    )
    told_ = explain(state, "tokyo/lan", 100.0)
    assert told_["hints"] == []
    assert explanation(told_).count("what to do:") == 1


def test_what_was_dropped_is_explained() -> None:
    state = state_of(
        f.MessageDropped("tokyo", REMOTE, 292, f.DropReason.SWITCHED_OFF, "peer tokyo has mode = main", "", 11),
        f.MessageDropped("tokyo", REMOTE, 292, f.DropReason.SWITCHED_OFF, "peer tokyo has mode = main", ""),
    )
    words = "12 messages, the last: not allowed by the configuration (peer tokyo has mode = main)"
    assert f"of the peer were dropped: {words}" in explanation(explain(state, "tokyo/lan", 100.0)).splitlines()
    assert explain(state, "osaka/branch-office", 100.0)["dropped"] is None
