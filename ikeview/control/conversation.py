"""One client of the control socket: its requests and the engine's answers, as ``control.protocol`` has them."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from typing import Any, Protocol

from ikeview.control.explain import explain
from ikeview.control.outcome import Outcome, already, interim, judge, target_of
from ikeview.control.protocol import BadLine, decode, encode
from ikeview.control.targets import NoTarget, orders_meant, tunnels_meant
from ikeview.control.telling import told
from ikeview.core.facts import EngineStopped, Stamped, stamped_to_dict
from ikeview.core.orders import BadOrder, Order, Terminate, order_from_dict
from ikeview.engine import clock
from ikeview.engine.bus import Bus, Subscription
from ikeview.model import State, dump, status

IDLE_SECONDS = 30.0
"""A client that has said nothing by then is let go."""
WRITE_SECONDS = 10.0
"""A client that has not read by then is let go."""
BUFFER = 64 * 1024
"""Octets written ahead of a client's reading."""
LONGEST_WAIT = 3600.0
_BATCH = 32


class Host(Protocol):
    """The engine, as far as it is needed here."""

    @property
    def bus(self) -> Bus: ...

    def send(self, order: Order) -> None: ...


class _Rude(Exception):
    """The client broke the rules; the text is what it is told."""


class Conversation:
    """``run`` returns when the client is done, raises ``OSError`` or ``TimeoutError`` when it is gone."""

    def __init__(self, host: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=BUFFER)

    async def run(self) -> None:
        """Requests one after the other, until the client closes or takes the connection over."""
        requests: dict[str, Callable[[dict[str, Any]], Any]] = {
            "status": self._status,
            "order": self._order,
            "explain": self._explain,
            "events": self._events,
            "attach": self._attach,
        }
        try:
            while (message := await self._next(IDLE_SECONDS)) is not None:
                handler = requests.get(str(message.get("do")))
                if handler is None:
                    raise _Rude(f"unknown request; known are {', '.join(requests)}")
                await handler(message)
        except (_Rude, NoTarget, BadOrder) as error:
            await self._answer({"ok": False, "text": str(error)})

    async def _next(self, patience: float | None) -> dict[str, Any] | None:
        """The next line; None if the client has closed."""
        try:
            async with asyncio.timeout(patience):
                line = await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError as error:
            raise _Rude("the line is too long") from error
        try:
            return decode(line)
        except BadLine as error:
            raise _Rude(str(error)) from error

    async def _answer(self, *messages: dict[str, Any]) -> None:
        self._writer.writelines(map(encode, messages))
        async with asyncio.timeout(WRITE_SECONDS):
            await self._writer.drain()

    async def _status(self, message: dict[str, Any]) -> None:
        await self._answer({"ok": True, "status": status(self._host.bus.state, clock.now())})

    async def _explain(self, message: dict[str, Any]) -> None:
        state = self._host.bus.state
        names = tunnels_meant(state, str(message.get("tunnel")))
        await self._answer({"ok": True, "text": "", "tunnels": [explain(state, name, clock.now()) for name in names]})

    # -- orders ----------------------------------------------------------------------------------------------------

    async def _order(self, message: dict[str, Any]) -> None:
        wait = message.get("wait", 0)
        if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait <= LONGEST_WAIT:
            raise _Rude(f"wait is a number of seconds, at most {LONGEST_WAIT:.0f}")
        orders = orders_meant(self._host.bus.state, message)
        outcomes = await self._unless_gone(self._carry_out(orders, float(wait)))
        if outcomes is None:
            return
        results = [
            {"target": target_of(order), "ok": each.ok, "text": each.text, "hints": list(each.hints)}
            for order, each in zip(orders, outcomes, strict=True)
        ]
        text = "; ".join(each.text for each in outcomes)
        await self._answer({"ok": all(each.ok for each in outcomes), "text": text, "results": results})

    async def _carry_out(self, orders: list[Order], wait: float) -> list[Outcome]:
        """Give the orders and follow the facts until each is settled or the time is over."""
        state = self._host.bus.state
        woken = asyncio.Event()
        subscription = self._host.bus.subscribe(woken.set)
        try:
            settled = {index: each for index, order in enumerate(orders) if (each := already(order, state)) is not None}
            open_ = {index: order for index, order in enumerate(orders) if index not in settled}
            idle = {index for index, order in open_.items() if _has_nothing_to_end(order, state)}
            for order in open_.values():
                self._host.send(order)
            if not wait:
                settled |= {index: Outcome(True, f"{target_of(order)}: ordered") for index, order in open_.items()}
                return [settled[index] for index in range(len(orders))]
            settled |= {index: Outcome(True, f"{target_of(open_.pop(index))} is down") for index in idle}
            try:
                async with asyncio.timeout(wait):
                    while open_:
                        await woken.wait()
                        woken.clear()
                        for stamped in subscription.drain():
                            for index, order in list(open_.items()):
                                outcome = judge(order, stamped.fact, state)
                                if outcome is not None:
                                    settled[index] = outcome
                                    del open_[index]
            except TimeoutError:
                now = clock.now()
                settled |= {index: interim(order, state, now) for index, order in open_.items()}
            return [settled[index] for index in range(len(orders))]
        finally:
            subscription.close()

    async def _unless_gone(self, work: Any) -> Any:
        """The work's result; None, and the work cancelled, if the client closes meanwhile."""
        working = asyncio.ensure_future(work)
        listening = asyncio.ensure_future(self._reader.read(1))
        try:
            await asyncio.wait((working, listening), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            if listening.result():
                raise _Rude("one request at a time")
            return None
        finally:
            for task in (working, listening):
                if not task.done():
                    task.cancel()
            await asyncio.gather(working, listening, return_exceptions=True)

    # -- streams ---------------------------------------------------------------------------------------------------

    async def _events(self, message: dict[str, Any]) -> None:
        woken = asyncio.Event()
        subscription = self._host.bus.subscribe(woken.set)
        try:
            state = subscription.snapshot()
            past = merge(state.events, state.routine, key=lambda stamped: stamped.seq)
            await self._write_all(self._described(past))
            if message.get("follow") is True:
                await self._unless_gone(self._follow(subscription, woken, self._described))
        finally:
            subscription.close()
        self._writer.close()

    async def _attach(self, message: dict[str, Any]) -> None:
        woken = asyncio.Event()
        subscription = self._host.bus.subscribe(woken.set)
        following: asyncio.Task[None] | None = None
        try:
            await self._answer({"ok": True, "snapshot": dump(subscription.snapshot())})
            following = asyncio.create_task(self._follow(subscription, woken, lambda each: map(stamped_to_dict, each)))
            # a screen that no longer reads ends this side too
            following.add_done_callback(lambda task: self._reader.feed_eof())
            while (line := await self._next(None)) is not None:
                self._host.send(order_from_dict({key: value for key, value in line.items() if key != "do"}))
            if following.done():
                # raises what ended it
                following.result()
        finally:
            subscription.close()
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def _follow(
        self,
        subscription: Subscription,
        woken: asyncio.Event,
        as_messages: Callable[[Iterable[Stamped]], Iterable[dict[str, Any]]],
    ) -> None:
        """Facts as they come, until the engine stops."""
        lost = subscription.lost
        while True:
            await woken.wait()
            woken.clear()
            facts = subscription.drain()
            if subscription.lost > lost:
                await self._answer({"lost": subscription.lost - lost})
                lost = subscription.lost
            await self._write_all(as_messages(facts))
            if facts and isinstance(facts[-1].fact, EngineStopped):
                return

    async def _write_all(self, messages: Iterable[dict[str, Any]]) -> None:
        batch: list[dict[str, Any]] = []
        for message in messages:
            batch.append(message)
            if len(batch) == _BATCH:
                await self._answer(*batch)
                batch.clear()
        if batch:
            await self._answer(*batch)

    def _described(self, facts: Iterable[Stamped]) -> Iterator[dict[str, Any]]:
        for stamped in facts:
            words = told(stamped.fact, self._host.bus.state)
            # "text" and "detail" are fields of some facts: the sentence has a key of its own
            yield {**stamped_to_dict(stamped), "about": words.about, "level": words.level, "sentence": words.text}


def _has_nothing_to_end(order: Order, state: State) -> bool:
    """Whether no fact will come of it: a tunnel that is down is told so, and only forgets that it was wanted."""
    tunnel = state.tunnels.get(order.tunnel) if isinstance(order, Terminate) else None
    return tunnel is not None and tunnel.state == "down"
