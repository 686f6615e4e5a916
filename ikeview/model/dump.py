"""The state as a JSON-able mapping and back, for a screen that attaches to an engine in another process."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from ikeview.core.facts import BadFact, Stamped, stamped_from_dict, stamped_to_dict
from ikeview.model.state import State

ITEMS_LIMIT = 100_000
"""More entries in one list or mapping than any gateway has; a sender that is broken must not eat the memory."""
TEXT_LIMIT = 100_000
"""Longer than any text of a fact: an IKE message has at most 64 kB."""


class BadState(ValueError):
    """A mapping is no state; the text says where and why."""


def dump(state: State) -> dict[str, Any]:
    """For JSON: dataclasses as mappings of their fields."""
    result = _plain(state)
    assert isinstance(result, dict)
    return result


def _plain(value: Any) -> Any:
    if isinstance(value, Stamped):
        return stamped_to_dict(value)
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value


def load(data: object) -> State:
    """Back from JSON. Raises ``BadState``."""
    state = _reader(State)(data, "state")
    assert isinstance(state, State)
    return state


def clone(state: State) -> State:
    """A copy that shares nothing mutable with the original; facts are frozen and shared."""
    copy = _copy(state)
    assert isinstance(copy, State)
    return copy


def _copy(value: Any) -> Any:
    if isinstance(value, list):
        return [_copy(each) for each in value]
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, Stamped):
        return type(value)(*(_copy(getattr(value, each.name)) for each in fields(value)))  # type: ignore[misc]
    return value


Reader = Callable[[Any, str], Any]


@cache
def _reader(kind: Any) -> Reader:
    if kind is Stamped:
        return _stamped
    if isinstance(kind, type) and is_dataclass(kind):
        return _record(kind)
    if kind in (str, int, float, bool):
        return _scalar(kind)
    if get_origin(kind) is list:
        return _list(_reader(get_args(kind)[0]))
    if get_origin(kind) is dict:
        return _dict(_reader(get_args(kind)[1]))
    if isinstance(kind, UnionType) and set(get_args(kind)[1:]) == {NoneType}:
        return _optional(_reader(get_args(kind)[0]))
    raise TypeError(f"no reader for {kind}")


def _stamped(value: Any, where: str) -> Stamped:
    try:
        return stamped_from_dict(value)
    except (BadFact, AttributeError, TypeError) as error:
        raise BadState(f"{where}: {error}") from error


def _scalar(kind: type) -> Reader:
    def read(value: Any, where: str) -> Any:
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind:
            raise BadState(f"{where}: wants {kind.__name__}, got {type(value).__name__}")
        if isinstance(value, str) and len(value) > TEXT_LIMIT:
            raise BadState(f"{where}: longer than {TEXT_LIMIT} characters")
        return value

    return read


def _optional(item: Reader) -> Reader:
    def read(value: Any, where: str) -> Any:
        return None if value is None else item(value, where)

    return read


def _list(item: Reader) -> Reader:
    def read(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list) or len(value) > ITEMS_LIMIT:
            raise BadState(f"{where}: wants a list of at most {ITEMS_LIMIT}")
        return [item(each, f"{where}[{index}]") for index, each in enumerate(value)]

    return read


def _dict(item: Reader) -> Reader:
    def read(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > ITEMS_LIMIT:
            raise BadState(f"{where}: wants a mapping of at most {ITEMS_LIMIT}")
        if not all(type(key) is str and len(key) <= TEXT_LIMIT for key in value):
            raise BadState(f"{where}: wants short text as keys")
        return {key: item(each, f"{where}.{key}") for key, each in value.items()}

    return read


def _record(kind: type) -> Reader:
    hints = get_type_hints(kind)
    readers = {each.name: _reader(hints[each.name]) for each in fields(kind)}

    def read(value: Any, where: str) -> Any:
        if not isinstance(value, dict) or set(value) != set(readers):
            raise BadState(f"{where}: wants a {kind.__name__} with exactly its own fields")
        return kind(**{name: each(value[name], f"{where}.{name}") for name, each in readers.items()})

    return read
