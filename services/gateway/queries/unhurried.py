"""Time for the few questions that look at all there has been. Whoever asks one asks it seldom."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from services.gateway.queries.paging import Pool, Reader


@asynccontextmanager
async def unhurried(pool: Pool, seconds_max: int) -> AsyncGenerator[Reader]:
    """A connection whose statements may take so long, and which writes nothing."""
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute(f"SET LOCAL statement_timeout = '{int(seconds_max)}s'")
        yield connection
