"""Publishes committed outbox rows, in order, from memory; a failure starts again at the first unacknowledged row."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, NamedTuple

from agora.envelope import Undecodable, read_envelope
from agora.partition import Partition
from agora.ports import Clock, Log, OutboxRow, Store

RELAY_ROWS_MAX: Final = 50_000
RELAY_ROUND_ROWS_MAX: Final = 5_000

log = logging.getLogger(__name__)


class Queue(NamedTuple):
    """A partition's rows that wait; ``since`` says up to which sequence they have been waiting since when."""

    partition: Partition
    rows: deque[OutboxRow]
    since: deque[tuple[int, datetime]]


class Relay:
    """The outbox rows of the partitions this process owns, on their way to the log.

    ``step`` is one round trip. It never publishes past a gap: the rows of a failed round stay first in their queue.
    """

    def __init__(self, store: Store, log: Log, clock: Clock) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._queues: dict[int, Queue] = {}
        self._rows = 0
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._stepping = asyncio.Lock()

    @property
    def rows(self) -> int:
        """How many rows wait to be published."""
        return self._rows

    @property
    def waiting_since(self) -> datetime | None:
        """When what has waited longest was committed; ``None`` if nothing waits. May be asked from any thread."""
        oldest: list[datetime] = []
        for queue in self._queues.copy().values():
            with suppress(IndexError):
                oldest.append(queue.since[0][1])
        return min(oldest, default=None)

    async def work(self) -> None:
        """Wait until there is something to publish."""
        await self._work.wait()

    async def room(self) -> None:
        """Wait until the queue is short enough to take another turn batch."""
        await self._room.wait()

    async def drained(self) -> None:
        """Wait until everything offered is published."""
        await self._empty.wait()

    def offer(self, partition: Partition, rows: Sequence[OutboxRow], since: datetime | None = None) -> None:
        """Queue rows that were committed then, by default just now, in the order of their sequence."""
        queue = self._queues.setdefault(partition.row.partition, Queue(partition, deque(), deque()))
        queue.rows.extend(rows)
        queue.since.append((rows[-1].sequence, since or self._clock.now()))
        self._count(len(rows))

    async def adopt(self, partition: Partition) -> None:
        """Publish whatever an earlier owner committed and may not have published."""
        while rows := await self._store.unpublished(
            partition.row.partition, partition.acknowledged, RELAY_ROUND_ROWS_MAX
        ):
            self.offer(partition, rows, _said_at(rows[0]))
            while partition.acknowledged < rows[-1].sequence:
                await self.step()

    def forget(self, number: int) -> None:
        """Drop the queue of a partition that may have another owner; its rows are safe in the store."""
        dropped = self._queues.pop(number, None)
        if dropped:
            self._count(-len(dropped.rows))

    async def step(self) -> int:
        """Publish one round and return its length. Raises ``Unavailable``; the rows stay queued."""
        async with self._stepping:
            taken = self._round()
            if not taken:
                return 0
            count = await self._log.publish(taken)
            self._acknowledge(taken[:count])
            return count

    def _round(self) -> list[OutboxRow]:
        taken: list[OutboxRow] = []
        for _, queue, _ in self._queues.values():
            room = RELAY_ROUND_ROWS_MAX - len(taken)
            if len(queue) <= room:
                taken.extend(queue)
            else:
                taken.extend(queue[index] for index in range(room))
        return taken

    def _acknowledge(self, rows: Sequence[OutboxRow]) -> None:
        gone = 0
        for row in rows:
            queue = self._queues.get(row.partition)
            # The partition may have been forgotten, and even adopted again, while the round was on its way.
            if queue is None or not queue.rows or queue.rows[0].sequence != row.sequence:
                continue
            queue.rows.popleft()
            queue.partition.acknowledged = row.sequence
            gone += 1
        for partition, _, since in self._queues.values():
            while since and since[0][0] <= partition.acknowledged:
                since.popleft()
        self._count(-gone)

    def _count(self, change: int) -> None:
        self._rows += change
        _flag(self._work, up=self._rows > 0)
        _flag(self._empty, up=self._rows == 0)
        _flag(self._room, up=self._rows < RELAY_ROWS_MAX)


def _said_at(row: OutboxRow) -> datetime | None:
    """When what led to an event was in the log, which is before the event was committed, and mostly just before."""
    try:
        return datetime.fromisoformat(read_envelope(row.value).time).astimezone(UTC)
    except (Undecodable, ValueError):
        return None


def _flag(event: asyncio.Event, *, up: bool) -> None:
    if up:
        event.set()
    else:
        event.clear()
