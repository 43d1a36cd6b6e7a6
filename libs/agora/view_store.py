"""The database of views: rows, and where each view stands in every partition, in one transaction per portion."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from agora.changes import BadChange, Folded
from agora.envelope import REASON_CHARS_MAX
from agora.partition import HistoryLost
from agora.portion import Fault, Place, Portion, Position, Shown
from agora.ports import Fenced
from agora.postgres import REFUSED, PostgresStore, reason_of
from agora.rows import plain
from agora.view import View
from agora.view_writes import Connection, write

FAULTS_PER_VIEW_MAX: Final = 10_000
EMPTY_SECONDS_MAX: Final = 600.0
LOCK_KEY: Final = 4_102_444_802  # any number, the same in every projector
PORTIONS_KEY: Final = 4_102_444_803


class Superseded(RuntimeError):
    """Another release of this code has built the view anew; this one must not write to it any more."""


_MOVE: Final = """
UPDATE view_positions AS p SET next_offset = n.next_offset, shown_at = n.shown_at, heard = p.heard || n.heard
FROM unnest($1::text[], $2::int[], $3::text[], $4::int[], $5::bigint[], $6::bigint[], $7::timestamptz[], $8::jsonb[])
    AS n (view, version, stream, partition, old_offset, next_offset, shown_at, heard)
WHERE p.view = n.view AND p.stream = n.stream AND p.partition = n.partition AND p.version = n.version
    AND p.next_offset = n.old_offset
"""
_COUNT: Final = """
UPDATE view_positions AS p SET faults = p.faults + n.faults
FROM (SELECT view, stream, partition, count(*) AS faults FROM unnest($1::text[], $2::text[], $3::int[])
    AS f (view, stream, partition) GROUP BY 1, 2, 3) AS n
WHERE p.view = n.view AND p.stream = n.stream AND p.partition = n.partition
"""
_KEEP: Final = """
INSERT INTO view_faults
SELECT view, stream, partition, log_offset, reason
FROM (SELECT *, row_number() OVER (PARTITION BY view ORDER BY place) AS number
    FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[]) WITH ORDINALITY
        AS f (view, stream, partition, log_offset, reason, place)) AS f
WHERE number + (SELECT count(*) FROM view_faults AS kept WHERE kept.view = f.view) <= $6
"""
_BEGIN: Final = """
INSERT INTO view_positions (view, stream, partition, version, log, next_offset, heard, faults)
SELECT $1, n.stream, n.partition, $2, n.log, 0, '{}', 0
FROM unnest($3::text[], $4::int[], $5::text[]) AS n (stream, partition, log) ON CONFLICT DO NOTHING
"""


class ViewStore(PostgresStore):
    """A database of views, through one connection that is made anew when it breaks.

    Every method raises ``Unavailable`` if the connection is lost; what became of it is then unknown and the positions
    tell.
    """

    async def positions(self, view: View, logs: Mapping[Place, str]) -> Mapping[Place, Position]:
        """Where a view stands in each place; it begins where it never was. ``logs`` says which log each place is in.

        Raises ``HistoryLost`` where it has heard another log, and ``Superseded`` where another version is kept.
        """
        async with self._alone() as connection:
            places = [(stream, partition, log) for (stream, partition), log in logs.items()]
            await connection.execute(_BEGIN, view.name, view.version, *zip(*places, strict=True))
            rows = await connection.fetch("SELECT * FROM view_positions WHERE view = $1", view.name)
        for row in rows:
            if row["version"] != view.version:
                raise Superseded(f"view {view.name}: version {row['version']} is kept, this is {view.version}")
            if row["log"] != logs.get((row["stream"], row["partition"]), row["log"]):
                raise HistoryLost(
                    f"view {view.name} was built of the stream '{row['stream']}' of {row['log']}, but Kafka has another"
                    ": the topic was made anew, or this is another cluster. Go back, or rebuild the view."
                )
        return {
            (row["stream"], row["partition"]): Position(
                row["next_offset"], row["shown_at"], msgspec.json.decode(row["heard"])
            )
            for row in rows
        }

    async def empty(self, view: View) -> None:
        """Forget all of a view, so that it is built anew by whoever begins it next."""
        async with self._alone() as connection:
            await _empty(connection, view)

    async def renew(self, view: View) -> bool:
        """Forget all of a view if it is kept in another version, and say whether it was."""
        async with self._alone() as connection:
            kept = await connection.fetchval("SELECT max(version) FROM view_positions WHERE view = $1", view.name)
            is_other = kept not in {None, view.version}
            if is_other:
                await _empty(connection, view)
            return is_other

    async def show(self, portion: Portion) -> list[Fault]:
        """Write a portion, all or nothing, and return what was refused. Raises ``Fenced``."""
        async with self._connected() as connection, connection.transaction():
            # One portion at a time, so that what the database numbers is committed in the order of its numbers.
            await connection.execute(f"SELECT pg_advisory_xact_lock({PORTIONS_KEY})")
            moves = [(*move[:7], msgspec.json.encode(move.heard).decode()) for move in portion.moves]
            moved = await connection.execute(_MOVE, *zip(*moves, strict=True))
            if moved != f"UPDATE {len(moves)}":
                raise Fenced("another process shows these views")
            refused = await _apply(connection, portion.shown, portion.folded)
            if faults := [*portion.faults, *refused]:
                await _keep(connection, faults)
            return refused

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[Connection]:
        """A transaction in which no other projector begins or empties a view."""
        async with self._connected() as connection, connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
            yield connection


async def _empty(connection: Connection, view: View) -> None:
    # Whoever moves on in this view comes to an end before its rows go, or finds its position gone.
    await connection.execute("SELECT FROM view_positions WHERE view = $1 FOR UPDATE", view.name)
    for kind in view.rows:
        await connection.execute(f"DELETE FROM {kind.table}", timeout=EMPTY_SECONDS_MAX)  # noqa: S608 - from code
    await connection.execute("DELETE FROM view_faults WHERE view = $1", view.name)
    await connection.execute("DELETE FROM view_positions WHERE view = $1", view.name)


async def _apply(connection: Connection, shown: Sequence[Shown], folded: Folded | None = None) -> list[Fault]:
    """Write what events change; where it is refused, each half of them by itself, until those to blame are found."""
    if not shown:
        return []
    try:
        async with connection.transaction():
            await write(connection, folded or _folded(shown))
    except (*REFUSED, BadChange) as error:
        if len(shown) == 1:
            return [Fault(*shown[0][:4], reason_of(error))]
        half = len(shown) // 2
        return [*await _apply(connection, shown[:half]), *await _apply(connection, shown[half:])]
    return []


def _folded(shown: Iterable[Shown]) -> Folded:
    folded = Folded()
    for one in shown:
        folded.take(one.changes)
    return folded


async def _keep(connection: Connection, faults: Sequence[Fault]) -> None:
    """Count faults, and keep the first of them."""
    rows = [(*fault[:4], plain(fault.reason)[:REASON_CHARS_MAX]) for fault in faults]
    views, streams, partitions, offsets, reasons = zip(*rows, strict=True)
    await connection.execute(_COUNT, views, streams, partitions)
    await connection.execute(_KEEP, views, streams, partitions, offsets, reasons, FAULTS_PER_VIEW_MAX)
