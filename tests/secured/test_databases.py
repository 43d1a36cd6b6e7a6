"""What `agora grants --sql` makes: a service gets into its own database, and may not so much as make a table there."""

from collections.abc import Mapping

import asyncpg
import pytest

from agora.discovery import folders
from agora.grants import sql
from agora.provision import names_of
from tests.secured.conftest import Secured, run_sql

FORBIDDEN = (
    "CREATE TABLE mine (n int)",
    "CREATE TEMPORARY TABLE mine (n int)",
    "CREATE SCHEMA mine",
    "ALTER TABLE partitions ADD COLUMN mine int",
    "DROP TABLE agents",
    "TRUNCATE outbox",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
)


@pytest.mark.parametrize("service", folders())
async def test_a_services_role_gets_into_its_own_database_and_no_other(secured: Secured, service: str) -> None:
    connection = await asyncpg.connect(secured.databases[service])
    assert await connection.fetchval("SELECT count(*) FROM partitions") >= 0
    await connection.close()
    for database in (names_of(name, secured.namespace).database for name in folders() if name != service):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(secured.databases[service], database=database)


@pytest.mark.parametrize("service", folders())
@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_a_services_role_changes_rows_and_nothing_else(secured: Secured, service: str, statement: str) -> None:
    connection = await asyncpg.connect(secured.databases[service])
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_the_script_does_no_harm_when_it_is_run_again(
    postgres: str, secured: Secured, spoken: Mapping[str, str]
) -> None:
    run_sql(postgres, spoken["--sql"])
    for url in secured.databases.values():
        await (await asyncpg.connect(url)).close()


async def test_nobody_gets_in_before_the_roles_have_their_passwords(postgres: str, namespace: str) -> None:
    names = names_of("buyer", namespace)
    run_sql(postgres, sql(names))
    for role in (names.role, names.owner):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(postgres, user=role, password="", database=names.database)
