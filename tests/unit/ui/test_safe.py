"""Nothing that a terminal acts on gets through."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikeview.ui.safe import TEXT_LIMIT, safe


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("gw.example", "gw.example"),
        ("evil[/x]peer", "evil[/x]peer"),
        ("\x1b]52;c;AAAA\x07", "�]52;c;AAAA�"),
        ("a\u202eb", "a�b"),
        ("one\ntwo\tthree\r", "one two three "),
        ("\x9b31m", "�31m"),
        ("a\u200bb\ufeff", "a�b�"),
        ("e\u0301", "é"),
        ("a\u0489", "a�"),
        ("\ud800", "�"),
        ("日本", "日本"),
        (42, "42"),
    ],
)
def test_examples(text, clean):
    assert safe(text) == clean


def test_long_text_is_cut_and_says_so():
    assert safe("x" * 500) == "x" * (TEXT_LIMIT - 3) + "..."
    assert safe("é" * 500, 10) == "é" * 7 + "..."


@given(st.text(), st.integers(3, 300))
def test_whatever_comes(text, limit):
    clean = safe(text, limit)
    assert len(clean) <= limit
    for letter in clean:
        assert unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
