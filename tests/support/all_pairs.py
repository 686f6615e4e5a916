"""Combinations of several factors' values such that every pair of values of two factors is in at least one of them."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

Factors = Mapping[str, Sequence[str]]
Value = tuple[str, str]
"""A factor and one of its values."""
Pair = frozenset[Value]


def pair(one: Value, other: Value) -> Pair:
    """Two values of different factors."""
    return frozenset((one, other))


def possible_pairs(factors: Factors, excluded: Mapping[Pair, str]) -> set[Pair]:
    """All pairs, without those that are excluded (each for the reason it is mapped to)."""
    return {
        both
        for (one, ones), (other, others) in itertools.combinations(factors.items(), 2)
        for first, second in itertools.product(ones, others)
        if (both := pair((one, first), (other, second))) not in excluded
    }


def pairs_in(row: Mapping[str, str]) -> set[Pair]:
    """The pairs of one combination."""
    return {pair(*both) for both in itertools.combinations(row.items(), 2)}


def all_pairs(factors: Factors, excluded: Mapping[Pair, str]) -> list[dict[str, str]]:
    """Few combinations, always the same ones, that hold every possible pair and no excluded one. Raises ``ValueError``
    for a pair that is not excluded and yet fits into no combination."""
    open_pairs = possible_pairs(factors, excluded)
    used: Counter[Pair] = Counter()
    rows: list[dict[str, str]] = []
    while open_pairs:
        begin = min(open_pairs, key=sorted)
        row = next(_filled(dict(sorted(begin)), factors, excluded, open_pairs, used), None)
        if row is None:
            raise ValueError(f"no combination holds {sorted(begin)}")
        rows.append({name: row[name] for name in factors})
        open_pairs -= pairs_in(row)
        used.update(pairs_in(row))
    return rows


def _filled(
    row: dict[str, str], factors: Factors, excluded: Mapping[Pair, str], open_pairs: set[Pair], used: Counter[Pair]
) -> Iterator[dict[str, str]]:
    """The row with the missing factors set: the value that brings the most new pairs first; of equals the one
    whose pairs have been used least, so that two factors do not change in step."""
    missing = [name for name in factors if name not in row]
    if not missing:
        yield row
        return

    def worth(value: Value) -> tuple[int, int]:
        with_row = [pair(value, each) for each in row.items()]
        return sum(each in open_pairs for each in with_row), -sum(used[each] for each in with_row)

    choices = [
        (name, value) for name in missing for value in factors[name]
        if not any(pair((name, value), each) in excluded for each in row.items())
    ]
    best = max(choices, key=worth, default=None)
    if best is None:
        return
    # the best factor is settled now; if its best value leads nowhere, its others are tried
    name = best[0]
    for value in sorted((each for each in choices if each[0] == name), key=worth, reverse=True):
        yield from _filled(row | {name: value[1]}, factors, excluded, open_pairs, used)
