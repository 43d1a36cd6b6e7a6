"""How a service asks Kafka for records: at once when it is quiet, in portions when it may take its time."""

import asyncio
import logging
from itertools import chain
from time import monotonic
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError
from faststream.kafka.subscriber.usecase import BatchSubscriber

from agora.login import meaning

LINGER_RECORDS_MAX: Final = 200
"""After a poll of so many records nothing is waited for: the next one is worth it anyway."""

log = logging.getLogger("agora.run")


class LongPoll(BatchSubscriber):
    """FastStream's batch subscriber, which after an empty poll would sleep as long again while records arrive.

    Measured: polls of 10 ms cost an idle service 1 % of a core and every hop some milliseconds; this costs neither.
    From one poll with records to the next, ``linger_seconds`` pass, so that steady traffic is heard in portions; what
    comes after a longer silence is heard at once.
    """

    __slots__ = ()

    linger_seconds: float = 0.0
    _next_poll: float = 0.0

    async def get_msg(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[bytes, bytes], ...]:
        await self._rest(consumer)
        try:
            polled = await consumer.getmany(timeout_ms=self.batch_timeout_ms, max_records=self.max_records)
        except KafkaError as error:  # FastStream keeps it to itself, and tries again in some seconds
            log.warning("waiting for Kafka: %s", meaning(error))
            raise
        records = tuple(chain.from_iterable(polled.values()))
        if self.linger_seconds and 0 < len(records) < LINGER_RECORDS_MAX:
            self._next_poll = monotonic() + self.linger_seconds
            # Else the consumer fetches at once, and would have but the first record to come, not all of them.
            consumer.pause(*consumer.assignment())
        return records

    async def _rest(self, consumer: AIOKafkaConsumer) -> None:
        if not self._next_poll:
            return
        await asyncio.sleep(self._next_poll - monotonic())
        self._next_poll = 0.0
        consumer.resume(*consumer.assignment())  # some may be new, and some gone


def poll_long(subscriber: BatchSubscriber, linger_seconds: float) -> None:
    """Let a subscriber poll like this from now on."""
    subscriber.__class__ = LongPoll
    assert isinstance(subscriber, LongPoll)  # noqa: S101 - since the line above
    subscriber.linger_seconds = linger_seconds
