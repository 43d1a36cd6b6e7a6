"""The three doors of the engine to the world: the log, the store and the clock.

The same engine runs on Kafka + PostgreSQL (``agora.kafka``, ``agora.postgres``) and on a seeded in-memory world
(``agora.memory``). Both implementations of a port pass one contract test, ``tests/runtime/test_ports.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from agora.decision import Row


class Record(Protocol):
    """A record as the log delivers it; ``timestamp`` is when the log appended it, in milliseconds since 1970."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class OutboxRow(NamedTuple):
    """An event waiting to be published: number ``sequence`` of ``partition``'s outbox, for one subject of a stream."""

    partition: int
    sequence: int
    stream: str
    subject: str
    value: bytes


class StoredAgent(NamedTuple):
    """An agent's state as JSON, and the ids of the last unnumbered events it heard."""

    subject: str
    state: bytes
    recent: tuple[str, ...] = ()


class ReminderRow(NamedTuple):
    """An event an agent will hear at ``due``: its wire type and data, with the story it belongs to."""

    partition: int
    subject: str
    name: str
    due: datetime
    type: str
    data: bytes
    correlation: str
    causation: str
    traceparent: str


class ActivityRow(NamedTuple):
    """A task an agent has asked for: its wire type and data, with the story it belongs to.

    ``key`` is what the other side knows it by. ``attempts`` were made so far, and ``due`` is the earliest time of the
    next one.
    """

    partition: int
    subject: str
    name: str
    key: str
    due: datetime
    asked_at: datetime
    attempts: int
    type: str
    data: bytes
    correlation: str
    causation: str
    traceparent: str


class ParkedRow(NamedTuple):
    """A record set aside behind a failed turn of its agent; ``position`` is its place in that agent's queue."""

    partition: int
    subject: str
    position: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    error: str

    def record(self) -> Record:
        """The record as it was first heard."""
        return self


class DeadLetter(NamedTuple):
    """A record that could not be read at all, byte for byte, with the reason."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    reason: str


class PartitionRow(NamedTuple):
    """Where one partition stands: the next offset to hear, the last sequence given, the last one known published.

    ``heard`` maps each source partition to the last of its sequences that was heard here. ``counts`` tallies the
    turns by event type (``heard``) and the events published (``told``), for people and for progress bars.
    """

    partition: int
    next_offset: int
    sequence: int
    published: int
    heard: Mapping[str, int]
    counts: Mapping[str, int]


class Move(NamedTuple):
    """The compare-and-set of one partition: ``before`` must be what the store holds, ``after`` is what it becomes.

    What was heard and said is compared; ``published`` is not, as it lags behind for everyone, and it never goes back.
    """

    before: PartitionRow
    after: PartitionRow


@dataclass(slots=True)
class Commit:
    """Everything one turn batch changes, committed whole or not at all."""

    moves: list[Move] = field(default_factory=list[Move])
    agents: list[StoredAgent] = field(default_factory=list[StoredAgent])
    outbox: list[OutboxRow] = field(default_factory=list[OutboxRow])
    reminders: dict[tuple[str, str], ReminderRow | None] = field(
        default_factory=dict[tuple[str, str], ReminderRow | None]
    )
    activities: dict[tuple[str, str], ActivityRow | None] = field(
        default_factory=dict[tuple[str, str], ActivityRow | None]
    )
    appends: dict[type[Row], list[Row]] = field(default_factory=dict[type[Row], list[Row]])
    puts: dict[type[Row], dict[tuple[Any, ...], Row | None]] = field(
        default_factory=dict[type[Row], dict[tuple[Any, ...], Row | None]]
    )
    parked: list[ParkedRow] = field(default_factory=list[ParkedRow])
    unparked: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    dead_letters: list[DeadLetter] = field(default_factory=list[DeadLetter])


class Fenced(Exception):
    """Another process owns a partition of this commit now, or has unparked the same events. Nothing was written."""


class Refused(Exception):
    """The database refused the commit (a constraint). Nothing was written."""


class Unavailable(Exception):
    """The other side cannot be reached; what became of the call is unknown."""


class Store(Protocol):
    """One service's database."""

    async def claim(self, partition: int) -> PartitionRow:
        """Where the partition stands, made at zero if it is new. Raises ``Unavailable``."""
        ...

    async def load(self, subjects: Sequence[str]) -> Mapping[str, StoredAgent]:
        """The stored agents among ``subjects``."""
        ...

    async def commit(self, commit: Commit) -> None:
        """Write all of it in one transaction. Raises ``Fenced``, ``Refused`` or ``Unavailable``."""
        ...

    async def unpublished(self, partition: int, after: int, limit: int) -> Sequence[OutboxRow]:
        """Outbox rows above sequence ``after``, in order."""
        ...

    async def due(self, partitions: Sequence[int], now: datetime, limit: int) -> Sequence[ReminderRow]:
        """Reminders due at ``now``, oldest first."""
        ...

    async def next_due(self, partition: int) -> datetime | None:
        """When the partition's earliest reminder is due."""
        ...

    async def activities(self, partitions: Sequence[int], types: Sequence[str], limit: int) -> Sequence[ActivityRow]:
        """Activities of these types that are not done, the one with the earliest next attempt first."""
        ...

    async def asked(self, partition: int) -> Mapping[str, datetime]:
        """The types of a partition's activities that are not done, each with the time of its earliest next attempt."""
        ...

    async def parked_agents(self, partition: int) -> Mapping[str, int]:
        """The parked agents of a partition, each with the next free position of its queue."""
        ...

    async def parked(self, subject: str, limit: int) -> Sequence[ParkedRow]:
        """An agent's parked records, in order."""
        ...

    async def trim(self, partition: int, published: int) -> None:
        """Drop outbox rows up to ``published``."""
        ...


class Log(Protocol):
    """Where events are published."""

    async def publish(self, rows: Sequence[OutboxRow]) -> int:
        """Publish a prefix of ``rows``, in order for every destination, and return its length once it is durable.

        Raises ``Unavailable`` if any of the prefix may not have arrived; the caller publishes from the first row again.
        """
        ...


class Clock(Protocol):
    """The time of day, for reminders; a turn's own ``now`` is its record's timestamp."""

    def now(self) -> datetime:
        """The current time, in UTC."""
        ...
