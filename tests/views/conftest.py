"""A gateway's views that have been told a whole small market."""

from collections.abc import AsyncGenerator

import asyncpg
import pytest

from agora.provision import Access
from agora.world import World
from tests.views.database import Reader, made, show
from tests.views.told_market import small_market


@pytest.fixture(scope="module")
async def world() -> World:
    return await small_market()


@pytest.fixture(scope="module")
async def database(postgres: str, tmp_path_factory: pytest.TempPathFactory, world: World) -> Access:
    access = await made(postgres, tmp_path_factory.mktemp("gateway"))
    await show(access, world)
    return access


@pytest.fixture
async def reader(database: Access) -> AsyncGenerator[Reader]:
    """A connection whose changes are undone."""
    connection = await asyncpg.connect(database.url)
    change = connection.transaction()
    await change.start()
    yield connection
    await change.rollback()
    await connection.close()
