"""The table of timers against a dictionary that is searched."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ikeview.core.timers import Timer, Timers
from tests.support.laws import context_of, peer_of
from tests.support.scenes import link

KEYS = st.sampled_from([("a", "1"), ("a", "2"), ("b", "1")])
KINDS = st.sampled_from([Timer.RESEND, Timer.REKEY, Timer.PROBE])


class AgainstAModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.timers = Timers()
        self.model: dict[tuple[Timer, tuple[str, str]], float] = {}
        self.now = 0.0

    @rule(timer=KINDS, key=KEYS, wait=st.integers(0, 9))
    def start(self, timer: Timer, key: tuple[str, str], wait: int) -> None:
        self.timers.set(timer, key, self.now + wait)
        self.model[timer, key] = self.now + wait

    @rule(timer=KINDS, key=KEYS)
    def stop(self, timer: Timer, key: tuple[str, str]) -> None:
        self.timers.clear(timer, key)
        self.model.pop((timer, key), None)

    @rule(key=KEYS)
    def stop_all(self, key: tuple[str, str]) -> None:
        self.timers.clear_all(key)
        self.model = {each: at for each, at in self.model.items() if each[1] != key}

    @rule(passed=st.integers(0, 5))
    def pass_time(self, passed: int) -> None:
        self.now += passed
        due = {each: at for each, at in self.model.items() if at <= self.now}
        fired = []
        while (popped := self.timers.pop_due(self.now)) is not None:
            fired.append(popped)
            assert self.timers.get(*popped) is None
        assert set(fired) == set(due)
        assert len(fired) == len(due)
        assert [due[each] for each in fired] == sorted(due.values())
        for each in due:
            del self.model[each]

    @invariant()
    def agree(self) -> None:
        assert self.timers.next() == min(self.model.values(), default=None)
        assert self.timers.table() == sorted((at, timer, key) for (timer, key), at in self.model.items())
        for (timer, key), at in self.model.items():
            assert self.timers.get(timer, key) == at


AgainstAModel.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, derandomize=True, database=None
)
TestAgainstAModel = AgainstAModel.TestCase


def test_moving_a_timer_a_thousand_times_keeps_the_table_small() -> None:
    timers = Timers()
    for number in range(10_000):
        timers.set(Timer.PROBE, ("a", "1"), 1e6 - number)
        assert timers.next() == 1e6 - number
    for number in range(10_000):
        timers.set(Timer.PROBE, ("a", "1"), 1e6 + number)
        timers.next()
    assert len(timers._heap) <= 65


def test_every_timer_says_what_it_does() -> None:
    assert all(str(timer)[0].islower() and not str(timer).endswith(".") for timer in Timer)
    assert len({str(timer) for timer in Timer}) == len(Timer)


def test_overdue_timers_are_fired_in_portions_the_earliest_first() -> None:
    """After a suspend all are overdue at once: datagrams must get their turn among them."""
    some = link()
    context = context_of(some.left)
    for number in range(150):
        context.timers.set(Timer.RETRY, ("right", f"gone {number:03}"), 100.0 + number)
    fired: list[str] = []
    peer_of(some.left).fire = lambda now, timer, subject: fired.append(subject)
    context.timers.clear(Timer.PREPARE, ("", "x25519"))
    some.left.endpoint.tick(1000.0)
    assert fired == [f"gone {number:03}" for number in range(64)]
    assert some.left.endpoint.deadline() == 164.0
    some.left.endpoint.tick(1000.0)
    some.left.endpoint.tick(1000.0)
    assert len(fired) == 150
    assert some.left.endpoint.deadline() is None
