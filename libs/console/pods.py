"""What has to be there before a service runs, in a cluster where everything is started at once and in any order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg

from agora import discovery
from agora.revision import BehindError, check, known, revision
from agora.serve import AWAY, NO_ENTRY, Address, await_topic
from agora.service import Service
from console.output import Out
from console.provide import bring

RETRY_SECONDS: Final = 1.0

T = TypeVar("T")


async def migrate(service: str, url: str, namespace: str, out: Out, waiting: Callable[[str], None]) -> str | None:
    """Bring a service's database to this code's revision and let its runtime role in; return the revision.

    ``url`` is the owner's. PostgreSQL is waited for. Raises ``MigrationError`` or ``RevisionError``.
    """
    # The migration tools take a second to import, and most commands never need them.
    from agora.migrations import admit  # noqa: PLC0415
    from agora.provision import names_of  # noqa: PLC0415

    role, folder = names_of(service, namespace).role, discovery.folders()[service] / "migrations"
    before = await _patiently(lambda: revision(url), AWAY, waiting)
    after = await bring(url, folder, role)
    await admit(url, role)
    newest = known(folder)[-1]
    if after != newest:
        out.say(f"the database of {service} is at revision {after} already, on which code of {newest} may run")
    elif before != after:
        out.say(f"the database of {service} was at revision {before or 'none'}, and is at {after}")
    return after


async def await_needs(service: Service, address: Address, waiting: Callable[[str], None]) -> str | None:
    """Wait for a service's database and topic; return the revision. Raises ``RevisionError`` if it is no use to wait.

    Who is not let in yet is waited for as well: databases, roles and passwords are made beside us.
    """
    folder = discovery.folders()[service.name] / "migrations"
    missing = (*AWAY, *NO_ENTRY, asyncpg.InsufficientPrivilegeError)
    at = await _patiently(lambda: check(address.database, folder), missing, waiting)
    await await_topic(address, service.stream.name)
    return at


async def _patiently(
    ask: Callable[[], Awaitable[T]], missing: tuple[type[Exception], ...], waiting: Callable[[str], None]
) -> T:
    """Ask until there is an answer; a database that is behind, and whatever is ``missing``, is waited for."""
    while True:
        try:
            return await ask()
        except BehindError as behind:
            waiting(f"its migration: {behind}")
        except missing as error:
            waiting(f"PostgreSQL: {error or type(error).__name__}")
        await asyncio.sleep(RETRY_SECONDS)
