"""A database, or a log, that was put back to an earlier time is noticed before anything is heard or said."""

import asyncio
import gc
from contextlib import suppress
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from agora.kafka import place
from agora.ports import OutboxRow, Unavailable
from agora.rewound import CheckedLog, Noted, Rewound, check_offsets
from agora.topics import ensure_topics
from tests.runtime.kafka_reader import read
from tests.runtime.work import leaving_no_task

STREAM = "requests"


@pytest.fixture
async def topic(kafka: str, namespace: str) -> str:
    await ensure_topics(kafka, [namespace + STREAM], 2)
    return namespace + STREAM


async def test_a_database_where_the_service_left_it_is_no_fault(kafka: str, topic: str, namespace: str) -> None:
    await check_offsets(kafka, f"{namespace}new", topic, "new", {})
    await check_offsets(kafka, f"{namespace}new", topic, "new", {0: 0, 1: 0})


async def test_a_log_that_ends_before_where_a_database_stands_is_refused(
    kafka: str, topic: str, namespace: str
) -> None:
    with pytest.raises(Rewound, match=r"partition 1 .* ends at offset 0, but 7 .* agora recover product"):
        await check_offsets(kafka, f"{namespace}product", topic, "product", {0: 0, 1: 7})


async def test_a_database_behind_what_its_group_has_heard_is_refused(kafka: str, topic: str, namespace: str) -> None:
    group = f"{namespace}product"
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    at = TopicPartition(topic, 1)
    consumer.assign([at])
    await consumer.commit({at: 9})
    await consumer.stop()
    with pytest.raises(Rewound, match=r"stands at offset 0 of partition 1 .* come to 9\. .*agora recover product"):
        await check_offsets(kafka, group, topic, "product", {0: 0, 1: 0})


async def test_a_door_notes_how_far_it_has_published_and_never_less(kafka: str, topic: str, namespace: str) -> None:
    del topic
    noted = Noted("gateway", kafka, STREAM, namespace)
    await noted.check(0)
    await noted.note(10)
    await noted.note(5)
    await noted.close()
    later = Noted("gateway", kafka, STREAM, namespace)
    assert await later.read() == 10
    await later.check(10)
    with pytest.raises(Rewound, match=r"published 9 events, but 10 .*agora recover gateway"):
        await later.check(9)
    await later.close()


async def test_a_door_that_could_not_look_when_it_opened_looks_before_it_publishes(
    kafka: str, topic: str, namespace: str
) -> None:
    key = next(name for name in ("a", "b", "c", "d", "e") if place(name) % 2 == 0)  # the partition that is read
    noted = Noted("gateway", kafka, STREAM, namespace)
    await noted.note(10)
    old, new = (CheckedLog(kafka, namespace, Noted("gateway", kafka, STREAM, namespace)) for _ in range(2))
    with pytest.raises(Unavailable, match="agora recover gateway"):
        await old.publish([OutboxRow(0, 10, STREAM, key, b"heard already")])
    assert await new.publish([OutboxRow(0, 11, STREAM, key, b"new")]) == 1
    assert [record.value for record in await read(kafka, topic)] == [b"new"]
    for one in (noted, old, new):
        await one.close()


async def test_a_door_that_stops_while_it_notes_leaves_nothing_behind(kafka: str, topic: str, namespace: str) -> None:
    del topic
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    async with leaving_no_task():
        for milliseconds in range(60):  # whatever it is at by then
            noted = Noted("gateway", kafka, STREAM, namespace)
            with suppress(TimeoutError):
                await asyncio.wait_for(noted.note(milliseconds + 1), milliseconds / 1000)
            await noted.close()
            gc.collect()  # what nobody holds any more says so
    assert not faults
