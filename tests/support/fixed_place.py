"""Fixtures for screens in tests: the time zone is fixed, and so is the name of the person."""

import time
from collections.abc import Iterator

import pytest

from tests.support.fake_engine import FakeEngine
from tests.support.story import NOW, gateway


@pytest.fixture(autouse=True)
def _fixed_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("ikeview.ui.app.who", lambda: "admin@pts/0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def engine() -> FakeEngine:
    """The gateway of the story, its clock at the story's end."""
    return FakeEngine(gateway().facts, NOW)
