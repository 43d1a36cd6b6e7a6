"""Keeps a small market alive at a gateway: the same buyers order of the same sellers, round after round.

Whoever begins again finds the buyers, sellers and products of the seed where they were; orders are new each time. Of an
order that is over nothing is kept, however long this runs.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from agora.event import Event
from agora.requests import asking
from console import errands, small_market
from console.gateway_client import GatewayClient
from console.http_shelf import PAGE, each, fresh, goods_of
from console.orders import Order
from console.output import Say
from console.small_market import STOCK_LOW, Good, name_of, small_book
from market.transactions import PaymentSucceeded

ORDERS_PER_ROUND: Final = 60
UNDER_WAY_MAX: Final = 20
PAID_SECONDS_MAX: Final = 10
HELD: Final = timedelta(seconds=60)
"""So long people may see a held payout before it is cleared."""
HELD_PAGES_MAX: Final = 10
END_SECONDS_MAX: Final = 5.0
NEW_CARDS: Final = 0.03
REVIEWS: Final = 0.15
MESSAGES: Final = 0.08
RETURNS: Final = 0.05
ANSWERED: Final = "orders"
REFUSED: Final = "not paid"
UNANSWERED: Final = "not answered yet"


@dataclass(slots=True)
class Done:
    """What has been done so far."""

    rounds: int = 0
    begun: int = 0
    counts: Counter[str] = field(default_factory=Counter[str])

    def outcomes(self) -> dict[str, int]:
        """Orders by what was heard of them in time."""
        refused, unanswered = self.counts[REFUSED], self.counts[UNANSWERED]
        paid = self.counts[ANSWERED] - refused - unanswered
        return {"begun": self.begun, "paid": paid, "refused": refused, "unanswered": unanswered}

    def values(self) -> dict[str, Any]:
        """As other programs read it."""
        return {"rounds": self.rounds, **dict(sorted(self.counts.items()))}

    def words(self) -> str:
        """As people read it."""
        counts = (f"{count:,} {what}" for what, count in sorted(self.counts.items()))
        return f"round {self.rounds:,}: " + (", ".join(counts) or "nothing yet")


class Forever:
    """One trader at one gateway, at so many orders per second."""

    def __init__(self, gateway: GatewayClient, seed: int, per_second: float, say: Say) -> None:
        self._gateway = gateway
        self._seed = seed
        self._seconds_each = 1 / per_second
        self._say = say
        self._chance = Random(seed)  # noqa: S311 - it is no secret
        self._book = small_book(seed)
        self._run = f"{time.time_ns() // 1_000_000:x}"
        self._next_at = 0.0
        self._under_way = set[asyncio.Task[None]]()
        self.done = Done()
        self.waiting: str | None = "for the gateway, or for the market to be stocked"
        """What it waits for, before it trades."""

    async def run(self) -> Done:
        """Trade until SIGTERM, and return what was done. Raises ``Failure``."""
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        trading, stopping = asyncio.create_task(self._trade()), asyncio.create_task(stopped.wait())
        try:
            await asyncio.wait((trading, stopping), return_when=asyncio.FIRST_COMPLETED)
            if trading.done():
                await trading
            trading.cancel()
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=END_SECONDS_MAX)
        finally:
            tasks = (trading, stopping, *self._under_way)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self.done

    async def _trade(self) -> None:
        await self._gateway.ready()
        await each(map(errands.asked, small_market.participants(self._book)), self._gateway.outcome)
        await each(map(errands.asked, small_market.listings(self._book)), self._gateway.outcome)
        await fresh(self._gateway)
        self.waiting = None
        self._say(f"trading: {len(self._book.buyers)} buyers, {len(self._book.products)} products")
        while True:
            await self._round()
            self.done.rounds += 1
            self._say(self.done.words(), counts=self.done.values())

    async def _round(self) -> None:
        goods = await goods_of(self._gateway, self._book.products, text=name_of(self._seed, ""))
        await each([good for good in goods.values() if good["available"] < STOCK_LOW], self._replenish, UNDER_WAY_MAX)
        for number, order in enumerate(self._chance.sample(self._book.orders, ORDERS_PER_ROUND)):
            await self._pace()
            work = self._order(order, self._id(f"{self.done.rounds}-{number}"), goods)
            self._under_way.add(asyncio.create_task(work))
        await self._clear()

    async def _pace(self) -> None:
        """Wait for the next order's time; after a standstill, time lost is not made up for."""
        now = time.monotonic()
        self._next_at = max(self._next_at + self._seconds_each, now - self._seconds_each)
        await asyncio.sleep(max(0.0, self._next_at - now))
        await self._let_go(UNDER_WAY_MAX - 1)

    async def _let_go(self, left_max: int) -> None:
        """Forget the orders that are over, until so few are left. Raises what made one fail."""
        while True:
            over = {task for task in self._under_way if task.done()}
            self._under_way -= over
            for task in over:
                task.result()
            if len(self._under_way) <= left_max:
                return
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def _order(self, order: Order, id_: str, goods: Mapping[str, Good]) -> None:
        card = id_ if self._chance.random() < NEW_CARDS else order.buyer
        command = small_market.checkout(order, id_, goods, f"tok_{card}")
        if command is None:
            return
        self.done.begun += 1
        reply = await self._gateway.ask(asking(id_, command), PAID_SECONDS_MAX)
        self.done.counts[ANSWERED] += 1
        if reply.type != PaymentSucceeded.wire_name:
            self.done.counts[REFUSED if reply.type or reply.refusal else UNANSWERED] += 1
            return
        if self._chance.random() < RETURNS:
            await self._say_to("returns", small_market.giving_back(order, id_), id_)
        elif self._chance.random() < REVIEWS:
            await self._say_to("reviews", small_market.review(order, id_, self._chance), id_)
        if self._chance.random() < MESSAGES:
            await self._say_to("messages", small_market.message(order, self._chance), id_)

    async def _say_to(self, what: str, command: Event, id_: str) -> None:
        await self._gateway.ask(asking(f"{what}-{id_}", command))
        self.done.counts[what] += 1

    async def _replenish(self, good: Good) -> None:
        key = self._id(f"{self.done.rounds}-stock-{good['product']}")
        await self._gateway.ask(asking(key, small_market.replenishing(good)), seller=good["seller"])
        self.done.counts["replenishments"] += 1

    async def _clear(self) -> None:
        """Clear those payouts of this market's orders that have been held for a while."""
        after: dict[str, str] = {}
        for _ in range(HELD_PAGES_MAX):
            page = await self._gateway.look("/v1/held", **after, limit=PAGE)
            for order in page["shown"]["items"] if page else ():
                since = datetime.now(UTC) - datetime.fromisoformat(order["held_at"])
                if order["transaction"].startswith(name_of(self._seed, "")) and since > HELD:
                    await self._gateway.ask(errands.verdict(order["transaction"], clear=True))
                    self.done.counts["payouts cleared"] += 1
            if page is None or page["shown"]["next"] is None:
                return
            after = {"after": page["shown"]["next"]}

    def _id(self, what: str) -> str:
        return name_of(self._seed, f"{self._run}-{what}")
