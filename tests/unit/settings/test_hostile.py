"""Whatever stands in a file: settings or problems, and never the secret in them."""

import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from hypothesis import given, settings
from hypothesis import strategies as st

from ikeview.core.specs import Settings
from ikeview.resources import resource
from ikeview.settings.load import load
from ikeview.settings.problems import Problem, SettingsError
from tests.support.config_files import make_files

from .conftest import SECRET, write

EXAMPLE = resource("config").joinpath("peers", "tokyo.toml").read_text()
INLINE = EXAMPLE.replace('secret_file = "../secrets/tokyo.psk"', f'secret = "{SECRET}"')
OTHERS = [
    path.read_text()
    for path in sorted(Path(str(resource("config"))).joinpath("peers").iterdir())
    if path.name != "tokyo.toml"
]
LINES = [line for text in (INLINE, *OTHERS) for line in text.splitlines() if line and not line.startswith("#")]
TOKENS = [
    "=",
    '"',
    "[",
    "]",
    "[[",
    "{",
    "}",
    ".",
    "\n",
    "\0",
    "\x1b",
    "'''",
    "true",
    "1e400",
    "nan",
    "1979-05-27",
    "any",
    "-1",
    "99999999999999999999",
    "ü",
    "\\",
    "[auth]",
    "[[tunnel]]",
    "tunnel",
    "0x",
    "%eth0",
    "/",
    "10.0.0.0/8 tcp/1",
]

_any_time = settings(deadline=None)
"""A busy machine is no finding."""

VALUES = st.recursive(
    st.sampled_from(
        ["1", "-1", "0.5", "nan", "true", '"x"', '""', '"any"', '"\\u0000"', "1979-05-27", '"10.1.0.0/24"', '"9h"']
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]"),
        inner.map(lambda each: f"{{ name = {each} }}"),
    ),
    max_leaves=4,
)


@lru_cache
def named_files() -> dict[str, bytes]:
    """What the examples name, by path: made once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index, text in enumerate(OTHERS):
            write(folder / f"peers/{index}.toml", text)
        make_files(folder)
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for kind in ("secrets", "certs")
            for path in (folder / kind).iterdir()
        }


def outcome(data: bytes, files: Mapping[str, bytes] = MappingProxyType({})) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, content in files.items():
            write(folder / path, content, 0o600)
        write(folder / "peers/p.toml", data, 0o600)
        write(folder / "ikeview.toml", data)
        write(folder / "secrets/tokyo.psk", "file", 0o600)
        loaded: Settings | None = None
        problems: tuple[Problem, ...] = ()
        try:
            loaded = load(folder)
        except SettingsError as error:
            problems = error.problems
    assert (loaded is None) == bool(problems)
    for each in problems:
        assert str(each).isprintable()
        assert SECRET not in str(each)


@_any_time
@given(st.integers(0, len(INLINE)), st.integers(0, 40), st.lists(st.sampled_from(TOKENS), max_size=3))
def test_any_mutation_of_the_text(start: int, length: int, tokens: list[str]) -> None:
    text = INLINE[:start] + "".join(tokens) + INLINE[start + length :]
    outcome(text.encode())


@_any_time
@given(st.sampled_from([line for line in LINES if "=" in line]), VALUES)
def test_any_value_under_any_key(line: str, value: str) -> None:
    outcome("\n".join(LINES).replace(line, f"{line.split('=')[0]}= {value}").encode())


@_any_time
@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_any_lines_in_any_order(lines: list[str]) -> None:
    outcome("\n".join(lines).encode())


def test_the_examples_load_as_they_are() -> None:
    for text in OTHERS:
        with tempfile.TemporaryDirectory() as name:
            for path, content in named_files().items():
                write(Path(name, path), content, 0o600)
            write(Path(name, "peers/p.toml"), text)
            load(Path(name))


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(OTHERS), st.integers(0, 3000), st.integers(0, 40), st.lists(st.sampled_from(TOKENS), max_size=3))
def test_any_mutation_of_the_other_examples(text: str, start: int, length: int, tokens: list[str]) -> None:
    outcome((text[:start] + "".join(tokens) + text[start + length :]).encode(), named_files())


@_any_time
@given(st.binary(max_size=60))
def test_any_octets(data: bytes) -> None:
    outcome(data)


def test_a_key_of_ten_thousand_parts() -> None:
    outcome(("[" + ".".join("a" * 10_000) + "]\n").encode())
    outcome(("remote." + ".".join("a" * 3_000) + " = 1\n").encode())
