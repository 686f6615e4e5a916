"""The replay window against a model that remembers every number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeview.dataplane.esp.packet import LAST_SEQUENCE
from ikeview.dataplane.esp.replay import ReplayWindow


class Model:
    """RFC 4303 section 3.4.3 in the plainest words."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken: set[int] = set()

    def fresh(self, sequence: int) -> bool:
        highest = max(self.taken, default=0)
        return sequence > 0 and sequence > highest - self.size and sequence not in self.taken


# steps near each other, as reordering makes them, and jumps to anywhere
sequences = st.lists(st.one_of(st.integers(0, 60), st.integers(2000, 2100), st.integers(0, LAST_SEQUENCE)), max_size=60)


@given(st.sampled_from([1, 2, 32, 33, 1024]), sequences)
def test_agrees_with_the_model(size: int, numbers: list[int]) -> None:
    window, model = ReplayWindow(size), Model(size)
    for number in numbers:
        expected = model.fresh(number)
        assert window.fresh(number) is expected
        if expected:
            highest = number > max(model.taken, default=0)
            model.taken.add(number)
            assert window.take(number) is highest


@pytest.mark.parametrize("size", [64, 1024, 4096])
def test_reordering_up_to_the_window_and_no_further(size: int) -> None:
    window = ReplayWindow(size)
    window.take(size + 1)
    assert window.fresh(2)
    assert not window.fresh(1)


def test_a_jump_to_the_end_costs_no_memory() -> None:
    window = ReplayWindow(1024)
    window.take(1)
    assert window.fresh(LAST_SEQUENCE)
    window.take(LAST_SEQUENCE)
    assert window.highest == LAST_SEQUENCE
    assert window._bitmap.bit_length() <= 1024
    assert not window.fresh(LAST_SEQUENCE)
    assert window.fresh(LAST_SEQUENCE - 1023)
    assert not window.fresh(LAST_SEQUENCE - 1024)


def test_asking_moves_nothing() -> None:
    window = ReplayWindow(1024)
    assert window.fresh(5_000)
    assert window.fresh(1)
    assert window.highest == 0


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="takes nothing"):
        ReplayWindow(0)
