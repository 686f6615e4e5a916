"""State to lines, without a screen."""

import pytest

from ikeview.core import facts as f
from ikeview.core.facts import Cause, Stamped
from ikeview.model import State, apply
from ikeview.model.negotiations import exchanges_of
from ikeview.ui.present import events, header, search, tunnels
from ikeview.ui.present.glyphs import ASCII, UNICODE
from ikeview.ui.present.ladder import anchor, clock_time, compact, heading, ladder, planned
from ikeview.ui.present.line import Line, text_of, width
from ikeview.ui.present.peer import peer_detail
from ikeview.ui.present.sas import sas
from tests.support.story import DAY, NOW, WALL, Story, gateway, roadwarriors


@pytest.fixture(scope="module")
def day() -> State:
    return folded(gateway())


def folded(story: Story) -> State:
    state = State()
    for stamped in story.facts:
        apply(state, stamped)
    return state


def texts(lines: list[Line]) -> list[str]:
    return [text_of(line).rstrip() for line in lines]


@pytest.mark.parametrize("cells", [40, 60, 80, 81, 98, 132, 160, 200])
def test_the_list_fills_its_width_exactly(day, cells):
    shape = tunnels.columns(max(cells, 66))
    for name, tunnel in day.tunnels.items():
        line = tunnels.fixed(tunnel, day.peers[tunnel.peer], shape, UNICODE, name == "tokyo/lan")
        assert width(line) == shape.cells
        assert width(tunnels.live(day, tunnel, NOW, UNICODE, False)) == tunnels.LIVE_CELLS
    assert width(tunnels.heading_fixed(shape, "")) == shape.cells
    assert width(tunnels.heading_live(True)) == tunnels.LIVE_CELLS
    assert shape.cells + tunnels.LIVE_CELLS == max(cells, 66) or shape.selectors == 40


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tokyo/lan", " 7h18m    18m  69% 2.79G  310M 9.0ms"),
        ("tokyo/dmz", " 7h18m    18m    - 88.0k     0 9.0ms"),
        ("nagoya/lan", " 7h18m    18m    - 1.20M  900k 0.4ms"),
        ("sapporo/lan", " Main Mode 3/6, resend 2/5"),
        ("sendai/lan", " authentication failed, retry 2m51s"),
        ("naha/lan", " peer is dead, retry 1m31s"),
        ("osaka/lan", " by the operator"),
        ("lab/lan", " waits for traffic"),
    ],
)
def test_what_counts_down(day, name, text):
    assert text_of(tunnels.live(day, day.tunnels[name], NOW, UNICODE, False)).rstrip() == text


def test_rates_are_zero_when_nothing_was_sampled(day):
    tunnel = day.tunnels["tokyo/lan"]
    assert " 1.24M  300k" in text_of(tunnels.live(day, tunnel, NOW, UNICODE, True))
    assert "     0     0" in text_of(tunnels.live(day, tunnel, NOW + 60, UNICODE, True))


def test_state_is_a_sign_a_word_and_a_style(day):
    shape = tunnels.columns(80)
    for name, sign, word, style in (
        ("tokyo/lan", "●", "UP", "state-up"),
        ("nagoya/lan", "◐", "REKEYING", "state-rekeying"),
        ("sapporo/lan", "◌", "TRYING", "state-trying"),
        ("sendai/lan", "○", "DOWN", "state-down"),
    ):
        line = tunnels.fixed(day.tunnels[name], None, shape, UNICODE, False)
        assert (f"{sign} {word:<8} ", style) in line


@pytest.mark.parametrize(
    ("spot", "host"),
    [
        ("203.0.113.9:500", "203.0.113.9"),
        ("[2001:db8::9]:4500", "2001:db8::9"),
        ("2001:db8::9", "2001:db8::9"),
        ("gw.example", "gw.example"),
        ("", ""),
    ],
)
def test_hosts(spot, host):
    assert tunnels.host_of(spot) == host


def keepalive_after(*told: f.Fact) -> tuple[str, str]:
    story = Story()
    story.peer("a", "192.0.2.1")
    story.tell(*told)
    return tunnels.keepalive(folded(story).peers["a"], ASCII)


def test_keepalive_results():
    assert keepalive_after() == ("-", "dim")
    assert keepalive_after(f.ProbeAnswered("a", 1, 0.0123, 10.0)) == ("12ms", "state-up")
    assert keepalive_after(f.ProbeAnswered("a", 1, 1.26, 10.0)) == ("1.3s", "state-up")
    assert keepalive_after(f.ProbeMissed("a", 1, 2, 10.0)) == ("x 2", "alert")
    assert keepalive_after(f.PeerSilent("a", 30.0)) == ("dead", "alert")
    assert tunnels.keepalive(None, ASCII) == ("off", "dim")


def test_the_running_ladder(day):
    lines = texts(ladder(day.exchanges["sapporo-mm"], NOW, 80, UNICODE))
    assert lines == [
        " 1 SA VID*4              ──▶          284 B 14:55:00  4 proposals",
        " 2 SA VID*2              ◀──   31 ms  156 B 14:55:00  chose aes256-sha256-modp2…",
        " 3 KE NONCE NAT-D*2      ──▶          396 B 14:55:00  resend 2/5, next in 5s",
        " 4 KE Nr                 ◀── waits 9s",
        " 5*IDii HASH_I            ·",
        " 6*IDir HASH_R            ·",
    ]


def test_the_ladder_of_a_responder_has_the_arrows_the_other_way():
    story = Story()
    rows = ("> HDR, SA", "< HDR, SA")
    story.tell(
        f.ExchangeStarted("x", "a", "", "Main Mode", "responder", "b", "c", "", "", 1, "peer", rows),
        f.RowTaken("x", 1, 10, 0.0, ("SA",), ()),
    )
    lines = texts(ladder(folded(story).exchanges["x"], story.at, 80, ASCII))
    assert "<--" in lines[0]
    assert lines[1].endswith("--> is being made")


def test_a_failed_ladder_ends_with_the_verdict(day):
    exchange = day.exchanges["sendai-mm"]
    lines = ladder(exchange, NOW, 80, UNICODE)
    shown = texts(lines)
    assert shown[5].startswith(" 6*IDir HASH_R")
    assert shown[6].startswith(" authentication failed: 192.0.2.66 does not answer message 5")
    assert "  · Compare the secret of both ends." in shown
    assert anchor(exchange, lines) == 5
    assert heading(exchange, NOW, "1 of 2") == ("sendai  Main Mode as initiator", "failed in 31.0 s  1 of 2")


def test_both_offers_stand_side_by_side():
    story = Story()
    story.exchange("x", "a", "192.0.2.1", rows=1)
    story.tell(f.ExchangeFailed("x", 1, 1.0, Cause.NO_PROPOSAL, "None fits.", (), ("one", "two"), ("three",)))
    shown = texts(ladder(folded(story).exchanges["x"], story.at, 80, ASCII))
    assert [line.split() for line in shown[-3:]] == [["offered", "expected"], ["one", "three"], ["two"]]


@pytest.mark.parametrize("cells", [20, 40, 80, 110, 160])
def test_ladders_and_panes_never_overflow_much_less_fail(day, cells):
    for exchange in (*day.exchanges.values(), None):
        ladder(exchange, NOW, cells, UNICODE)
    for tunnel in (*day.tunnels.values(), None):
        assert all(width(line) <= cells for line in sas(day, tunnel, NOW, cells, UNICODE))
    for stamped in day.events:
        assert width(events.event(day, stamped, cells, UNICODE)) <= max(cells, 40)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("HDR, SA", "SA"),
        ("HDR*, IDii, HASH_I", "IDii HASH_I"),
        ("HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]", "HASH(1) SA Ni [KE] [IDci IDcr]"),
        ("", ""),
    ],
)
def test_the_rfcs_rows_as_payloads(row, text):
    assert planned(row) == text


def test_repeated_payloads_are_counted():
    assert compact(["SA", "VID", "VID", "SA"]) == "SA VID*2 SA"
    assert compact([]) == ""


def test_sas_of_a_tunnel_that_is_up(day):
    lines = texts(sas(day, day.tunnels["tokyo/lan"], NOW, 80, ASCII))
    assert lines == [
        " Phase 1  ESTABLISHED 41m ago, initiator, main",
        " suite   aes256-sha256-modp2048, psk",
        " local   192.0.2.1:500  id 192.0.2.1",
        " remote  203.0.113.21:500  id 203.0.113.21",
        " nat     the peer is behind NAT",
        " cookies 3f9ac1d2e0b47715:91bc0713aa02fe88",
        " time    [##---------------|--] 7h18m of 8h left, renew in 6h18m",
        " alive   9.0 ms, 12 of 12 answered, next in 1s _=#:+_=#:+_=",
        " Phase 2  INSTALLED 41m ago, initiator, generation 1",
        " traffic 10.1.0.0/24 = 10.2.0.0/24",
        " suite   aes256gcm16-modp2048, tunnel, ESP in UDP",
        " in      c3a7e891   2.79 GB  2.10M pkts  now  1.24MB/s",
        " out     5d10f2aa    310 MB   640k pkts  now  300kB/s",
        " time    [##############--|---] 18m of 1h left, rekey in 7m51s",
        " volume  [##############----|-] 2.79 GB of 4.00 GB, rekey at 3.60 GB",
    ]


def test_a_pair_that_was_replaced_is_one_line():
    story = Story()
    story.phase1("tokyo", "203.0.113.21")
    story.up("tokyo/lan", ("aaaa0001", "bbbb0001"), "203.0.113.21")
    story.sa("tokyo/lan", ("aaaa0002", "bbbb0002"), "203.0.113.21", generation=2, replaces="aaaa0001")
    story.tell(f.SaReplaced("tokyo/lan", "aaaa0001", "aaaa0002", "time", 0.1, 5.0))
    state = folded(story)
    lines = texts(sas(state, state.tunnels["tokyo/lan"], story.at + 1, 80, ASCII))
    assert lines[-1] == " old     aaaa0001  drains, 4s left, 0 B in"
    assert sum("INSTALLED" in line for line in lines) == 1


def test_sas_of_a_tunnel_that_is_down_say_why(day):
    lines = texts(sas(day, day.tunnels["sendai/lan"], NOW, 80, ASCII))
    assert " Phase 1  none" in lines
    assert " because no answer to message 5 of Main Mode" in lines
    assert " so      its traffic is held back" in lines


def test_the_page_of_a_peer_has_all_its_tunnels(day):
    text = "\n".join(texts(peer_detail(day, "tokyo", NOW, 80, UNICODE)))
    for words in ("phase 2, tokyo/lan", "phase 2, tokyo/dmz", "RFC 3947, DPD", "dpd every 10s", "tunnel is up"):
        assert words in text
    assert "nagoya" not in text


def test_events_name_the_tunnel_of_an_exchange(day):
    resent = [each for each in day.events if isinstance(each.fact, f.RowResent)][1]
    assert text_of(events.event(day, resent, 80, ASCII)).startswith(" 14:55:02 sapporo        message 3 of Main Mode")


def test_routine_events_only_if_asked_for(day):
    few, many = events.history(day, "info"), events.history(day, "debug")
    assert len(few) < len(many)
    assert [each.seq for each in many] == sorted(each.seq for each in many)
    assert not any(isinstance(each.fact, f.ProbeAnswered) for each in few)
    assert {events.whom(day, each).partition("/")[0] for each in events.history(day, "info", "naha")} == {"naha"}


def test_the_top_line(day):
    line = text_of(header.header(day, NOW, 80, "gw", "", False, UNICODE))
    assert line.startswith(" ikeview gw   8 tunnels  2 up  1 rekeying  1 trying  4 down")
    assert line.rstrip().endswith("14:55")
    assert "read only" in text_of(header.header(day, NOW, 80, "gw", "", True, UNICODE))
    assert "ENGINE GONE: pid 8 ended" in text_of(header.header(day, NOW, 80, "gw", "pid 8 ended", False, UNICODE))


def test_the_top_line_tells_of_trouble_for_a_while(day):
    state = folded(gateway())
    apply(state, Stamped(9999, NOW, 0.0, f.PlaneProblem("", "no route")))
    assert header.trouble(state, NOW + 1, "") == "no route"
    assert header.trouble(state, NOW + 100, "") == ""
    apply(state, Stamped(10000, NOW, 0.0, f.EngineStopped()))
    assert header.trouble(state, NOW, "") == "ENGINE STOPPED"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", 8),
        ("down", 4),
        ("/down", 4),
        ("!down", 4),
        ("up", 3),
        ("rekeying", 1),
        ("trying", 1),
        ("tokyo", 2),
        ("TOKYO lan", 1),
        ("tokyo !dmz", 1),
        ("10.40.", 1),
        ("203.0.113.", 3),
        ("authentication", 1),
        ("!", 8),
        ("nothing-fits", 0),
    ],
)
def test_filters(day, query, names):
    assert len(search.chosen(day, query)) == names


def test_local_time():
    assert clock_time(1_790_000_000.25, True) == "14:13:20.250"


# -- certificates, users, members --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def road() -> tuple[State, float]:
    story = Story()
    story.boot()
    roadwarriors(story)
    return folded(story), story.at + 3


def pane(state: State, name: str, now: float) -> list[str]:
    return texts(sas(state, state.tunnels[name], now, 80, ASCII, "u"))


def told(*facts: f.Fact) -> tuple[State, float]:
    story = Story()
    story.boot()
    roadwarriors(story)
    story.tell(*facts)
    return folded(story), story.at + 3


def test_a_peer_with_a_certificate_a_user_and_an_address(road):
    assert pane(road[0], "road#2/lan", road[1])[:11] == [
        " Phase 1  ESTABLISHED 4s ago, responder, main",
        " suite   aes256-sha256-modp2048, xauth-rsa",
        " local   192.0.2.1:4500  id fqdn:gw.example",
        " remote  [2001:db8::32]:4500  id user:bruno@example.net",
        " nat     the peer is behind NAT",
        " cert    until 2026-10-11, 19d left: CN=bruno, O=Example",
        "         by CN=Example CA, ECDSA 256, not revoked",
        " user    bruno, has 10.9.0.6",
        " cookies 2f9ac1d2e0b47715:91bc0713aa02fe88",
        " time    [------------------|-] 7h59m of 8h left, renew in 7h29m",
        " echo    21 ms, 1 of 1 answered, next in 7s _",
    ]


def test_what_aggressive_mode_costs(road):
    assert " care    Aggressive Mode: identities and a hash to try keys on went in clear" in pane(
        road[0], "road#1/lan", road[1]
    )
    state, now = told(
        f.Phase1Established(
            "road#1", "c:d", "x", "responder", "Aggressive Mode", "a", "b", "i", "j", "s", "rsa", 100.0, 80.0, "", (),
            "",
        )
    )
    assert " care    Aggressive Mode: identities went in clear" in pane(state, "road#1/lan", now)
    assert not any("Aggressive" in line for line in pane(road[0], "road#2/lan", road[1]))


@pytest.mark.parametrize(
    ("days", "style", "words"),
    [(400, "plain", "until 2027-10-27: CN=x"), (29, "notice", "until 2026-10-21, 29d left: CN=x"),
     (10, "alert", "until 2026-10-02, 10d left: CN=x"), (-1, "alert", "ended 2026-09-21: CN=x")],
)  # fmt: skip
def test_a_certificate_stands_out_when_it_ends_soon(days, style, words):
    given = f.CertificateTaken(
        "road#2", "road2-mm", "CN=x", "CN=ca", "1", (), "RSA 2048", WALL, WALL + (days + 0.5) * DAY, (),
        "not checked: no list",
    )
    state, now = told(given)
    lines = sas(state, state.tunnels["road#2/lan"], now, 80, ASCII)
    assert (words, style) in [span for line in lines for span in line]
    assert "         by CN=ca, RSA 2048, revocation not checked: no list" in texts(lines)


def test_esp_that_does_not_arrive_is_told_loudly():
    state, now = told(f.TrafficStalled("road#2/lan", 60.0, "a new phase 2 is being made"))
    assert " STALLED IKE answers, no ESP for 1m03s: a new phase 2 is being made" in pane(state, "road#2/lan", now)
    assert ("STALL", "alert") in [
        (text.strip(), style) for text, style in tunnels.live(state, state.tunnels["road#2/lan"], now, ASCII, False)
    ]


def test_names_and_when_they_are_asked_again():
    state, now = told(f.NameResolved("road#2", "b.example", "2001:db8::32", 60.0, True))
    assert " name    b.example is 2001:db8::32, asked again in 57s, changed once" in pane(state, "road#2/lan", now)
    state, now = told(f.NameUnresolved("road#2", "b.example", "timeout", "2001:db8::32"))
    assert " name    b.example: timeout; 2001:db8::32 is used on" in pane(state, "road#2/lan", now)


def test_a_refused_user_is_shown_until_it_is_mended():
    state, now = told(f.UserRefused("road", "carla", True, "the password is wrong"))
    assert " user    refused: carla: the password is wrong" in pane(state, "road/lan", now)


def test_what_the_peer_gave_us():
    given = f.ConfigAssigned(
        "road#2", False, "10.8.0.9", "255.255.255.0", ("10.8.0.1",), "corp.example", "be nice",
        tuple(f"10.{number}.0.0/16" for number in range(10)), ("NBNS: not supported",),
    )
    state, now = told(f.UserAuthenticated("road#2", "me", False), given)
    assert " user    me (we), has 10.8.0.9" in pane(state, "road#2/lan", now)
    page = " ".join(" ".join(texts(peer_detail(state, "road#2", now, 80, ASCII))).split())
    for words in (
        "address 10.8.0.9 given to us; DNS 10.8.0.1; domain corp.example; networks 10.0.0.0/16",
        "10.7.0.0/16 and 2 more",
        "banner be nice", "unused NBNS: not supported",
    ):
        assert words in page
    state, now = told(f.Phase1Deleted("road#1", "1f9ac1d2e0b47715:91bc0713aa02fe88", Cause.PEER_DELETED))
    assert not any("anna" in line for line in pane(state, "road#1/lan", now))


def test_both_kinds_of_keepalive():
    state, now = told(f.ProbeSent("road#1", 1), f.ProbeAnswered("road#1", 1, 0.03, 10.0))
    lines = pane(state, "road#1/lan", now)
    assert " alive   30 ms, 1 of 1 answered, next in 7s _" in lines
    assert any(line.startswith(" echo    21 ms, 1 of 1 answered") for line in lines)
    assert tunnels.keepalive(state.peers["road#1"], ASCII) == ("21ms", "state-up")


def test_the_retry_counts_down_and_can_be_had_at_once(day):
    lines = texts(sas(day, day.tunnels["sendai/lan"], NOW, 80, ASCII, "u"))
    assert " next    attempt 4 in 2m51s; u starts it at once" in lines
    assert " next    attempt 4 in 2m51s" in texts(sas(day, day.tunnels["sendai/lan"], NOW, 80, ASCII))


def test_members_stand_behind_the_configuration_they_belong_to(road):
    story = Story()
    roadwarriors(story)
    story.peer("last", "192.0.2.1")
    story.tunnel("last/lan", "10.2.0.0/24")
    story.tell(
        f.PeerConfigured("road#3", "192.0.2.7", "main", "responder", "psk", "", "", (), 28800.0, "off", (), "road"),
        f.PeerConfigured("x#1", "192.0.2.8", "main", "responder", "psk", "", "", (), 28800.0, "off", (), "gone"),
    )
    story.tunnel("road#3/lan", "10.2.0.0/24")
    story.tunnel("x#1/lan", "10.2.0.0/24")
    assert search.chosen(folded(story), "") == [
        "road/lan", "road#1/lan", "road#2/lan", "road#3/lan", "last/lan", "x#1/lan",
    ]  # fmt: skip
    state, now = road
    assert text_of(tunnels.live(state, state.tunnels["road/lan"], now, ASCII, False)).strip() == "2 connected"
    page = texts(peer_detail(state, "road", now, 100, ASCII))
    at = page.index("-- connected under it: 2 " + "-" * 75)
    assert page[at + 1 : at + 3] == [
        " road#1         198.51.100.31, user:anna@example.net, user anna, has 10.9.0.5, for 5s",
        " road#2         2001:db8::32, user:bruno@example.net, user bruno, has 10.9.0.6, for 4s",
    ]
    assert " one of  those that connect under road" in texts(peer_detail(state, "road#2", now, 100, ASCII))


@pytest.mark.parametrize(("query", "names"), [("bruno", 1), ("10.9.0.5", 1), ("o=example", 1), ("road !#1", 2)])
def test_filters_by_user_address_and_certificate(road, query, names):
    assert len(search.chosen(road[0], query)) == names


def test_a_configuration_that_waits_for_its_peers():
    story = Story()
    story.tell(f.PeerConfigured("road", "any", "main", "responder", "psk", "", "", (), 28800.0, "off"))
    story.tunnel("road/lan", "dynamic", start="manual")
    state = folded(story)
    assert tunnels.absent(state, state.tunnels["road/lan"], story.at) == ("waits for the peer", "dim")


def test_warnings_are_marked_in_the_list_and_told_in_full(road):
    state, now = road
    shape = tunnels.columns(80)
    line = tunnels.fixed(state.tunnels["road/lan"], state.peers["road"], shape, ASCII, False)
    assert (" !", "notice") in line
    assert width(line) == shape.cells
    narrow = tunnels.Columns(7, 7, 0)
    line = tunnels.fixed(state.tunnels["road/lan"], state.peers["road"], narrow, ASCII, False)
    assert " road~ ! any" in text_of(line)
    assert width(line) == narrow.cells
    line = tunnels.fixed(state.tunnels["road#1/lan"], state.peers["road#1"], shape, ASCII, False)
    assert (" !", "notice") not in line
    told_ = " care    modp1024 can be broken by a well-equipped attacker (RFC 8247)"
    assert told_ in pane(state, "road/lan", now)
    assert told_ in texts(peer_detail(state, "road", now, 80, ASCII))


def test_three_and_two_messages(road):
    state, now = road
    assert texts(ladder(state.exchanges["road1-mm"], now, 80, ASCII))[:3] == [
        " 1 SA KE NONCE ID VID*2  <--          412 B 14:13:20",
        " 2 SA KE NONCE ID HASH~  -->          440 B 14:13:20",
        " 3*HASH NAT-D*2          <--   40 ms  140 B 14:13:20",
    ]
    assert texts(ladder(state.exchanges["road1-x"], now, 80, ASCII)) == [
        " 1*HASH ATTR             -->           76 B 14:13:20  asks for user and password",
        " 2*HASH ATTR             <--  900 ms  108 B 14:13:20  user anna",
        " agreed: user anna",
    ]
    cert = " cert: CN=bruno, O=Example, by CN=Example CA, until 2026-10-11"
    assert cert in texts(ladder(state.exchanges["road2-mm"], now, 80, ASCII))


def test_the_negotiations_of_a_member_hold_the_one_that_made_it_known():
    state = folded_with_unknown_begin()
    assert [each.id for each in exchanges_of(state, "road#1/lan")] == ["early", "road1-x"]


def folded_with_unknown_begin() -> State:
    story = Story()
    story.tell(
        f.PeerConfigured("road", "any", "main", "responder", "psk", "", "", (), 28800.0, "off"),
        f.ExchangeStarted("early", "road", "", "Main Mode", "responder", "a", "b", "", "", 1, "peer", ("> HDR, SA",)),
        f.ExchangeStarted("other", "road", "", "Main Mode", "responder", "a", "c", "", "", 1, "peer", ("> HDR, SA",)),
        f.PeerConfigured("road#1", "b", "main", "responder", "psk", "", "", (), 28800.0, "off", (), "road"),
        f.Phase1Established(
            "road#1", "c:d", "early", "responder", "main", "a", "b", "i", "j", "s", "psk", 100.0, 80.0, "", (), ""
        ),
        f.ExchangeStarted("road1-x", "road#1", "", "XAUTH", "initiator", "a", "b", "", "", 1, "", ("> HDR*, HASH",)),
    )
    story.tunnel("road#1/lan", "10.2.0.0/24")
    return folded(story)
