"""A migrated database for views, and the gallery that they hang in."""

from collections.abc import AsyncGenerator

import pytest

from agora.migrations import upgrade
from agora.provision import Access, provision
from tests.runtime.gallery import MIGRATION, Gallery, open_gallery


@pytest.fixture(scope="module")
async def gallery_database(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Access:
    """The database, once for all tests of one module."""
    home = tmp_path_factory.mktemp("gallery")
    migrations = home / "migrations"
    migrations.mkdir()
    (migrations / "0001_gallery.py").write_text(MIGRATION)
    access = (await provision(postgres, ["gallery"], home, f"v{home.stat().st_ino}_"))["gallery"]
    await upgrade(access.owner_url, migrations, access.role)
    return access


@pytest.fixture
async def gallery(kafka: str, namespace: str, gallery_database: Access) -> AsyncGenerator[Gallery]:
    """Two topics, a database with nothing in it, and no projector yet."""
    async with open_gallery(kafka, namespace, gallery_database) as opened:
        yield opened
