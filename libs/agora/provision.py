"""Each service's own database and roles, so that no service can so much as log in to another's.

A service gets a database, an owner that migrates it, and a runtime role that may do what migrations grant it.
"""

import json
import re
import secrets
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import asyncpg
from sqlalchemy import make_url

from agora.files import write_private

SECRETS: Final = "secrets.json"
NAME_BYTES_MAX: Final = 63
LOCK_KEY: Final = 4_102_444_801
CONNECT_SECONDS_MAX: Final = 10
IDLE_IN_TRANSACTION: Final = "10s"  # a process stopped in the middle of a commit must not hold its partitions for ever


class ProvisionError(RuntimeError):
    """A database or role could not be made."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one service's database. ``role`` is the runtime role; both URLs hold passwords."""

    service: str
    database: str
    role: str
    url: str
    owner_url: str


@dataclass(frozen=True, slots=True)
class Names:
    """What a service's database, its runtime role and its owner are called."""

    database: str
    role: str
    owner: str


def names_of(service: str, namespace: str = "") -> Names:
    """What belongs to a service. Raises ``ProvisionError`` where that cannot name anything in PostgreSQL."""
    names = Names(f"{namespace}agora_{service}", f"{namespace}{service}", f"{namespace}{service}_owner")
    for name in (names.database, names.role, names.owner):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or len(name) > NAME_BYTES_MAX:
            raise ProvisionError(
                f"{name!r} cannot name a database or role: use lower-case letters, digits and underscores, "
                f"{NAME_BYTES_MAX} at most. Check AGORA_NAMESPACE."
            )
    return names


async def provision(
    admin_url: str, services: Iterable[str], directory: Path, namespace: str = "", *, rotate: bool = False
) -> dict[str, Access]:
    """Make what is missing and return each service's access.

    Passwords are kept in ``secrets.json`` in ``directory``. A role whose password is not in it may be in use by whoever
    knows that password, so it gets a new one only with ``rotate``; else ``ProvisionError`` is raised.
    """
    made: dict[str, Access] = {}
    async with _alone(admin_url) as admin:
        passwords = Passwords(directory / SECRETS)  # read when no other provisioner can be writing it
        wanted = {service: names_of(service, namespace) for service in services}
        if not rotate:
            await _refuse_to_lock_out(admin, wanted.values(), passwords)
        for service, names in wanted.items():
            made[service] = await _provision(admin, admin_url, service, passwords, names)
    return made


class Passwords:
    """Roles' passwords in a file that only its owner may read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def __contains__(self, role: str) -> bool:
        """Tell whether a role's password is known."""
        return role in self._known

    def of(self, role: str) -> tuple[str, bool]:
        """Return a role's password, and whether it is a new one."""
        if role in self._known:
            return self._known[role], False
        self._known[role] = secrets.token_urlsafe(24)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.path, json.dumps(self._known, indent=2, sort_keys=True))
        return self._known[role], True


Admin: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def _refuse_to_lock_out(admin: Admin, wanted: Iterable[Names], passwords: Passwords) -> None:
    roles = [role for names in wanted for role in (names.owner, names.role) if role not in passwords]
    taken = await admin.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY($1) ORDER BY rolname", roles)
    if taken:
        raise ProvisionError(
            f"the roles {', '.join(row['rolname'] for row in taken)} are there, but {passwords.path} does not hold "
            "their passwords, and services that run may. Do it where the passwords are; or give these roles new "
            "ones, which locks those services out until they are given them, with: agora migrate --rotate"
        )


async def _provision(admin: Admin, admin_url: str, service: str, passwords: Passwords, names: Names) -> Access:
    database, role, owner = names.database, names.role, names.owner
    urls = {name: await _ensure_role(admin, admin_url, name, database, passwords) for name in (owner, role)}
    await _run(admin, "ALTER ROLE %1$I SET idle_in_transaction_session_timeout = %2$L", role, IDLE_IN_TRANSACTION)
    if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", database):
        await _run(admin, "GRANT %1$I TO CURRENT_USER", owner)  # an administrator that is no superuser needs it
        await _run(admin, "CREATE DATABASE %1$I OWNER %2$I", database, owner)
    await _run(admin, "REVOKE ALL ON DATABASE %1$I FROM PUBLIC", database)
    await _run(admin, "GRANT CONNECT ON DATABASE %1$I TO %2$I, %3$I", database, owner, role)
    return Access(service, database, role, urls[role], urls[owner])


async def _ensure_role(admin: Admin, admin_url: str, role: str, database: str, passwords: Passwords) -> str:
    password, is_new = passwords.of(role)
    if not await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
        await _run(admin, "CREATE ROLE %1$I LOGIN PASSWORD %2$L", role, password)
    elif is_new:
        await _run(admin, "ALTER ROLE %1$I LOGIN PASSWORD %2$L", role, password)
    url = make_url(admin_url).set(username=role, password=password, database=database)
    return url.render_as_string(hide_password=False)


async def _run(admin: Admin, statement: str, *values: str) -> None:
    """Run a statement that takes no parameters, with each value quoted by the server itself: %I a name, %L a text."""
    await admin.execute(await admin.fetchval("SELECT format($1, VARIADIC $2::text[])", statement, values))


@asynccontextmanager
async def _alone(admin_url: str) -> AsyncGenerator[Admin]:
    """Connect as the administrator, one provisioner at a time."""
    try:
        admin = await asyncpg.connect(admin_url, timeout=CONNECT_SECONDS_MAX)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        where = make_url(admin_url).render_as_string()
        raise ProvisionError(f"PostgreSQL at {where} cannot be reached: {error}. Check AGORA_POSTGRES.") from error
    try:
        await admin.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")
        yield admin
    except asyncpg.PostgresError as error:
        raise ProvisionError(f"Databases and roles could not be made: {error}") from error
    finally:
        await admin.close()
