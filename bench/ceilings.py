"""How fast this machine could be at best: the rows and the bytes of paid checkouts, with nobody deciding anything."""

import secrets
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from sqlalchemy import make_url

from agora.discovery import folders, streams
from agora.kafka import KafkaLog
from agora.migrations import upgrade
from agora.ports import OutboxRow
from agora.postgres import PostgresStore
from agora.relay import RELAY_ROUND_ROWS_MAX
from bench.sample import Commits, Sample, one_checkout
from bench.scratch import PARTITIONS, database, topics

SECONDS: Final = 5.0
POLL_RECORDS_MAX: Final = 4_000
POLL_MS: Final = 500


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What one connection, one producer and one consumer reach when each is alone."""

    commit_rows_per_s: float
    produce_per_s: float
    consume_per_s: float


async def measure(bootstrap: str, admin_url: str) -> Ceilings:
    """Measure each for five seconds at most, on a database and topics that are gone afterwards."""
    name = f"ceiling_{secrets.token_hex(3)}_"
    sample = await one_checkout()
    async with database(admin_url, name) as url:
        committed = await commit_rows_per_s(url, sample)
    async with topics(bootstrap, (name + stream for stream in streams())):
        produced = await produce_per_s(bootstrap, name, sample)
        consumed = await consume_per_s(bootstrap, name)
    return Ceilings(committed, produced, consumed)


async def commit_rows_per_s(url: str, sample: Sample, seconds: float = SECONDS) -> float:
    """Rows per second that one connection commits into an empty database, 500 turns at a time."""
    await upgrade(url, folders()["transaction"] / "migrations", make_url(url).username or "")
    store, commits = PostgresStore(url), Commits(sample)
    rows, spent = 0, 0.0
    try:
        for partition in range(PARTITIONS):
            await store.claim(partition)
        while spent < seconds:
            commit = commits.next()
            begun = perf_counter()
            await store.commit(commit)
            spent += perf_counter() - begun
            rows += len(commit.moves) + len(commit.agents) + len(commit.outbox)
    finally:
        await store.close()
    return rows / spent


async def produce_per_s(bootstrap: str, prefix: str, sample: Sample, seconds: float = SECONDS) -> float:
    """Records per second that one producer publishes, in rounds as long as the relay's longest."""
    log, commits = KafkaLog(bootstrap, prefix), Commits(sample)
    records, spent = 0, 0.0
    try:
        await log.publish(_round(commits))  # to connect, and to learn where the partitions are
        while spent < seconds:
            rows = _round(commits)
            begun = perf_counter()
            records += await log.publish(rows)
            spent += perf_counter() - begun
    finally:
        await log.close()
    return records / spent


def _round(commits: Commits) -> list[OutboxRow]:
    rows: list[OutboxRow] = []
    while len(rows) < RELAY_ROUND_ROWS_MAX:
        rows += commits.next().outbox
    return rows[:RELAY_ROUND_ROWS_MAX]


async def consume_per_s(bootstrap: str, prefix: str, seconds: float = SECONDS) -> float:
    """Records per second that a bare consumer reads of what was produced, until it has all of it or time is over."""
    consumer = AIOKafkaConsumer(
        *(prefix + stream for stream in streams()),
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=2_000_000,
    )
    await consumer.start()
    try:
        await _poll(consumer)  # to connect, and to find the first offsets
        records, begun, last = 0, perf_counter(), 0.0
        while last < seconds and (polled := await _poll(consumer)):
            records += polled
            last = perf_counter() - begun
    finally:
        await consumer.stop()
    return records / last


async def _poll(consumer: AIOKafkaConsumer) -> int:
    polled: Any = await consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX)
    return sum(map(len, polled.values()))
