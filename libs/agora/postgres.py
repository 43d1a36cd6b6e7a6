"""The store on PostgreSQL: one connection, one transaction per turn batch."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from agora.ports import (
    ActivityRow,
    Commit,
    Fenced,
    Move,
    OutboxRow,
    ParkedRow,
    PartitionRow,
    Refused,
    ReminderRow,
    StoredAgent,
    Unavailable,
)
from agora.rows import headers_of
from agora.writes import write_rest

CONNECT_SECONDS_MAX: Final = 10.0
STATEMENT_SECONDS_MAX: Final = 60.0

_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidTransactionStateError,  # idle too long in a transaction, or a standby that cannot write yet
    asyncpg.TransactionRollbackError,  # a deadlock with another owner; one of the two will be fenced
)
_REFUSED: Final = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.RaiseError,
    ValueError,  # asyncpg's word for what no column can hold, like the next two
    TypeError,
    OverflowError,
)

_json = msgspec.json.encode

# Fence, states and outbox in one statement: one round trip, and for most commits the only one. The division fails, and
# with it the whole statement, unless every partition row was still as this process believes.
_CORE: Final = """
WITH moved AS (
    UPDATE partitions AS p SET next_offset = n.next_offset, sequence = n.sequence,
           published = greatest(p.published, n.published), heard = n.heard, counts = n.counts
    FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::jsonb[],
                $8::jsonb[])
         AS n (partition, old_offset, old_sequence, next_offset, sequence, published, heard, counts)
    WHERE p.partition = n.partition AND p.next_offset = n.old_offset AND p.sequence = n.old_sequence
    RETURNING 1
), kept AS (
    INSERT INTO agents (subject, state, recent) SELECT * FROM unnest($9::text[], $10::jsonb[], $11::jsonb[])
    ON CONFLICT (subject) DO UPDATE SET state = excluded.state, recent = excluded.recent
), sent AS (
    INSERT INTO outbox (partition, sequence, stream, subject, value)
    SELECT * FROM unnest($12::int[], $13::bigint[], $14::text[], $15::text[], $16::bytea[])
)
SELECT 1 / (count(*) = cardinality($1::int[]))::int FROM moved
"""
# Partition by partition, so that each is read along its index no further than it must.
_ACTIVITIES: Final = """
SELECT oldest.* FROM unnest($1::int[]) AS owned (number) CROSS JOIN LATERAL (
    SELECT partition, subject, name, key, due, asked_at, attempts, type, data, correlation, causation, traceparent
    FROM activities WHERE partition = owned.number AND type = ANY($2::text[]) ORDER BY due LIMIT $3
) AS oldest ORDER BY due, subject, name LIMIT $3
"""


class PostgresStore:
    """A service's database, through one connection that is made anew when it breaks.

    Every method raises ``Unavailable`` if the connection is lost; what became of a commit is then unknown and the
    partition rows tell.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close(timeout=CONNECT_SECONDS_MAX)

    async def commit(self, commit: Commit) -> None:
        async with self._connected() as connection:
            try:
                if _is_core(commit):
                    await _write_core(connection, commit)
                else:
                    async with connection.transaction():
                        await _write_core(connection, commit)
                        await write_rest(connection, commit)
            except _REFUSED as refused:
                raise Refused(_reason(refused)) from None

    async def claim(self, partition: int) -> PartitionRow:
        async with self._connected() as connection:
            await connection.execute(
                "INSERT INTO partitions VALUES ($1, 0, 0, 0, '{}', '{}') ON CONFLICT DO NOTHING", partition
            )
            row = await connection.fetchrow("SELECT * FROM partitions WHERE partition = $1", partition)
        assert row is not None  # noqa: S101 - it was inserted a line above
        heard, counts = msgspec.json.decode(row["heard"]), msgspec.json.decode(row["counts"])
        return PartitionRow(partition, row["next_offset"], row["sequence"], row["published"], heard, counts)

    async def load(self, subjects: Sequence[str]) -> Mapping[str, StoredAgent]:
        async with self._connected() as connection:
            rows = await connection.fetch(
                "SELECT subject, state, recent FROM agents WHERE subject = ANY($1::text[])", subjects
            )
        return {
            subject: StoredAgent(subject, state.encode(), tuple(msgspec.json.decode(recent)) if recent else ())
            for subject, state, recent in rows
        }

    async def unpublished(self, partition: int, after: int, limit: int) -> Sequence[OutboxRow]:
        async with self._connected() as connection:
            rows = await connection.fetch(
                "SELECT * FROM outbox WHERE partition = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
                partition,
                after,
                limit,
            )
        return [OutboxRow(*row) for row in rows]

    async def due(self, partitions: Sequence[int], now: datetime, limit: int) -> Sequence[ReminderRow]:
        async with self._connected() as connection:
            rows = await connection.fetch(
                "SELECT partition, subject, name, due, type, data, correlation, causation, traceparent FROM reminders "
                "WHERE partition = ANY($1::int[]) AND due <= $2 ORDER BY due, subject, name LIMIT $3",
                partitions,
                now,
                limit,
            )
        return [ReminderRow(*row) for row in rows]

    async def next_due(self, partition: int) -> datetime | None:
        async with self._connected() as connection:
            return await connection.fetchval(
                "SELECT due FROM reminders WHERE partition = $1 ORDER BY due LIMIT 1", partition
            )

    async def activities(self, partitions: Sequence[int], types: Sequence[str], limit: int) -> Sequence[ActivityRow]:
        async with self._connected() as connection:
            rows = await connection.fetch(_ACTIVITIES, partitions, types, limit)
        return [ActivityRow(*row) for row in rows]

    async def asked(self, partition: int) -> Mapping[str, datetime]:
        async with self._connected() as connection:
            rows = await connection.fetch(
                "SELECT type, min(due) AS due FROM activities WHERE partition = $1 GROUP BY type", partition
            )
        return {row["type"]: row["due"] for row in rows}

    async def parked_agents(self, partition: int) -> Mapping[str, int]:
        async with self._connected() as connection:
            rows = await connection.fetch(
                "SELECT subject, max(position) + 1 AS next FROM parked WHERE partition = $1 GROUP BY subject", partition
            )
        return {row["subject"]: row["next"] for row in rows}

    async def parked(self, subject: str, limit: int) -> Sequence[ParkedRow]:
        async with self._connected() as connection:
            rows = await connection.fetch(
                "SELECT partition, subject, position, log_offset, timestamp_ms, key, value, headers, error "
                "FROM parked WHERE subject = $1 ORDER BY position LIMIT $2",
                subject,
                limit,
            )
        return [ParkedRow._make((*tuple(row)[:7], headers_of(row["headers"]), row["error"])) for row in rows]

    async def trim(self, partition: int, published: int) -> None:
        async with self._connected() as connection:
            await connection.execute("DELETE FROM outbox WHERE partition = $1 AND sequence <= $2", partition, published)

    async def identify(self, stream: str, identity: str) -> str:
        """The identity of the log this database has listened to; ``identity`` if it is the first."""
        async with self._connected() as connection:
            await connection.execute(
                "INSERT INTO log_identity VALUES ($1, $2) ON CONFLICT DO NOTHING", stream, identity
            )
            return await connection.fetchval("SELECT identity FROM log_identity WHERE stream = $1", stream)

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator["asyncpg.Connection[asyncpg.Record]"]:
        async with self._lock:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await asyncpg.connect(
                        self._url,
                        timeout=CONNECT_SECONDS_MAX,
                        command_timeout=STATEMENT_SECONDS_MAX,
                        server_settings={"application_name": "agora", "jit": "off"},
                    )
                yield self._connection
            except _LOST as lost:
                if self._connection is not None:
                    self._connection.terminate()
                    self._connection = None
                raise Unavailable(f"PostgreSQL: {type(lost).__name__}: {lost}") from lost


def _is_core(commit: Commit) -> bool:
    """Whether partition rows, states and outbox are all there is to write."""
    extra = commit.reminders or commit.activities or commit.appends or commit.puts
    return not (extra or commit.parked or commit.unparked or commit.dead_letters)


async def _write_core(connection: "asyncpg.Connection[asyncpg.Record]", commit: Commit) -> None:
    moves = zip(*map(_move, commit.moves), strict=True)
    subjects = [agent.subject for agent in commit.agents]
    states = [agent.state.decode() for agent in commit.agents]
    recents = [_json(agent.recent).decode() if agent.recent else None for agent in commit.agents]
    outbox = zip(*commit.outbox, strict=True) if commit.outbox else ((),) * len(OutboxRow._fields)
    try:
        await connection.execute(_CORE, *moves, subjects, states, recents, *outbox)
    except asyncpg.DivisionByZeroError:
        owned = sorted(move.before.partition for move in commit.moves)
        raise Fenced(f"another process has moved one of the partitions {owned}") from None


def _move(move: Move) -> tuple[Any, ...]:
    before, after = move
    heard, counts = _json(after.heard).decode(), _json(after.counts).decode()
    expected = (before.partition, before.next_offset, before.sequence)
    return (*expected, after.next_offset, after.sequence, after.published, heard, counts)


def _reason(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else ""
    return f"{type(error).__name__}: {text}"
