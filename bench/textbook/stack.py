"""A textbook marketplace that runs: databases, topics and one process per service, taken away again at the end."""

import os
import secrets
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from agora.discovery import streams
from agora.event import Event
from bench.scratch import Connection, database, topics
from bench.textbook.app import connect
from bench.textbook.tables import Base

SERVICES: Final = ("buyer", "product", "seller", "transaction")
"""Those that a payment needs. Risk, fulfilment and the concierge, whose work counts on the other side, are spared."""
RULES: Final = {"AGORA_TIME_LIMIT_SECONDS": "600"}
"""No order times out while payments are counted."""
STOP_SECONDS_MAX: Final = 20


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
        await stack.enter_async_context(topics(bootstrap, {prefix + stream for stream in streams()}))
        urls = {name: await stack.enter_async_context(database(admin_url, prefix + name)) for name in SERVICES}
        for name, url in urls.items():
            await _create_tables(url)
            stack.enter_context(_process(name, bootstrap, url, prefix))
        connections: dict[str, Connection] = {}
        for name, url in urls.items():
            connections[name] = await asyncpg.connect(url)
            stack.push_async_callback(connections[name].close)
        yield Stack(prefix, connections)


async def _create_tables(url: str) -> None:
    engine = connect(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()


@contextmanager
def _process(name: str, bootstrap: str, url: str, prefix: str) -> Generator[None]:
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, **RULES, "PYTHONPATH": path, "TEXTBOOK_DATABASE": url}
    command = [sys.executable, "-m", "bench.textbook", name, bootstrap, prefix]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)  # noqa: S603 - our own program
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
