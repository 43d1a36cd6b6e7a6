"""A textbook marketplace that runs: databases, topics and one process per service, taken away again at the end."""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy import make_url

from agora.discovery import service
from agora.event import Event
from agora.topics import ensure_topics
from bench.textbook.app import connect
from bench.textbook.tables import Base

SERVICES: Final = ("buyer", "product", "seller", "transaction")
PARTITIONS: Final = 8
STOP_SECONDS_MAX: Final = 20

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class Stack:
    """A running marketplace: what stands before its topics' names, and a connection to each service's database."""

    prefix: str
    connections: Mapping[str, Connection]

    async def processed(self, name: str, event: type[Event]) -> int:
        """How many messages of a kind a service has committed."""
        query = "SELECT count(*) FROM processed_messages WHERE type = $1"
        return await self.connections[name].fetchval(query, event.wire_name)


@asynccontextmanager
async def running(bootstrap: str, admin_url: str) -> AsyncGenerator[Stack]:
    """Run all services on databases and topics that nobody else has."""
    prefix = f"textbook_{secrets.token_hex(3)}_"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_topics(bootstrap, prefix))
        urls = {name: await stack.enter_async_context(_database(admin_url, prefix + name)) for name in SERVICES}
        for name, url in urls.items():
            stack.enter_context(_process(name, bootstrap, url, prefix))
        connections: dict[str, Connection] = {}
        for name, url in urls.items():
            connections[name] = await asyncpg.connect(url)
            stack.push_async_callback(connections[name].close)
        yield Stack(prefix, connections)


@asynccontextmanager
async def _topics(bootstrap: str, prefix: str) -> AsyncGenerator[None]:
    names = [prefix + service(name).stream.name for name in SERVICES]
    await ensure_topics(bootstrap, names, PARTITIONS)
    try:
        yield
    finally:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await admin.delete_topics(names)
        finally:
            await admin.close()


@asynccontextmanager
async def _database(admin_url: str, name: str) -> AsyncGenerator[str]:
    """Make a database with the textbook's tables."""
    admin: Connection = await asyncpg.connect(admin_url)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        try:
            url = make_url(admin_url).set(database=name).render_as_string(hide_password=False)
            await _create_tables(url)
            yield url
        finally:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


async def _create_tables(url: str) -> None:
    engine = connect(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()


@contextmanager
def _process(name: str, bootstrap: str, database: str, prefix: str) -> Generator[None]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TEXTBOOK_DATABASE": database}
    command = [sys.executable, "-m", "bench.textbook", name, bootstrap, prefix]
    process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own program
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
