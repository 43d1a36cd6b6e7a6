"""Trades a book of orders through the gateway's HTTP API, with nothing else of the market in sight.

Live events tell quickly what becomes of each order; whatever they have missed is looked up. Every ask has a key that
follows from the book, so neither a broken connection nor the same book again acts twice.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Final

import msgspec

from agora.versions import split
from console import errands
from console.follow import Fates
from console.gateway_client import REQUESTS_AT_ONCE_MAX, GatewayClient
from console.http_shelf import each, look_up, stock, versions_then
from console.orders import Order, OrderBook
from console.shelf import Versions
from console.trade import Review, Standing, Terms, Traded, Watch, is_unpaid
from market.streams import BUYERS, TRANSACTIONS

QUIET_SECONDS_MAX: Final = 300.0
"""With no news of any order for so long, those left are given up."""
LOOK_UP_SECONDS: Final = 5.0
LOOK_UP_SECONDS_MAX: Final = 60.0
LOOKED_UP_AT_ONCE_MAX: Final = 500
TICK_SECONDS: Final = 0.5
KEY_REUSED: Final = "key-reused"

_HEARD: Final = (BUYERS.name, TRANSACTIONS.name)


async def trade(
    gateway: GatewayClient, book: OrderBook, terms: Terms, watch: Watch, say: Callable[[str], None]
) -> Traded:
    """Trade every order of the book once; one that was traded before is only looked up. Raises ``Failure``."""
    await gateway.ready()
    totals = book.totals
    say(f"stocking the market: {totals.sellers:,} sellers, {totals.buyers:,} buyers, {totals.products:,} products")
    fates = Fates(order.id for order in book.orders)
    first = next(iter(errands.listings(book, terms.stock_factor).values()))
    if await gateway.asked(first.key):
        await each(book.orders, lambda order: look_up(gateway, order, fates))
    repeated = sum(fate.placed or fate.end is not None for fate in fates.fates.values())
    versions = await stock(gateway, book, terms.stock_factor)
    return await _Trade(gateway, book, terms, versions, fates, watch).run(repeated)


class _Trade:
    """One trade under way."""

    def __init__(
        self,
        gateway: GatewayClient,
        book: OrderBook,
        terms: Terms,
        versions: Versions,
        fates: Fates,
        watch: Watch,
    ) -> None:
        self._gateway = gateway
        self._orders = {order.id: order for order in book.orders}
        self._left = deque(order for order in book.orders if fates.fates[order.id].end is None)
        self._terms = terms
        self._versions = versions
        self._fates = fates
        self._watch = watch
        self._submitted = len(book.orders) - len(self._left)
        self._moved = time.monotonic()

    async def run(self, repeated: int) -> Traded:
        """Check everything out and wait for what comes of it; whatever fails on the way ends it."""
        started = self._moved = time.monotonic()
        beside = (self._follow(), self._look_up_what_rests(), self._review(), self._report(started))
        tasks = [asyncio.create_task(work) for work in (self._work(), *beside)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await next(task for task in tasks if task.done())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._tell(started)
        latencies = tuple(self._fates.tally.latencies)
        return Traded(self._fates.fates, repeated, None, self._moved - started, latencies)

    async def _work(self) -> None:
        await self._submit()
        await self._await_outcomes()

    async def _submit(self) -> None:
        """Check out in the book's order, with at most so many orders unpaid at once."""
        unpaid = set[str]()
        while self._left:
            self._fates.changed.clear()
            unpaid = {order for order in unpaid if is_unpaid(self._fates.fates[order])}
            room = min(self._terms.in_flight - len(unpaid), len(self._left), REQUESTS_AT_ONCE_MAX)
            if room <= 0:
                await self._fates.changed.wait()
                continue
            orders = [self._left.popleft() for _ in range(room)]
            unpaid.update(order.id for order in orders)
            await each(orders, self._check_out)

    async def _check_out(self, order: Order) -> None:
        self._fates.submit(order.id, time.time())
        reply = await self._gateway.ask(errands.checkout(order, self._versions))
        if reply.kind == KEY_REUSED and (versions := await versions_then(self._gateway, order)):
            reply = await self._gateway.ask(errands.checkout(order, versions))
        if reply.refusal is not None:
            self._fates.turn_away(order.id, reply.refusal)
        self._submitted += 1
        self._moved = time.monotonic()

    async def _await_outcomes(self) -> None:
        """Wait until every order has ended, or is left held; give up on what is left once there is no news of it."""
        while time.monotonic() - self._moved < QUIET_SECONDS_MAX:
            self._fates.changed.clear()
            tally = self._fates.tally
            if tally.ended + (tally.held if self._terms.review is Review.LEAVE else 0) >= len(self._orders):
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._fates.changed.wait(), 1)

    async def _follow(self) -> None:
        async with aclosing(self._gateway.follow()) as told:
            async for event in told:
                if event.stream in _HEARD:
                    with suppress(msgspec.MsgspecError):  # somebody else's word
                        self._note(split(event.type)[0], event.data)

    def _note(self, name: str, data: msgspec.Raw) -> None:
        before = self._fates.tally.moves
        self._fates.note(name, data, time.time())
        if self._fates.tally.moves != before:
            self._moved = time.monotonic()
            self._fates.changed.set()

    async def _look_up_what_rests(self) -> None:
        """Where live events bring no news for a while, look at what is open: some may have been missed."""
        pause = LOOK_UP_SECONDS
        while True:
            moved = self._moved
            await asyncio.sleep(pause)
            if self._moved != moved:
                pause = LOOK_UP_SECONDS
                continue
            pause = min(pause * 2, LOOK_UP_SECONDS_MAX)
            before = self._fates.tally.moves
            resting = [id_ for id_, fate in self._fates.fates.items() if fate.submitted_at and fate.end is None]
            orders = [self._orders[id_] for id_ in resting[:LOOKED_UP_AT_ONCE_MAX]]
            await each(orders, lambda order: look_up(self._gateway, order, self._fates))
            if self._fates.tally.moves != before:
                self._moved = time.monotonic()
                self._fates.changed.set()

    async def _review(self) -> None:
        """Say a word on every held payout, unless they are left to somebody else."""
        clear = self._terms.review is Review.CLEAR
        while True:
            order = await self._fates.held.get()
            if self._terms.review is not Review.LEAVE and self._fates.fates[order].is_held:
                await self._gateway.ask(errands.verdict(order, clear=clear))

    async def _report(self, started: float) -> None:
        while True:
            self._tell(started)
            await asyncio.sleep(TICK_SECONDS)

    def _tell(self, started: float) -> None:
        seconds = time.monotonic() - started
        self._watch(Standing(len(self._orders), self._submitted, self._fates.tally, None, seconds))
