"""Reads how far every service is from its own partitions table. It never writes, and no service is named here."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agora import discovery
from agora.kafka import begin
from agora.login import reach, why
from console.site import Site

POLL_SECONDS: Final = 0.1
RETRY_SECONDS: Final = 1.0
READ_SECONDS_MAX: Final = 60

AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
"""How PostgreSQL says, or fails to say, that it cannot be reached now."""

_PARTITIONS: Final = "SELECT partition, next_offset, sequence, published, counts FROM partitions"
_HEALTH: Final = """
SELECT (SELECT count(*) FROM reminders) AS reminders, (SELECT count(*) FROM activities) AS activities,
    (SELECT count(DISTINCT subject) FROM parked) AS parked, (SELECT count(*) FROM dead_letters) AS dead_letters,
    (SELECT count(*) FROM agents) AS agents
"""
_KNOWN: Final = "SELECT subject FROM agents WHERE subject = ANY($1::text[])"


class Mark(NamedTuple):
    """Where one partition of a service stands."""

    next_offset: int
    sequence: int
    published: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One service at one moment: its partitions, and its tallies summed over them."""

    marks: Mapping[int, Mark] = field(default_factory=dict[int, Mark])
    counts: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def turns(self) -> int:
        """Turns taken so far."""
        return sum(count for what, count in self.counts.items() if what.startswith("heard "))

    @property
    def unpublished(self) -> int:
        """Events committed and not yet known to be in Kafka."""
        return sum(mark.sequence - mark.published for mark in self.marks.values())


class Gauge:
    """Eyes on every service of a market."""

    def __init__(self, site: Site, waiting: Callable[[str], None]) -> None:
        self._site = site
        self._waiting = waiting
        self._connections: dict[str, asyncpg.Connection[Any]] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()
        self._topics = {
            service.name: site.namespace + service.stream.name
            for service in discovery.services()
            if not service.ingress
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.terminate()
        await self._drop_consumer()

    async def rows(self, service: str, sql: str, *values: object) -> list[Any]:
        """What a service's databases answer, one after the other. Waits while PostgreSQL is away."""
        return [row for url in self._site.urls(service) for row in await self._rows(url, sql, values)]

    async def sums(self, service: str, sql: str, *values: object) -> dict[str, int]:
        """One row of counts, summed over a service's databases."""
        summed: Counter[str] = Counter()
        for row in await self.rows(service, sql, *values):
            summed.update(dict(row))
        return dict(summed)

    async def read(self, service: str) -> Reading:
        """Read one service."""
        rows = await self.rows(service, _PARTITIONS)
        counts: Counter[str] = Counter()
        for row in rows:
            counts.update(json.loads(row["counts"]))
        return Reading({row["partition"]: Mark(*tuple(row)[1:4]) for row in rows}, counts)

    async def health(self, service: str) -> dict[str, int]:
        """Reminders set, activities under way, agents known, agents parked and dead letters of one service."""
        return await self.sums(service, _HEALTH)

    async def known(self, service: str, subjects: list[str]) -> set[str]:
        """Those of these subjects that a service has an agent for; of the door, the keys that were used before."""
        return {row["subject"] for row in await self.rows(service, _KNOWN, subjects)}

    async def all(self) -> dict[str, Reading]:
        """Read every service."""
        return {service: await self.read(service) for service in self._site.databases}

    async def ends(self) -> dict[str, dict[int, int]]:
        """Where the stream of each service that hears one ends, by partition. Waits while Kafka is away."""
        wanted = [
            TopicPartition(topic, number)
            for topic in set(self._topics.values())
            for number in range(self._site.partitions)
        ]
        while True:
            try:
                consumer = self._consumer or await self._consume()
                found = await consumer.end_offsets(wanted)
                break
            except (KafkaError, OSError, TimeoutError) as error:
                self._waiting(f"Kafka: {await why(error, self._site.kafka)}")
                await self._drop_consumer()
            await asyncio.sleep(RETRY_SECONDS)
        return {
            service: {at.partition: end for at, end in found.items() if at.topic == topic}
            for service, topic in self._topics.items()
        }

    async def lag(self) -> dict[str, int]:
        """Records each service has not heard yet."""
        ends = await self.ends()
        return {
            service: sum(max(0, end - _next_offset(reading, number)) for number, end in ends.get(service, {}).items())
            for service, reading in (await self.all()).items()
        }

    async def passes(self, hops: int) -> None:
        """Wait until what was said before this call has been heard, and what that led to, for so many hops."""
        for _ in range(hops):
            before = await self.all()
            while not _published(before, await self.all()):
                await asyncio.sleep(POLL_SECONDS)
            ends = await self.ends()
            while not _heard(ends, await self.all()):
                await asyncio.sleep(POLL_SECONDS)

    async def is_quiet(self) -> bool:
        """Tell whether nothing is on its way: all is heard and published, and no reminder or activity is waited for."""
        before = await self.all()
        if any(reading.unpublished for reading in before.values()):
            return False
        ends = await self.ends()
        if not _heard(ends, before):
            return False
        for service in self._site.databases:
            health = await self.health(service)
            if health["reminders"] or health["activities"]:
                return False
        return _marks(before) == _marks(await self.all())

    async def _rows(self, url: str, sql: str, values: Sequence[object]) -> list[Any]:
        while True:
            try:
                async with self._lock:
                    connection = await self._connected(url)
                    return await connection.fetch(sql, *values, timeout=READ_SECONDS_MAX)
            except AWAY as error:
                self._waiting(f"PostgreSQL: {error or type(error).__name__}")
                self._drop(url)
            await asyncio.sleep(RETRY_SECONDS)

    async def _connected(self, url: str) -> "asyncpg.Connection[Any]":
        connection = self._connections.get(url)
        if connection is None:
            connection = self._connections[url] = await asyncpg.connect(
                url,
                timeout=READ_SECONDS_MAX,
                server_settings={"application_name": "agora console", "default_transaction_read_only": "on"},
            )
        return connection

    def _drop(self, url: str) -> None:
        connection = self._connections.pop(url, None)
        if connection is not None:
            connection.terminate()

    async def _consume(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(**reach(self._site.kafka), enable_auto_commit=False)
        try:
            await begin(consumer)
        except BaseException:
            await consumer.stop()
            raise
        self._consumer = consumer
        return consumer

    async def _drop_consumer(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await consumer.stop()


def _next_offset(reading: Reading, number: int) -> int:
    mark = reading.marks.get(number)
    return mark.next_offset if mark else 0


def _heard(ends: Mapping[str, Mapping[int, int]], readings: Mapping[str, Reading]) -> bool:
    return all(
        _next_offset(readings[service], number) >= end
        for service, partitions in ends.items()
        for number, end in partitions.items()
    )


def _published(before: Mapping[str, Reading], now: Mapping[str, Reading]) -> bool:
    return all(
        now[service].marks[number].published >= mark.sequence
        for service, reading in before.items()
        for number, mark in reading.marks.items()
    )


def _marks(readings: Mapping[str, Reading]) -> list[Mapping[int, Mark]]:
    return [reading.marks for reading in readings.values()]
