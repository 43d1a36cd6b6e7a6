"""A migrated database of the counting service, emptied before every test that uses it."""

from collections.abc import AsyncGenerator

import asyncpg
import pytest

from agora.migrations import upgrade
from agora.provision import Access, provision
from agora.schema import RUNTIME_TABLES
from tests.runtime.counting import MIGRATION
from tests.runtime.desk import Office, open_office


@pytest.fixture(scope="session")
async def counting_database(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Access:
    """The database, once for all tests of one worker."""
    home = tmp_path_factory.mktemp("counting")
    migrations = home / "counter" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "0001_counters.py").write_text(MIGRATION)
    worker = f"w{home.stat().st_ino}_"
    access = (await provision(postgres, ["counter"], home, worker))["counter"]
    await upgrade(access.owner_url, migrations, access.role)
    return access


@pytest.fixture
async def database(counting_database: Access) -> Access:
    """The database with nothing in it."""
    connection = await asyncpg.connect(counting_database.owner_url)
    await connection.execute(f"TRUNCATE {', '.join((*RUNTIME_TABLES, 'entries', 'totals'))}")
    await connection.close()
    return counting_database


@pytest.fixture
async def office(kafka: str, namespace: str, database: Access) -> AsyncGenerator[Office]:
    """The counting service's office: its topics, its database, and nobody at a desk yet."""
    async with open_office(kafka, namespace, database) as opened:
        yield opened
