"""Orders as JSON."""

import json
from typing import Any

import pytest

from ikeview.core.orders import (
    ORDERS,
    BadOrder,
    Initiate,
    Probe,
    RekeyPhase2,
    RenewPhase1,
    Terminate,
    order_from_dict,
    order_to_dict,
)

ALL = [Initiate("a/b", "me"), Terminate("a/b"), RekeyPhase2("a/b", "x"), RenewPhase1("a"), Probe("a", "y")]


@pytest.mark.parametrize("order", ALL)
def test_orders_make_the_round_trip(order: Any) -> None:
    assert order_from_dict(json.loads(json.dumps(order_to_dict(order)))) == order


def test_all_orders_are_covered() -> None:
    assert {type(order) for order in ALL} == set(ORDERS.values())


@pytest.mark.parametrize(
    "garbage",
    [
        None, 1, "initiate", [], {}, {"order": "fly"}, {"order": 1}, {"order": []}, {"order": "initiate"},
        {"order": "initiate", "tunnel": 1}, {"order": "initiate", "tunnel": "a/b", "more": "x"},
        {"order": "initiate", "peer": "a"}, {"order": "renew1", "peer": None}, {"order": None, "tunnel": "a"},
    ],
)  # fmt: skip
def test_what_is_no_order(garbage: Any) -> None:
    with pytest.raises(BadOrder) as caught:
        order_from_dict(garbage)
    assert str(caught.value)
