"""What keeps the screen from being opened, told before anything is drawn."""

from collections.abc import Mapping


class ScreenRefused(Exception):
    """The screen cannot be opened; a line for each reason."""


def screen_problems(theme: str, keys: Mapping[str, str]) -> list[str]:
    """What is wrong with the screen's settings, a line each."""
    # late: whoever only wants to catch the exception does without Textual
    from ikeview.ui.actions import keymap_problems
    from ikeview.ui.theme import BadTheme, load_theme

    problems = list(keymap_problems(keys))
    try:
        load_theme(theme)
    except BadTheme as error:
        problems += error.problems
    return problems
