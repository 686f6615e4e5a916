"""Identities as text and orders as JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikeview.core.identity import BadIdentity, Identity
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
from ikeview.wire.numbers import IdType


@pytest.mark.parametrize(
    ("text", "kind", "data"),
    [
        ("192.0.2.1", IdType.IPV4_ADDR, bytes((192, 0, 2, 1))),
        ("2001:db8::1", IdType.IPV6_ADDR, b"\x20\x01\x0d\xb8" + bytes(11) + b"\1"),
        ("fqdn:gw.example", IdType.FQDN, b"gw.example"),
        ("user:me@example", IdType.USER_FQDN, b"me@example"),
        ("keyid:any text, even with spaces", IdType.KEY_ID, b"any text, even with spaces"),
        ("fqdn:192.0.2.1", IdType.FQDN, b"192.0.2.1"),
        ("keyid:fqdn:x", IdType.KEY_ID, b"fqdn:x"),
    ],
)
def test_identities(text: str, kind: IdType, data: bytes) -> None:
    identity = Identity.parse(text)
    assert (identity.kind, identity.data) == (kind, data)
    assert str(identity) == text
    assert Identity.parse(str(identity)) == identity


def test_bare_names_are_guessed() -> None:
    assert Identity.parse("gw.example") == Identity.parse("fqdn:gw.example")
    assert Identity.parse(" me@example ") == Identity.parse("user:me@example")


@pytest.mark.parametrize("text", ["", "  ", "fqdn:", "keyid:", "dn:CN=x", "a b", "fqdn:a\x1bb", "a\nb", "x" * 256])
def test_what_is_no_identity(text: str) -> None:
    with pytest.raises(BadIdentity) as caught:
        Identity.parse(text)
    assert str(caught.value)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(kind=st.integers(0, 255), data=st.binary(max_size=20))
def test_any_identity_of_a_peer_has_a_text(kind: int, data: bytes) -> None:
    assert str(Identity(kind, data))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=30))
def test_any_text_is_an_identity_or_refused(text: str) -> None:
    try:
        identity = Identity.parse(text)
    except BadIdentity:
        return
    assert Identity.parse(str(identity)) == identity


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
