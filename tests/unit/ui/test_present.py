"""State to lines, without a screen."""

import pytest

from ikeview.core import facts as f
from ikeview.core.facts import Cause, Stamped
from ikeview.model import State, apply
from ikeview.ui.present import events, header, search, tunnels
from ikeview.ui.present.glyphs import ASCII, UNICODE
from ikeview.ui.present.ladder import anchor, clock_time, compact, heading, ladder, planned
from ikeview.ui.present.line import Line, text_of, width
from ikeview.ui.present.peer import peer_detail
from ikeview.ui.present.sas import sas
from tests.support.story import NOW, Story, gateway


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
