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
    # The migration tools take a second to import, and most commands never need them.
    from agora.migrations import upgrade  # noqa: PLC0415
    from agora.provision import provision  # noqa: PLC0415

    # The roles of somebody else's server outlive what we run on it, so their passwords must, too.
    passwords = settings.home / EXTERNAL if settings.postgres else directory
    accesses = await provision(postgres, discovery.folders(), passwords, settings.namespace, rotate=rotate)
    for name, folder in discovery.folders().items():
        migrations, access = folder / "migrations", accesses[name]
        if await revision(access.owner_url) not in {None, *known(migrations)}:
            await check(access.owner_url, migrations)  # says which is older, the code or the database
        await upgrade(access.owner_url, migrations, access.role)
    return accesses


async def provide_revisions(
    settings: Settings, postgres: str, directory: Path, *, rotate: bool = False
) -> dict[str, str | None]:
    """Make and migrate every service's database; return its revision."""
    accesses = await provide(settings, postgres, directory, rotate=rotate)
    return {name: await revision(access.url) for name, access in accesses.items()}


async def make_topics(settings: Settings, kafka: str) -> None:
    """Make every stream's topic."""
    await ensure_topics(kafka, (settings.namespace + stream for stream in discovery.streams()), settings.partitions)
