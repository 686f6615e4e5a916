"""A parsed file against its schema: every key that does not fit, as findings, and the table made of all that do."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from ikeview.settings.fields import kind_of
from ikeview.settings.schema import Table

M = TypeVar("M", bound=Table)
KeyPath = tuple[int | str, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem in a file whose name is not known here. ``about`` are other keys it was concluded from: if one of those
    is wrong itself, the conclusion is worth nothing. ``file`` and ``line`` are set if the problem is in a file that the
    key names."""

    key: str
    text: str
    hint: str = ""
    about: tuple[str, ...] = ()
    file: Path | None = None
    line: int | None = None


def dotted(path: KeyPath) -> str:
    """``("tunnel", 0, "remote")`` as ``tunnel[0].remote``; keys that TOML would quote are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE_KEY.fullmatch(part) else repr(part))
    return text


def fit(model: type[M], data: dict[str, Any]) -> tuple[M, list[Finding]]:
    """The table, without the keys that do not fit, and a finding for each of these and for each that is missing.

    ``data`` is emptied of what does not fit.
    """
    findings: list[Finding] = []
    try:
        table = model.model_validate(data)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            findings.append(_finding(model, each["loc"], each["type"], each["input"], each))
            _remove(data, each["loc"])
        table = model.model_validate(data)
    findings += relevant(_missing(table, ()), findings)
    return table, findings


def relevant(candidates: Iterator[Finding], known: list[Finding]) -> list[Finding]:
    """Those candidates that are concluded from nothing that ``known`` says is wrong."""
    wrong = [each.key for each in known]

    def is_wrong(key: str) -> bool:
        return any(key == bad or key.startswith((f"{bad}.", f"{bad}[")) or bad.startswith(f"{key}[") for bad in wrong)

    return [each for each in candidates if not any(map(is_wrong, (each.key, *each.about)))]


def _finding(model: type[Table], path: KeyPath, kind: str, value: object, error: Any) -> Finding:
    key = dotted(path)
    match kind:
        case "bad_value":
            return Finding(key, error["ctx"]["text"], error["ctx"]["hint"])
        case "extra_forbidden":
            known = list(_model_at(model, path[:-1]).model_fields)
            near = get_close_matches(str(path[-1]), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known here are {', '.join(known)}"
            return Finding(key, "unknown key", hint)
        case "model_type" | "dict_type":
            return Finding(key, f"wants a table, not {kind_of(value)}", f"write [{key}] and the keys below it")
        case "list_type":
            table_list = key == "tunnel"
            hint = f"write [[{key}]] and the keys below it" if table_list else 'write ["...", "..."]'
            return Finding(key, f"wants a list, not {kind_of(value)}", hint)
        case _:
            return Finding(key, str(error["msg"]))


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel]:
    for part in path:
        if isinstance(part, str):
            kind: Any = model.model_fields[part].annotation
            while not (isinstance(kind, type) and issubclass(kind, BaseModel)):
                # Tunnel in ``list[Tunnel] | None``: the first argument at each level
                kind = get_args(kind)[0]
            model = kind
    return model


def _remove(data: Any, path: KeyPath) -> None:
    """Takes the innermost key on ``path`` out of its table: for an element of a list that is the whole list."""
    last = max(index for index, part in enumerate(path) if isinstance(part, str))
    for part in path[:last]:
        if isinstance(part, str) and part not in data:
            return
        data = data[part]
    data.pop(path[last], None)


def _missing(table: Table, path: KeyPath) -> Iterator[Finding]:
    for name, example in table.NEEDED.items():
        if not getattr(table, name):
            text = "is missing" if getattr(table, name) is None else "is empty"
            yield Finding(dotted((*path, name)), text, f"write {example}")
    for name in type(table).model_fields:
        value = getattr(table, name)
        if isinstance(value, Table):
            yield from _missing(value, (*path, name))
        elif isinstance(value, list):
            for index, each in enumerate(value):
                if isinstance(each, Table):
                    yield from _missing(each, (*path, name, index))
