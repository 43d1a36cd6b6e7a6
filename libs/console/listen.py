"""Listens to the market's streams like any other listener, and goes on where it was when Kafka comes back."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agora.event import Stream
from agora.kafka import begin
from agora.login import reach, why
from agora.ports import Record
from console.site import Site

RETRY_SECONDS: Final = 1.0
POLL_MS: Final = 200


class Listener:
    """Hands every record of some streams to ``hear``, from now on or, ``from_start``, from the first one on.

    ``waiting`` is told, in plain words, whenever Kafka has to be waited for; a record may then be heard twice.
    """

    def __init__(
        self,
        site: Site,
        streams: Iterable[Stream],
        hear: Callable[[Sequence[Record]], None],
        waiting: Callable[[str], None],
        *,
        from_start: bool,
    ) -> None:
        self._site = site
        self._streams = tuple(streams)
        self._hear = hear
        self._waiting = waiting
        self._from_start = from_start
        self._consumer: AIOKafkaConsumer | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._loop: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._await_consumer()
        self._loop = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        await self._drop()

    async def _listen(self) -> None:
        while True:
            try:
                consumer = self._consumer or await self._await_consumer()
                found = await consumer.getmany(timeout_ms=POLL_MS)
            except (KafkaError, OSError, TimeoutError) as error:
                self._waiting(f"Kafka: {await why(error, self._site.kafka)}")
                await self._drop()
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for at, records in found.items():
                self._hear(records)
                self._positions[at] = records[-1].offset + 1

    async def _await_consumer(self) -> AIOKafkaConsumer:
        while True:
            try:
                self._consumer = await self._consume()
            except (KafkaError, OSError, TimeoutError) as error:
                self._waiting(f"Kafka: {await why(error, self._site.kafka)}")
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return self._consumer

    async def _consume(self) -> AIOKafkaConsumer:
        """Begin, or go on where listening broke off."""
        consumer = AIOKafkaConsumer(**reach(self._site.kafka), enable_auto_commit=False)
        try:
            await begin(consumer)
            partitions = [
                TopicPartition(self._site.namespace + stream.name, number)
                for stream in self._streams
                for number in range(self._site.partitions)
            ]
            consumer.assign(partitions)
            if not self._positions:
                find = consumer.beginning_offsets if self._from_start else consumer.end_offsets
                self._positions = dict(await find(partitions))
            for at, offset in self._positions.items():
                consumer.seek(at, offset)
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def _drop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await consumer.stop()
