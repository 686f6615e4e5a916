"""A full screen of lines that is read and scrolled."""

from textual.app import ComposeResult

from ikeview.ui.present.line import Line
from ikeview.ui.screens.base import MovingScreen
from ikeview.ui.widgets.page import Page


class PageScreen(MovingScreen):
    """Subclasses say what stands in it."""

    def compose(self) -> ComposeResult:
        """Top line, page, bottom line."""
        yield from self.frame(Page(id="page"))

    def content(self, cells: int) -> list[Line]:
        """The lines for that width."""
        raise NotImplementedError

    def render_all(self) -> None:
        """Draw what has changed."""
        page = self.query_one(Page)
        if page.size.width:
            page.fill(self.content(page.size.width))
        super().render_all()

    def _move(self, lines: int) -> None:
        self.query_one(Page).move(lines)
        self.render_frame()

    def _page(self) -> int:
        return max(1, self.query_one(Page).size.height - 1)
