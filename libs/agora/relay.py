"""Publishes committed outbox rows, in order, from memory; a failure starts again at the first unacknowledged row."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Final

from agora.partition import Partition
from agora.ports import Log, OutboxRow, Store

RELAY_ROWS_MAX: Final = 50_000
RELAY_ROUND_ROWS_MAX: Final = 5_000

log = logging.getLogger(__name__)


class Relay:
    """The outbox rows of the partitions this process owns, on their way to the log.

    ``step`` is one round trip. It never publishes past a gap: the rows of a failed round stay first in their queue.
    """

    def __init__(self, store: Store, log: Log) -> None:
        self._store = store
        self._log = log
        self._queues: dict[int, tuple[Partition, deque[OutboxRow]]] = {}
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

    async def work(self) -> None:
        """Wait until there is something to publish."""
        await self._work.wait()

    async def room(self) -> None:
        """Wait until the queue is short enough to take another turn batch."""
        await self._room.wait()

    async def drained(self) -> None:
        """Wait until everything offered is published."""
        await self._empty.wait()

    def offer(self, partition: Partition, rows: Sequence[OutboxRow]) -> None:
        """Queue rows that were just committed, in the order of their sequence."""
        queue = self._queues.setdefault(partition.row.partition, (partition, deque()))
        queue[1].extend(rows)
        self._count(len(rows))

    async def adopt(self, partition: Partition) -> None:
        """Publish whatever an earlier owner committed and may not have published."""
        while rows := await self._store.unpublished(
            partition.row.partition, partition.acknowledged, RELAY_ROUND_ROWS_MAX
        ):
            self.offer(partition, rows)
            while partition.acknowledged < rows[-1].sequence:
                await self.step()

    def forget(self, number: int) -> None:
        """Drop the queue of a partition that may have another owner; its rows are safe in the store."""
        dropped = self._queues.pop(number, None)
        if dropped:
            self._count(-len(dropped[1]))

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
        for _, queue in self._queues.values():
            room = RELAY_ROUND_ROWS_MAX - len(taken)
            if len(queue) <= room:
                taken.extend(queue)
            else:
                taken.extend(queue[index] for index in range(room))
        return taken

    def _acknowledge(self, rows: Sequence[OutboxRow]) -> None:
        gone = 0
        for row in rows:
            owned = self._queues.get(row.partition)
            # The partition may have been forgotten, and even adopted again, while the round was on its way.
            if owned is None or not owned[1] or owned[1][0].sequence != row.sequence:
                continue
            owned[1].popleft()
            owned[0].acknowledged = row.sequence
            gone += 1
        self._count(-gone)

    def _count(self, change: int) -> None:
        self._rows += change
        _flag(self._work, up=self._rows > 0)
        _flag(self._empty, up=self._rows == 0)
        _flag(self._room, up=self._rows < RELAY_ROWS_MAX)


def _flag(event: asyncio.Event, *, up: bool) -> None:
    if up:
        event.set()
    else:
        event.clear()
