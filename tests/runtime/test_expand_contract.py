"""Which code may run on which database: older code on a newer one, until a migration says that it contracts."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from agora.migrations import MigrationError, upgrade
from agora.provision import Access, provision
from agora.revision import BehindError, RevisionError, check, standing
from tests.runtime.test_rolling_upgrade import CALLER, HEARER, SECONDS_MAX, Town, town

__all__ = ["town"]

FIRST = "CREATE TABLE notes (text text)"
EXPAND = "ALTER TABLE notes ADD COLUMN author text"
CONTRACT = "ALTER TABLE notes DROP COLUMN text"
BROKEN = "SELECT 1 / 0"


def version(number: int, statement: str, *, contracts: bool = False) -> str:
    return f"""
from alembic import op

revision = "{number:04}"
down_revision = {f"{number - 1:04}" if number > 1 else None!r}
{"contracts = True" if contracts else ""}

def upgrade():
    op.execute("{statement}")
"""


def release(path: Path, *changes: str) -> Path:
    """A release's migrations. Every one that drops something says that it contracts."""
    migrations = path / "clerk" / "migrations"
    migrations.mkdir(parents=True)
    for number, statement in enumerate(changes, start=1):
        file = migrations / f"{number:04}_change.py"
        file.write_text(version(number, statement, contracts="DROP" in statement))
    return migrations


@pytest.fixture
async def clerk(postgres: str, namespace: str, tmp_path: Path) -> Access:
    return (await provision(postgres, ["clerk"], tmp_path / "secrets", namespace))["clerk"]


async def test_older_code_may_run_on_an_expanded_database(clerk: Access, tmp_path: Path) -> None:
    old, new = release(tmp_path / "old", FIRST), release(tmp_path / "new", FIRST, EXPAND, EXPAND.replace("author", "p"))
    await upgrade(clerk.owner_url, new, clerk.role)
    assert await check(clerk.url, old) == "0003"
    assert await check(clerk.url, new) == "0003"


async def test_code_older_than_a_contraction_may_not_and_code_of_it_may(clerk: Access, tmp_path: Path) -> None:
    changes = (FIRST, EXPAND, CONTRACT, EXPAND.replace("author", "page"))
    at = {number: release(tmp_path / str(number), *changes[:number]) for number in range(1, 5)}
    await upgrade(clerk.owner_url, at[4], clerk.role)
    for number in (1, 2):
        with pytest.raises(RevisionError, match=r"at revision 0004.*code of revision 0003 or later.*Deploy the newer"):
            await check(clerk.url, at[number])
    for number in (3, 4):
        assert await check(clerk.url, at[number]) == "0004"


async def test_code_that_is_ahead_is_told_that_the_database_is_behind(clerk: Access, tmp_path: Path) -> None:
    old, new = release(tmp_path / "old", FIRST), release(tmp_path / "new", FIRST, EXPAND)
    with pytest.raises(BehindError, match="at revision none"):
        await check(clerk.url, old)
    await upgrade(clerk.owner_url, old, clerk.role)
    with pytest.raises(BehindError, match="at revision 0001, this code needs 0002"):
        await check(clerk.url, new)


async def test_what_the_database_keeps_changes_with_the_migration_or_not_at_all(clerk: Access, tmp_path: Path) -> None:
    await upgrade(clerk.owner_url, release(tmp_path / "old", FIRST, EXPAND), clerk.role)
    assert await standing(clerk.url) == ("0002", "0001")
    with pytest.raises(MigrationError, match="division by zero"):
        await upgrade(clerk.owner_url, release(tmp_path / "broken", FIRST, EXPAND, CONTRACT, BROKEN), clerk.role)
    assert await standing(clerk.url) == ("0002", "0001")
    await upgrade(clerk.owner_url, release(tmp_path / "new", FIRST, EXPAND, CONTRACT), clerk.role)
    assert await standing(clerk.url) == ("0003", "0003")


@pytest.mark.parametrize("words", [None, "made by hand", "[]", '{"oldest": 1}', "{}"])
async def test_older_code_is_refused_where_the_database_does_not_say(
    clerk: Access, tmp_path: Path, words: str | None
) -> None:
    await upgrade(clerk.owner_url, release(tmp_path / "new", FIRST, EXPAND), clerk.role)
    owner = await asyncpg.connect(clerk.owner_url)
    said = "NULL" if words is None else f"'{words}'"
    await owner.execute(f"COMMENT ON TABLE alembic_version IS {said}")
    await owner.close()
    with pytest.raises(RevisionError, match="older than the database"):
        await check(clerk.url, release(tmp_path / "old", FIRST))


async def migrate(town: Town, tmp_path: Path, *, contracts: bool) -> None:
    """Bring the hearer's database to a revision that its running code has never heard of."""
    access = town.databases[HEARER]
    folder = tmp_path / "next"
    folder.mkdir()
    for file in (town.trees[1] / "services" / HEARER / "migrations").glob("*.py"):
        (folder / file.name).write_text(file.read_text())
    statement = "ALTER TABLE agents ADD COLUMN note text"
    (folder / "0002_next.py").write_text(version(2, statement, contracts=contracts))
    assert await upgrade(access.owner_url, folder, access.role) == "0002"


async def test_an_old_process_goes_on_and_begins_again_on_an_expanded_database(town: Town, tmp_path: Path) -> None:
    for name in (CALLER, HEARER):
        await town.upgrade(name, 1)
    await town.ask(1)
    await town.heard(1)
    await migrate(town, tmp_path, contracts=False)
    await town.ask(10)
    await town.heard(11)
    await town.upgrade(HEARER, 1)  # to the same release: a pod that was moved elsewhere
    await town.ask(100)
    await town.heard(111)


async def test_an_old_process_does_not_begin_on_a_contracted_database(town: Town, tmp_path: Path) -> None:
    await migrate(town, tmp_path, contracts=True)
    await town.upgrade(HEARER, 1)
    assert await asyncio.wait_for(town.processes[HEARER].wait(), SECONDS_MAX) == 1
