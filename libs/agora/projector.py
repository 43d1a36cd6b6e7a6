"""Views at work: Kafka is read, and what the views show of it is committed, portion by portion."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from agora.identity import absence, identity_of
from agora.kafka import begin, started
from agora.linger import Linger
from agora.login import reach, why
from agora.partition import HistoryLost
from agora.portion import Place
from agora.ports import Fenced, Unavailable
from agora.showing import Showing, Standing
from agora.view import View
from agora.view_store import ViewStore

PORTION_RECORDS_MAX: Final = 500  # some 15 ms in which nobody else in this process has a turn
POLL_WAIT_MS: Final = 500
FETCH_WAIT_MS: Final = 500
LINGER_SECONDS: Final = 0.05
"""At steady traffic; measured, it leaves the process a tenth and more for those who ask it."""
FETCH_BYTES_PER_PARTITION_MAX: Final = 500_000
RETRY_SECONDS: Final = 0.5
RETRY_SECONDS_MAX: Final = 5.0

log = logging.getLogger(__name__)


class Changed:
    """Tells those who wait in this process of every commit, by its ``number``."""

    def __init__(self) -> None:
        self.number = 0
        self._condition = asyncio.Condition()

    async def tell(self) -> None:
        """There was another commit."""
        async with self._condition:
            self.number += 1
            self._condition.notify_all()

    async def after(self, number: int, seconds: float) -> int:
        """Wait for a commit above ``number``, if there was none yet, so long; return the number of the last one."""
        if self.number <= number:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds), self._condition:
                    await self._condition.wait_for(lambda: self.number > number)
        return self.number


class Fresh(NamedTuple):
    """How fresh a stream is for those who look at it.

    ``shown_at`` is the log's time of the last record that every view has shown; ``behind`` are the records that one of
    them has not shown yet.
    """

    shown_at: datetime | None
    behind: int


class Projector:
    """Keeps views in one database. A second projector of the same views is fenced: nothing is shown twice.

    ``prefix`` is the namespace put before every topic name. Views of one projector wait for one that is built anew.
    """

    def __init__(
        self,
        views: Sequence[View],
        bootstrap: str,
        database: str,
        prefix: str = "",
        *,
        store: ViewStore | None = None,
        portion_records_max: int = PORTION_RECORDS_MAX,
    ) -> None:
        self.changed = Changed()
        self._views = tuple(views)
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._store = store or ViewStore(database)
        self._portion_records_max = portion_records_max
        self._unchecked = {view.name for view in views}
        self._showing = Showing({})
        self._ends: dict[Place, int] = {}
        self._asked_anew = False
        self._wait = RETRY_SECONDS
        _check(views)

    async def run(self) -> None:
        """Show whatever there is until cancelled. Raises ``HistoryLost`` or ``Superseded``."""
        try:
            while True:
                try:
                    await self._work()
                except Fenced as fenced:
                    log.warning("%s; beginning again where they stand", fenced)
                    await asyncio.sleep(self._wait)
                except (Unavailable, KafkaError, OSError) as away:
                    log.warning("waiting for %s", await self._why(away))
                    await asyncio.sleep(self._wait)
                    self._wait = min(self._wait * 2, RETRY_SECONDS_MAX)
        finally:
            await self._store.close()

    async def rebuild(self, view: str) -> None:
        """Empty a view and build it anew from the log's beginning. Raises ``KeyError`` and ``Unavailable``."""
        by_name = {known.name: known for known in self._views}
        await self._store.empty(by_name[view])
        self._asked_anew = True

    def freshness(self) -> Mapping[str, Fresh]:
        """Of every stream, from memory; of none before the log was first reached."""
        found: dict[str, list[Fresh]] = {}
        for place, those in self._showing.standing.items():
            behind = max(0, self._ends[place] - min(one.before for one in those))
            times = [one.shown_at for one in those if one.shown_at]
            found.setdefault(place[0], []).append(Fresh(min(times, default=None), behind))
        return {stream: _together(parts) for stream, parts in found.items()}

    async def _why(self, away: Exception) -> str:
        return str(away) if isinstance(away, Unavailable) else f"Kafka: {await why(away, self._bootstrap)}"

    async def _work(self) -> None:
        """Show what there is until a view is to be built anew."""
        self._asked_anew = False
        linger = Linger(LINGER_SECONDS)
        async with self._reading() as consumer:
            while not self._asked_anew:
                await linger.rest(consumer)
                polled = await consumer.getmany(timeout_ms=POLL_WAIT_MS, max_records=self._portion_records_max)
                linger.polled(consumer, sum(map(len, polled.values())))
                for topic_partition, records in polled.items():
                    self._showing.tell(topic_partition.topic.removeprefix(self._prefix), records)
                    await asyncio.sleep(0)  # let others in this process have their turn, too
                if polled:
                    await self._commit()
                for place, end in self._ends.items():
                    self._ends[place] = max(end, consumer.highwater(self._at(place)) or 0)
                if polled:
                    await self.changed.tell()

    async def _commit(self) -> None:
        portion = self._showing.portion()
        if portion.moves:
            for refused in await self._store.show(portion):
                log.warning("view %s cannot show %s-%s offset %s: %s", *refused)
            self._showing.settle()
        self._wait = RETRY_SECONDS

    @asynccontextmanager
    async def _reading(self) -> AsyncGenerator[AIOKafkaConsumer]:
        """Read on where the views stand. Raises ``HistoryLost`` where the log does not."""
        standing = await self._standing(await self._logs())
        places = {place: self._at(place) for place in standing}
        consumer = AIOKafkaConsumer(
            **reach(self._bootstrap),
            enable_auto_commit=False,
            auto_offset_reset="none",  # to go on elsewhere would lose events, or show them twice
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=FETCH_BYTES_PER_PARTITION_MAX,
        )
        try:
            await begin(consumer)
            consumer.assign(list(places.values()))
            first, end = await consumer.beginning_offsets(places.values()), await consumer.end_offsets(places.values())
            for place, those in standing.items():
                at = places[place]
                for one in those:
                    _check_history(place, one, first[at], end[at])
                consumer.seek(at, min(one.before for one in those))
            self._showing, self._ends = Showing(standing), {place: end[at] for place, at in places.items()}
            yield consumer
        finally:
            await consumer.stop()

    async def _standing(self, logs: Mapping[Place, str]) -> Mapping[Place, Sequence[Standing]]:
        """Where each view stands; one that is kept in another version is emptied first."""
        standing: dict[Place, list[Standing]] = {place: [] for place in logs}
        for view in self._views:
            if view.name in self._unchecked:
                if await self._store.renew(view):
                    log.warning("view %s is built anew, as version %s", view.name, view.version)
                self._unchecked.discard(view.name)
            heard = {stream.name for stream in view.hears}
            positions = await self._store.positions(view, {at: log for at, log in logs.items() if at[0] in heard})
            for place, position in positions.items():
                if place[0] in heard:
                    standing[place].append(Standing.at(view, position))
        return standing

    async def _logs(self) -> Mapping[Place, str]:
        """The partitions of every stream, and which log each is in."""
        streams = sorted({stream.name for view in self._views for stream in view.hears})
        admin = AIOKafkaAdminClient(**reach(self._bootstrap))
        try:
            await started(admin)
            if missing := {self._prefix + stream for stream in streams} - set(await admin.list_topics()):
                raise Unavailable(f"Kafka: {await absence(admin, min(missing))}")
            counts: dict[str, int] = {
                topic["topic"]: len(topic["partitions"])
                for topic in await admin.describe_topics([self._prefix + stream for stream in streams])
            }
            identities = {stream: await identity_of(admin, self._prefix + stream) for stream in streams}
        finally:
            await admin.close()
        return {
            (stream, number): identities[stream]
            for stream in streams
            for number in range(counts[self._prefix + stream])
        }

    def _at(self, place: Place) -> TopicPartition:
        return TopicPartition(self._prefix + place[0], place[1])


def _check(views: Sequence[View]) -> None:
    """Raises ``ValueError`` where two views would be in each other's way."""
    names = Counter(view.name for view in views)
    tables = Counter(row.table for view in views for row in view.rows)
    for what, count in (*names.items(), *tables.items()):
        if count > 1:
            raise ValueError(f"{what!r} is kept by more than one view")


def _check_history(place: Place, standing: Standing, begin: int, end: int) -> None:
    if not begin <= standing.before <= end:
        raise HistoryLost(
            f"view {standing.view.name}: partition {place[1]} of stream '{place[0]}' has the offsets {begin} to "
            f"{end}, but {standing.before} is the next one to show: the log was truncated or recreated. "
            "Restore the topic, or rebuild the view of what there is."
        )


def _together(parts: Sequence[Fresh]) -> Fresh:
    """The freshness of a stream, given that of each partition."""
    times = [part.shown_at for part in parts if part.shown_at]
    return Fresh(max(times, default=None), sum(part.behind for part in parts))
