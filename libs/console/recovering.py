"""Recovers one service's restored database: reads the log from before the backup on, for ``agora.recover``."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from agora.clock import WallClock
from agora.control import ERRORS
from agora.discovery import streams
from agora.envelope import read_envelope
from agora.identity import identity_of
from agora.ingress import LANE
from agora.kafka import KafkaLog, begin, started
from agora.login import reach
from agora.partition import HistoryLost
from agora.ports import Record
from agora.postgres import PostgresStore
from agora.recover import Recovered, Recovery
from agora.said import SAID_EVENTS_MAX, TooMuchSaid
from agora.serve import Address
from agora.service import Service
from agora.shares import group_of
from console.output import Failure

SLACK: Final = timedelta(minutes=10)
"""By how much the clocks of services and brokers may differ."""
POLL_MS: Final = 1_000
POLL_RECORDS_MAX: Final = 4_000
SILENT_POLLS_MAX: Final = 30
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_GROUP_AT_REST: Final = ("Empty", "Dead")

_OLDEST_OUT: Final = """
SELECT DISTINCT ON (o.partition) o.value FROM outbox o JOIN partitions p USING (partition)
WHERE o.sequence > p.published ORDER BY o.partition, o.sequence
"""
_LAST_ANSWER: Final = "SELECT max(state->>'answered_at') FROM agents"


async def recover(service: Service, address: Address, say: Callable[[str], None]) -> Recovered:
    """Bring a restored database up to the log. Raises ``Failure`` with what to do first."""
    store, log = PostgresStore(address.database), KafkaLog(address.kafka, address.namespace)
    try:
        async with _reading(address.kafka) as reader:
            numbers = await reader.numbers(service, address)
            await _check_log(store, service, address)
            recovery = Recovery(service, store, log, WallClock())
            starts = await recovery.begin(numbers)
            since = await _since(service, address, store, reader, starts)
            say(f"reading what {service.name} has said since {since:%Y-%m-%d %H:%M} UTC")
            await _recall(recovery, reader, address, since)
            if not service.ingress:
                say("taking the turns since the backup again")
                await _take_again(recovery, reader, service, address, starts)
            done = await recovery.end()
            await store.recovered()
            return done
    except TooMuchSaid:
        raise Failure(f"more than {SAID_EVENTS_MAX:,} events were said since the backup. Restore a later one") from None
    except HistoryLost as lost:
        raise Failure(str(lost)) from None
    finally:
        await log.close()
        await store.close()


async def _check_log(store: PostgresStore, service: Service, address: Address) -> None:
    """The service is stopped, and the log is the one the database follows."""
    topic = address.namespace + service.stream.name
    group = group_of(service.name, address.namespace, address.share)
    admin = AIOKafkaAdminClient(**reach(address.kafka))
    try:
        await started(admin)
        if not service.ingress:
            identity = await identity_of(admin, topic)
            if (known := await store.identify(service.stream.name, identity)) != identity:
                raise Failure(f"the database follows {known}, but Kafka has {identity}: this is another log")
            described: list[Any] = await admin.describe_consumer_groups([group])
            if (state := described[0].groups[0][2]) not in _GROUP_AT_REST:
                raise Failure(f"{service.name} is still running (its group '{group}' is {state}). Stop it first")
    finally:
        await admin.close()


async def _since(
    service: Service, address: Address, store: PostgresStore, reader: "_Reader", starts: Mapping[int, int]
) -> datetime:
    """A moment before anything was said that the backup does not know to be published."""
    connection = await asyncpg.connect(address.database)
    try:
        waiting = [row["value"] for row in await connection.fetch(_OLDEST_OUT)]
        answered = await connection.fetchval(_LAST_ANSWER) if service.ingress else None
    finally:
        await connection.close()
    moments = [datetime.fromisoformat(read_envelope(value).time).astimezone(UTC) for value in waiting]
    if service.ingress:
        moments.append(datetime.fromisoformat(answered).astimezone(UTC) if answered else BEGINNING)
    else:
        topic = address.namespace + service.stream.name
        moments += await reader.moments({TopicPartition(topic, number): start for number, start in starts.items()})
    earliest = max(BEGINNING, min(moments, default=WallClock().now()) - SLACK)
    return datetime.fromisoformat(await store.recovering(earliest.isoformat()))


async def _recall(recovery: Recovery, reader: "_Reader", address: Address, since: datetime) -> None:
    """Remember what was said. Errors are few, and may be told of in no other stream: all of them are looked at."""
    topics = {address.namespace + stream: stream for stream in streams()}
    places = await reader.places(topics)
    from_time = await reader.offsets_at([place for place in places if topics[place.topic] != ERRORS.name], since)
    async for place, records in reader.batches({place: from_time.get(place, 0) for place in places}):
        for record in records:
            recovery.recall(topics[place.topic], record)


async def _take_again(
    recovery: Recovery, reader: "_Reader", service: Service, address: Address, starts: Mapping[int, int]
) -> None:
    topic = address.namespace + service.stream.name
    async for _, records in reader.batches({TopicPartition(topic, number): at for number, at in starts.items()}):
        await recovery.take(records)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads parts of the log, each from an offset to where it ends now."""

    consumer: AIOKafkaConsumer
    admin: AIOKafkaAdminClient

    async def numbers(self, service: Service, address: Address) -> list[int]:
        """The partitions whose states are in the database."""
        if service.ingress:
            return [LANE]
        places = await self.places([address.namespace + service.stream.name])
        return [place.partition for place in places if address.share is None or place.partition in address.share]

    async def places(self, topics: Iterable[str]) -> list[TopicPartition]:
        """Every partition of those topics that there are."""
        existing = set(await self.admin.list_topics())
        found: Any = await self.admin.describe_topics([topic for topic in topics if topic in existing])
        places = [TopicPartition(topic["topic"], part["partition"]) for topic in found for part in topic["partitions"]]
        return sorted(places)

    async def offsets_at(self, places: Sequence[TopicPartition], moment: datetime) -> dict[TopicPartition, int]:
        """The offset of the first record of each at a moment or after; the end where there is none."""
        times = dict.fromkeys(places, int(moment.timestamp() * 1000))
        found = await self.consumer.offsets_for_times(times) if times else {}
        ends = await self.consumer.end_offsets(places) if places else {}
        return {place: at.offset if (at := found.get(place)) else ends[place] for place in places}

    async def moments(self, starts: Mapping[TopicPartition, int]) -> list[datetime]:
        """When the log appended the first record of each that has one."""
        ends = await self.consumer.end_offsets(list(starts)) if starts else {}
        moments: list[datetime] = []
        for place, start in starts.items():
            if start < ends[place]:
                async for _, records in self.batches({place: start}, {place: start + 1}):
                    moments += [datetime.fromtimestamp(record.timestamp / 1000, UTC) for record in records]
        return moments

    async def batches(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int] | None = None
    ) -> AsyncIterator[tuple[TopicPartition, Sequence[Record]]]:
        """Every record, in batches of one partition. Raises ``Failure`` if Kafka falls silent."""
        ends = ends or (await self.consumer.end_offsets(list(starts)) if starts else {})
        left = {place: end for place, end in ends.items() if starts[place] < end}
        self.consumer.assign(list(left))
        for place in left:
            self.consumer.seek(place, starts[place])
        silent = 0
        while left:
            polled: Any = await self.consumer.getmany(*left, timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX)
            silent = 0 if polled else silent + 1
            if silent > SILENT_POLLS_MAX:
                raise Failure(f"Kafka gave nothing for {silent} s. Run it again")
            for place, records in polled.items():
                end = left[place]
                if records[-1].offset + 1 >= end:
                    del left[place]
                    self.consumer.pause(place)
                yield place, [record for record in records if record.offset < end]


@asynccontextmanager
async def _reading(bootstrap: str) -> AsyncGenerator[_Reader]:
    admin = AIOKafkaAdminClient(**reach(bootstrap))
    consumer = AIOKafkaConsumer(
        **reach(bootstrap), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        await started(admin)
        await begin(consumer)
        yield _Reader(consumer, admin)
    finally:
        await consumer.stop()
        await admin.close()
