"""A service that lets some time pass from poll to poll: steady traffic in portions, the rest at once."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from agora.linger import LINGER_RECORDS_MAX
from agora.run import Worker
from tests.runtime.counting import Add, counting
from tests.runtime.desk import Office
from tests.runtime.work import working

SECONDS_MAX = 30
LINGER_SECONDS = 3.0
FOR_EVER = 3600.0
NAMES = ("a", "b", "c", "d", "e")
COMMITS = "SELECT count(DISTINCT xmin::text) FROM agents WHERE subject <> 'first'"


def at_work(office: Office, linger_seconds: float) -> AbstractAsyncContextManager[Worker]:
    service = replace(counting(), linger_seconds=linger_seconds)
    return working(Worker(service, office.kafka, office.database.url, office.prefix))


async def heard(office: Office, *counters: str) -> None:
    """Wait until each of these has taken a turn."""
    async with asyncio.timeout(SECONDS_MAX):
        while any([await office.state(counter) is None for counter in counters]):
            await asyncio.sleep(0.02)


async def test_what_comes_while_a_service_lingers_is_one_commit(office: Office) -> None:
    async with at_work(office, LINGER_SECONDS):
        await office.tell(Add(counter="first", amount=1))
        await heard(office, "first")
        for name in NAMES:
            await office.tell(Add(counter=name, amount=1))
        await heard(office, *NAMES)
    assert await office.fetch(COMMITS) == [(1,)]


async def silence(worker: Worker) -> None:
    """Wait until the service has asked in vain."""
    consumer: Any = None
    while consumer is None:
        await asyncio.sleep(0.02)
        consumer = worker.subscriber.consumer
    getmany, in_vain = consumer.getmany, asyncio.Event()

    async def asked(**options: Any) -> Any:
        polled = await getmany(**options)
        if not polled:
            in_vain.set()
        return polled

    consumer.getmany = asked
    await asyncio.wait_for(in_vain.wait(), SECONDS_MAX)


async def test_what_comes_after_a_silence_is_heard_at_once(office: Office) -> None:
    async with at_work(office, FOR_EVER) as worker:
        await silence(worker)
        await office.tell(Add(counter="first", amount=1))
        await heard(office, "first")


async def test_a_service_that_is_behind_does_not_linger(office: Office) -> None:
    await office.tell(*(Add(counter="first", amount=1) for _ in range(LINGER_RECORDS_MAX)))
    async with at_work(office, FOR_EVER):
        await heard(office, "first")
        await office.tell(Add(counter="next", amount=1))
        await heard(office, "next")


async def test_a_service_that_lingers_can_be_stopped(office: Office) -> None:
    async with at_work(office, FOR_EVER):
        await office.tell(Add(counter="first", amount=1))
        await heard(office, "first")
    assert await office.fetch("SELECT next_offset FROM partitions") == [(1,)]
