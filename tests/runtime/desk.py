"""The counting service on a real Kafka and PostgreSQL, one step at a time and by as many owners as a test asks."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg
from aiokafka import ConsumerRecord

from agora.clock import WallClock
from agora.control import ERRORS, ErrorOccurred
from agora.envelope import read_envelope
from agora.event import Event
from agora.kafka import KafkaLog
from agora.ports import Record
from agora.postgres import PostgresStore
from agora.provision import Access
from agora.service import Service
from agora.topics import ensure_topics
from agora.turns import Engine
from agora.wire import Cause, data_of, seal
from tests.runtime.counting import COUNTERS, TOTALS, Totalled, counting
from tests.runtime.kafka_reader import Raw, Teller, read

E = TypeVar("E", bound=Event)
CAUSE = Cause("2030-01-01T00:00:00Z", "story", "", "0" * 32)


@dataclass
class Desk:
    """One process that believes to own the service's one partition."""

    engine: Engine
    store: PostgresStore
    log: KafkaLog

    async def hear(self, records: Sequence[Record]) -> None:
        """Take the turns of these records."""
        await self.engine.own([0])
        await self.engine.take(records)

    async def relay(self) -> None:
        """Publish everything, and write down that it was."""
        while await self.engine.relay.step():
            pass
        await self.engine.sweep()


@dataclass
class Office:
    """Where desks stand: one topic of one partition, one database."""

    kafka: str
    prefix: str
    database: Access
    teller: Teller
    people: "asyncpg.Connection[asyncpg.Record]"
    leaving: AsyncExitStack
    told: int = field(default=0)

    def desk(
        self,
        service: Service | None = None,
        store: PostgresStore | None = None,
        log: KafkaLog | None = None,
        **options: Any,
    ) -> Desk:
        """Another process begins, with nothing in memory."""
        store, log = store or PostgresStore(self.database.url), log or KafkaLog(self.kafka, self.prefix)
        self.leaving.push_async_callback(store.close)
        self.leaving.push_async_callback(log.close)
        return Desk(Engine(service or counting(), store, log, WallClock(), **options), store, log)

    async def tell(self, *events: Event) -> None:
        """Say something as one numbered source, in order."""
        await self.write(*(self.numbered(event) for event in events))

    def numbered(self, event: Event) -> Raw:
        """An event as the next of one numbered source."""
        self.told += 1
        (subject,) = event.concerns()
        value = seal(CAUSE, "test-0", self.told, event.wire_name, subject.id, data_of(event), event.readable_as)
        return Raw(subject.id.encode(), value)

    async def write(self, *records: Raw) -> None:
        """Write records of any kind."""
        await self.teller.tell(self.prefix + COUNTERS.name, *records)

    async def records(self) -> list[ConsumerRecord[bytes, bytes]]:
        """Everything that was ever said to the service."""
        return await read(self.kafka, self.prefix + COUNTERS.name)

    async def said(self, kind: type[E], stream: str) -> list[E]:
        """What the service said, each event once, in the order in which it arrived."""
        found: dict[tuple[str, str], E] = {}
        for record in await read(self.kafka, self.prefix + stream):
            envelope = read_envelope(record.value or b"")
            if envelope.type == kind.wire_name:
                found.setdefault((envelope.source, envelope.id), kind.model_validate_json(bytes(envelope.data)))
        return list(found.values())

    async def totals(self) -> list[tuple[str, int]]:
        """Every total the service told, once each."""
        return [(event.counter, event.total) for event in await self.said(Totalled, TOTALS.name)]

    async def errors(self) -> list[str]:
        """Every failure the service told of."""
        return [event.error for event in await self.said(ErrorOccurred, ERRORS.name)]

    async def state(self, counter: str) -> dict[str, Any] | None:
        """The stored state of a counter."""
        names = ("total", "turns", "rang")
        columns = ", ".join(f"(state->>'{name}')::int AS {name}" for name in names)
        found = await self.people.fetchrow(f"SELECT {columns} FROM agents WHERE subject = $1", counter)
        return dict(found) if found else None

    async def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """What people see."""
        return [tuple(row) for row in await self.people.fetch(query)]

    async def parked(self) -> list[tuple[str, int]]:
        """The amounts that wait behind a failure, in order."""
        rows = await self.fetch("SELECT subject, value FROM parked ORDER BY subject, position")
        return [(subject, int(re.findall(rb'"amount":(-?\d+)', value)[0])) for subject, value in rows]


@asynccontextmanager
async def open_office(kafka: str, prefix: str, database: Access) -> AsyncGenerator[Office]:
    """Make the topics, and close everything on the way out."""
    await ensure_topics(kafka, [prefix + stream for stream in (COUNTERS.name, TOTALS.name, ERRORS.name)], 1)
    people = await asyncpg.connect(database.owner_url)
    async with AsyncExitStack() as leaving, Teller(kafka) as teller:
        leaving.push_async_callback(people.close)
        yield Office(kafka, prefix, database, teller, people, leaving)
