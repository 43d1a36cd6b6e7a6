"""What a commit writes to PostgreSQL, in one statement: one round trip, and a transaction of its own.

The statement is put together of parts, one for each kind of change, and is the same text for every commit that
changes the same kinds; so PostgreSQL plans each once.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

import asyncpg
import msgspec

from agora.decision import Row
from agora.ports import Commit, DeadLetter, Fenced, Move, ParkedRow
from agora.rows import headers_json, insert, plain, statements, values_of

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# The fence first: the division fails, and with it the whole statement before anything else of it is begun, unless every
# partition row was still as this process believes.
_CORE: Final = """
WITH moved AS (
    UPDATE partitions AS p SET next_offset = n.next_offset, sequence = n.sequence,
           published = greatest(p.published, n.published), heard = n.heard, counts = n.counts
    FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::jsonb[],
                $8::jsonb[])
         AS n (partition, old_offset, old_sequence, next_offset, sequence, published, heard, counts)
    WHERE p.partition = n.partition AND p.next_offset = n.old_offset AND p.sequence = n.old_sequence
    RETURNING 1
)"""
_CHECK: Final = "\nSELECT 1 / (count(*) = cardinality($1::int[]))::int FROM moved"
_KEEP: Final = """
    INSERT INTO agents (subject, state, recent) SELECT * FROM unnest($1::text[], $2::jsonb[], $3::jsonb[])
    ON CONFLICT (subject) DO UPDATE SET state = excluded.state, recent = excluded.recent
"""
_SEND: Final = """
    INSERT INTO outbox (partition, sequence, stream, subject, value)
    SELECT * FROM unnest($1::int[], $2::bigint[], $3::text[], $4::text[], $5::bytea[])
"""
_REMIND: Final = """
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
    SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                         $7::int[], $8::text[], $9::bytea[], $10::text[], $11::text[], $12::text[])
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
_PARAMETER: Final = re.compile(r"\$(\d+)")

_json = msgspec.json.encode


class Part(NamedTuple):
    """One kind of change: its SQL, whose parameters count from 1, and the rows it writes."""

    sql: str
    rows: Iterable[tuple[Any, ...]]


async def write(connection: Connection, commit: Commit) -> None:
    """Write all of a commit. Raises ``Fenced``."""
    if not (commit.parked or commit.unparked or commit.dead_letters):
        await _write(connection, commit)
        return
    async with connection.transaction():
        await _write(connection, commit)
        await _set_aside(connection, commit)


async def _write(connection: Connection, commit: Commit) -> None:
    parts = list(_parts(commit))
    moves = zip(*map(_move, commit.moves), strict=True) if commit.moves else ((),) * _parameters(_CORE)
    values = (column for part in parts for column in zip(*part.rows, strict=True))
    try:
        await connection.execute(_statement(tuple(part.sql for part in parts)), *moves, *values)
    except asyncpg.DivisionByZeroError:
        owned = sorted(move.before.partition for move in commit.moves)
        raise Fenced(f"another process has moved one of the partitions {owned}") from None


@lru_cache(maxsize=256)
def _statement(parts: tuple[str, ...]) -> str:
    """One statement of all parts, whose parameters are numbered on from one to the next."""
    text, given = _CORE, _parameters(_CORE)
    for number, part in enumerate(parts):
        text += f", part_{number} AS ({_PARAMETER.sub(lambda found, given=given: f'${int(found[1]) + given}', part)})"
        given += _parameters(part)
    return text + _CHECK


def _parameters(sql: str) -> int:
    return max(int(found) for found in _PARAMETER.findall(sql))


def _parts(commit: Commit) -> Iterator[Part]:
    if commit.agents:
        yield Part(_KEEP, ((agent.subject, agent.state.decode(), _recent(agent.recent)) for agent in commit.agents))
    if commit.outbox:
        yield Part(_SEND, commit.outbox)
    yield from _replaced(_REMIND, _FORGET, commit.reminders)
    yield from _replaced(_ASK, _DONE, commit.activities)
    for table, rows in commit.appends.items():
        if rows:
            yield Part(insert(table), map(values_of(table), rows))
    for table, puts in commit.puts.items():
        yield from _replaced(*statements(table), _values(table, puts))


def _replaced(upsert: str, delete: str, rows: Mapping[tuple[Any, ...], tuple[Any, ...] | None]) -> Iterator[Part]:
    """Write the rows of a table by their keys; ``None`` takes the one there away."""
    if wanted := [row for row in rows.values() if row is not None]:
        yield Part(upsert, wanted)
    if gone := [key for key, row in rows.items() if row is None]:
        yield Part(delete, gone)


def _values(
    table: type[Row], puts: Mapping[tuple[Any, ...], Row | None]
) -> dict[tuple[Any, ...], tuple[Any, ...] | None]:
    values = values_of(table)
    return {key: None if row is None else values(row) for key, row in puts.items()}


def _recent(recent: tuple[str, ...]) -> str | None:
    return _json(recent).decode() if recent else None


def _move(move: Move) -> tuple[Any, ...]:
    before, after = move
    heard, counts = _json(after.heard).decode(), _json(after.counts).decode()
    expected = (before.partition, before.next_offset, before.sequence)
    return (*expected, after.next_offset, after.sequence, after.published, heard, counts)


async def _set_aside(connection: Connection, commit: Commit) -> None:
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
