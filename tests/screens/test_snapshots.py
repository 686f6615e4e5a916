"""The screens as pictures, in both sizes; the clock stands still."""

import pytest

from ikeview.ui.app import IkeviewApp
from tests.support.fake_engine import FakeEngine
from tests.support.screen_text import press, settled, whole
from tests.support.story import gateway, roadwarriors

SIZES = {"80x24": (80, 24), "160x50": (160, 50)}
PICTURES = {
    "list": [],
    "running-ladder": ["j", "j", "j"],
    "failed-negotiation": ["j", "j", "j", "j"],
    "sas": ["tab", "tab"],
    "events": ["shift+tab"],
    "peer": ["enter"],
    "help": ["question_mark"],
    "down-question": ["d"],
    "quit-question": ["q"],
    "palette": ["colon"],
    "filter": ["slash", *"down"],
}


LARGE = ("list", "running-ladder", "failed-negotiation", "peer", "help", "quit-question")


@pytest.mark.parametrize(
    ("picture", "size"), [(name, "80x24") for name in PICTURES] + [(name, "160x50") for name in LARGE]
)
def test_screen(engine: FakeEngine, snap_compare, picture, size):
    async def before(pilot):
        await settled(pilot)
        await press(pilot, *PICTURES[picture])

    assert snap_compare(IkeviewApp(engine, hostname="gw-edge1"), terminal_size=SIZES[size], run_before=before)


ROAD = {
    "road-list": ["G"],
    "road-sas": ["G", "tab", "tab"],
    "road-ladder": ["G", "[", "["],
    "road-member": ["G", "enter"],
    "road-peer": ["G", "k", "k", "enter"],
}


@pytest.mark.parametrize(
    ("picture", "size"),
    [(name, "80x24") for name in ROAD] + [(name, "160x50") for name in ("road-list", "road-member")],
)
def test_members(snap_compare, picture, size):
    story = gateway()
    roadwarriors(story)

    async def before(pilot):
        await settled(pilot)
        await press(pilot, *ROAD[picture])

    app = IkeviewApp(FakeEngine(story.facts, story.at + 3), hostname="gw-edge1")
    assert snap_compare(app, terminal_size=SIZES[size], run_before=before)


@pytest.mark.parametrize("options", [{"plain": True}, {"theme": "day"}, {"theme": "terminal"}], ids=str)
def test_looks(engine: FakeEngine, snap_compare, options):
    assert snap_compare(IkeviewApp(engine, hostname="gw-edge1", **options), terminal_size=(80, 24), run_before=settled)


async def test_plain_is_ascii(engine: FakeEngine):
    app = IkeviewApp(engine, hostname="gw-edge1", plain=True)
    shown = []
    async with app.run_test(size=(160, 50)) as pilot:
        await settled(pilot)
        for keys in ([], ["j", "j", "j", "j"], ["enter"], ["escape", "d"], ["escape", "colon"], ["escape", "?"]):
            await press(pilot, *keys)
            shown.append(whole(app))
    assert [ascii(letter) for letter in "".join(shown) if not letter.isascii()] == []
