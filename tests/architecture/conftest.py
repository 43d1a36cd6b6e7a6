"""Every service's database, migrated, once for all tests of one worker."""

import pytest

from agora.discovery import folders
from agora.migrations import upgrade
from agora.provision import Access, provision


@pytest.fixture(scope="session")
async def databases(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Access]:
    """Each service's access, by its name."""
    home = tmp_path_factory.mktemp("architecture")
    made = await provision(postgres, folders(), home, f"a{home.stat().st_ino % 10**9}_")
    for name, access in made.items():
        await upgrade(access.owner_url, folders()[name] / "migrations", access.role)
    return made
