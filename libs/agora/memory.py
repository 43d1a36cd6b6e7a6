"""The ports in memory: a log, a store and a clock that tests may break and wind forward at will."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zlib import crc32

from agora.decision import Row
from agora.ports import (
    ActivityRow,
    Commit,
    DeadLetter,
    Fenced,
    OutboxRow,
    ParkedRow,
    PartitionRow,
    Refused,
    ReminderRow,
    StoredAgent,
)

Step = Callable[[str], None]  # called between any two steps with the step's name; may raise to break there


def _nothing(_: str) -> None:
    return


class MemoryRecord(NamedTuple):
    """A record of the in-memory log."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class VirtualClock:
    """Time that moves only when told."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, to: datetime) -> None:
        """Move forward to a moment; never back."""
        self._now = max(self._now, to)

    def tick(self) -> int:
        """Let a millisecond pass and return the time in milliseconds since 1970."""
        self._now += timedelta(milliseconds=1)
        return int(self._now.timestamp() * 1000)


class MemoryLog:
    """Streams of partitions, each an append-only list of records. ``step`` may break a publication at any point."""

    def __init__(self, clock: VirtualClock, partitions: int = 4, step: Step = _nothing) -> None:
        self.clock = clock
        self.partitions = partitions
        self.step = step
        self._records: dict[str, list[list[MemoryRecord]]] = {}

    def stream(self, name: str) -> list[list[MemoryRecord]]:
        """All records of a stream, by partition."""
        return self._records.setdefault(name, [[] for _ in range(self.partitions)])

    def names(self) -> list[str]:
        """Every stream anything was said in."""
        return sorted(self._records)

    def append(self, stream: str, key: bytes | None, value: bytes | None) -> None:
        """Append one record where its key belongs."""
        partition = crc32(key or b"") % self.partitions
        records = self.stream(stream)[partition]
        records.append(MemoryRecord(partition, len(records), self.clock.tick(), key, value))

    async def publish(self, rows: Sequence[OutboxRow]) -> int:
        self.step("before publishing")
        for place, row in enumerate(rows):
            if place == len(rows) // 2:
                self.step("while publishing")
            self.append(row.stream, row.subject.encode(), row.value)
        self.step("before the acknowledgement")
        return len(rows)


@dataclass(slots=True)
class MemoryStore:
    """A service's database in memory. ``step`` may break a commit before or after it; ``refuse`` plays a constraint."""

    step: Step = _nothing
    refuse: Callable[[Commit], str | None] = lambda _: None
    partitions: dict[int, PartitionRow] = field(default_factory=dict[int, PartitionRow])
    agents: dict[str, StoredAgent] = field(default_factory=dict[str, StoredAgent])
    outbox: dict[tuple[int, int], OutboxRow] = field(default_factory=dict[tuple[int, int], OutboxRow])
    reminders: dict[tuple[str, str], ReminderRow] = field(default_factory=dict[tuple[str, str], ReminderRow])
    asking: dict[tuple[str, str], ActivityRow] = field(default_factory=dict[tuple[str, str], ActivityRow])
    waiting: dict[tuple[str, int], ParkedRow] = field(default_factory=dict[tuple[str, int], ParkedRow])
    dead_letters: list[DeadLetter] = field(default_factory=list[DeadLetter])
    appended: dict[type[Row], list[Row]] = field(default_factory=dict[type[Row], list[Row]])
    tables: dict[type[Row], dict[tuple[Any, ...], Row]] = field(
        default_factory=dict[type[Row], dict[tuple[Any, ...], Row]]
    )

    async def claim(self, partition: int) -> PartitionRow:
        return self.partitions.setdefault(partition, PartitionRow(partition, 0, 0, 0, {}, {}))

    async def load(self, subjects: Sequence[str]) -> Mapping[str, StoredAgent]:
        return {subject: self.agents[subject] for subject in subjects if subject in self.agents}

    async def commit(self, commit: Commit) -> None:
        self.step("before the commit")
        for before, _ in commit.moves:
            held = self.partitions[before.partition]
            if (held.next_offset, held.sequence) != (before.next_offset, before.sequence):
                raise Fenced(f"another process has moved partition {before.partition}")
        if any(place not in self.waiting for place in commit.unparked):
            raise Fenced("another process has unparked the same events")
        reason = self.refuse(commit)
        if reason:
            raise Refused(reason)
        self._apply(commit)
        self.step("after the commit")

    def _apply(self, commit: Commit) -> None:
        for _, after in commit.moves:
            published = max(self.partitions[after.partition].published, after.published)
            self.partitions[after.partition] = after._replace(published=published)
        self.agents.update({agent.subject: agent for agent in commit.agents})
        self.outbox.update({(row.partition, row.sequence): row for row in commit.outbox})
        for key, reminder in commit.reminders.items():
            _replace(self.reminders, key, reminder)
        for key, activity in commit.activities.items():
            _replace(self.asking, key, activity)
        for table, rows in commit.appends.items():
            self.appended.setdefault(table, []).extend(rows)
        for table, puts in commit.puts.items():
            for key, row in puts.items():
                _replace(self.tables.setdefault(table, {}), key, row)
        self.waiting.update({(row.subject, row.position): row for row in commit.parked})
        for place in commit.unparked:
            del self.waiting[place]
        self.dead_letters.extend(commit.dead_letters)

    def unsent(self) -> int:
        """How many outbox rows are not known to be published."""
        return sum(row.sequence - row.published for row in self.partitions.values())

    async def unpublished(self, partition: int, after: int, limit: int) -> Sequence[OutboxRow]:
        rows = [row for (number, sequence), row in self.outbox.items() if number == partition and sequence > after]
        return sorted(rows, key=lambda row: row.sequence)[:limit]

    async def due(self, partitions: Sequence[int], now: datetime, limit: int) -> Sequence[ReminderRow]:
        ripe = [row for row in self.reminders.values() if row.partition in partitions and row.due <= now]
        return sorted(ripe, key=lambda row: (row.due, row.subject, row.name))[:limit]

    async def next_due(self, partition: int) -> datetime | None:
        return min((row.due for row in self.reminders.values() if row.partition == partition), default=None)

    async def activities(self, partitions: Sequence[int], types: Sequence[str], limit: int) -> Sequence[ActivityRow]:
        found = [row for row in self.asking.values() if row.partition in partitions and row.type in types]
        return sorted(found, key=lambda row: (row.due, row.subject, row.name))[:limit]

    async def asked(self, partition: int) -> Mapping[str, datetime]:
        mine = [row for row in self.asking.values() if row.partition == partition]
        return {row.type: min(other.due for other in mine if other.type == row.type) for row in mine}

    async def parked_agents(self, partition: int) -> Mapping[str, int]:
        mine = [row for row in self.waiting.values() if row.partition == partition]
        return {row.subject: max(r.position for r in mine if r.subject == row.subject) + 1 for row in mine}

    async def parked(self, subject: str, limit: int) -> Sequence[ParkedRow]:
        rows = [row for row in self.waiting.values() if row.subject == subject]
        return sorted(rows, key=lambda row: row.position)[:limit]

    async def trim(self, partition: int, published: int) -> None:
        for place in [place for place in self.outbox if place[0] == partition and place[1] <= published]:
            del self.outbox[place]


def _replace(table: dict[Any, Any], key: Any, row: object) -> None:
    if row is None:
        table.pop(key, None)
    else:
        table[key] = row
