"""A database made by an earlier release gets what the runtime needs since."""

import shutil
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from agora.discovery import folders
from agora.migrations import upgrade
from agora.provision import provision
from agora.schema import RUNTIME_TABLES

OLDER: Final = ("buyer", "gateway", "product", "seller", "transaction")
"""The services there were before the runtime kept activities."""


@pytest.mark.parametrize("name", OLDER)
async def test_a_database_without_activities_gets_them_and_its_service_may_use_them(
    postgres: str, namespace: str, tmp_path: Path, name: str
) -> None:
    access = (await provision(postgres, [name], tmp_path, namespace))[name]
    before = tmp_path / "before"
    before.mkdir()
    (first,) = (folders()[name] / "migrations").glob("0001_*.py")
    shutil.copy(first, before)
    await upgrade(access.owner_url, before, access.role)
    owner = await asyncpg.connect(access.owner_url)
    try:
        await owner.execute("DROP TABLE activities")
        await upgrade(access.owner_url, folders()[name] / "migrations", access.role)
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        assert {row[0] for row in await owner.fetch(tables)} >= set(RUNTIME_TABLES)
        query = "SELECT has_table_privilege($1, 'activities', 'SELECT, INSERT, UPDATE, DELETE')"
        assert await owner.fetchval(query, access.role)
    finally:
        await owner.close()
