"""What the code writes is what the migrations made: every row type against its table in a real database."""

from dataclasses import fields
from datetime import datetime
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

import asyncpg
import pytest

from agora.decision import Row
from agora.discovery import folders, services
from agora.provision import Access
from agora.schema import RUNTIME_TABLES
from agora.view_schema import VIEW_TABLES
from services.gateway.views import VIEWS

SHOWN: Final = [("gateway", kind) for view in VIEWS for kind in view.rows]
ROWS: Final = [*((service.name, kind) for service in services() for kind in service.rows), *SHOWN]
BESIDE: Final = {"gateway": {*VIEW_TABLES, "api_keys"}}
"""Tables that are written otherwise."""
HOLDS: Final = {
    str: {"text", "character varying", "character"},
    int: {"bigint", "integer"},
    bool: {"boolean"},
    datetime: {"timestamp with time zone"},
}


async def fetch(url: str, query: str, *values: object) -> list[Any]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(query, *values)
    await connection.close()
    return rows


def python_type(hint: Any) -> tuple[type, bool]:
    """What a field holds, and whether it may be nothing."""
    optional = NoneType in get_args(hint)
    kind = next((part for part in get_args(hint) if part is not NoneType), hint)
    while hasattr(kind, "__supertype__"):
        kind = kind.__supertype__
    return kind, optional


@pytest.mark.parametrize(("name", "kind"), ROWS, ids=lambda value: getattr(value, "__name__", value))
async def test_a_row_has_the_columns_of_its_table(databases: dict[str, Access], name: str, kind: type[Row]) -> None:
    found = await fetch(
        databases[name].owner_url,
        "SELECT column_name, data_type, is_nullable, is_identity FROM information_schema.columns WHERE table_name = $1",
        kind.table,
    )
    columns = {row["column_name"]: row for row in found if row["is_identity"] == "NO"}
    assert {field.name for field in fields(kind)} == columns.keys()
    hints = get_type_hints(kind)
    for field in fields(kind):
        type_, optional = python_type(hints[field.name])
        assert columns[field.name]["data_type"] in HOLDS[type_], field.name
        assert columns[field.name]["is_nullable"] == ("YES" if optional else "NO"), field.name


@pytest.mark.parametrize(("name", "kind"), ROWS, ids=lambda value: getattr(value, "__name__", value))
async def test_a_rows_key_is_its_tables_primary_key(databases: dict[str, Access], name: str, kind: type[Row]) -> None:
    found = await fetch(
        databases[name].owner_url,
        "SELECT a.attname FROM pg_index i, pg_attribute a WHERE i.indrelid = $1::text::regclass AND i.indisprimary "
        "AND a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) AND a.attidentity = '' "
        "ORDER BY array_position(i.indkey, a.attnum)",
        kind.table,
    )
    assert tuple(row["attname"] for row in found) == kind.key


@pytest.mark.parametrize(("name", "kind"), ROWS, ids=lambda value: getattr(value, "__name__", value))
async def test_a_service_may_do_with_a_table_what_its_rows_ask_and_no_more(
    databases: dict[str, Access], name: str, kind: type[Row]
) -> None:
    allowed = await privileges(databases[name], kind.table)
    only_added_to = kind.append_only and (name, kind) not in SHOWN  # a view is emptied to be built anew
    assert allowed == ({"SELECT", "INSERT"} if only_added_to else {"SELECT", "INSERT", "UPDATE", "DELETE"})


@pytest.mark.parametrize("name", folders())
async def test_every_database_has_the_runtimes_tables_and_only_tables_somebody_writes(
    databases: dict[str, Access], name: str
) -> None:
    found = await fetch(
        databases[name].owner_url, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' "
        "AND table_type = 'BASE TABLE'"
    )  # fmt: skip
    written = {kind.table for service, kind in ROWS if service == name}
    assert {row["table_name"] for row in found} == {
        *RUNTIME_TABLES, *written, *BESIDE.get(name, ()), "alembic_version"
    }  # fmt: skip
    for table in RUNTIME_TABLES:
        assert await privileges(databases[name], table) == {"SELECT", "INSERT", "UPDATE", "DELETE"}


@pytest.mark.parametrize("name", folders())
async def test_every_view_can_be_read_by_the_service_and_by_nobody_be_written(
    databases: dict[str, Access], name: str
) -> None:
    views = await fetch(
        databases[name].owner_url,
        "SELECT table_name FROM information_schema.views WHERE table_schema = 'public'",
    )
    assert views
    for row in views:
        assert await privileges(databases[name], row["table_name"]) == {"SELECT"}
        await fetch(databases[name].url, f'SELECT * FROM "{row["table_name"]}"')


async def privileges(access: Access, table: str) -> set[str]:
    found = await fetch(
        access.owner_url,
        "SELECT privilege_type FROM information_schema.role_table_grants WHERE table_name = $1 AND grantee = $2",
        table,
        access.role,
    )
    return {row["privilege_type"] for row in found}
