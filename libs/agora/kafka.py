"""The log on Kafka: whole batches, placed by us, through an idempotent producer that waits for every replica."""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from functools import lru_cache
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from agora.envelope import HEADERS
from agora.login import reach, why
from agora.ports import OutboxRow, Unavailable

BATCH_BYTES_MAX: Final = 1_000_000  # below the topics' max.message.bytes of 1 MiB
PUBLISH_SECONDS_MAX: Final = 30
CLOSE_SECONDS_MAX: Final = 1.0
KEYS_REMEMBERED_MAX: Final = 32_768
_HEADERS: Final = list(HEADERS)


@lru_cache(maxsize=KEYS_REMEMBERED_MAX)
def place(key: str) -> int:
    """The positive murmur2 of a key, as the Java client has it; modulo the partition count it is the partition."""
    return murmur2(key.encode()) & 0x7FFFFFFF


async def begin(consumer: AIOKafkaConsumer) -> None:
    """Start a consumer so that it can be stopped at any moment."""
    await started(consumer)
    await asyncio.sleep(0)  # it makes a task, which ends whoever stops it if it has not taken its first step


async def started(client: AIOKafkaConsumer | AIOKafkaProducer | AIOKafkaAdminClient) -> None:
    """Start a client to the end: one cut short leaves a connection open."""
    await seen_through(client.start())


async def seen_through(work: Coroutine[Any, Any, None]) -> None:
    """Go on to the end with what must not be cut short, even if whoever waits for it is cancelled."""
    doing = asyncio.ensure_future(work)
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        doing.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody else will ask
        await asyncio.wait([doing], timeout=CLOSE_SECONDS_MAX)
        doing.cancel()
        raise


class KafkaLog:
    """Publishes outbox rows. At most one batch per destination is on its way, so none can overtake another.

    ``prefix`` is the namespace put before every topic name. After any failure the producer is thrown away: a batch
    whose fate is unknown must not be followed by a later one.
    """

    def __init__(self, bootstrap: str, prefix: str = "") -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._producer: AIOKafkaProducer | None = None
        self._partitions: dict[str, int] = {}

    async def publish(self, rows: Sequence[OutboxRow]) -> int:
        try:
            producer = self._producer or await self._start()
            batches, count = await self._batches(producer, rows)
            async with asyncio.timeout(PUBLISH_SECONDS_MAX):
                sent = [await self._send(producer, place, batch) for place, batch in batches.items()]
                await asyncio.gather(*sent)
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            raise Unavailable(f"Kafka: {await why(error, self._bootstrap)}") from error
        return count

    async def close(self) -> None:
        """Drop the producer; the next publication makes a new one."""
        producer, self._producer = self._producer, None
        self._partitions.clear()
        if producer is not None:
            try:
                async with asyncio.timeout(CLOSE_SECONDS_MAX):
                    await producer.stop()
            except (KafkaError, OSError, TimeoutError):
                await _abandon(producer)

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **reach(self._bootstrap),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=2 * BATCH_BYTES_MAX,
            request_timeout_ms=PUBLISH_SECONDS_MAX * 1000,
        )
        try:
            await started(producer)
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer
        return producer

    async def _batches(
        self, producer: AIOKafkaProducer, rows: Sequence[OutboxRow]
    ) -> tuple[dict[tuple[str, int], BatchBuilder], int]:
        """One batch per destination with a prefix of the rows: it ends at the first row that has no room."""
        batches: dict[tuple[str, int], BatchBuilder] = {}
        for count, (_, _, stream, subject, value) in enumerate(rows):
            partitions = self._partitions.get(stream) or await self._count(producer, stream)
            destination = (stream, place(subject) % partitions)
            batch = batches.get(destination)
            if batch is None:
                batch = batches[destination] = producer.create_batch()
            if batch.append(timestamp=None, key=subject.encode(), value=value, headers=_HEADERS) is None:
                return batches, count
        return batches, len(rows)

    async def _count(self, producer: AIOKafkaProducer, stream: str) -> int:
        async with asyncio.timeout(PUBLISH_SECONDS_MAX):
            found: Any = await producer.partitions_for(self._prefix + stream)
        self._partitions[stream] = len(found)
        return len(found)

    async def _send(self, producer: AIOKafkaProducer, to: tuple[str, int], batch: BatchBuilder) -> Awaitable[object]:
        stream, partition = to
        return await producer.send_batch(batch, self._prefix + stream, partition=partition)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """End a producer that cannot flush: it would go on trying, and hold its connections."""
    unfinished: Any = producer
    if unfinished._sender is not None:  # noqa: SLF001 - it has no other way to be stopped without flushing
        unfinished._sender.sender_task.cancel()  # noqa: SLF001
    await unfinished.client.close()
