"""Every migration only adds to what older code relies on, or says that it contracts: read from real databases."""

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from agora.discovery import folders
from agora.migrations import upgrade
from agora.provision import Access, provision
from tests.architecture.catalogue import breaks, read

NEW: Final = "CREATE TABLE pages (number int NOT NULL CHECK (number > 0), UNIQUE (number))"
EXPANDS: Final = {
    "a table": NEW,
    "a column": "ALTER TABLE notes ADD COLUMN author text",
    "a column with a default": "ALTER TABLE notes ADD COLUMN page int NOT NULL DEFAULT 0",
    "a column that is unique": "ALTER TABLE notes ADD COLUMN isbn text UNIQUE",
    "a column that is checked": "ALTER TABLE notes ADD COLUMN pages int CHECK (pages > 0)",
    "a column more in a view": "CREATE OR REPLACE VIEW latest AS SELECT number, text, 1 AS one FROM notes",
    "an index": "CREATE INDEX ON notes (text)",
    "a right": 'GRANT DELETE ON notes TO "{role}"',
    "a default": "ALTER TABLE notes ALTER COLUMN text SET DEFAULT ''",
}
BREAKS: Final = {
    "a table is dropped": "DROP TABLE other",
    "a table is renamed": "ALTER TABLE other RENAME TO another",
    "a column is dropped": "ALTER TABLE notes DROP COLUMN text CASCADE",
    "a column is renamed": "ALTER TABLE notes RENAME COLUMN text TO words",
    "a column has another type": "ALTER TABLE other ALTER COLUMN text TYPE varchar(10)",
    "a column must be filled": "ALTER TABLE other ADD COLUMN author text NOT NULL",
    "a column may be nothing": "ALTER TABLE other ALTER COLUMN number DROP NOT NULL",
    "a column may not be nothing": "ALTER TABLE other ALTER COLUMN text SET NOT NULL",
    "a default is dropped": "ALTER TABLE other ALTER COLUMN number DROP DEFAULT",
    "a check": "ALTER TABLE notes ADD CHECK (text <> '')",
    "a check of a new column that must be filled": "ALTER TABLE notes ADD COLUMN x int CHECK (x IS NOT NULL)",
    "a unique column with a default": "ALTER TABLE notes ADD COLUMN isbn text DEFAULT '' UNIQUE",
    "a foreign key": "ALTER TABLE other ADD FOREIGN KEY (number) REFERENCES notes (number)",
    "a unique index": "CREATE UNIQUE INDEX ON notes (text)",
    "a key is dropped": "ALTER TABLE notes DROP CONSTRAINT notes_pkey",
    "a trigger": "CREATE TRIGGER no BEFORE UPDATE ON notes EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "a right is taken": 'REVOKE INSERT ON notes FROM "{role}"',
    "a view is dropped": "DROP VIEW latest",
    "a view loses a column": "DROP VIEW latest; CREATE VIEW latest AS SELECT number FROM notes",
}
BEFORE: Final = (
    "CREATE TABLE notes (number int PRIMARY KEY, text text)",
    "CREATE TABLE other (number int NOT NULL DEFAULT 1, text text)",
    "CREATE VIEW latest AS SELECT number, text FROM notes",
    'GRANT SELECT, INSERT ON notes TO "{role}"',
)


@asynccontextmanager
async def owner_of(access: Access) -> AsyncGenerator["asyncpg.Connection[asyncpg.Record]"]:
    owner = await asyncpg.connect(access.owner_url)
    try:
        yield owner
    finally:
        await owner.close()


@pytest.fixture(scope="module")
async def clerk(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Access:
    home = tmp_path_factory.mktemp("clerk")
    return (await provision(postgres, ["clerk"], home, f"x{home.stat().st_ino % 10**9}_"))["clerk"]


async def found(access: Access, change: str) -> list[str]:
    """What a change breaks; nothing of it stays."""
    async with owner_of(access) as owner:
        undone = owner.transaction()
        await undone.start()
        for statement in BEFORE:
            await owner.execute(statement.format(role=access.role))
        before = await read(owner, access.role)
        await owner.execute(change.format(role=access.role))
        after = await read(owner, access.role)
        await undone.rollback()
    return breaks(before, after)


@pytest.mark.parametrize("change", EXPANDS.values(), ids=EXPANDS.keys())
async def test_what_only_adds_breaks_nothing(clerk: Access, change: str) -> None:
    assert await found(clerk, change) == []


@pytest.mark.parametrize("change", BREAKS.values(), ids=BREAKS.keys())
async def test_what_takes_away_or_asks_more_is_seen(clerk: Access, change: str) -> None:
    assert await found(clerk, change)


def versions(name: str) -> list[Path]:
    return sorted((folders()[name] / "migrations").glob("[0-9]*_*.py"))


@pytest.mark.parametrize("name", folders())
async def test_a_migration_only_adds_or_says_that_it_contracts(
    postgres: str, namespace: str, tmp_path: Path, name: str
) -> None:
    access = (await provision(postgres, [name], tmp_path, namespace))[name]
    first, *later = versions(name)
    folder = tmp_path / "migrations"
    folder.mkdir()
    shutil.copy(first, folder)
    await upgrade(access.owner_url, folder, access.role)
    async with owner_of(access) as owner:
        before = await read(owner, access.role)
        for file in later:
            shutil.copy(file, folder)
            await upgrade(access.owner_url, folder, access.role)
            after = await read(owner, access.role)
            assert says_so(file) or breaks(before, after) == [], f"{file.name} needs: contracts = True"
            before = after


def says_so(file: Path) -> bool:
    module: dict[str, Any] = {}
    exec(compile(file.read_text(), file, "exec"), module)  # noqa: S102 - our own migrations
    return bool(module.get("contracts", False))
