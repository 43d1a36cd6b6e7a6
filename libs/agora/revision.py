"""Which revision a database is at, told without the migration tools: a service process should not carry them."""

from pathlib import Path
from typing import Final

import asyncpg

CONNECT_SECONDS_MAX: Final = 10


class RevisionError(RuntimeError):
    """The database is not at the revision this code was written for."""


async def revision(url: str) -> str | None:
    """Return the revision a database is at, ``None`` before the first."""
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS_MAX)
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        return await connection.fetchval("SELECT version_num FROM alembic_version")
    finally:
        await connection.close()


def known(folder: Path) -> list[str]:
    """The revisions in a service's ``migrations`` folder, oldest first: what its files' names begin with."""
    return sorted(path.name.partition("_")[0] for path in folder.glob("[0-9]*_*.py"))


async def check(url: str, folder: Path) -> None:
    """Raise ``RevisionError`` unless the database is at the newest revision this code knows."""
    at, revisions = await revision(url), known(folder)
    newest = revisions[-1] if revisions else None
    if at == newest:
        return
    if at is None or at in revisions:
        raise RevisionError(
            f"The database of {folder.parent.name} is at revision {at or 'none'}, this code needs {newest}. "
            "Run: agora migrate"
        )
    raise RevisionError(
        f"The database of {folder.parent.name} is at revision {at}, which this code does not know (it knows up to "
        f"{newest}): this code is older than the database. Deploy the newer code."
    )
