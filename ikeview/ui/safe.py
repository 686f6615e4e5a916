"""The border at which text from a peer, a file or a person becomes text for a terminal."""

import unicodedata

TEXT_LIMIT = 200
"""Longer than any honest identity, name or remark; the rest is cut off."""

_FORMAT_SPACES = {"\u2028", "\u2029"}


def _shown(letter: str) -> str:
    if letter in "\t\n\r":
        return " "
    kind = unicodedata.category(letter)
    # Cc: C0, DEL, C1. Cf: bidi, zero width, tags. Cs: lone surrogates. Co, Cn: no agreed shape or width.
    # Mn, Me: combining marks, which stack without limit on the cell before
    if kind in ("Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me") or letter in _FORMAT_SPACES:
        return "\N{REPLACEMENT CHARACTER}"
    return letter


def safe(text: object, limit: int = TEXT_LIMIT) -> str:
    """One line of text without anything that a terminal would act on, at most ``limit`` characters.

    Control, bidi and other format characters become U+FFFD, tabs and line breaks a space. Markup is not touched:
    nothing here ever parses any.
    """
    plain = text if isinstance(text, str) else str(text)
    if plain.isascii() and plain.isprintable():
        return plain if len(plain) <= limit else plain[: max(0, limit - 3)] + "..."
    clean = "".join(map(_shown, unicodedata.normalize("NFC", plain[: limit + 1])))
    return clean if len(clean) <= limit else clean[: max(0, limit - 3)] + "..."
