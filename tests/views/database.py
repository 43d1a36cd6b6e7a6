"""A gateway's database whose views have been told a whole market."""

from pathlib import Path
from secrets import token_hex
from typing import Any, Final, TypeAlias

import asyncpg

from agora.discovery import folders
from agora.migrations import upgrade
from agora.provision import Access, provision
from agora.view_store import ViewStore
from agora.world import World
from services.gateway.views import VIEWS
from tests.views.told_market import portion, standing

NAME: Final = "gateway"

Reader: TypeAlias = "asyncpg.Connection[Any]"


async def made(postgres: str, home: Path) -> Access:
    """A gateway's database with empty views."""
    folder = folders()[NAME]
    access = (await provision(postgres, {NAME: folder}, home, f"v{token_hex(4)}_"))[NAME]
    await upgrade(access.owner_url, folder / "migrations", access.role)
    return access


async def show(access: Access, world: World) -> None:
    """Tell the views everything that was ever said, as their own role."""
    store = ViewStore(access.url)
    try:
        for view in VIEWS:
            places = [place for place, those in standing(world, (view,)).standing.items() if those]
            await store.positions(view, dict.fromkeys(places, "a log"))
        assert await store.show(portion(world)) == []
    finally:
        await store.close()
