"""Finds out at the start that a database, or the log, was put back to an earlier time: going on would lose events.

Kafka's offsets of a group follow what is committed in PostgreSQL, some seconds behind and never ahead. So a database
that is behind them is older than what its service has done. The log in its turn ends where the database stands, or
later. A door hears no stream; it notes in the same way how far it has published.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError, KafkaError

from agora.kafka import KafkaLog, begin, seen_through, started
from agora.login import reach
from agora.partition import HistoryLost
from agora.ports import OutboxRow, Unavailable

COORDINATOR_SECONDS_MAX: Final = 10.0
RETRY_SECONDS: Final = 0.2
CLOSE_SECONDS_MAX: Final = 1.0

log = logging.getLogger(__name__)

_RECOVER: Final = "It was restored from a backup: with the service stopped, run: agora recover {service}"


class Rewound(HistoryLost):
    """The database is older than what its service has done, or the log older than the database."""


async def check_offsets(bootstrap: str, group: str, topic: str, service: str, standing: Mapping[int, int]) -> None:
    """Hold where a database stands, the next offset of each partition, against the log. Raises ``Rewound``."""
    if not standing:
        return
    places = {number: TopicPartition(topic, number) for number in standing}
    ends, heard = await _ends(bootstrap, list(places.values())), await _heard(bootstrap, group)
    for number, place in places.items():
        offset = standing[number]
        if ends[place] < offset:
            raise Rewound(
                f"{service}: partition {number} of the topic '{topic}' ends at offset {ends[place]}, but {offset} is "
                "the next one to hear: the log is older than this database, or has lost its end. What is told now "
                "would not be heard. Restore every database from a backup that is older than the log, and recover "
                f"each with: agora recover {service}"
            )
        if heard.get(place, 0) > offset:
            raise Rewound(
                f"{service}: its database stands at offset {offset} of partition {number} of the topic '{topic}', but "
                f"the service had come to {heard[place]}. {_RECOVER.format(service=service)}"
            )


async def _ends(bootstrap: str, places: list[TopicPartition]) -> Mapping[TopicPartition, int]:
    consumer = AIOKafkaConsumer(**reach(bootstrap), group_id=None, enable_auto_commit=False)
    try:
        await begin(consumer)
        return await consumer.end_offsets(places)
    finally:
        await consumer.stop()


async def _heard(bootstrap: str, group: str) -> Mapping[TopicPartition, int]:
    admin = AIOKafkaAdminClient(**reach(bootstrap))
    try:
        await started(admin)
        coordinator = await _coordinator(admin, group)
        noted = await admin.list_consumer_group_offsets(group, coordinator)
        return {place: one.offset for place, one in noted.items()}
    finally:
        await admin.close()


async def _coordinator(admin: AIOKafkaAdminClient, group: str) -> int:
    """The broker that keeps a group's offsets. A new cluster has none until somebody asks."""
    deadline = monotonic() + COORDINATOR_SECONDS_MAX
    while True:
        try:
            return await admin.find_coordinator(group)
        except GroupCoordinatorNotAvailableError:
            if monotonic() > deadline:
                raise
            await asyncio.sleep(RETRY_SECONDS)


class Noted:
    """How far a door has published, noted in Kafka under its name, where no restored database takes it back."""

    def __init__(self, service: str, bootstrap: str, stream: str, prefix: str) -> None:
        self._service = service
        self._bootstrap = bootstrap
        self._place = TopicPartition(prefix + stream, 0)
        self._group = f"{prefix}{service}"
        self._consumer: AIOKafkaConsumer | None = None
        self._last: int | None = None
        self._is_denied = False

    async def read(self) -> int:
        """The last number that was noted, 0 if none was. Raises ``KafkaError``."""
        if self._last is None:
            self._last = await self._read()
        return self._last

    async def note(self, published: int) -> None:
        """Note what the database says was published, if that is news. Raises ``KafkaError``."""
        if published <= await self.read() or self._is_denied:
            return
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(**reach(self._bootstrap), group_id=self._group, enable_auto_commit=False)
            await begin(self._consumer)
            self._consumer.assign([self._place])
            self._consumer.pause(self._place)  # nothing is read here
        # A commit cut short goes on by itself, and complains when its connection is closed.
        await seen_through(self._consumer.commit({self._place: published}))
        self._last = published

    async def check(self, published: int) -> None:
        """Raises ``Rewound`` if the database that says so is older than what was noted, and ``KafkaError``."""
        noted = await self.read()
        if published < noted:
            raise Rewound(
                f"{self._service}: its database has published {published} events, but {noted} are known to be in the "
                f"log. Requests under their numbers would be heard by nobody. {_RECOVER.format(service=self._service)}"
            )

    async def close(self) -> None:
        """Leave Kafka."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(consumer.stop(), CLOSE_SECONDS_MAX)

    async def _read(self) -> int:
        try:
            return max(0, (await _heard(self._bootstrap, self._group)).get(self._place, 0))
        except GroupAuthorizationFailedError:
            log.warning("no access to the group '%s': a restored database would not be noticed", self._group)
            self._is_denied = True
            return 0


class CheckedLog(KafkaLog):
    """A door's log: nothing is published before it was seen that its first number is a new one."""

    def __init__(self, bootstrap: str, prefix: str, noted: Noted) -> None:
        super().__init__(bootstrap, prefix)
        self._noted = noted
        self._checked = False

    async def publish(self, rows: Sequence[OutboxRow]) -> int:
        if not self._checked:
            try:
                await self._noted.check(rows[0].sequence - 1)
            except (Rewound, KafkaError, OSError) as error:
                raise Unavailable(str(error) or type(error).__name__) from error
            self._checked = True
        return await super().publish(rows)
