"""The replay window against a model that remembers every number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeview.dataplane.esp.packet import LAST_EXTENDED, LAST_SEQUENCE
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


# near the edges of the low half, and anywhere
tops = st.one_of(
    st.builds(lambda high, low: high * 2**32 + low, st.sampled_from([0, 1, 2, 2**32 - 1]), st.integers(0, 3000)),
    st.builds(lambda high, low: high * 2**32 - low, st.sampled_from([1, 2, 2**32]), st.integers(1, 3000)),
    st.integers(1, LAST_EXTENDED),
)


@given(st.sampled_from([1, 32, 1024]), tops, st.integers(-1023, 2**31))
def test_the_high_half_is_found(size: int, top: int, ahead: int) -> None:
    """Every number in the window, and every one less than 2^31 above it, is found again from its low half."""
    window = ReplayWindow(size)
    window.take(top)
    number = top + max(ahead, 1 - size)
    if 0 < number <= LAST_EXTENDED:
        assert window.whole(number % 2**32) == number


@given(st.sampled_from([1, 32, 1024]), tops, st.integers(0, LAST_SEQUENCE))
def test_the_high_half_agrees_with_the_plainest_words(size: int, top: int, low: int) -> None:
    """RFC 4303 appendix A2: of all numbers with that low half the first that is not below the window."""
    window = ReplayWindow(size)
    window.take(top)
    bottom = top - size + 1
    expected = low + -(-(bottom - low) // 2**32) * 2**32
    assert window.whole(low) == (expected if 0 <= expected <= LAST_EXTENDED else 0)


def test_no_high_half_below_zero_or_above_the_last() -> None:
    window = ReplayWindow(1024)
    assert window.whole(1) == 1
    assert window.whole(LAST_SEQUENCE) == 0, "before the first number"
    assert not window.fresh(0)
    window.take(LAST_EXTENDED)
    assert window.whole(0) == 0, "after the last number"
    assert window.whole(LAST_SEQUENCE - 5) == LAST_EXTENDED - 5
