"""One service as a process: FastStream hears, the engine decides and commits, the relay publishes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Final, NamedTuple

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage

from agora.clock import WallClock
from agora.contracts.guard import promises
from agora.dealing import dealer_of
from agora.kafka import KafkaLog
from agora.login import security
from agora.polling import poll_long
from agora.ports import Fenced, Record, Unavailable
from agora.postgres import PostgresStore
from agora.service import Service
from agora.settings import STOP_SECONDS, TURN_SECONDS
from agora.shares import Share, group_of
from agora.turns import Engine

POLL_RECORDS_MAX: Final = 4_000
POLL_WAIT_MS: Final = 500
FETCH_WAIT_MS: Final = 500
OFFSETS_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 0.5
RETRY_SECONDS_MAX: Final = 5.0
GATHER_SECONDS: Final = 0.02
"""Calls that end within this time are written down in one commit; whoever waits for the outside waits longer anyway."""
CALLS_STOP_SECONDS_MAX: Final = 5.0

log = logging.getLogger(__name__)


class Dealing(ConsumerRebalanceListener):
    """Knows whether Kafka has dealt out the partitions, be it with none for us."""

    def __init__(self) -> None:
        self.is_done = False

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        del revoked
        self.is_done = False

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        del assigned
        self.is_done = True


class Patience(NamedTuple):
    """Seconds for each statement of a turn batch, and, longer, for the batch at hand when the process is to stop."""

    turn_seconds: int = TURN_SECONDS
    stop_seconds: int = STOP_SECONDS


class Worker:
    """The loops of one service process around its engine."""

    def __init__(
        self,
        service: Service,
        bootstrap: str,
        database: str,
        prefix: str = "",
        share: Share | None = None,
        patience: Patience | None = None,
    ) -> None:
        """With a ``share``, only its partitions are dealt out, among those who have the same one."""
        patience = patience or Patience()
        self.topic = prefix + service.stream.name
        self.store = PostgresStore(database, patience.turn_seconds)
        self.log = KafkaLog(bootstrap, prefix)
        self.engine = Engine(service, self.store, self.log, WallClock(), promises=promises())
        self.failure: BaseException | None = None
        self.dealing = Dealing()
        # Types are applied by running every message through a thread, which cost a poll more than all its turns.
        self.broker = KafkaBroker(
            bootstrap,
            apply_types=False,
            logger=None,
            client_id=f"agora-{service.name}",
            allow_auto_create_topics=False,
            graceful_timeout=patience.stop_seconds,
            security=security(),
        )
        self.subscriber = self.broker.subscriber(
            self.topic,
            group_id=group_of(service.name, prefix, share),
            partition_assignment_strategy=(RoundRobinPartitionAssignor if share is None else dealer_of(share),),
            batch=True,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            max_records=POLL_RECORDS_MAX,
            batch_timeout_ms=POLL_WAIT_MS,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=2_000_000,
            session_timeout_ms=10_000,
            max_poll_interval_ms=600_000,
            listener=self.dealing,
            parser=_unparsed,
            decoder=_undecoded,
        )
        poll_long(self.subscriber, service.linger_seconds)
        self.subscriber(self._heard)
        self.app = FastStream(self.broker, logger=None, on_shutdown=[self._save_offsets])

    async def run(self) -> None:
        """Work until the process is told to stop. Raises ``HistoryLost``."""
        outside = (self._perform, self._conclude) if self.engine.service.activities else ()
        loops = [asyncio.create_task(self._guarded(loop)) for loop in (self._relay, self._sweep, *outside)]
        try:
            await self.app.run(log_level=logging.WARNING)
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await self.log.close()
            await self.store.close()
        if self.failure is not None:
            raise self.failure

    def dealt(self) -> frozenset[int] | None:
        """The partitions Kafka has dealt to this process; ``None`` while that is not settled."""
        return self._assigned() if self.dealing.is_done else None

    def width(self) -> int | None:
        """How many partitions the stream has, as far as Kafka has told."""
        consumer: Any = self.subscriber.consumer
        known = consumer.partitions_for_topic(self.topic) if consumer else None
        return len(known) if known else None

    def ends(self) -> Mapping[int, int]:
        """For every partition dealt to us, as far as Kafka has told, the offset of the log's next record."""
        consumer: Any = self.subscriber.consumer
        known = {number: consumer.highwater(TopicPartition(self.topic, number)) for number in self._assigned()}
        return {number: end for number, end in known.items() if end is not None}

    def _fail(self, failure: BaseException) -> None:
        self.failure = self.failure or failure
        self.app.exit()

    async def _guarded(self, loop: Callable[[], Awaitable[None]]) -> None:
        try:
            await loop()
        except Exception as error:
            log.exception("the service stops")
            self._fail(error)

    async def _heard(self, records: Any) -> None:
        if self.failure is not None:  # never take what follows a batch that was not taken
            return
        try:
            await self._take(records)
        except Exception as error:
            log.exception("the service stops")
            self._fail(error)

    async def _take(self, records: Sequence[Record]) -> None:
        """Take a poll's records, however often Kafka or PostgreSQL has to be waited for."""
        wait = RETRY_SECONDS
        while records:
            try:
                await self.engine.take(records)
            except Fenced as fenced:
                log.warning("%s; taking what is still ours again", fenced)
                owned = self._assigned()
                records = [record for record in records if record.partition in owned]
            except Unavailable as unavailable:
                log.warning("waiting for %s", unavailable)
                await asyncio.sleep(wait)
                wait = min(wait * 2, RETRY_SECONDS_MAX)
            else:
                return

    async def _relay(self) -> None:
        relay = self.engine.relay
        wait = RETRY_SECONDS
        while True:
            await relay.work()
            try:
                await relay.step()
                wait = RETRY_SECONDS
            except Unavailable as unavailable:
                log.warning("waiting for %s", unavailable)
                await asyncio.sleep(wait)
                wait = min(wait * 2, RETRY_SECONDS_MAX)

    async def _sweep(self) -> None:
        saved = monotonic()
        while True:
            delay = RETRY_SECONDS
            try:
                await self.engine.own(self._assigned())
                delay = await self.engine.sweep()
            except Fenced as fenced:
                log.warning("%s; claiming anew", fenced)
            except Unavailable as unavailable:
                log.warning("waiting for %s", unavailable)
            if monotonic() - saved > OFFSETS_SECONDS:
                await self._save_offsets()
                saved = monotonic()
            await asyncio.sleep(delay)

    async def _perform(self) -> None:
        """Make calls to the outside, side by side."""
        performing = self.engine.performing
        calls: set[asyncio.Task[None]] = set()
        try:
            while True:
                await performing.work()
                for call in performing.calls():
                    task = asyncio.create_task(performing.make(call))
                    calls.add(task)
                    task.add_done_callback(calls.discard)
        finally:
            for task in calls:
                task.cancel()
            if calls:
                await asyncio.wait(calls, timeout=CALLS_STOP_SECONDS_MAX)

    async def _conclude(self) -> None:
        """Write down how calls have ended."""
        while True:
            await self.engine.performing.results()
            delay = GATHER_SECONDS
            try:
                await self.engine.conclude()
            except Fenced as fenced:
                log.warning("%s; claiming anew", fenced)
            except Unavailable as unavailable:
                log.warning("waiting for %s", unavailable)
                delay = RETRY_SECONDS
            await asyncio.sleep(delay)

    async def _save_offsets(self) -> None:
        """Kafka's offsets are a hint that is never ahead of PostgreSQL, so a lost one does no harm."""
        consumer = self.subscriber.consumer
        offsets = {TopicPartition(self.topic, number): self.engine.next_offset(number) for number in self.engine.owned}
        if consumer is not None and offsets:
            with suppress(KafkaError, ValueError):
                await consumer.commit(offsets)

    def _assigned(self) -> frozenset[int]:
        consumer = self.subscriber.consumer
        if consumer is None:
            return frozenset()
        assigned: Any = consumer.assignment()
        return frozenset(partition.partition for partition in assigned)


async def _unparsed(records: tuple[ConsumerRecord[bytes, bytes], ...]) -> KafkaMessage:
    """A poll as one message. FastStream's own parser reads every header, and fails where one is no text."""
    return KafkaMessage(records, b"", message_id="poll", correlation_id="poll", consumer=FAKE_CONSUMER)


async def _undecoded(message: KafkaMessage) -> Any:
    return message.raw_message
