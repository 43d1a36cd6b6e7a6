"""The ingress at work: the door's engine on Kafka and PostgreSQL, with its relay running beside it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiokafka.errors import KafkaError

from agora.clock import WallClock
from agora.contracts.guard import promises
from agora.ingress import LANE, RETRY_SECONDS, SUBMISSIONS_PER_COMMIT_MAX, Ingress
from agora.ports import Fenced, Unavailable
from agora.postgres import PostgresStore
from agora.rewound import CheckedLog, Noted
from agora.service import Service
from agora.turns import Engine

COMPARE_SECONDS_MAX: Final = 5.0
NOTE_SECONDS: Final = 1.0
NOTE_SECONDS_MAX: Final = 2.0


@asynccontextmanager
async def open_door(
    service: Service, bootstrap: str, database: str, prefix: str, waiting: Callable[[str], None]
) -> AsyncGenerator[Ingress]:
    """Open the ingress service's door; on the way out everything accepted is published.

    ``waiting`` is told, in plain words, whenever Kafka or PostgreSQL has to be waited for. Raises ``Rewound``.
    """
    store = PostgresStore(database)
    noted = Noted(service.name, bootstrap, service.stream.name, prefix)
    log = CheckedLog(bootstrap, prefix, noted)
    # Every request of a batch is still in memory when it is answered.
    engine = Engine(
        service, store, log, WallClock(), promises=promises(), agents_per_partition_max=2 * SUBMISSIONS_PER_COMMIT_MAX
    )
    try:
        await _compare(store, noted)
    except BaseException:
        await store.close()
        raise
    work = (_hold(engine, waiting), _relay(engine, waiting), _sweep(engine), _note(engine, noted))
    loops = [asyncio.create_task(one) for one in work]
    try:
        yield Ingress(engine, WallClock(), waiting)
        await engine.relay.drained()
        with suppress(Fenced, Unavailable):
            await engine.sweep()
            await _note_once(engine, noted)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await noted.close()
        await log.close()
        await store.close()


async def _compare(store: PostgresStore, noted: Noted) -> None:
    """Raises ``Rewound``. What is away now is asked again before anything is published."""
    with suppress(Unavailable, KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(COMPARE_SECONDS_MAX):
            await store.next_offsets()
            await noted.check((await store.claim(LANE)).published)


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


async def _note(engine: Engine, noted: Noted) -> None:
    while True:
        await asyncio.sleep(NOTE_SECONDS)
        await _note_once(engine, noted)


async def _note_once(engine: Engine, noted: Noted) -> None:
    """Only what the database says as well: it is never behind what is noted."""
    owned = engine.partitions.get(LANE)
    if owned is None:
        return
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(NOTE_SECONDS_MAX):
            await noted.note(owned.row.published)
