"""A service at work by itself: its loops hear, decide, publish and remind, whoever goes away and comes back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete

from agora.partition import HistoryLost
from agora.run import Worker
from tests.runtime.counting import COUNTERS, Add, Ignored, RingAfter, counting
from tests.runtime.desk import Office
from tests.runtime.gate import Gate
from tests.runtime.kafka_reader import Teller, administering
from tests.runtime.work import working

SECONDS_MAX = 30
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"


def at_work(office: Office, database: str | None = None) -> AbstractAsyncContextManager[Worker]:
    return working(Worker(counting(), office.kafka, database or office.database.url, office.prefix))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not await condition():
            await asyncio.sleep(0.02)


async def settled(office: Office, counter: str, turns: int) -> None:
    """Wait until the counter has taken so many turns and everything it said is known to be published."""

    async def reached() -> bool:
        state = await office.state(counter)
        unpublished = await office.fetch("SELECT FROM partitions WHERE published < sequence")
        return state is not None and state["turns"] >= turns and not unpublished

    await until(reached)


async def test_what_is_told_is_heard_decided_published_and_remembered(office: Office) -> None:
    async with at_work(office):
        await office.tell(Add(counter="a", amount=1), RingAfter(counter="a", seconds=0.1), Add(counter="a", amount=2))
        await settled(office, "a", 4)
        await until(lambda: fetched(office, "SELECT count(*) FROM outbox", [(0,)]))
    assert await office.totals() == [("a", 1), ("a", 3), ("a", 3)]
    assert await office.fetch("SELECT next_offset, sequence = published FROM partitions") == [(4, True)]


async def fetched(office: Office, query: str, expected: list[tuple[Any, ...]]) -> bool:
    return await office.fetch(query) == expected


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_somebody_elses_records_are_heard_however_they_are_compressed(office: Office, codec: str) -> None:
    async with at_work(office), Teller(office.kafka, codec) as teller:
        await teller.tell(office.prefix + COUNTERS.name, *(office.numbered(Add(counter="a", amount=1)) for _ in "12"))
        await settled(office, "a", 2)
    assert await office.totals() == [("a", 1), ("a", 2)]


async def test_a_consumer_group_set_back_to_the_beginning_doubles_nothing(office: Office) -> None:
    async with at_work(office):
        await office.tell(*(Add(counter="a", amount=1) for _ in range(50)))
        await settled(office, "a", 50)
    consumer = AIOKafkaConsumer(bootstrap_servers=office.kafka, group_id=f"{office.prefix}counter")
    await consumer.start()
    place = TopicPartition(f"{office.prefix}counters", 0)
    consumer.assign([place])
    await consumer.commit({place: 0})
    await consumer.stop()
    async with at_work(office):
        await office.tell(Add(counter="a", amount=1))
        await settled(office, "a", 51)
    assert await office.totals() == [("a", total) for total in range(1, 52)]


async def test_a_database_that_goes_away_costs_nothing_but_time(office: Office) -> None:
    async with Gate(office.database.url) as gate:
        await gate.open()
        async with at_work(office, gate.url) as worker:
            for _ in range(3):
                await office.tell(*(Add(counter="a", amount=1) for _ in range(10)))
                await until(lambda: is_owner(worker))
                await gate.shut()
                await office.tell(*(Add(counter="a", amount=1) for _ in range(10)))
                await gate.open()
            await settled(office, "a", 60)
    assert await office.totals() == [("a", total) for total in range(1, 61)]


async def is_owner(worker: Worker) -> bool:
    return bool(worker.engine.owned)


async def test_a_worker_that_is_fenced_goes_on_from_what_its_rival_committed(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    async with at_work(office):
        await office.tell(Add(counter="a", amount=1))
        await settled(office, "a", 1)
        async with office.people.transaction():
            await office.fetch("SELECT FROM partitions FOR UPDATE")
            await office.tell(Ignored(counter="a"), *(Add(counter="a", amount=1) for _ in range(20)))
            await until(lambda: fetched(office, WAITING, [(1,)]))
            # All that a rival which has heard the first of them, and not the others, would have written.
            await office.people.execute("UPDATE partitions SET next_offset = next_offset + 1")
        await settled(office, "a", 21)
    assert "taking what is still ours again" in caplog.text
    assert await office.totals() == [("a", total) for total in range(1, 22)]


async def test_a_poison_event_is_parked_and_the_work_goes_on(office: Office) -> None:
    async with at_work(office):
        await office.tell(Add(counter="a", amount=13), Add(counter="a", amount=1), Add(counter="b", amount=1))
        await settled(office, "b", 1)
        await until(lambda: fetched(office, "SELECT count(*) FROM parked", [(2,)]))
    assert await office.errors() == ["ValueError: unlucky"]


async def test_a_partition_goes_from_a_worker_that_leaves_to_one_that_stays(office: Office) -> None:
    async with at_work(office) as stays:
        async with at_work(office) as leaves:
            await until(lambda: both_joined(stays, leaves))
            await office.tell(*(Add(counter="a", amount=1) for _ in range(100)))
        await office.tell(*(Add(counter="a", amount=1) for _ in range(100)))
        await settled(office, "a", 200)
    assert await office.totals() == [("a", total) for total in range(1, 201)]


async def both_joined(one: Worker, other: Worker) -> bool:
    """The one partition is one worker's, and the other has joined the group: its consumer has a coordinator."""
    consumers = (one.subscriber.consumer, other.subscriber.consumer)
    return None not in consumers and len(one.engine.owned | other.engine.owned) == 1


async def test_a_worker_whose_history_was_deleted_stops_loudly(office: Office) -> None:
    await office.tell(*(Add(counter="a", amount=1) for _ in range(5)))
    await office.desk().hear((await office.records())[:2])
    async with administering(office.kafka) as admin:
        await admin.delete_records({TopicPartition(f"{office.prefix}counters", 0): RecordsToDelete(before_offset=3)})
    worker = Worker(counting(), office.kafka, office.database.url, office.prefix)
    with pytest.raises(HistoryLost, match="goes on at offset 3, but 2 is the next one to hear"):
        await asyncio.wait_for(worker.run(), SECONDS_MAX)
    assert await office.state("a") == {"total": 2, "turns": 2, "rang": 0}
