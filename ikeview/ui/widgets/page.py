"""A page of lines without a title."""

from collections.abc import Sequence

from ikeview.ui.present.line import Line
from ikeview.ui.widgets.lines import Lines


class Page(Lines):
    """Scrolls over more lines than there is room for."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._all: list[Line] = []
        self._top = 0

    def fill(self, lines: Sequence[Line]) -> None:
        """These lines from now on; the place in them stays."""
        self._all = list(lines)
        self.move(0)

    def move(self, lines: int) -> None:
        """Scroll; the ends are as far as it goes."""
        height = self.size.height
        self._top = max(0, min(self._top + lines, len(self._all) - height))
        self.put(self._all[self._top : self._top + height])

    @property
    def place(self) -> str:
        """Where in the page this is; empty if all of it is seen."""
        height = self.size.height
        total = len(self._all)
        return f"{self._top + 1}-{min(total, self._top + height)} of {total}" if total > height else ""
