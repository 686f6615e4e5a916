"""Whatever stands in a file: settings or problems, and never the secret in them."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ikeview.core.specs import Settings
from ikeview.resources import resource
from ikeview.settings.load import load
from ikeview.settings.problems import Problem, SettingsError

from .conftest import SECRET, write

EXAMPLE = resource("config").joinpath("peers", "tokyo.toml").read_text()
INLINE = EXAMPLE.replace('secret_file = "../secrets/tokyo.psk"', f'secret = "{SECRET}"')
LINES = [line for line in INLINE.splitlines() if line and not line.startswith("#")]
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


def outcome(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
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


@_any_time
@given(st.binary(max_size=60))
def test_any_octets(data: bytes) -> None:
    outcome(data)


def test_a_key_of_ten_thousand_parts() -> None:
    outcome(("[" + ".".join("a" * 10_000) + "]\n").encode())
    outcome(("remote." + ".".join("a" * 3_000) + " = 1\n").encode())
