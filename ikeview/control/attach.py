"""An engine in another process as a screen sees it (``ui.client.EngineClient``, matched structurally): a thread reads
the facts and hands them on, so that it looks like an engine in this one."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ikeview.control.connection import ANSWER_SECONDS, Connection, EngineSilent
from ikeview.core.facts import BadFact, EngineStopped, stamped_from_dict
from ikeview.core.orders import Order, order_to_dict
from ikeview.engine import clock
from ikeview.engine.bus import Bus, Subscription
from ikeview.model import BadState, load

_ORDERS_WAITING = 1000
_SNAPSHOT_SECONDS = 30.0


class RemoteClient:
    """Attached from ``__init__`` (raises ``NoEngine``, ``EngineSilent``) to ``close`` or the engine's end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._orders: queue.Queue[Order | None] = queue.Queue(_ORDERS_WAITING)
        self._connection, self._bus = self._attached()
        self._closed = False
        self.describe = f"attached to pid {self._bus.state.engine.pid}"
        for work, name in ((self._read, "ikeview-attach"), (self._write, "ikeview-orders")):
            threading.Thread(target=work, name=name, daemon=True).start()

    def send(self, order: Order) -> None:
        """Hand an order over; never blocks."""
        try:
            self._orders.put_nowait(order)
        except queue.Full:
            self._end("the engine takes no more orders")

    def subscribe(self, wake: Callable[[], None]) -> Subscription:
        """Follow the facts; ``wake`` is called from the reading thread."""
        return self._bus.subscribe(wake)

    def clock(self) -> float:
        """Now, on the engine's clock, which all processes of this boot share."""
        return clock.now()

    def close(self) -> None:
        """Let go of the engine, which runs on."""
        self._end("detached")

    def _attached(self) -> tuple[Connection, Bus]:
        connection = Connection(self._folder)
        try:
            answer = connection.request({"do": "attach"}, max(ANSWER_SECONDS, _SNAPSHOT_SECONDS))
            if answer.get("ok") is not True:
                raise EngineSilent(f"the engine refuses: {answer.get('text')}")
            return connection, Bus(clock.now, clock.wall, load(answer.get("snapshot")))
        except BadState as error:
            connection.close()
            raise EngineSilent(f"the engine is of another version of ikeview: {error}") from error
        except BaseException:
            connection.close()
            raise

    def _read(self) -> None:
        why = "the engine has ended"
        try:
            for message in self._connection.lines():
                if "lost" in message:
                    # what is missing cannot be made up for: begin anew
                    why = "this screen fell too far behind the engine: start it again"
                    break
                stamped = stamped_from_dict(message)
                self._bus.relay([stamped])
                if isinstance(stamped.fact, EngineStopped):
                    why = "the engine was stopped"
        except (EngineSilent, OSError) as error:
            why = str(error)
        except (BadFact, AttributeError, TypeError) as error:
            why = f"the engine is of another version of ikeview: {error}"
        self._end(why)

    def _write(self) -> None:
        while (order := self._orders.get()) is not None:
            try:
                self._connection.send(self._line(order))
            except (EngineSilent, OSError) as error:
                self._end(str(error))
                return

    def _line(self, order: Order) -> dict[str, Any]:
        return {"do": "order", **order_to_dict(order)}

    def _end(self, why: str) -> None:
        self._bus.end(why)
        if not self._closed:
            self._closed = True
            self._connection.close()
            # the writer may wait for an order
            with suppress(queue.Full):
                self._orders.put_nowait(None)
