"""Keys to orders, panes and pages, on a running screen."""

import os
import signal

import pytest

from ikeview.core import facts as f
from ikeview.core.orders import Initiate, Probe, RekeyPhase2, RenewPhase1, Terminate
from ikeview.ui.app import IkeviewApp, QuitChoice, ScreenRefused
from ikeview.ui.screens.peer import PeerScreen
from ikeview.ui.screens.question import QuestionScreen
from ikeview.ui.screens.tunnels import TunnelsScreen
from tests.support.fake_engine import FakeEngine
from tests.support.screen_text import press, rows, settled, whole
from tests.support.story import NOW, Story

SMALL = (80, 24)


def app_of(engine: FakeEngine, **options) -> IkeviewApp:
    return IkeviewApp(engine, hostname="gw", **options)


def title(app: IkeviewApp, pane: str) -> str:
    return next(row for row in rows(app) if row.startswith(f"─ {pane}"))


@pytest.mark.parametrize(
    ("keys", "orders"),
    [
        (["u"], [Initiate("tokyo/lan", "admin@pts/0")]),
        (["j", "u"], [Initiate("tokyo/dmz", "admin@pts/0")]),
        (["down", "j", "k", "up", "u"], [Initiate("tokyo/lan", "admin@pts/0")]),
        (["G", "u"], [Initiate("lab/lan", "admin@pts/0")]),
        (["end", "g", "u"], [Initiate("tokyo/lan", "admin@pts/0")]),
        (["pagedown", "u"], [Initiate("osaka/lan", "admin@pts/0")]),
        (["G", "pageup", "u"], [Initiate("tokyo/dmz", "admin@pts/0")]),
        (["r"], [RekeyPhase2("tokyo/lan", "admin@pts/0")]),
        (["R"], [RenewPhase1("tokyo", "admin@pts/0")]),
        (["p"], [Probe("tokyo", "admin@pts/0")]),
        (["d"], []),
        (["d", "enter"], []),
        (["d", "escape"], []),
        (["d", "n"], []),
        (["d", "y"], [Terminate("tokyo/lan", "admin@pts/0")]),
        (["d", "right", "enter"], [Terminate("tokyo/lan", "admin@pts/0")]),
        (["d", "tab", "tab", "enter"], []),
        (["j", "enter", "r", "p"], [RekeyPhase2("tokyo/dmz", "admin@pts/0"), Probe("tokyo", "admin@pts/0")]),
        (["j", "enter", "d", "y"], [Terminate("tokyo/dmz", "admin@pts/0")]),
        (["slash", *"sendai", "enter", "u"], [Initiate("sendai/lan", "admin@pts/0")]),
        (["slash", *"sendai", "escape", "u"], [Initiate("sendai/lan", "admin@pts/0")]),
        (["slash", *"!down", "enter", "G", "u"], [Initiate("sapporo/lan", "admin@pts/0")]),
        (["slash", *"nothing-fits", "enter", "u"], []),
        (["colon", *"renew", "enter"], [RenewPhase1("tokyo", "admin@pts/0")]),
        (["colon", *"probe", "escape"], []),
        (["question_mark", "escape", "u"], [Initiate("tokyo/lan", "admin@pts/0")]),
    ],
    ids=lambda value: " ".join(value) if value and isinstance(value[0], str) else "",
)
async def test_keys_make_orders(engine, keys, orders):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        for key in keys:
            await press(pilot, key)
            await settled(pilot)
        assert engine.orders == orders


async def test_a_users_keys_take_the_place_of_ours(engine):
    app = app_of(engine, keys={"tunnel.up": "d", "tunnel.down": "u", "peer.probe": "f5"})
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await press(pilot, "d", "f5", "p")
        await settled(pilot)
        assert engine.orders == [Initiate("tokyo/lan", "admin@pts/0"), Probe("tokyo", "admin@pts/0")]
        await press(pilot, "u")
        await settled(pilot)
        assert isinstance(app.screen, QuestionScreen)


async def test_a_read_only_screen_sends_nothing(engine):
    app = app_of(engine, read_only=True)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await press(pilot, "u", "r", "R", "p", "d", "y")
        await settled(pilot)
        assert engine.orders == []
        assert "read only" in rows(app)[0]
        assert "no orders" in rows(app)[-1]


def test_a_bad_keymap_and_a_bad_theme_are_told_together(engine):
    with pytest.raises(ScreenRefused) as caught:
        app_of(engine, keys={"tunnel.up": "d"}, theme="nicht")
    assert "tunnel.up and tunnel.down" in str(caught.value)
    assert "there is no theme 'nicht'" in str(caught.value)


async def test_the_selection_follows_its_tunnel(engine):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await press(pilot, "j", "j", "j")
        assert rows(app)[5].startswith("▌◌ TRYING   sapporo/lan")
        await press(pilot, "slash", *"lan", "enter")
        await settled(pilot)
        assert "▌◌ TRYING   sapporo/lan" in whole(app)
        await press(pilot, "escape")
        await settled(pilot)
        assert rows(app)[5].startswith("▌◌ TRYING   sapporo/lan")


async def test_facts_reach_the_screen(engine):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        cause = f.Cause.PEER_DELETED
        engine.push(f.SaDeleted("tokyo/lan", "c3a7e891", "peer", cause), f.TunnelDown("tokyo/lan", cause, ""))
        await settled(pilot)
        assert "○ DOWN     tokyo/lan" in rows(app)[2]
        assert "deleted by the peer" in rows(app)[2]


async def test_a_refused_order_is_told(engine):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        engine.push(f.OrderRefused("rekey2", "tokyo/lan", "it has no SA"))
        await settled(pilot)
        assert rows(app)[-1] == " rekey2 refused: it has no SA"


async def test_a_burst_is_drained_a_few_times_only(engine):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        drains = engine.subscriptions[0].drains
        for number in range(300):
            engine.push(f.ProbeSent("tokyo", number))
            await pilot.pause(0)
        assert engine.subscriptions[0].drains - drains <= 8


async def test_an_engine_that_is_gone_is_told_and_q_leaves(engine):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        engine.subscriptions[0].gone = "pid 812 ended"
        engine.subscriptions[0].wake()
        await settled(pilot)
        assert "ENGINE GONE: pid 812 ended" in rows(app)[0]
        await press(pilot, "q")
    assert app.return_value is QuitChoice.LEAVE


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_quitting_asks_while_sas_are_up(engine, key):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await press(pilot, key)
        await settled(pilot)
        assert "2 phase 1 and 3 phase 2 SAs are up." in whole(app)
        await press(pilot, "ctrl+c", "enter")
        await settled(pilot)
        assert isinstance(app.screen, TunnelsScreen)
        await press(pilot, key, "y")
        await settled(pilot)
    assert app.return_value is QuitChoice.TEARDOWN


async def test_ctrl_c_quits_from_a_page_too(engine):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await press(pilot, "enter")
        await settled(pilot)
        assert isinstance(app.screen, PeerScreen)
        await press(pilot, "ctrl+c", "y")
        await settled(pilot)
    assert app.return_value is QuitChoice.TEARDOWN


async def test_quitting_without_sas_does_not_ask():
    story = Story()
    story.boot()
    app = app_of(FakeEngine(story.facts, NOW))
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        assert "0 tunnels" in rows(app)[0]
        await press(pilot, "u", "enter", "[", "]", "j", "tab", "G", "q")
    assert app.return_value is QuitChoice.TEARDOWN


async def test_an_attached_screen_simply_leaves(engine):
    app = app_of(engine, attached=True)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await press(pilot, "q")
    assert app.return_value is QuitChoice.LEAVE
    assert engine.subscriptions[0].closed


@pytest.mark.parametrize(
    ("number", "attached", "choice"),
    [
        (signal.SIGHUP, False, QuitChoice.GONE),
        (signal.SIGTERM, False, QuitChoice.TEARDOWN),
        (signal.SIGTERM, True, QuitChoice.LEAVE),
    ],
)
async def test_signals_end_the_screen_in_order(engine, number, attached, choice):
    app = app_of(engine, attached=attached)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        os.kill(os.getpid(), number)
        await settled(pilot)
    assert app.return_value is choice


async def test_panes_take_the_keys_in_turn(engine):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        seen = []
        for _ in range(5):
            seen.append(app.focused.id)
            await press(pilot, "tab")
            await settled(pilot)
        assert seen == ["tunnels", "ladder", "sas", "events", "tunnels"]
        await press(pilot, "shift+tab", "escape")
        await settled(pilot)
        assert app.focused.id == "tunnels"


async def test_events_hold_when_scrolled_and_follow_at_the_end(engine):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await press(pilot, "shift+tab")
        await settled(pilot)
        await press(pilot, "k", "k")
        await settled(pilot)
        assert "held" in title(app, "Events")
        await press(pilot, "G")
        await settled(pilot)
        assert "following" in title(app, "Events")
        await press(pilot, "v")
        await settled(pilot)
        assert "keepalive" in whole(app) or "message 3 of Main Mode sent: KE" in whole(app)


async def test_earlier_negotiations(engine):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        assert "─ tokyo/lan  Quick Mode" in whole(app)
        await press(pilot, "[")
        await settled(pilot)
        assert "─ tokyo  Main Mode" in whole(app)
        assert "1 of 2" in whole(app)
        await press(pilot, "[", "]", "]")
        await settled(pilot)
        assert "─ tokyo/lan  Quick Mode" in whole(app)


async def test_bytes_or_rates(engine):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await press(pilot, "b")
        await settled(pilot)
        assert "IN/s OUT/s" in rows(app)[1]
        assert "1.24M  300k" in rows(app)[2]


async def test_any_size_of_terminal(engine):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        for size in ((132, 38), (131, 37), (80, 50), (20, 5), (1, 1), (80, 24)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
            assert len(rows(app)) == size[1]
            await press(pilot, "tab")
        await press(pilot, "enter")
        for size in ((1, 1), (160, 50)):
            await pilot.resize_terminal(*size)
            await settled(pilot)


async def test_only_changed_rows_are_painted_again(engine, monkeypatch):
    app = app_of(engine)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        live = app.screen.query_one("#live")
        fixed = app.screen.query_one("#fixed")
        painted = []
        monkeypatch.setattr(live, "refresh", lambda *regions, **_: painted.extend(regions) or live)
        monkeypatch.setattr(fixed, "refresh", lambda *regions, **_: painted.append("fixed") or fixed)
        app.screen.render_all()
        assert painted == []
        engine.now += 1
        app.screen.render_all()
        assert {region.y for region in painted} == {5, 6}
        assert {region.height for region in painted} == {1}
