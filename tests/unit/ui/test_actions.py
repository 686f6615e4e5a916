"""One table makes keys, footer and help; a user's keymap is checked against it."""

import pytest

from ikeview.ui.actions import ACTIONS, EVERYWHERE, keymap_problems, keys_of
from ikeview.ui.present.keys import footer, help_page
from ikeview.ui.present.line import text_of, width


def test_the_default_keys_do_not_clash():
    assert keymap_problems({}) == []


@pytest.mark.parametrize(
    ("keymap", "words"),
    [
        ({"tunnel.up": "d"}, "'d' is the key of both tunnel.up and tunnel.down"),
        ({"tunnel.upp": "u"}, "there is no action 'tunnel.upp'; did you mean tunnel.up?"),
        ({"xyzzy": "u"}, "there is no action 'xyzzy'; known are nav.down"),
        ({"tunnel.up": " , "}, "names no key"),
        ({"tunnel.up": "slash"}, "is the key of both filter.open and tunnel.up"),
        ({"tunnel.up": "ctrl+c"}, "ctrl+c always quits"),
        ({"tunnel.up": "hyperspace"}, "'hyperspace' is not a key"),
    ],
)
def test_problems_of_a_keymap(keymap, words):
    (problem,) = keymap_problems(keymap)
    assert words in problem


def test_all_problems_at_once():
    assert len(keymap_problems({"tunnel.up": "d", "nothing": "x", "peer.probe": ""})) == 3


def test_keys_may_change_places():
    keymap = {"tunnel.up": "d", "tunnel.down": "u"}
    assert keymap_problems(keymap) == []


@pytest.mark.parametrize("keys", ["f5", "ctrl+r", "shift+f5", "x", "X", "%", "percent_sign", "space", "f1,ctrl+t"])
def test_names_of_keys(keys):
    assert keymap_problems({"tunnel.up": keys}) == []


def test_the_footer_fits_and_shows_the_users_keys():
    for cells in (40, 80, 160):
        assert width(footer("list", cells, {}, False)) <= cells + 2
    line = text_of(footer("list", 80, {"tunnel.up": "f5"}, False))
    assert "f5 up" in line
    assert "q quit" in line
    assert "esc" not in line


def test_a_read_only_footer_offers_no_orders():
    line = text_of(footer("list", 160, {}, True))
    assert "rekey" not in line
    assert "filter" in line


def test_help_names_every_action():
    text = "\n".join(text_of(line) for line in help_page(80, {}, "here"))
    for action in ACTIONS:
        assert action.id in text
    assert all(width(line) <= 80 for line in help_page(80, {}, "here"))


def test_every_screen_can_be_left():
    for where in EVERYWHERE:
        here = [action.id for action in ACTIONS if where in action.where]
        assert "nav.back" in here
        assert "app.quit" in here
    assert all(keys_of(action, {}) for action in ACTIONS)
