"""All keys, and what the columns mean."""

from ikeview.ui.present.keys import help_page
from ikeview.ui.present.line import Line
from ikeview.ui.screens.page import PageScreen
from ikeview.ui.widgets.page import Page


class HelpScreen(PageScreen):
    """Made from the table of actions and the user's keys."""

    where = "help"

    def content(self, cells: int) -> list[Line]:
        """The page."""
        return help_page(cells, self.ikeview.keys, self.ikeview.client.describe)

    def place(self) -> str:
        """Where in the page."""
        return f"help  {self.query_one(Page).place}".rstrip()
