"""What a commit writes to PostgreSQL beside partition rows, states and outbox: one statement for each kind of row."""

from collections.abc import Mapping
from typing import Any, Final

import asyncpg

from agora.decision import Row
from agora.ports import Commit, DeadLetter, Fenced, ParkedRow
from agora.rows import columns, headers_json, plain, statements, values_of

_REMINDERS: Final = """
INSERT INTO reminders AS r (partition, subject, name, due, type, data, correlation, causation, traceparent)
SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::bytea[], $7::text[],
                     $8::text[], $9::text[])
ON CONFLICT (subject, name) DO UPDATE SET due = excluded.due, type = excluded.type, data = excluded.data,
    correlation = excluded.correlation, causation = excluded.causation, traceparent = excluded.traceparent
"""
_FORGET: Final = """
DELETE FROM reminders r USING unnest($1::text[], $2::text[]) AS f (subject, name)
WHERE r.subject = f.subject AND r.name = f.name
"""
_ASK: Final = """
INSERT INTO activities (partition, subject, name, key, due, asked_at, attempts, type, data, correlation, causation,
                        traceparent)
SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::int[],
                     $8::text[], $9::bytea[], $10::text[], $11::text[], $12::text[])
ON CONFLICT (subject, name) DO UPDATE SET key = excluded.key, due = excluded.due, asked_at = excluded.asked_at,
    attempts = excluded.attempts, type = excluded.type, data = excluded.data, correlation = excluded.correlation,
    causation = excluded.causation, traceparent = excluded.traceparent
"""
_DONE: Final = """
DELETE FROM activities a USING unnest($1::text[], $2::text[]) AS d (subject, name)
WHERE a.subject = d.subject AND a.name = d.name
"""
_UNPARK: Final = """
DELETE FROM parked p USING unnest($1::text[], $2::bigint[]) AS u (subject, position)
WHERE p.subject = u.subject AND p.position = u.position
"""


async def write_rest(connection: "asyncpg.Connection[asyncpg.Record]", commit: Commit) -> None:
    """Write reminders, activities, the service's own rows, and what is set aside; within one transaction."""
    if commit.reminders:
        await _replace(connection, _REMINDERS, _FORGET, commit.reminders)
    if commit.activities:
        await _replace(connection, _ASK, _DONE, commit.activities)
    for table, rows in commit.appends.items():
        await connection.copy_records_to_table(table.table, records=map(values_of(table), rows), columns=columns(table))
    for table, puts in commit.puts.items():
        await _put(connection, table, puts)
    await _set_aside(connection, commit)


async def _replace(
    connection: "asyncpg.Connection[asyncpg.Record]", upsert: str, delete: str, rows: Mapping[tuple[str, str], Any]
) -> None:
    """Write the rows of a table keyed by subject and name; ``None`` takes the one there away."""
    wanted = [row for row in rows.values() if row is not None]
    if wanted:
        await connection.execute(upsert, *zip(*wanted, strict=True))
    gone = [key for key, row in rows.items() if row is None]
    if gone:
        await connection.execute(delete, *zip(*gone, strict=True))


async def _put(
    connection: "asyncpg.Connection[asyncpg.Record]", table: type[Row], puts: Mapping[tuple[Any, ...], Row | None]
) -> None:
    upsert, delete = statements(table)
    rows = [values_of(table)(row) for row in puts.values() if row is not None]
    if rows:
        await connection.execute(upsert, *zip(*rows, strict=True))
    gone = [key for key, row in puts.items() if row is None]
    if gone:
        await connection.execute(delete, *zip(*gone, strict=True))


async def _set_aside(connection: "asyncpg.Connection[asyncpg.Record]", commit: Commit) -> None:
    if commit.parked:
        records = [_parked(row) for row in commit.parked]
        await connection.copy_records_to_table("parked", records=records)
    if commit.unparked:
        status = await connection.execute(_UNPARK, *zip(*commit.unparked, strict=True))
        if status != f"DELETE {len(commit.unparked)}":
            raise Fenced("another process has unparked the same events")
    if commit.dead_letters:
        records = [_dead(letter) for letter in commit.dead_letters]
        await connection.copy_records_to_table("dead_letters", records=records)


def _parked(row: ParkedRow) -> tuple[Any, ...]:
    return (*row[1:3], row.partition, *row[3:7], headers_json(row.headers), plain(row.error))


def _dead(letter: DeadLetter) -> tuple[Any, ...]:
    return (*letter[:5], headers_json(letter.headers), plain(letter.reason))
