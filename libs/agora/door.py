"""The ingress at work: the door's engine on Kafka and PostgreSQL, with its relay running beside it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from agora.clock import WallClock
from agora.contracts.guard import promises
from agora.ingress import LANE, RETRY_SECONDS, SUBMISSIONS_PER_COMMIT_MAX, Ingress
from agora.kafka import KafkaLog
from agora.ports import Fenced, Unavailable
from agora.postgres import PostgresStore
from agora.service import Service
from agora.turns import Engine


@asynccontextmanager
async def open_door(
    service: Service, bootstrap: str, database: str, prefix: str, waiting: Callable[[str], None]
) -> AsyncGenerator[Ingress]:
    """Open the ingress service's door; on the way out everything accepted is published.

    ``waiting`` is told, in plain words, whenever Kafka or PostgreSQL has to be waited for.
    """
    store = PostgresStore(database)
    log = KafkaLog(bootstrap, prefix)
    # Every request of a batch is still in memory when it is answered.
    engine = Engine(
        service, store, log, WallClock(), promises=promises(), agents_per_partition_max=2 * SUBMISSIONS_PER_COMMIT_MAX
    )
    loops = [asyncio.create_task(work) for work in (_hold(engine, waiting), _relay(engine, waiting), _sweep(engine))]
    try:
        yield Ingress(engine, WallClock(), waiting)
        await engine.relay.drained()
        with suppress(Fenced, Unavailable):
            await engine.sweep()
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await log.close()
        await store.close()


async def _relay(engine: Engine, waiting: Callable[[str], None]) -> None:
    while True:
        await engine.relay.work()
        try:
            await engine.relay.step()
        except Unavailable as unavailable:
            waiting(str(unavailable))
            await asyncio.sleep(RETRY_SECONDS)


async def _hold(engine: Engine, waiting: Callable[[str], None]) -> None:
    """Keep the lane, so that what a door before this one did not publish need not wait for the next request."""
    while True:
        try:
            if not engine.owned:
                await engine.own([LANE])
        except Unavailable as unavailable:
            waiting(str(unavailable))
        await asyncio.sleep(RETRY_SECONDS)


async def _sweep(engine: Engine) -> None:
    while True:
        delay = RETRY_SECONDS
        with suppress(Fenced, Unavailable):
            delay = await engine.sweep()
        await asyncio.sleep(delay)
