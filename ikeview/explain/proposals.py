"""Where two lists of proposals come nearest to each other: what an operator would otherwise find by hand."""

import re

_GROUP = re.compile(r"^(modp|ecp|x25519|x448|curve|group|brainpool)")
_HASH = re.compile(r"^(md5|sha|aesxcbc|hash|integrity)")
_NAMES = {"cipher": "cipher", "hash": "hash", "group": "group", "mode": "mode", "auth": "authentication", "esn": "ESN"}


def _parts(text: str, auth: str) -> dict[str, str]:
    """``aes256-sha256-modp2048 with rsa`` or ``aes256-sha256 tunnel`` by attribute; ``auth`` where none is named."""
    words, _, named = text.partition(" with ")
    suite, _, mode = words.partition(" ")
    parts = dict.fromkeys(_NAMES, "none") | {"auth": named or auth, "mode": mode or "none"}
    for word in suite.split("-"):
        if word in ("esn", "noesn"):
            parts["esn"] = "yes" if word == "esn" else "none"
        elif _GROUP.match(word):
            parts["group"] = word
        elif _HASH.match(word):
            parts["hash"] = word
        else:
            parts["cipher"] = word
    return parts


def nearest(offered: tuple[str, ...], expected: tuple[str, ...], method: str = "psk") -> str:
    """The pair that differs least and in what; empty if nothing comes near (more than two attributes differ).
    ``method`` is our authentication; of the peer's offers those that name none ask for a pre-shared key."""
    pairs = [(_parts(theirs, "psk"), _parts(ours, method), theirs, ours) for theirs in offered for ours in expected]
    if not pairs:
        return ""
    theirs, ours, their_text, our_text = min(
        pairs, key=lambda pair: sum(pair[0][name] != pair[1][name] for name in _NAMES)
    )
    wrong = [name for name in _NAMES if theirs[name] != ours[name]]
    if not 1 <= len(wrong) <= 2:
        return ""
    told = " and ".join(f"the {_NAMES[name]} ({theirs[name]} there, {ours[name]} here)" for name in wrong)
    return f"nearest are the peer's {their_text} and our {our_text}: they differ in {told}"
