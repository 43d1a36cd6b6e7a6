"""What only a real log can do wrong, and where its keys belong."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agora.kafka import KafkaLog, place
from agora.ports import Unavailable
from agora.topics import TopicError, ensure_topics
from tests.runtime.kafka_reader import administering, read
from tests.runtime.stores import said
from tests.runtime.work import leaving_no_task


async def test_it_takes_a_prefix_that_ends_at_the_first_row_without_room(kafka: str, namespace: str) -> None:
    await ensure_topics(kafka, [f"{namespace}totals"], 1)
    log = KafkaLog(kafka, namespace)
    large = b"x" * 600_000
    assert await log.publish(said(("a", b"1"), ("a", large), ("a", large), ("a", b"4"))) == 2
    assert [record.value for record in await read(kafka, f"{namespace}totals", 2)] == [b"1", large]
    await log.close()


async def test_a_broker_that_is_away_is_unavailable() -> None:
    log = KafkaLog("127.0.0.1:1")
    with pytest.raises(Unavailable, match="Kafka"):
        await log.publish(said(("a", b"1")))
    await log.close()


async def test_it_can_be_used_again_after_it_was_closed(kafka: str, namespace: str) -> None:
    await ensure_topics(kafka, [f"{namespace}totals"], 1)
    log = KafkaLog(kafka, namespace)
    for value in (b"1", b"2"):
        assert await log.publish(said(("a", value))) == 1
        await log.close()
    assert [record.value for record in await read(kafka, f"{namespace}totals", 2)] == [b"1", b"2"]


async def test_a_producer_that_cannot_be_closed_in_time_tries_no_more(
    kafka: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure_topics(kafka, [f"{namespace}totals"], 1)
    async with leaving_no_task():
        log = KafkaLog(kafka, namespace)
        await log.publish(said(("a", b"1")))
        monkeypatch.setattr("agora.kafka.CLOSE_SECONDS_MAX", 0.0)
        await log.close()


async def test_whoever_stops_while_it_connects_leaves_no_connection_open(kafka: str, namespace: str) -> None:
    await ensure_topics(kafka, [f"{namespace}totals"], 1)
    async with leaving_no_task():
        for milliseconds in range(30):  # whatever it is at by then
            log = KafkaLog(kafka, namespace)
            with suppress(TimeoutError):
                await asyncio.wait_for(log.publish(said(("a", b"1"))), milliseconds / 1000)
            await log.close()


@pytest.mark.parametrize(
    ("key", "hash_"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_keys_are_placed_as_the_java_client_places_them(key: str, hash_: int) -> None:
    """The values of Kafka's own UtilsTest; ``toPositive`` masks the sign bit."""
    assert place(key) == hash_ & 0x7FFFFFFF


async def test_a_topic_whose_times_are_the_producers_own_is_refused_with_what_to_do(kafka: str, namespace: str) -> None:
    await _make(kafka, f"{namespace}totals", {"message.timestamp.type": "CreateTime"})
    with pytest.raises(
        TopicError, match=r"message.timestamp.type=CreateTime .* --add-config message.timestamp.type=Log"
    ):
        await ensure_topics(kafka, [f"{namespace}totals"], 1)


async def test_what_is_said_to_a_topic_that_kafka_compresses_is_read_as_it_was(kafka: str, namespace: str) -> None:
    await _make(kafka, f"{namespace}totals", {"compression.type": "zstd", "message.timestamp.type": "LogAppendTime"})
    await ensure_topics(kafka, [f"{namespace}totals"], 1)
    log = KafkaLog(kafka, namespace)
    assert await log.publish(said(*(("a", b"%d" % number) for number in range(100)))) == 100
    await log.close()
    records = await read(kafka, f"{namespace}totals", 100)
    assert [record.value for record in records] == [b"%d" % number for number in range(100)]


async def test_whoever_makes_topics_at_the_same_moment_finds_them_made(kafka: str, namespace: str) -> None:
    names = [f"{namespace}{number}" for number in range(10)]
    await asyncio.gather(*(ensure_topics(kafka, names, 2) for _ in range(8)))
    assert await _partitions_of(kafka, names) == {2}


async def test_of_two_that_make_topics_otherwise_one_is_told(kafka: str, namespace: str) -> None:
    names, asked = [f"{namespace}{number}" for number in range(10)], (1, 2, 1, 2)
    ends = await asyncio.gather(*(ensure_topics(kafka, names, number) for number in asked), return_exceptions=True)
    (made,) = await _partitions_of(kafka, names)
    assert made in asked
    assert [isinstance(end, TopicError) for end in ends] == [number != made for number in asked]
    assert all(f"has {made} partitions" in str(end) for end in ends if end is not None)


async def test_a_topic_that_the_broker_has_not_heard_of_yet_is_waited_for_and_judged(
    kafka: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure_topics(kafka, [f"{namespace}totals"], 1)
    listed, looks = AIOKafkaAdminClient.describe_topics, 0

    async def late(admin: AIOKafkaAdminClient) -> list[Any]:
        nonlocal looks
        looks += 1
        return [] if looks < 4 else await listed(admin)

    monkeypatch.setattr(AIOKafkaAdminClient, "describe_topics", late)
    with pytest.raises(TopicError, match="has 1 partitions where 2 are expected"):
        await ensure_topics(kafka, [f"{namespace}totals"], 2)


async def test_a_topic_that_is_made_and_never_listed_is_told(
    kafka: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def empty(_: AIOKafkaAdminClient) -> list[Any]:
        return []

    monkeypatch.setattr(AIOKafkaAdminClient, "describe_topics", empty)
    monkeypatch.setattr("agora.topics.SEEN_SECONDS_MAX", 0.1)
    with pytest.raises(TopicError, match=f"made topic {namespace}totals, but does not list it"):
        await ensure_topics(kafka, [f"{namespace}totals"], 1)


async def _make(kafka: str, name: str, settings: dict[str, str]) -> None:
    async with administering(kafka) as admin:
        await admin.create_topics([NewTopic(name, 1, 1, topic_configs=settings)])


async def _partitions_of(kafka: str, names: list[str]) -> set[int]:
    async with administering(kafka) as admin:
        return {len(topic["partitions"]) for topic in await admin.describe_topics(names)}
