"""Trades a book of orders: stocks the market, checks every order out, and waits for what becomes of each."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agora.door import open_door
from agora.ingress import Ingress
from agora.requests import Submitted
from console import errands, operate
from console.follow import Fate, Follower, Tally
from console.gauge import Gauge
from console.orders import Order, OrderBook
from console.shelf import Versions, read_shelf
from console.site import Site

IN_FLIGHT_DEFAULT: Final = 100
IN_FLIGHT_MAX: Final = 100_000
CHECKOUTS_PER_SUBMISSION_MAX: Final = 250
SETUP_HOPS: Final = 2  # a seller lists, a product hears of it
STALLED_SECONDS: Final = 5.0
QUIET_SECONDS_MAX: Final = 120.0
TICK_SECONDS: Final = 0.5


class Review(StrEnum):
    """What the trade itself says, as the reviewer, of each order of its book whose payout is held."""

    CLEAR = "clear"
    REJECT = "reject"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Terms:
    """How to trade: units in stock per unit ordered, how many orders may be unpaid at once, and who reviews."""

    stock_factor: float = 1.0
    in_flight: int = IN_FLIGHT_DEFAULT
    review: Review = Review.CLEAR


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a trade stands, for those who watch."""

    orders: int
    submitted: int
    tally: Tally
    turns: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Traded:
    """What became of every order of a book. ``seconds`` is from the first checkout to the last outcome.

    ``turns`` is ``None`` where nobody can count them: from outside, over HTTP.
    """

    fates: Mapping[str, Fate]
    repeated: int
    turns: int | None
    seconds: float
    latencies: tuple[float, ...]

    @property
    def settled(self) -> int:
        """How many orders were settled."""
        return self.count(lambda fate: fate.end == "settled")

    @property
    def refusals(self) -> dict[str, int]:
        """Refused orders by reason."""
        return dict(Counter(fate.reason for fate in self.fates.values() if fate.end == "refused").most_common())

    @property
    def held(self) -> int:
        """Orders whose payout waits for a reviewer."""
        return self.count(lambda fate: fate.is_held)

    @property
    def unfinished(self) -> int:
        """Orders without an outcome, though nobody has to say anything more."""
        return self.count(lambda fate: fate.end is None and not fate.is_held)

    def count(self, applies: Callable[[Fate], bool]) -> int:
        """How many orders this applies to."""
        return sum(map(applies, self.fates.values()))


Watch = Callable[[Standing], None]


async def trade(
    site: Site, book: OrderBook, terms: Terms, watch: Watch, waiting: Callable[[str], None], say: Callable[[str], None]
) -> Traded:
    """Trade every order of the book once; one that was traded before is only looked up."""
    door = operate.door()
    async with Gauge(site, waiting) as gauge:
        known = await gauge.known(door.name, [order.id for order in book.orders])
        follower = Follower(site, [order.id for order in book.orders], waiting, from_start=bool(known))
        url = site.database(door.name)
        async with follower, open_door(door, site.kafka, url, site.namespace, waiting) as ingress:
            say(
                f"stocking the market: {book.totals.sellers:,} sellers, {book.totals.buyers:,} buyers, "
                f"{book.totals.products:,} products"
            )
            versions = await _stock(site, ingress, gauge, book, known, terms)
            return await _Trade(book, terms, versions, gauge, follower, ingress, watch).run(len(known))


async def _stock(
    site: Site, ingress: Ingress, gauge: Gauge, book: OrderBook, known: set[str], terms: Terms
) -> Versions:
    """See to it that everyone is registered and every product on sale; return the version in which to order each."""
    await ingress.submit(list(errands.participants(book)))
    await gauge.passes(1)
    shelf = await read_shelf(site, gauge, book, known)
    listings = errands.listings(book, terms.stock_factor)
    stocked = await gauge.known(operate.door().name, [listing.key for listing in listings.values()])
    requests, versions = errands.stocking(book, listings, shelf, stocked, terms.stock_factor)
    await ingress.submit(requests)
    await gauge.passes(SETUP_HOPS)
    return versions


class _Trade:
    """One trade under way."""

    def __init__(
        self,
        book: OrderBook,
        terms: Terms,
        versions: Versions,
        gauge: Gauge,
        follower: Follower,
        ingress: Ingress,
        watch: Watch,
    ) -> None:
        self._left = deque(book.orders)
        self._orders = len(book.orders)
        self._terms = terms
        self._versions = versions
        self._gauge = gauge
        self._follower = follower
        self._ingress = ingress
        self._watch = watch
        self._open = set[str]()
        self._submitted = 0
        self._turns_before = 0
        self._turns = 0

    async def run(self, repeated: int) -> Traded:
        self._turns_before = await self._count_turns()
        started = time.monotonic()
        beside = [asyncio.create_task(work) for work in (self._report(started), self._review())]
        try:
            await self._submit()
            ended = await self._await_outcomes()
            await self._await_quiet()
        finally:
            for task in beside:
                task.cancel()
            faults = await asyncio.gather(*beside, return_exceptions=True)
        for fault in faults:
            if isinstance(fault, Exception):
                raise fault
        self._turns = await self._count_turns() - self._turns_before
        self._tell(started)
        latencies = tuple(self._follower.tally.latencies)
        return Traded(self._follower.fates, repeated, self._turns, ended - started, latencies)

    async def _submit(self) -> None:
        """Check out in the book's order, with at most so many orders unpaid at once."""
        while self._left:
            self._follower.changed.clear()
            self._open = {order for order in self._open if is_unpaid(self._follower.fates[order])}
            room = min(self._terms.in_flight - len(self._open), CHECKOUTS_PER_SUBMISSION_MAX)
            if room <= 0:
                await self._follower.changed.wait()
                continue
            await self._check_out([self._left.popleft() for _ in range(min(room, len(self._left)))])

    async def _check_out(self, orders: Iterable[Order]) -> None:
        requests: list[Submitted] = []
        for order in orders:
            self._follower.submit(order.id, time.time())
            self._open.add(order.id)
            requests.append(errands.checkout(order, self._versions))
        for answer in await self._ingress.submit(requests):
            self._submitted += 1
            if answer.refusal is not None:
                self._follower.turn_away(answer.key, answer.refusal)

    async def _await_outcomes(self) -> float:
        """Wait until every order has ended, or is left held; give up on what is left once nothing moves any more."""
        moved = time.monotonic()
        ended = -1
        while True:
            self._follower.changed.clear()
            tally = self._follower.tally
            now = tally.ended + (tally.held if self._terms.review is Review.LEAVE else 0)
            if now != ended:
                ended, moved = now, time.monotonic()
            if ended >= self._orders:
                return moved
            if time.monotonic() - moved > STALLED_SECONDS and await self._gauge.is_quiet():
                return moved
            try:
                await asyncio.wait_for(self._follower.changed.wait(), 1)
            except TimeoutError:
                continue

    async def _review(self) -> None:
        """Say a word on every held payout, unless they are left to somebody else."""
        while self._terms.review is not Review.LEAVE:
            held = [await self._follower.held.get()]
            while not self._follower.held.empty():
                held.append(self._follower.held.get_nowait())
            waiting = [order for order in held if self._follower.fates[order].is_held]
            clear = self._terms.review is Review.CLEAR
            await self._ingress.submit([errands.verdict(order, clear=clear) for order in waiting])

    async def _await_quiet(self) -> None:
        """Until everybody has heard how the last orders ended."""
        deadline = time.monotonic() + QUIET_SECONDS_MAX
        while not await self._gauge.is_quiet() and time.monotonic() < deadline:
            await asyncio.sleep(0.1)

    async def _report(self, started: float) -> None:
        while True:
            self._turns = await self._count_turns() - self._turns_before
            self._tell(started)
            await asyncio.sleep(TICK_SECONDS)

    def _tell(self, started: float) -> None:
        seconds = time.monotonic() - started
        self._watch(Standing(self._orders, self._submitted, self._follower.tally, self._turns, seconds))

    async def _count_turns(self) -> int:
        return sum(reading.turns for reading in (await self._gauge.all()).values())


def is_unpaid(fate: Fate) -> bool:
    """Tell whether an order counts among those that may be unpaid at once."""
    return not (fate.paid_at or fate.end)
