"""The store on PostgreSQL: one connection, one transaction per turn batch."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from agora.partition import HistoryLost
from agora.ports import (
    ActivityRow,
    Commit,
    OutboxRow,
    ParkedRow,
    PartitionRow,
    Refused,
    ReminderRow,
    StoredAgent,
    Unavailable,
)
from agora.rows import headers_of
from agora.writes import write

CONNECT_SECONDS_MAX: Final = 10.0
STATEMENT_SECONDS_MAX: Final = 60.0
RECOVERING: Final = "(recovering)"
SHARE: Final = "(share)"
"""These stand in the table of identities where a stream's name does; no topic can have such a name."""

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
REFUSED: Final = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.RaiseError,
    ValueError,  # asyncpg's word for what no column can hold, like the next two
    TypeError,
    OverflowError,
)
"""How a database refuses what it is asked to keep."""

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

    def __init__(self, url: str, statement_seconds: float = STATEMENT_SECONDS_MAX) -> None:
        """A statement that takes longer than ``statement_seconds`` is given up."""
        self._url = url
        self._statement_seconds = statement_seconds
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
                await write(connection, commit)
            except REFUSED as refused:
                raise Refused(reason_of(refused)) from None

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
        return await self._kept(stream, identity)

    async def entrust(self, share: str) -> str:
        """The share of its stream's partitions this database was made for; ``share`` if it is the first."""
        return await self._kept(SHARE, share)

    async def entrusted(self) -> str | None:
        """The share this database was made for, if it was ever told."""
        async with self._connected() as connection:
            return await connection.fetchval("SELECT identity FROM log_identity WHERE stream = $1", SHARE)

    async def recovering(self, since: str) -> str:
        """Remember that the database is being recovered, from which moment of the log; the first moment stands."""
        return await self._kept(RECOVERING, since)

    async def recovered(self) -> None:
        """The database is up to the log again."""
        async with self._connected() as connection:
            await connection.execute("DELETE FROM log_identity WHERE stream = $1", RECOVERING)

    async def next_offsets(self) -> Mapping[int, int]:
        """Where every partition stands; raises ``HistoryLost`` while the database is being recovered."""
        async with self._connected() as connection:
            if await connection.fetchval("SELECT 1 FROM log_identity WHERE stream = $1", RECOVERING):
                raise HistoryLost("the recovery of this database was broken off: begin it again with agora recover")
            rows = await connection.fetch("SELECT partition, next_offset FROM partitions")
        return {row["partition"]: row["next_offset"] for row in rows}

    async def claimed(self) -> frozenset[int]:
        """Every partition of which this database keeps anything."""
        async with self._connected() as connection:
            return frozenset(row["partition"] for row in await connection.fetch("SELECT partition FROM partitions"))

    async def _kept(self, name: str, value: str) -> str:
        """What this database was first told under a name."""
        async with self._connected() as connection:
            await connection.execute("INSERT INTO log_identity VALUES ($1, $2) ON CONFLICT DO NOTHING", name, value)
            return await connection.fetchval("SELECT identity FROM log_identity WHERE stream = $1", name)

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator["asyncpg.Connection[asyncpg.Record]"]:
        async with self._lock:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await asyncpg.connect(
                        self._url,
                        timeout=CONNECT_SECONDS_MAX,
                        command_timeout=self._statement_seconds,
                        server_settings={"application_name": "agora", "jit": "off"},
                    )
                yield self._connection
            except _LOST as lost:
                if self._connection is not None:
                    self._connection.terminate()
                    self._connection = None
                raise Unavailable(f"PostgreSQL: {type(lost).__name__}: {lost}") from lost


def reason_of(error: Exception) -> str:
    """What a database said, in one line."""
    text = str(error).splitlines()[0] if str(error) else ""
    return f"{type(error).__name__}: {text}"
