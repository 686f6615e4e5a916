"""Facts as JSON and back, and what is no fact."""

import dataclasses
import json
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikeview.core import facts
from ikeview.core.facts import (
    FACTS,
    BadFact,
    Cause,
    DropReason,
    EngineStalled,
    Fact,
    Sample,
    Stamped,
    fact_from_dict,
    fact_to_dict,
    stamped_from_dict,
    stamped_to_dict,
)

VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(-(2**40), 2**40),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    Cause: st.sampled_from(Cause),
    DropReason: st.sampled_from(DropReason),
    tuple[str, ...]: st.lists(st.text(max_size=8), max_size=3).map(tuple),
    tuple[Sample, ...]: st.lists(st.builds(Sample), max_size=2).map(tuple),
}


def examples(kind: type) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{each.name: VALUES[hints[each.name]] for each in dataclasses.fields(kind)})


@pytest.mark.parametrize("name", FACTS)
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_kind_makes_the_round_trip_through_json(name: str, data: st.DataObject) -> None:
    fact = data.draw(examples(FACTS[name]))
    stamped = Stamped(7, 1.5, 2.5, fact)
    assert stamped_from_dict(json.loads(json.dumps(stamped_to_dict(stamped)))) == stamped
    assert fact_from_dict(json.loads(json.dumps(fact_to_dict(fact)))) == fact


def test_all_kinds_are_known_and_frozen() -> None:
    declared = {
        each.__name__
        for each in vars(facts).values()
        if isinstance(each, type) and issubclass(each, Fact) and each is not Fact
    }
    assert declared == set(FACTS)
    for kind in FACTS.values():
        assert dataclasses.fields(kind) is not None
        assert kind.__doc__
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
        # these would collide with the stamp and the kind in the flat mapping
        assert not {each.name for each in dataclasses.fields(kind)} & {"seq", "at", "wall", "fact"}


GOOD = stamped_to_dict(Stamped(1, 2.0, 3.0, EngineStalled(0.5)))


def test_a_whole_number_will_do_for_a_duration() -> None:
    fact = stamped_from_dict(GOOD | {"seconds": 3}).fact
    assert fact == EngineStalled(3.0)
    assert type(fact.seconds) is float  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "garbage",
    [
        None, 7, "fact", [], {}, GOOD | {"fact": "NoSuch"}, GOOD | {"fact": 7}, GOOD | {"fact": []},
        GOOD | {"fact": None}, GOOD | {"fact": {}}, GOOD | {"seq": None}, GOOD | {"seq": "x"}, GOOD | {"seq": []},
        GOOD | {"seq": float("inf")}, GOOD | {"at": 10**400}, GOOD | {"wall": {}}, GOOD | {"seconds": "1"},
        GOOD | {"seconds": True}, GOOD | {"seconds": None}, GOOD | {"seconds": 10**400}, GOOD | {"more": 1},
        {key: value for key, value in GOOD.items() if key != "seconds"},
        {key: value for key, value in GOOD.items() if key != "wall"},
        GOOD | {"fact": "CountersSampled", "samples": [1]},
        GOOD | {"fact": "CountersSampled", "samples": [{"spi_in": 3}]},
        GOOD | {"fact": "TunnelDown", "tunnel": "a/b", "cause": "no such cause", "detail": ""},
        GOOD | {"fact": "TunnelDown", "tunnel": "a/b", "cause": [], "detail": ""},
    ],
)  # fmt: skip
def test_garbage_is_refused(garbage: Any) -> None:
    with pytest.raises(BadFact):
        stamped_from_dict(garbage)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(FACTS)), key=st.text(max_size=6), value=JSON, index=st.integers(0, 30))
def test_a_fact_with_a_changed_field_is_refused_or_read(name: str, key: str, value: Any, index: int) -> None:
    hints = get_type_hints(FACTS[name])
    simple: dict[Any, Any] = {
        str: "", int: 0, float: 0.0, bool: False, Cause: Cause.OPERATOR, DropReason: DropReason.EMPTY,
    }  # fmt: skip
    data: dict[str, Any] = {"fact": name, "seq": 1, "at": 0.0, "wall": 0.0}
    data |= {each.name: simple.get(hints[each.name], []) for each in dataclasses.fields(FACTS[name])}
    keys = [*data, key]
    data[keys[index % len(keys)]] = value
    try:
        read = stamped_from_dict(data)
    except BadFact:
        return
    assert type(read.fact).__name__ == data["fact"]
    assert fact_from_dict(fact_to_dict(read.fact)) == read.fact or "nan" in repr(read.fact)
