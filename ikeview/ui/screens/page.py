"""A full screen of lines that is read and scrolled."""

from textual.app import ComposeResult

from ikeview.ui.present.line import Line
from ikeview.ui.screens.base import ActionScreen
from ikeview.ui.widgets.page import Page

FAR = 1_000_000


class PageScreen(ActionScreen):
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

    def do_nav_down(self) -> None:
        """One line down."""
        self._move(1)

    def do_nav_up(self) -> None:
        """One line up."""
        self._move(-1)

    def do_nav_first(self) -> None:
        """To the start."""
        self._move(-FAR)

    def do_nav_last(self) -> None:
        """To the end."""
        self._move(FAR)

    def do_nav_page_down(self) -> None:
        """A page down."""
        self._move(self._page())

    def do_nav_page_up(self) -> None:
        """A page up."""
        self._move(-self._page())
