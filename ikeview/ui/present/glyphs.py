"""The signs of the screen, twice: for a terminal that shows them all, and in plain ASCII."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of signs. Each takes one cell, except the arrows with three."""

    up: str
    rekeying: str
    trying: str
    down: str
    cursor: str
    out: str
    taken: str
    pending: str
    rule: str
    bar: str
    bar_rest: str
    bar_mark: str
    ellipsis: str
    between: str
    spark: str
    missed: str
    dot: str

    def state(self, state: str) -> str:
        """The sign of a tunnel's state."""
        return {"up": self.up, "rekeying": self.rekeying, "trying": self.trying}.get(state, self.down)


UNICODE = Glyphs(
    up="●",
    rekeying="◐",
    trying="◌",
    down="○",
    cursor="▌",
    out="──▶",
    taken="◀──",
    pending=" · ",
    rule="─",
    bar="■",
    bar_rest="─",
    bar_mark="│",
    ellipsis="…",
    between="↔",
    spark="▁▂▃▄▅▆▇█",
    missed="×",
    dot="·",
)
ASCII = Glyphs(
    up="*",
    rekeying="~",
    trying=".",
    down="o",
    cursor=">",
    out="-->",
    taken="<--",
    pending=" . ",
    rule="-",
    bar="#",
    bar_rest="-",
    bar_mark="|",
    ellipsis="~",
    between="=",
    spark="_.:-=+*#",
    missed="x",
    dot=".",
)
