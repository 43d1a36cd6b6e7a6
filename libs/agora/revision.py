"""Which revision a database is at, and which code may run on it, told without the migration tools.

A database may be ahead of the code: while a release is rolled out, or after it was rolled back. Older code cannot see
what newer migrations did, so the database itself keeps the oldest revision whose code may still run on it: as JSON in
the comment on ``alembic_version``, which changes in the transaction of the migration.
"""

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg

CONNECT_SECONDS_MAX: Final = 10
OLDEST: Final = "oldest"

_STANDING: Final = "SELECT version_num, obj_description('alembic_version'::regclass, 'pg_class') FROM alembic_version"


class RevisionError(RuntimeError):
    """The code may not run on the database as it is."""


class BehindError(RevisionError):
    """The database is not yet at the revision this code needs: its migration is still to come."""


class Standing(NamedTuple):
    """The revision a database is at, and the oldest whose code may run on it; ``None`` where neither is known."""

    at: str | None
    oldest: str | None


async def revision(url: str) -> str | None:
    """Return the revision a database is at, ``None`` before the first."""
    return (await standing(url)).at


async def standing(url: str) -> Standing:
    """Return where a database stands."""
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS_MAX)
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return Standing(None, None)
        row = await connection.fetchrow(_STANDING)
        return Standing(row[0], _oldest(row[1])) if row else Standing(None, None)
    finally:
        await connection.close()


def known(folder: Path) -> list[str]:
    """The revisions in a service's ``migrations`` folder, oldest first: what its files' names begin with."""
    return sorted(path.name.partition("_")[0] for path in folder.glob("[0-9]*_*.py"))


async def check(url: str, folder: Path) -> str | None:
    """Return the revision a database is at. Raises ``RevisionError`` if this code may not run on it.

    It may on its own revision, and on any later one that no contracting migration lies before.
    """
    (at, oldest), revisions = await standing(url), known(folder)
    newest = revisions[-1] if revisions else None
    if at == newest:
        return at
    if at is None or at in revisions:
        raise BehindError(
            f"The database of {folder.parent.name} is at revision {at or 'none'}, this code needs {newest}. "
            "Run: agora migrate"
        )
    if newest is not None and oldest is not None and oldest <= newest:
        return at
    raise RevisionError(
        f"The database of {folder.parent.name} is at revision {at}, which this code does not know (it knows up to "
        f"{newest}), and it takes code of revision {oldest or at} or later: this code is older than the database. "
        "Deploy the newer code."
    )


def comment(oldest: str) -> str:
    """What the comment says of the oldest revision whose code may run on the database."""
    return json.dumps({OLDEST: oldest})


def _oldest(words: str | None) -> str | None:
    """What the comment says, if it is ours."""
    try:
        said: Any = json.loads(words or "")
    except ValueError:
        return None
    found = said.get(OLDEST) if isinstance(said, dict) else None
    return found if isinstance(found, str) else None
