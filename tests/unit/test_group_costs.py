"""``ikeview groups``: order, bounds of the measurement, and both forms of the answer."""

import json
from collections.abc import Callable

import pytest

from ikeview import cli, group_costs
from ikeview.crypto.groups import GROUPS, Group, KeyPair
from ikeview.crypto.secret import Secret
from ikeview.group_costs import MOST_RUNS, Cost, measure, table


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class SlowPair:
    """A key pair whose shared secret takes a while on the test's clock."""

    public = b"public"

    def __init__(self, group: Group, clock: Clock, seconds: list[float]) -> None:
        self.group, self._clock, self._seconds = group, clock, seconds

    def shared(self, peer_public: bytes) -> Secret:
        assert peer_public == self.public
        self._clock.now += self._seconds.pop(0) if len(self._seconds) > 1 else self._seconds[0]
        return Secret(b"")


def slow(clock: Clock, name: str, strength: int, *seconds: float) -> Group:
    left = list(seconds)

    def make(group: Group, random: Callable[[int], bytes] | None) -> KeyPair:
        return SlowPair(group, clock, left)

    return Group(name, 1, 6, strength, make)


def test_the_weakest_first_then_the_quickest() -> None:
    clock = Clock()
    groups = [slow(clock, "strong", 200, 0.1), slow(clock, "slow", 80, 0.2), slow(clock, "quick", 80, 0.1)]
    costs = measure(groups, clock)
    assert [(cost.group.name, round(cost.seconds, 3)) for cost in costs] == [
        ("quick", 0.1), ("slow", 0.2), ("strong", 0.1)
    ]


def test_the_median_does_not_mind_one_slow_run() -> None:
    clock = Clock()
    (cost,) = measure([slow(clock, "one", 80, 0.5, 0.01)], clock, 10.0)
    assert (round(cost.seconds, 3), cost.runs) == (0.01, MOST_RUNS)


def test_it_ends_in_time_but_measures_every_group() -> None:
    clock = Clock()
    costs = measure([slow(clock, "one", 80, 3.0), slow(clock, "two", 90, 3.0)], clock, 2.0)
    assert [cost.runs for cost in costs] == [1, 1]
    assert clock.now == 106.0
    clock = Clock()
    costs = measure([slow(clock, "one", 80, 0.3), slow(clock, "two", 90, 0.3)], clock, 2.0)
    assert sum(cost.runs for cost in costs) == 7
    assert clock.now < 102.4


def test_the_table_says_what_is_weak_and_nothing_else_is() -> None:
    costs = [Cost(group, 0.00123, 25) for group in GROUPS.values()]
    lines = table(costs).splitlines()
    assert lines[0].split() == ["STRENGTH", "GROUP", "NUMBER", "TIME"]
    assert lines[1].split()[:6] == ["66", "bits", "modp768", "1", "1.23", "ms"]
    assert [line.split()[2] for line in lines if "weak: " in line] == [
        group.name for group in GROUPS.values() if group.weak
    ]
    assert "at least 25 runs" in lines[-2]


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_costs, "MOST_RUNS", 1)
    assert cli.main(["groups", "--json"]) == 0
    groups = json.loads(capsys.readouterr().out)["groups"]
    assert {each["number"] for each in groups} == {group.number for group in GROUPS.values()}
    assert all(each["seconds"] > 0 and each["runs"] == 1 for each in groups)
    assert [each["strength"] for each in groups] == sorted(each["strength"] for each in groups)
    assert next(each for each in groups if each["name"] == "modp2048")["weak"] is None
    assert cli.main(["groups"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert {line.split()[2] for line in shown[1 : len(groups) + 1]} == set(GROUPS)
