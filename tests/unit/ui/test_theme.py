"""Themes on disk: complete from ten lines, readable, and refused with all their problems."""

import pytest
from textual.color import Color

from ikeview.ui.theme import DOMAIN, BadTheme, load_theme, shipped, theme_from

TEN_LINES = {
    "name": "mine",
    "colors": {
        "primary": "#4080ff",
        "foreground": "#ffffff",
        "background": "#000000",
        "success": "#00ff00",
        "warning": "#ffff00",
        "error": "#ff4040",
    },
}


def test_a_short_theme_is_complete():
    theme = theme_from(TEN_LINES, "mine.toml")
    assert set(DOMAIN) <= set(theme.variables)
    assert theme.variables["state-up"] == "#00ff00"
    assert theme.variables["cursor"] == "#ffffff"


def test_all_problems_at_once():
    data = {
        "name": "Mine!",
        "dark": "yes",
        "colours": {},
        "colors": {"primery": "#000000", "primary": "blue", "foreground": "#fff", "error": 7},
        "domain": {"state-upp": "#000000", "cursor-style": "blink"},
    }
    with pytest.raises(BadTheme) as caught:
        theme_from(data, "mine.toml")
    text = str(caught.value)
    for words in (
        "mine.toml: colours: unknown key; did you mean colors?",
        "mine.toml: name:",
        "mine.toml: dark: wants true or false",
        "colors.primery: unknown key; did you mean primary?",
        "colors.primary: 'blue' is not a colour like",
        "colors.foreground: '#fff' is not",
        "colors.error: 7 is not",
        "colors.background: is missing",
        "domain.state-upp: unknown key; did you mean state-up?",
        "domain.cursor-style: wants one of none, bold",
    ):
        assert words in text


def test_a_theme_that_is_not_there():
    with pytest.raises(BadTheme, match=r"there is no theme '\.\./x'; there are day, high-contrast, night, terminal"):
        load_theme("../x")


def test_a_file_that_is_no_toml(tmp_path):
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(BadTheme, match=r"bad\.toml: "):
        load_theme("bad", tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    with pytest.raises(BadTheme, match=r"latin\.toml: "):
        load_theme("latin", tmp_path)


def test_files_are_named_as_their_themes():
    assert [load_theme(name).name for name in shipped()] == shipped()


def luminance(color: Color) -> float:
    parts = [part / 255 for part in color.rgb]
    red, green, blue = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG 2.1, 1.4.3."""
    high, low = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))), reverse=True)
    return (high + 0.05) / (low + 0.05)


NO_TEXT = {"rule", "bar-rest", "cursor", "cursor-text", "bar", "bar-mark"}


@pytest.mark.parametrize("name", [name for name in shipped() if not load_theme(name).ansi])
def test_text_can_be_read(name):
    theme = load_theme(name)
    variables = theme.variables
    for key in set(DOMAIN) - NO_TEXT:
        assert contrast(variables[key], theme.background) >= 4.5, key
    assert contrast(theme.foreground, theme.background) >= 7
    assert contrast(variables["cursor-text"], variables["cursor"]) >= 4.5
    for key in ("state-up", "state-rekeying", "state-trying", "state-down", "dir-in", "dir-out", "key", "alert"):
        shown = contrast(variables[key], variables["cursor"])
        assert shown >= 3 or "reverse" in variables["cursor-style"], f"{key} on the cursor: {shown:.1f}"


def test_the_sixteen_colours_are_the_terminals_own():
    theme = load_theme("terminal")
    assert theme.ansi
    assert theme.variables["state-up"] == "ansi_green"
    assert all(value.startswith("ansi_") for key, value in theme.variables.items() if key != "cursor-style")
