"""The door on a real Kafka and PostgreSQL: a request counts once per key, across restarts and rivals."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import pytest

from agora.discovery import service
from agora.door import open_door
from agora.envelope import read_envelope
from agora.ingress import Answer, Ingress
from agora.ports import OutboxRow
from agora.postgres import PostgresStore
from agora.provision import Access
from agora.requests import KEY_REUSED, asking
from agora.topics import ensure_topics
from market.ids import ProductId
from market.products import Replenish
from tests.runtime.gate import Gate
from tests.runtime.kafka_reader import read

ASKED = Replenish(product=ProductId("P"), quantity=5)
OTHER = Replenish(product=ProductId("P"), quantity=6)

Open: TypeAlias = Callable[[], AbstractAsyncContextManager[Ingress]]


@pytest.fixture
async def door(kafka: str, namespace: str, database: Access) -> Open:
    await ensure_topics(kafka, [f"{namespace}products", f"{namespace}requests"], 1)
    return lambda: open_door(service("gateway"), kafka, database.url, namespace, pytest.fail)


async def commands(kafka: str, namespace: str, stream: str = "products") -> list[str]:
    """The data of everything that came through the door, in order, each once."""
    records = await read(kafka, namespace + stream)
    envelopes = {envelope.id: envelope for envelope in (read_envelope(record.value or b"") for record in records)}
    return [bytes(envelope.data).decode() for envelope in envelopes.values()]


async def test_a_request_is_let_in_once_and_answered_alike_across_restarts(
    door: Open, kafka: str, namespace: str
) -> None:
    for _ in range(3):
        async with door() as ingress:
            assert await ingress.submit([asking("key", ASKED)] * 2) == [Answer("key", None)] * 2
    assert await commands(kafka, namespace) == ['{"product":"P","quantity":5}']


async def test_another_body_under_the_same_key_is_refused_across_restarts(
    door: Open, kafka: str, namespace: str
) -> None:
    async with door() as ingress:
        assert await ingress.ask("key", ASKED) == Answer("key", None)
        assert await ingress.ask("key", OTHER) == Answer("key", KEY_REUSED)
    async with door() as ingress:
        assert await ingress.ask("key", OTHER) == Answer("key", KEY_REUSED)
        assert await ingress.ask("key", ASKED) == Answer("key", None)
    assert await commands(kafka, namespace) == ['{"product":"P","quantity":5}']
    assert [KEY_REUSED in refusal for refusal in await commands(kafka, namespace, "requests")] == [True, True]


async def test_what_was_accepted_and_not_published_is_published_by_the_next_door(
    door: Open, kafka: str, namespace: str, database: Access
) -> None:
    async def accept_and_die() -> None:
        async with open_door(service("gateway"), "127.0.0.1:1", database.url, namespace, lambda _: None) as ingress:
            assert await ingress.ask("key", ASKED) == Answer("key", None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await accept_and_die()
    assert [row.subject for row in await outbox(database)] == ["P"]
    async with door(), asyncio.timeout(20):
        while not await commands(kafka, namespace):
            await asyncio.sleep(0.05)
    async with door() as ingress:
        assert await ingress.ask("key", ASKED) == Answer("key", None)
    assert await commands(kafka, namespace) == ['{"product":"P","quantity":5}']


async def outbox(database: Access) -> list[OutboxRow]:
    store = PostgresStore(database.url)
    rows = list(await store.unpublished(0, 0, 100))
    await store.close()
    return rows


async def test_two_doors_at_once_let_every_key_in_once(door: Open, kafka: str, namespace: str) -> None:
    keys = [f"key {number}" for number in range(30)]

    async def submit(ingress: Ingress) -> None:
        for key in keys:
            assert (await ingress.ask(key, ASKED)).refusal is None

    async with door() as one, door() as other:
        await asyncio.gather(submit(one), submit(other))
    assert len(await commands(kafka, namespace)) == 30


async def test_a_request_waits_for_a_database_that_is_away_and_says_so(
    kafka: str, namespace: str, database: Access
) -> None:
    await ensure_topics(kafka, [f"{namespace}products"], 1)
    told = asyncio.Event()
    words: list[str] = []

    def waiting(word: str) -> None:
        words.append(word)
        told.set()

    async with Gate(database.url) as gate, open_door(
        service("gateway"), kafka, gate.url, namespace, waiting
    ) as ingress:  # fmt: skip
        asked = asyncio.create_task(ingress.ask("key", ASKED))
        await asyncio.wait_for(told.wait(), 10)
        assert not asked.done()
        await gate.open()
        assert await asyncio.wait_for(asked, 10) == Answer("key", None)
    assert words[0].startswith("PostgreSQL: ")
    assert await commands(kafka, namespace) == ['{"product":"P","quantity":5}']
