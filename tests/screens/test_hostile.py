"""Text that a peer chose goes through every pane, and the terminal gets none of its tricks."""

import re

import pytest

from ikeview.core import facts as f
from ikeview.ui.app import IkeviewApp
from tests.support.fake_engine import FakeEngine
from tests.support.screen_text import press, rows, settled, whole
from tests.support.story import every_text

HOSTILE = (
    "evil[/x]peer[bold red]x[/][@click=app.quit]x[/] $id %s {0}",
    "\x1b]52;c;AAAA\x07\x1b[2J\x9b31m\ud800",
    "a\u202eb\u2066c\none\rtwo\t" + "日本語" * 30,
    "x" * 3000,
    ("[bold]" + "\x1b]52;c;QUFB\x07" + "\u202e\n" + "CN=") * 4100,
)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=["small", "large"])
@pytest.mark.parametrize("text", HOSTILE, ids=["markup", "escapes", "bidi-lines-wide", "long", "64k"])
async def test_through_every_pane(text, size):
    story = every_text(text)
    engine = FakeEngine(story.facts, story.at + 1)
    app = IkeviewApp(engine, hostname=text)
    screens = []
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for keys in (
            ["j"], ["["], ["tab"], ["tab"], ["tab"], ["v"], ["escape"], ["enter"], ["pagedown"], ["escape"],
            ["g", "enter"], *[["pagedown"]] * 4, ["G"], ["escape"], ["G", "enter"], ["escape"], ["g"],
            ["d"], ["escape"], ["u"], ["question_mark"], ["escape"], ["colon"], ["escape"], ["slash", "x", "enter"],
            ["escape"], ["q"], ["escape"],
        ):  # fmt: skip
            await press(pilot, *keys)
            await settled(pilot)
            screens.append(whole(app))
            assert len(rows(app)) == size[1]
        engine.push(f.OrderRefused(text, text, text))
        await settled(pilot)
        screens.append(whole(app))
        engine.subscriptions[0].gone = text
        engine.subscriptions[0].wake()
        await settled(pilot)
        screens.append(whole(app))
    shown = "".join(screens)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    assert "until 2096-10-02" in shown
    assert " banner " in shown
    if text.startswith("evil"):
        assert "evil[/x]peer" in shown
