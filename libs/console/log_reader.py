"""Reads whole streams, from their first record to where they ended when they were opened."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from agora.identity import identity_of
from agora.kafka import begin, started
from agora.login import reach, why
from agora.ports import Record
from console.output import Failure

BATCH_RECORDS_MAX: Final = 5_000
FETCH_BYTES_MAX: Final = 16 * 1024 * 1024
PARTITION_BYTES_MAX: Final = 2 * 1024 * 1024
POLL_MS: Final = 1_000
SILENT_POLLS_MAX: Final = 30

Batch: TypeAlias = Sequence[Record]


class LogReader:
    """Streams as they stood at one moment; ``ends`` holds the offset behind each partition's last record."""

    def __init__(self, consumer: AIOKafkaConsumer, prefix: str, ends: Mapping[TopicPartition, int]) -> None:
        self._consumer = consumer
        self._prefix = prefix
        self._ends = ends

    @property
    def ends(self) -> Mapping[tuple[str, int], int]:
        """By stream and partition."""
        return {(self._stream(place), place.partition): end for place, end in self._ends.items()}

    async def batches(self) -> AsyncIterator[tuple[str, Batch]]:
        """Every record, in batches of one partition of one stream, in order within the partition."""
        left = dict(self._ends)
        starts: Mapping[TopicPartition, int] = await self._consumer.beginning_offsets(list(left))
        for place, start in starts.items():
            self._consumer.seek(place, start)
            self._settle(left, place, start)
        silent = 0
        while left:
            polled: Any = await self._consumer.getmany(*left, timeout_ms=POLL_MS, max_records=BATCH_RECORDS_MAX)
            silent = 0 if polled else silent + 1
            if silent > SILENT_POLLS_MAX:
                raise Failure(
                    f"Kafka gave nothing for {silent} s, {len(left)} partitions short of their end. Try again"
                )
            for place, records in polled.items():
                end = left[place]
                self._settle(left, place, records[-1].offset + 1)
                yield self._stream(place), [record for record in records if record.offset < end]

    def _settle(self, left: dict[TopicPartition, int], place: TopicPartition, position: int) -> None:
        """Ask no more of a partition once it has been read to its end."""
        if position >= left[place]:
            del left[place]
            self._consumer.pause(place)

    def _stream(self, place: TopicPartition) -> str:
        return place.topic.removeprefix(self._prefix)


@asynccontextmanager
async def open_log(bootstrap: str, prefix: str, streams: Iterable[str]) -> AsyncGenerator[LogReader]:
    """Open streams for reading. One that has no topic yet has no records. Raises ``Failure`` where Kafka refuses."""
    try:
        async with _opened(bootstrap, prefix, streams) as reader:
            yield reader
    except KafkaError as error:
        raise Failure(f"Kafka at {bootstrap}: {await why(error, bootstrap)}") from None


@asynccontextmanager
async def _opened(bootstrap: str, prefix: str, streams: Iterable[str]) -> AsyncGenerator[LogReader]:
    places = await _places(bootstrap, [prefix + stream for stream in streams])
    consumer = AIOKafkaConsumer(
        **reach(bootstrap),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_bytes=FETCH_BYTES_MAX,
        max_partition_fetch_bytes=PARTITION_BYTES_MAX,
        check_crcs=False,  # the broker has checked them
    )
    try:
        await begin(consumer)
        consumer.assign(places)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(places) if places else {}
        yield LogReader(consumer, prefix, ends)
    finally:
        await consumer.stop()


async def _places(bootstrap: str, topics: Sequence[str]) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(**reach(bootstrap))
    try:
        await started(admin)
        existing = set(await admin.list_topics())
        wanted = [topic for topic in topics if topic in existing]
        for topic in set(topics) - existing:  # one that we may not know of is not listed either
            with suppress(UnknownTopicOrPartitionError):
                await identity_of(admin, topic)
        found: Any = await admin.describe_topics(wanted) if wanted else []
    finally:
        await admin.close()
    return [TopicPartition(topic["topic"], part["partition"]) for topic in found for part in topic["partitions"]]
