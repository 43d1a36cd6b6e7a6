"""How the folded changes of views are written to PostgreSQL: one statement for each table and kind of change."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

import asyncpg

from agora.changes import Folded, Shape, default_of
from agora.decision import Row
from agora.rows import insert, statements, values_of

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def write(connection: Connection, folded: Folded) -> None:
    """Write all of it, within the transaction that the connection is in."""
    for table in folded.effects:  # what is taken away first, lest it stand in the way of what is new
        if gone := folded.removed(table):
            await connection.execute(statements(table)[1], *zip(*gone, strict=True))
    for table in folded.effects:
        for shape, rows in folded.written(table):
            await connection.execute(_upsert(table, shape), *_arrays(table, rows))
    for table, rows in folded.appends.items():
        await connection.execute(insert(table), *_arrays(table, rows))


def _arrays(table: type[Row], rows: list[Row]) -> Iterable[tuple[object, ...]]:
    return zip(*map(values_of(table), rows), strict=True)


@lru_cache(maxsize=1024)
def _upsert(table: type[Row], shape: Shape) -> str:
    whole, sets, adds = shape
    if whole:
        return statements(table)[0]
    changes = [f"{name} = excluded.{name}" for name in sorted(sets)]
    changes += [
        f"{name} = coalesce(t.{name}, 0) + (excluded.{name} - {default_of(table, name)})" for name in sorted(adds)
    ]
    start, select = insert(table).split(" (", 1)
    action = f"UPDATE SET {', '.join(changes)}" if changes else "NOTHING"
    return f"{start} AS t ({select} ON CONFLICT ({', '.join(table.key)}) DO {action}"
