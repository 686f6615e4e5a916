"""The screen over the story in a process of its own, for tests on a pseudo-terminal.

    python -m tests.support.screen_child [plain] [attached] [ticking] [broken]

Prints how it was left. ``ticking``: the clock runs on from the story's end; ``broken``: the first key raises.
"""

import sys
import time
from types import SimpleNamespace

from ikeview.ui.terminal import prepare
from tests.support.fake_engine import FakeEngine
from tests.support.story import NOW, gateway


class TickingEngine(FakeEngine):
    """Its clock runs."""

    def clock(self) -> float:
        return NOW + time.monotonic() - STARTED


class BrokenEngine(FakeEngine):
    """Takes no order."""

    def send(self, order: object) -> None:
        raise RuntimeError("secret words of an exception")


STARTED = time.monotonic()


def main(words: list[str]) -> None:
    prepare()
    from ikeview.ui.app import ScreenFailed, run_app

    kind = TickingEngine if "ticking" in words else BrokenEngine if "broken" in words else FakeEngine
    engine = kind(gateway().facts, NOW)
    try:
        settings = SimpleNamespace(theme="night", keys=())
        choice = run_app(engine, settings_ui=settings, plain="plain" in words, attached="attached" in words)
    except ScreenFailed as error:
        print(f"failed: {type(error.__cause__).__name__}")
    else:
        print(f"left: {choice}")


if __name__ == "__main__":
    main(sys.argv[1:])
