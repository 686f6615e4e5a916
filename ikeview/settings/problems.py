"""What is wrong with a configuration: where, what, and what to do about it."""

from dataclasses import dataclass

_TEXT_LIMIT = 400
"""Letters of one part of a problem: a file may hold a value of a megabyte, a line on the screen may not."""
_VALUE_LIMIT = 60


class BadValue(ValueError):
    """The text of one value cannot be used; ``hint`` says what could be written instead (may be empty)."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong.

    ``file`` is relative to the configuration folder if it lies inside; ``key`` is dotted (``tunnel[0].remote``), empty
    if the file as a whole is meant; ``line`` is set where the TOML parser gave one. All parts are printable text of
    bounded length, whatever the file held. Never holds a secret.
    """

    file: str
    key: str
    text: str
    hint: str = ""
    line: int | None = None

    def __post_init__(self) -> None:
        for part in ("file", "key", "text", "hint"):
            object.__setattr__(self, part, printable(getattr(self, part)))

    def __str__(self) -> str:
        """One line: ``peers/tokyo.toml: phase1.lifetime: '8 hours' is no duration, write for example 8h``."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        said = f"{self.text}, {self.hint}" if self.hint else self.text
        return ": ".join(part for part in (place, self.key, said) if part)


class SettingsError(Exception):
    """The configuration cannot be used; ``problems`` is never empty and holds all that were found, in all files."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def quoted(value: str) -> str:
    """A value as it may stand in a problem's text: quoted, control characters escaped, cut if long."""
    return repr(value if len(value) <= _VALUE_LIMIT else f"{value[:_VALUE_LIMIT]}...")


def printable(text: str) -> str:
    """A text as it may stand in one line, whatever file it came from: control characters escaped, cut if long."""
    if len(text) > _TEXT_LIMIT:
        text = f"{text[:_TEXT_LIMIT]}..."
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
