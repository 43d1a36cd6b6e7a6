"""Drives a running market: closed loops, an open loop, and what the services have committed so far."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from time import perf_counter, time
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer

from agora.envelope import read_envelope
from agora.event import Event
from agora.ingress import Ingress
from agora.requests import asking
from market.buyers import CheckOut

POLL_SECONDS: Final = 0.05
LOOP_LOOK_SECONDS: Final = 0.15
"""In a closed loop: every look asks all databases, so looking after each submission took from what is looked at."""
LOOK_MS: Final = 50
"""In the open loop: looking more often took a tenth of two cores from what is looked at."""
SUBMIT_MAX: Final = 500
STALL_SECONDS_MAX: Final = 60


class Progress:
    """What the services have committed, read from the tallies in their partition rows."""

    def __init__(self, connections: Mapping[str, "asyncpg.Connection[asyncpg.Record]"]) -> None:
        self._connections = connections

    async def counts(self) -> dict[str, dict[str, int]]:
        """Each service's tallies, summed over its partitions."""
        counts: dict[str, dict[str, int]] = {}
        for name, connection in self._connections.items():
            tally = counts.setdefault(name, {})
            for (text,) in await connection.fetch("SELECT counts FROM partitions"):
                for what, number in msgspec.json.decode(text).items():
                    tally[what] = tally.get(what, 0) + number
        return counts

    async def known(self) -> dict[str, int]:
        """How many agents each service knows."""
        return {name: await c.fetchval("SELECT count(*) FROM agents") for name, c in self._connections.items()}


def hearers(counts: Mapping[str, Mapping[str, int]], what: str, copies: Mapping[str, int]) -> int:
    """How many checkouts every service that hears ``what`` has committed; ``copies`` are its events per checkout."""
    return min(counts[name].get(what, 0) // number for name, number in copies.items())


def turns(counts: Mapping[str, Mapping[str, int]]) -> int:
    """All turns taken so far."""
    return sum(number for tally in counts.values() for what, number in tally.items() if what.startswith("heard "))


@dataclass(slots=True)
class Run:
    """What a closed loop measured: (seconds, checkouts done, turns) at each look."""

    marks: list[tuple[float, int, int]] = field(default_factory=list[tuple[float, int, int]])

    def per_second(self, first: float = 0.1, last: float = 1.0) -> float:
        """Checkouts/s between two shares of the run, so that warming up does not count."""
        total = self.marks[-1][1]
        return _rate([(at, done) for at, done, _ in self.marks], total * first, total * last)

    def turns_per_second(self, first: int, last: int) -> float:
        """Turns/s between two numbers of turns since the run began."""
        start = self.marks[0][2]
        return _rate([(at, taken - start) for at, _, taken in self.marks], first, last)


def _rate(marks: list[tuple[float, int]], first: float, last: float) -> float:
    begin = next(mark for mark in marks if mark[1] >= first)
    end = next((mark for mark in marks if mark[1] >= last), marks[-1])
    return (end[1] - begin[1]) / (end[0] - begin[0]) if end[0] > begin[0] else 0.0


async def closed_loop(
    door: Ingress,
    progress: Progress,
    orders: Iterator[CheckOut],
    *,
    count: int,
    in_flight: int,
    what: str,
    copies: Mapping[str, int],
) -> Run:
    """Keep ``in_flight`` checkouts under way until ``count`` are done in every service that hears ``what``."""
    run = Run()
    before = hearers(await progress.counts(), what, copies)
    start = moved = perf_counter()
    sent = done = 0
    while done < count:
        counts = await progress.counts()
        now = perf_counter()
        heard = hearers(counts, what, copies) - before
        if heard > done:
            moved, done = now, heard
        run.marks.append((now - start, done, turns(counts)))
        if now - moved > STALL_SECONDS_MAX:
            raise RuntimeError(f"nothing moved for {STALL_SECONDS_MAX} s with {done} of {count} done: {counts}")
        room = min(in_flight - (sent - done), count - sent, SUBMIT_MAX)
        if room > 0:
            await door.submit([asking(order.order, order) for order in islice(orders, room)])
            sent += room
        await asyncio.sleep(now + LOOP_LOOK_SECONDS - perf_counter())
    return run


class Paid(NamedTuple):
    """When the log took in an order's ``PaymentSucceeded``, and when the last service that hears it had committed it.

    The first is what Kafka wrote on the record, the second is up to ``LOOK_MS`` late.
    """

    told: float
    heard: float


async def open_loop(
    door: Ingress, orders: Iterator[CheckOut], payments: "Payments", *, per_second: int, seconds: int
) -> list[Paid]:
    """Send at a fixed rate, whatever happens; the milliseconds since each was due."""
    looking = asyncio.create_task(payments.look(per_second * seconds))
    await asyncio.sleep(1)
    start = time()
    sends: list[asyncio.Task[Any]] = []
    due: dict[str, float] = {}
    for number, order in enumerate(islice(orders, per_second * seconds)):
        moment = start + number / per_second
        await asyncio.sleep(max(0.0, moment - time()))
        due[order.order] = moment
        sends.append(asyncio.create_task(door.ask(order.order, order)))
    await asyncio.gather(*sends)
    async with asyncio.timeout(STALL_SECONDS_MAX):
        done = await looking
    return [Paid(*((at - moment) * 1000 for at in done[order])) for order, moment in due.items()]


class Payments:
    """When each order's payment was in the log, and when it was committed by the last service that hears it.

    A service has committed a record once its partition's next offset is past it.
    """

    def __init__(
        self,
        bootstrap: str,
        connections: Mapping[str, "asyncpg.Connection[asyncpg.Record]"],
        topics: Mapping[str, str],
        copies: Mapping[str, int],
    ) -> None:
        self._bootstrap = bootstrap
        self._hearers = {name: (topics[name], connections[name]) for name in copies}
        self._copies = sum(copies.values())

    async def look(self, count: int) -> dict[str, Paid]:
        """The moments of each of the next ``count`` payments, by order."""
        topics = {topic for topic, _ in self._hearers.values()}
        # In large portions, so that looking takes little of what is looked at.
        consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self._bootstrap,
            auto_offset_reset="latest",
            fetch_min_bytes=1_000_000,
            fetch_max_wait_ms=LOOK_MS,
        )
        await consumer.start()
        told: dict[tuple[str, int], deque[tuple[int, str]]] = {}
        copies: Counter[str] = Counter()
        seen: dict[str, float] = {}
        done: dict[str, Paid] = {}
        try:
            while len(done) < count:
                for place, records in (await consumer.getmany(timeout_ms=LOOK_MS)).items():
                    payments: list[tuple[int, str]] = []
                    for record in records:
                        if order := _paid(record.value):
                            payments.append((record.offset, order))
                            seen[order] = min(record.timestamp / 1000, seen.get(order, inf))
                    for name, (topic, _) in self._hearers.items():
                        if topic == place.topic:
                            told.setdefault((name, place.partition), deque()).extend(payments)
                for order in await self._committed(told):
                    copies[order] += 1
                    if copies[order] == self._copies:
                        done[order] = Paid(seen[order], time())
        finally:
            await consumer.stop()
        return done

    async def _committed(self, told: dict[tuple[str, int], deque[tuple[int, str]]]) -> list[str]:
        found: list[str] = []
        for name, (_, connection) in self._hearers.items():
            if not any(waiting for (who, _), waiting in told.items() if who == name):
                continue
            for partition, next_offset in await connection.fetch("SELECT partition, next_offset FROM partitions"):
                waiting = told.get((name, partition), ())
                while waiting and waiting[0][0] < next_offset:
                    found.append(waiting.popleft()[1])
        return found


def _paid(value: bytes | None) -> str | None:
    """The order a payment is for; ``None`` for any other event."""
    if value is None or b"PaymentSucceeded.v1" not in value:
        return None
    return msgspec.json.decode(read_envelope(value).data)["transaction"]


async def prepare(door: Ingress, progress: Progress, commands: Sequence[Event], prefix: str) -> None:
    """Submit set-up commands and wait until no service has anything left to do with them."""
    await door.submit([asking(f"{prefix}-{number}", command) for number, command in enumerate(commands)])
    await quiet(progress)


async def quiet(progress: Progress, still_seconds: float = 1.0) -> None:
    """Wait until no service takes turns any more."""
    before, since = -1, perf_counter()
    while perf_counter() - since < still_seconds:
        now = turns(await progress.counts())
        if now != before:
            before, since = now, perf_counter()
        await asyncio.sleep(POLL_SECONDS)
