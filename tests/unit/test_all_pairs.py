"""The combinations that the tests with strongSwan are made of."""

import itertools

import pytest

from tests.support.all_pairs import all_pairs, pair, pairs_in, possible_pairs

_FACTORS = {"fruit": ["apple", "pear", "plum"], "size": ["small", "large"], "colour": ["red", "green", "blue", "black"]}
_NO_BLUE_PEAR = {pair(("fruit", "pear"), ("colour", "blue")): "there are none"}


def test_every_pair_is_there() -> None:
    rows = all_pairs(_FACTORS, {})
    assert set().union(*map(pairs_in, rows)) == possible_pairs(_FACTORS, {})
    assert len(rows) < len(list(itertools.product(*_FACTORS.values())))
    assert rows == all_pairs(_FACTORS, {})


def test_excluded_pairs_are_not_there() -> None:
    found = set().union(*map(pairs_in, all_pairs(_FACTORS, _NO_BLUE_PEAR)))
    assert found == possible_pairs(_FACTORS, {}) - set(_NO_BLUE_PEAR)


def test_a_pair_that_nothing_can_hold() -> None:
    nothing_small = {pair(("size", "small"), ("colour", colour)): "no" for colour in _FACTORS["colour"]}
    with pytest.raises(ValueError, match="no combination"):
        all_pairs(_FACTORS, nothing_small)
