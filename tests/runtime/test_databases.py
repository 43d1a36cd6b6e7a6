"""Each service's database: its own, reached by its own roles alone, at the revision its code was written for."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from agora.migrations import MigrationError, upgrade
from agora.provision import Access, ProvisionError, provision
from agora.revision import RevisionError, check, revision

FIRST = """
from alembic import op
from agora.migrations import runtime_role

revision = "0001"
down_revision = None

def upgrade():
    op.execute("CREATE TABLE notes (text text)")
    op.execute(f'GRANT SELECT ON notes TO "{runtime_role()}"')
"""
SECOND = """
from alembic import op

revision = "0002"
down_revision = "0001"

def upgrade():
    op.execute("ALTER TABLE notes ADD COLUMN author text")
"""
BROKEN = """
from alembic import op

revision = "0003"
down_revision = "0002"

def upgrade():
    op.execute("ALTER TABLE notes ADD COLUMN page int")
    op.execute("SELECT 1 / 0")
"""


def folder(path: Path, *versions: str) -> Path:
    migrations = path / "clerk" / "migrations"
    migrations.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(versions, start=1):
        (migrations / f"{number:04}_change.py").write_text(text)
    return migrations


@pytest.fixture
async def clerk(postgres: str, namespace: str, tmp_path: Path) -> Access:
    return (await provision(postgres, ["clerk"], tmp_path / "secrets", namespace))["clerk"]


async def test_no_service_can_log_in_to_anothers_database(postgres: str, namespace: str, tmp_path: Path) -> None:
    made = await provision(postgres, ["clerk", "guard"], tmp_path, namespace)
    await (await asyncpg.connect(made["clerk"].url)).close()
    for url in (made["clerk"].url, made["clerk"].owner_url):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(url, database=made["guard"].database)


async def test_a_runtime_role_cannot_change_the_schema(clerk: Access) -> None:
    connection = await asyncpg.connect(clerk.url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("CREATE TABLE mine (n int)")
    await connection.close()


async def test_provisioning_again_changes_nothing(postgres: str, namespace: str, tmp_path: Path) -> None:
    first, second = await asyncio.gather(*(provision(postgres, ["clerk"], tmp_path, namespace) for _ in range(2)))
    assert first == second
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    await (await asyncpg.connect(first["clerk"].url)).close()


async def test_a_role_in_use_elsewhere_keeps_its_password(postgres: str, namespace: str, tmp_path: Path) -> None:
    there = await provision(postgres, ["clerk"], tmp_path / "there", namespace)
    with pytest.raises(ProvisionError, match=rf"{namespace}clerk, {namespace}clerk_owner are there.*--rotate"):
        await provision(postgres, ["clerk"], tmp_path / "here", namespace)
    assert not (tmp_path / "here").exists()
    await (await asyncpg.connect(there["clerk"].url)).close()


async def test_a_new_service_is_not_made_either_while_anothers_password_is_unknown(
    postgres: str, namespace: str, tmp_path: Path
) -> None:
    await provision(postgres, ["clerk"], tmp_path / "there", namespace)
    with pytest.raises(ProvisionError, match="clerk"):
        await provision(postgres, ["baker", "clerk"], tmp_path / "here", namespace)
    admin = await asyncpg.connect(postgres)
    assert not await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", f"{namespace}baker")
    await admin.close()


async def test_lost_passwords_are_replaced_when_asked_for(postgres: str, namespace: str, tmp_path: Path) -> None:
    first = await provision(postgres, ["clerk"], tmp_path, namespace)
    (tmp_path / "secrets.json").unlink()
    second = await provision(postgres, ["clerk"], tmp_path, namespace, rotate=True)
    assert first["clerk"].url != second["clerk"].url
    await (await asyncpg.connect(second["clerk"].url)).close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(first["clerk"].url)


async def test_a_namespace_that_names_no_database_is_refused(postgres: str, tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="AGORA_NAMESPACE"):
        await provision(postgres, ["clerk"], tmp_path, 'x"; --')


async def test_migrations_run_once_and_grant_what_they_say(clerk: Access, tmp_path: Path) -> None:
    versions = folder(tmp_path, FIRST, SECOND)
    assert await revision(clerk.owner_url) is None
    for _ in range(2):
        assert await upgrade(clerk.owner_url, versions, clerk.role) == "0002"
    await check(clerk.url, versions)
    connection = await asyncpg.connect(clerk.url)
    assert await connection.fetch("SELECT author FROM notes") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("INSERT INTO notes VALUES ('hello')")
    await connection.close()


async def test_migrators_wait_for_each_other(clerk: Access, tmp_path: Path) -> None:
    versions = folder(tmp_path, FIRST, SECOND)
    found = await asyncio.gather(*(upgrade(clerk.owner_url, versions, clerk.role) for _ in range(4)))
    assert found == ["0002"] * 4


async def test_a_migration_that_fails_changes_nothing(clerk: Access, tmp_path: Path) -> None:
    await upgrade(clerk.owner_url, folder(tmp_path, FIRST, SECOND), clerk.role)
    with pytest.raises(MigrationError, match="division by zero"):
        await upgrade(clerk.owner_url, folder(tmp_path, FIRST, SECOND, BROKEN), clerk.role)
    assert await revision(clerk.owner_url) == "0002"


async def test_code_newer_than_its_database_asks_for_a_migration(clerk: Access, tmp_path: Path) -> None:
    with pytest.raises(RevisionError, match=r"clerk is at revision none.*agora migrate"):
        await check(clerk.url, folder(tmp_path, FIRST))
    await upgrade(clerk.owner_url, folder(tmp_path, FIRST), clerk.role)
    with pytest.raises(RevisionError, match=r"clerk is at revision 0001, this code needs 0002. Run: agora migrate"):
        await check(clerk.url, folder(tmp_path, FIRST, SECOND))


async def test_code_older_than_a_database_that_contracted_is_refused(clerk: Access, tmp_path: Path) -> None:
    await upgrade(clerk.owner_url, folder(tmp_path / "new", FIRST, f"contracts = True\n{SECOND}"), clerk.role)
    old = folder(tmp_path / "old", FIRST)
    with pytest.raises(RevisionError, match=r"0002.*older than the database. Deploy the newer code"):
        await check(clerk.url, old)
    with pytest.raises(MigrationError, match="0002"):
        await upgrade(clerk.owner_url, old, clerk.role)


async def test_a_database_that_is_not_there_is_named_without_its_password(clerk: Access, tmp_path: Path) -> None:
    elsewhere = clerk.url.replace(clerk.database, "nowhere")
    with pytest.raises(MigrationError, match=r"\*\*\*@.*nowhere cannot be reached"):
        await upgrade(elsewhere, folder(tmp_path, FIRST), clerk.role)
