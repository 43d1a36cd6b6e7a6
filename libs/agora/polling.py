"""How a service asks Kafka for records."""

import logging
from itertools import chain

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError
from faststream.kafka.subscriber.usecase import BatchSubscriber

from agora.linger import Linger
from agora.login import meaning

log = logging.getLogger("agora.run")


class LongPoll(BatchSubscriber):
    """FastStream's batch subscriber, which after an empty poll would sleep as long again while records arrive.

    Measured: polls of 10 ms cost an idle service 1 % of a core and every hop some milliseconds; this costs neither.
    """

    __slots__ = ()

    linger: Linger

    async def get_msg(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[bytes, bytes], ...]:
        await self.linger.rest(consumer)
        try:
            polled = await consumer.getmany(timeout_ms=self.batch_timeout_ms, max_records=self.max_records)
        except KafkaError as error:  # FastStream keeps it to itself, and tries again in some seconds
            log.warning("waiting for Kafka: %s", meaning(error))
            raise
        records = tuple(chain.from_iterable(polled.values()))
        self.linger.polled(consumer, len(records))
        return records


def poll_long(subscriber: BatchSubscriber, linger_seconds: float) -> None:
    """Let a subscriber poll like this from now on."""
    subscriber.__class__ = LongPoll
    assert isinstance(subscriber, LongPoll)  # noqa: S101 - since the line above
    subscriber.linger = Linger(linger_seconds)
