"""Cells, cuts and bars."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ikeview.ui.present.bars import bar, spark
from ikeview.ui.present.glyphs import ASCII, UNICODE
from ikeview.ui.present.line import apart, crop, indented, left, right, text_of, width, wrap

LETTERS = st.text(st.sampled_from("ab ,日本é"), max_size=60)


@given(LETTERS, st.integers(0, 30))
def test_columns_are_exactly_as_wide_as_asked(text, cells):
    assert cell_len(left(text, cells)) == cells
    assert cell_len(right(text, cells)) == cells
    assert cell_len(crop(text, cells)) <= cells


@given(LETTERS, st.integers(2, 30))
def test_wrapping_loses_nothing_and_keeps_the_width(text, cells):
    lines = wrap(text, cells)
    assert all(cell_len(line) <= cells for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_cut_is_marked():
    assert crop("tokyo-headquarters", 8) == "tokyo-h…"
    assert crop("日本語", 4) == "日…"


def test_two_ends_of_a_line():
    assert text_of(apart((("a", "dim"),), (("b", "dim"),), 5)) == "a   b"
    assert text_of(apart((("aaaa", "dim"),), (("bb", "dim"),), 5)) == "aaaa"


def test_text_hangs_beside_its_label():
    lines = indented((("- ", "key"),), "one two three", "plain", 12)
    assert [text_of(line) for line in lines] == ["- one two", "  three"]


@pytest.mark.parametrize(
    ("share", "mark", "text"),
    [
        (0.0, None, "[--------]"),
        (0.5, None, "[####----]"),
        (1.0, None, "[########]"),
        (7.0, None, "[########]"),
        (-1.0, None, "[--------]"),
        (0.5, 0.75, "[####--|-]"),
        (1.0, 0.75, "[######|#]"),
        (0.0, 0.0, "[|-------]"),
        (0.25, 1.0, "[##-----|]"),
    ],
)
def test_bars(share, mark, text):
    assert text_of(bar(share, mark, 10, ASCII)) == text


def test_a_bar_beyond_its_mark_calls_for_attention():
    assert "alert" in {style for _, style in bar(0.9, 0.75, 10, ASCII)}
    assert "alert" not in {style for _, style in bar(0.7, 0.75, 10, ASCII)}


@given(st.floats(-1, 2), st.none() | st.floats(-1, 2), st.integers(3, 40))
def test_bars_keep_their_width(share, mark, cells):
    assert width(bar(share, mark, cells, UNICODE)) == cells


@pytest.mark.parametrize(
    ("history", "text"),
    [([], ""), ([0.01], "▁"), ([0.01, 0.02, -1.0], "▁█×"), ([-1.0], "×"), ([0.01] * 9, "▁▁▁▁▁")],
)
def test_round_trips_as_columns(history, text):
    assert spark(history, 5, UNICODE) == text


def test_ascii_is_ascii_and_all_signs_are_one_cell():
    for glyphs in (ASCII, UNICODE):
        for name in glyphs.__slots__:
            sign = getattr(glyphs, name)
            assert cell_len(sign) == (3 if name in ("out", "taken", "pending") else 8 if name == "spark" else 1), name
            assert glyphs is UNICODE or sign.isascii()
