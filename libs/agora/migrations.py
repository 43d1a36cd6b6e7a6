"""A service's migrations, run as the owner of its database.

A service's folder holds version files alone (``0001_buyers.py``, ``revision = "0001"``); alembic's environment is
shared. A version file grants the service's runtime role what it needs, and learns its name from ``runtime_role()``.
One that takes away or changes what the code before it relies on says so: ``contracts = True``.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from agora.revision import comment

ENVIRONMENT: Final = Path(__file__).with_name("migrations_env")
LOCK_KEY: Final = 4_102_444_800  # any number, the same in every migrator
LOCK_SECONDS_MAX: Final = 60
CONNECT_SECONDS_MAX: Final = 10

_KEPT: Final = "SELECT obj_description('alembic_version'::regclass, 'pg_class')"
_KEEP: Final = "SELECT format('COMMENT ON TABLE alembic_version IS %L', CAST(:words AS text))"
_ADMIT: Final = (
    "SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database())",
    "SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), CAST(:role AS text))",
)


class MigrationError(RuntimeError):
    """A migration failed, or its database cannot be reached."""


def runtime_role() -> str:
    """Inside a version file: the role the service runs as, to grant it what it needs."""
    return str(context.config.attributes["role"])


async def upgrade(url: str, folder: Path, role: str) -> str | None:
    """Bring a service's database to the newest revision in ``folder`` and return that revision.

    ``url`` is the owner's. All or nothing; a second migrator waits for the first and then finds nothing to do.
    """
    async with _connect(url) as connection, _alone(connection):
        try:
            await connection.run_sync(_upgrade, folder, role)
        except (CommandError, DBAPIError) as error:
            raise MigrationError(f"{folder}: the database is unchanged: {error}") from error
        if await _revision(connection) is not None:
            await connection.execute(text(f'GRANT SELECT ON alembic_version TO "{role}"'))
            await _keep_oldest(connection, folder)
        await connection.commit()
        return await _revision(connection)


async def admit(url: str, role: str) -> None:
    """Let the runtime role log in to the database, and nobody else but its owner, whose ``url`` this is."""
    async with _connect(url) as connection, _alone(connection):
        try:
            for statement in _ADMIT:
                made = await connection.scalar(text(statement), {"role": role} if ":role" in statement else {})
                await connection.exec_driver_sql(str(made))
        except DBAPIError as error:
            raise MigrationError(f"The role {role} cannot be let in to its database: {error}") from error
        await connection.commit()


def _upgrade(connection: Connection, folder: Path, role: str) -> None:
    config = _config(folder)
    config.attributes["connection"] = connection
    config.attributes["role"] = role
    command.upgrade(config, "head")


async def _keep_oldest(connection: AsyncConnection, folder: Path) -> None:
    """Have the database keep the oldest revision whose code may run on it: older code cannot see newer files."""
    words = comment(oldest(folder))
    if await connection.scalar(text(_KEPT)) != words:
        await connection.exec_driver_sql(str(await connection.scalar(text(_KEEP), {"words": words})))


def oldest(folder: Path) -> str:
    """The last revision in ``folder`` that contracts; nothing runs on a database before its first."""
    scripts = list(ScriptDirectory.from_config(_config(folder)).walk_revisions())  # newest first
    contracting = (script.revision for script in scripts if getattr(script.module, "contracts", False))
    return next(contracting, scripts[-1].revision)


def _config(folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ENVIRONMENT).replace("%", "%%"))
    config.set_main_option("version_locations", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")  # a path may hold a space or a colon
    return config


async def _revision(connection: AsyncConnection) -> str | None:
    if await connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


@asynccontextmanager
async def _connect(url: str) -> AsyncGenerator[AsyncConnection]:
    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        try:
            return await asyncpg.connect(url, timeout=CONNECT_SECONDS_MAX)
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            where = make_url(url).render_as_string()
            raise MigrationError(f"{where} cannot be reached: {error}. Is PostgreSQL up, and the URL right?") from error

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


@asynccontextmanager
async def _alone(connection: AsyncConnection) -> AsyncGenerator[None]:
    """Hold the database's one migration lock; it ends with the session, whatever becomes of us."""
    try:
        await connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS_MAX}s'"))
        await connection.execute(text(f"SELECT pg_advisory_lock({LOCK_KEY})"))
    except DBAPIError as error:
        raise MigrationError(f"Another migration holds the lock for over {LOCK_SECONDS_MAX} s. Try again.") from error
    await connection.commit()
    yield
