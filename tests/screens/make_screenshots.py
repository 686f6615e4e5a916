"""Writes ``themes/<theme>.svg``: the story's gateway in each theme, for the README.

    python -m tests.screens.make_screenshots [FOLDER]
"""

import asyncio
import os
import sys
import time
from pathlib import Path

from ikeview.ui.app import IkeviewApp
from ikeview.ui.theme import shipped
from tests.support.fake_engine import FakeEngine
from tests.support.story import NOW, gateway

SIZE = (100, 30)
SELECTED = 4
"""Rows below the first: the tunnel whose negotiation failed."""


async def picture(theme: str) -> str:
    """The tunnel list as SVG."""
    app = IkeviewApp(FakeEngine(gateway().facts, NOW), theme=theme, hostname="gw-edge1")
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press(*["j"] * SELECTED)
        await pilot.pause()
        return app.export_screenshot(title=f"ikeview, theme {theme}")


def main() -> None:
    """One file a theme."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "themes"
    os.environ["TZ"] = "UTC"
    time.tzset()
    for theme in shipped():
        (folder / f"{theme}.svg").write_text(asyncio.run(picture(theme)))
        print(folder / f"{theme}.svg")


if __name__ == "__main__":
    main()
