"""Databases and topics that exist for one measurement alone."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy import make_url

from agora.topics import ensure_topics

PARTITIONS: Final = 8
LEADERS_SECONDS: Final = 1  # after a topic is made, its partitions need a moment before they take records

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@asynccontextmanager
async def database(admin_url: str, name: str) -> AsyncGenerator[str]:
    """Make an empty database and return its administrator's URL."""
    admin: Connection = await asyncpg.connect(admin_url)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield make_url(admin_url).set(database=name).render_as_string(hide_password=False)
        finally:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@asynccontextmanager
async def topics(bootstrap: str, names: Iterable[str]) -> AsyncGenerator[None]:
    """Make topics as the services have them."""
    made = list(names)
    await ensure_topics(bootstrap, made, PARTITIONS)
    await asyncio.sleep(LEADERS_SECONDS)
    try:
        yield
    finally:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await admin.delete_topics(made)
        finally:
            await admin.close()
