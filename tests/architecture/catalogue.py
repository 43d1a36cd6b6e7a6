"""What code can rely on in a database, and what a database demands of it, as PostgreSQL's catalogue has it."""

from typing import Final, NamedTuple

import asyncpg

_PROMISES: Final = {
    "column": """SELECT table_name, column_name, data_type, coalesce(character_maximum_length, 0), is_nullable
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "default": """SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND (column_default IS NOT NULL OR is_identity = 'YES')""",
    "right": """SELECT table_name, column_name, privilege_type FROM information_schema.column_privileges
        WHERE grantee = $1 UNION
        SELECT table_name, '', privilege_type FROM information_schema.role_table_grants WHERE grantee = $1""",
    "key": "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE 'CREATE UNIQUE%'",
}
"""What stays for older code: its columns as they are, what it may leave out, what it may do, what is unique."""

_DEMANDS: Final = {
    "must be filled": """SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'""",
    "must hold": """SELECT conrelid::regclass::text, pg_get_constraintdef(oid), (
            SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = conrelid AND attnum = ANY (conkey))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'x')""",
    "must be unique": """SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid), (
            SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = indrelid AND attnum = ANY (indkey))
        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace = 'public'::regnamespace AND indisunique""",
    "is done as well": "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal",
}
"""What is asked of whoever writes to a table. The last word of what must hold or be unique are its columns."""


class Catalogue(NamedTuple):
    """What a database promises and demands. Each fact begins with its kind and its table."""

    promises: frozenset[tuple[str, ...]]
    demands: frozenset[tuple[str, ...]]

    def tables(self) -> set[str]:
        return {table for kind, table, *_ in self.promises if kind == "column"}

    def columns(self, kind: str = "column") -> set[tuple[str, str]]:
        return {(fact[1], fact[2]) for fact in self.promises if fact[0] == kind}


async def read(connection: "asyncpg.Connection[asyncpg.Record]", role: str) -> Catalogue:
    """What is there for a runtime role."""

    async def facts(queries: dict[str, str]) -> frozenset[tuple[str, ...]]:
        found = set[tuple[str, ...]]()
        for kind, query in queries.items():
            rows = await connection.fetch(query, *([role] if "$1" in query else []))
            found |= {(kind, *map(str, row)) for row in rows}
        return frozenset(found)

    return Catalogue(await facts(_PROMISES), await facts(_DEMANDS))


def breaks(before: Catalogue, after: Catalogue) -> list[str]:
    """What code written for the database as it was cannot rely on any more, or would have to do."""
    lost = before.promises - after.promises
    added = {fact for fact in after.demands - before.demands if fact[1] in before.tables()}
    empty = after.columns() - before.columns() - after.columns("default")
    return [
        *(f"no longer: {' '.join(fact)}" for fact in sorted(lost)),
        *(" ".join(fact) for fact in sorted(added) if not _holds_of_nothing(fact, empty)),
    ]


def _holds_of_nothing(demand: tuple[str, ...], empty: set[tuple[str, str]]) -> bool:
    """Whether it asks only of columns that older code leaves empty, and nothing of empty ones."""
    kind, table, what, *columns = demand
    if kind not in {"must hold", "must be unique"} or "NOT NULL" in what or "NOT DISTINCT" in what:
        return False
    return all((table, column) in empty for column in columns[0].split())
