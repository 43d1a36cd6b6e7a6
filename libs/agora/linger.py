"""Hearing in portions: at steady traffic fewer and larger ones, after a silence at once."""

import asyncio
from time import monotonic
from typing import Final

from aiokafka import AIOKafkaConsumer

LINGER_RECORDS_MAX: Final = 200
"""After a poll of so many records nothing is waited for: the next one is worth it anyway."""


class Linger:
    """Lets ``seconds`` pass from one poll with records to the next; with none, 0, polls follow each other."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next_poll = 0.0

    async def rest(self, consumer: AIOKafkaConsumer) -> None:
        """Wait until the next poll is due. Call it before each."""
        if self._next_poll:
            await asyncio.sleep(self._next_poll - monotonic())
            self._next_poll = 0.0
            consumer.resume(*consumer.assignment())  # some may be new, and some gone

    def polled(self, consumer: AIOKafkaConsumer, records: int) -> None:
        """A poll has brought so many records. Call it before anything else is awaited."""
        if self._seconds and 0 < records < LINGER_RECORDS_MAX:
            self._next_poll = monotonic() + self._seconds
            # Else the consumer fetches at once, and would have but the first record to come, not all of them.
            consumer.pause(*consumer.assignment())
