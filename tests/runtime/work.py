"""A worker at work for a while, and what nobody may leave behind."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agora.run import Worker

SECONDS_MAX = 30


@asynccontextmanager
async def working(worker: Worker, seconds_max: float = SECONDS_MAX) -> AsyncGenerator[Worker]:
    """Let it work; on the way out it is stopped, and must end in so many seconds."""
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.app.exit()
        await asyncio.wait_for(running, seconds_max)


@asynccontextmanager
async def leaving_no_task() -> AsyncGenerator[None]:
    """On the way out, wait until every task that was begun meanwhile has ended."""
    before = asyncio.all_tasks()
    yield
    async with asyncio.timeout(SECONDS_MAX):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.02)
