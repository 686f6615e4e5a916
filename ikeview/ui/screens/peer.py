"""Everything about one peer."""

from typing import TYPE_CHECKING

from ikeview.model.state import Tunnel
from ikeview.ui.present.line import Line
from ikeview.ui.present.peer import peer_detail
from ikeview.ui.screens.page import PageScreen
from ikeview.ui.widgets.page import Page

if TYPE_CHECKING:
    from ikeview.ui.app import IkeviewApp


class PeerScreen(PageScreen):
    """Opened from a tunnel, to which the orders go."""

    where = "peer"

    def __init__(self, app: "IkeviewApp", tunnel: str) -> None:
        super().__init__(app)
        self._tunnel = tunnel

    def target(self) -> Tunnel | None:
        """The tunnel it was opened from."""
        return self.ikeview.state.tunnels.get(self._tunnel)

    def content(self, cells: int) -> list[Line]:
        """Configuration, both phases, history."""
        tunnel = self.target()
        peer = tunnel.peer if tunnel else self._tunnel.partition("/")[0]
        app = self.ikeview
        return peer_detail(app.state, peer, app.now(), cells, app.glyphs, app.start_key)

    def place(self) -> str:
        """The tunnel, and where in the page."""
        position = self.query_one(Page).place
        return f"{self._tunnel}  {position}" if position else self._tunnel
