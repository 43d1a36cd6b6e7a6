"""Read and write Kafka as somebody else would, by the client alone."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

READ_SECONDS_MAX = 20


async def read(
    bootstrap: str, topic: str, count: int = 0, *, partitions: int = 1
) -> list[ConsumerRecord[bytes, bytes]]:
    """Read a topic from its beginning to its end, which is not before ``count`` records have come."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    found: list[ConsumerRecord[bytes, bytes]] = []
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(places)
        async with asyncio.timeout(READ_SECONDS_MAX):
            while len(found) < count or not await _at_the_end(consumer, places):
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found.extend(records)
    finally:
        await consumer.stop()
    return found


async def _at_the_end(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> bool:
    ends = await consumer.end_offsets(list(partitions))
    return all([await consumer.position(partition) >= ends[partition] for partition in partitions])


@asynccontextmanager
async def administering(bootstrap: str) -> AsyncGenerator[AIOKafkaAdminClient]:
    """A client that makes, changes and describes topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


class Teller:
    """Somebody who writes records of any kind; those of one call arrive together."""

    def __init__(self, bootstrap: str, compression: str | None = None) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, max_request_size=1_048_576, linger_ms=5, compression_type=compression
        )

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def tell(self, topic: str, *records: "Raw") -> None:
        """Write records in order."""
        sent = [
            await self._producer.send(topic, record.value, record.key, record.partition, headers=list(record.headers))
            for record in records
        ]
        await asyncio.gather(*sent)


class Raw(NamedTuple):
    """A record to write, of whatever bytes."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int | None = None
