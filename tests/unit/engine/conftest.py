"""Engines that are stopped at the end of their test, whatever became of it."""

from collections.abc import Callable, Iterator

import pytest

from ikeview.engine.engine import Engine


@pytest.fixture
def running() -> Iterator[Callable[[Engine], Engine]]:
    """Starts an engine and stops it after the test."""
    engines: list[Engine] = []

    def start(engine: Engine) -> Engine:
        engines.append(engine)
        engine.start()
        return engine

    yield start
    for engine in engines:
        assert engine.stop(), "the engine did not end in time"
