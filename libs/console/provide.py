"""Makes what services need before they start: databases, roles, revisions, topics. Twice is no harm."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from agora import discovery
from agora.revision import check, known, revision
from agora.settings import Settings
from agora.topics import ensure_topics

if TYPE_CHECKING:
    from agora.provision import Access

EXTERNAL: Final = "external"
"""The folder of AGORA_HOME with the roles' passwords for a server that is not ours."""


async def provide(settings: Settings, postgres: str, directory: Path, *, rotate: bool = False) -> "dict[str, Access]":
    """Make every service's database and roles, and migrate it. ``directory`` is that of a server of our own.

    With ``rotate``, roles whose passwords are not known here get new ones.
    """
    from agora.provision import provision  # noqa: PLC0415 - as in `bring`

    # The roles of somebody else's server outlive what we run on it, so their passwords must, too.
    passwords = settings.home / EXTERNAL if settings.postgres else directory
    accesses = await provision(postgres, discovery.folders(), passwords, settings.namespace, rotate=rotate)
    for name, folder in discovery.folders().items():
        await bring(accesses[name].owner_url, folder / "migrations", accesses[name].role)
    return accesses


async def bring(url: str, migrations: Path, role: str) -> str | None:
    """Bring one database to this code's revision, and return the one it is at then. ``url`` is the owner's.

    One that is ahead of this code, and on which it may run, is left as it is. Raises ``MigrationError`` or
    ``RevisionError``.
    """
    # The migration tools take a second to import, and most commands never need them.
    from agora.migrations import upgrade  # noqa: PLC0415

    if await revision(url) not in {None, *known(migrations)}:
        return await check(url, migrations)
    return await upgrade(url, migrations, role)


async def provide_revisions(
    settings: Settings, postgres: str, directory: Path, *, rotate: bool = False
) -> dict[str, str | None]:
    """Make and migrate every service's database; return its revision."""
    accesses = await provide(settings, postgres, directory, rotate=rotate)
    return {name: await revision(access.url) for name, access in accesses.items()}


async def make_topics(settings: Settings, kafka: str) -> None:
    """Make every stream's topic."""
    await ensure_topics(kafka, (settings.namespace + stream for stream in discovery.streams()), settings.partitions)
