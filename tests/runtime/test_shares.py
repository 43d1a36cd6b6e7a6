"""A service on several databases: each serves its share of the partitions, and no database serves another's."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from agora.control import ERRORS
from agora.discovery import folders
from agora.entrust import fault_of_database
from agora.envelope import read_envelope
from agora.event import Event
from agora.kafka import place
from agora.migrations import upgrade
from agora.postgres import PostgresStore
from agora.provision import Access, provision
from agora.run import Worker
from agora.schema import RUNTIME_TABLES
from agora.serve import READY
from agora.settings import PARTITIONS_MAX
from agora.shares import Share
from agora.topics import ensure_topics
from agora.wire import data_of, seal
from tests.runtime.counting import COUNTERS, MIGRATION, TOTALS, Add, RingAfter, Totalled, counting
from tests.runtime.desk import CAUSE
from tests.runtime.kafka_reader import Raw, Teller, read
from tests.runtime.work import working

SECONDS_MAX: Final = 40
PARTITIONS: Final = 4
FIRST: Final = Share.parse("0-1", PARTITIONS_MAX)
SECOND: Final = Share.parse("2-3", PARTITIONS_MAX)
NAMES: Final = [f"counter-{number}" for number in range(40)]


@dataclass
class Branches:
    """A stream of four partitions, and a database for each half of it."""

    kafka: str
    prefix: str
    urls: dict[Share, str]
    people: "dict[Share, asyncpg.Connection[asyncpg.Record]]"
    teller: Teller
    told: int = 0

    async def tell(self, *events: Event) -> None:
        """Say something as one numbered source, in order."""
        records: list[Raw] = []
        for event in events:
            self.told += 1
            (subject,) = event.concerns()
            value = seal(CAUSE, "test-0", self.told, event.wire_name, subject.id, data_of(event), event.readable_as)
            records.append(Raw(subject.id.encode(), value))
        await self.teller.tell(self.prefix + COUNTERS.name, *records)

    async def fetch(self, share: Share, query: str) -> list[tuple[Any, ...]]:
        """What people see in the database of a share."""
        return [tuple(row) for row in await self.people[share].fetch(query)]

    async def totals(self) -> Counter[tuple[str, int, str]]:
        """How often each total was told, however often it was published."""
        records = await read(self.kafka, self.prefix + TOTALS.name, partitions=PARTITIONS)
        envelopes = {(one.source, one.id): one for one in (read_envelope(record.value or b"") for record in records)}
        events = [Totalled.model_validate_json(bytes(envelope.data)) for envelope in envelopes.values()]
        return Counter((event.counter, event.total, event.note) for event in events)

    def at_work(self, share: Share) -> AbstractAsyncContextManager[Worker]:
        """A process that serves a share."""
        return working(Worker(counting(), self.kafka, self.urls[share], self.prefix, share), SECONDS_MAX)


@pytest.fixture(scope="module")
async def halves(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> dict[Share, Access]:
    """Two migrated databases of one service, as they would be on two servers."""
    home = tmp_path_factory.mktemp("shares")
    migrations = home / "counter" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "0001_counters.py").write_text(MIGRATION)
    made: dict[Share, Access] = {}
    for share, half in ((FIRST, "a"), (SECOND, "b")):
        access = (await provision(postgres, ["counter"], home / half, f"{half}{home.stat().st_ino}_"))["counter"]
        await upgrade(access.owner_url, migrations, access.role)
        made[share] = access
    return made


@pytest.fixture
async def branches(kafka: str, namespace: str, halves: dict[Share, Access]) -> AsyncGenerator[Branches]:
    await ensure_topics(kafka, [namespace + name for name in (COUNTERS.name, TOTALS.name, ERRORS.name)], PARTITIONS)
    async with AsyncExitStack() as leaving:
        people: dict[Share, asyncpg.Connection[asyncpg.Record]] = {}
        for share, access in halves.items():
            people[share] = await asyncpg.connect(access.owner_url)
            leaving.push_async_callback(people[share].close)
            await people[share].execute(f"TRUNCATE {', '.join((*RUNTIME_TABLES, 'entries', 'totals'))}")
        teller = await leaving.enter_async_context(Teller(kafka))
        yield Branches(kafka, namespace, {share: access.url for share, access in halves.items()}, people, teller)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not await condition():
            await asyncio.sleep(0.02)


def owned(*workers: Worker) -> Callable[[], Awaitable[bool]]:
    """Whether these processes have the partitions of the first share, each its part and none twice."""

    async def told() -> bool:
        parts = [worker.engine.owned for worker in workers]
        return all(parts) and sorted(number for part in parts for number in part) == sorted(FIRST.partitions)

    return told


def quiet(branches: Branches, share: Share, turns: int) -> Callable[[], Awaitable[bool]]:
    """Whether a share has taken so many turns, and all it said is known to be in the log."""

    async def reached() -> bool:
        (taken,) = await branches.fetch(share, "SELECT sum((state->>'turns')::int) FROM agents")
        return taken == (turns,) and not await branches.fetch(
            share, "SELECT FROM partitions WHERE published < sequence"
        )

    return reached


def names_of(share: Share) -> list[str]:
    """The counters that live in a share: where Kafka's own clients put their key."""
    return [name for name in NAMES if place(name) % PARTITIONS in share]


async def test_every_event_is_heard_once_by_its_share_alone_and_each_publishes_and_reminds(branches: Branches) -> None:
    async with branches.at_work(FIRST), branches.at_work(SECOND):
        await branches.tell(*(Add(counter=name, amount=amount) for amount in (1, 2) for name in NAMES))
        await branches.tell(*(RingAfter(counter=name, seconds=0.1, note="ring") for name in NAMES))
        for share in (FIRST, SECOND):
            await until(quiet(branches, share, turns=4 * len(names_of(share))))
    for share in (FIRST, SECOND):
        numbers = [(number,) for number in sorted(share.partitions)]
        assert await branches.fetch(share, "SELECT partition FROM partitions ORDER BY partition") == numbers
        subjects = await branches.fetch(share, "SELECT subject, state->>'rang' FROM agents ORDER BY subject")
        assert subjects == [(name, "1") for name in sorted(names_of(share))]
    assert sorted(names_of(FIRST) + names_of(SECOND)) == sorted(NAMES)
    assert await branches.totals() == Counter(
        told for name in NAMES for told in ((name, 1, ""), (name, 3, ""), (name, 3, "ring"))
    )


async def test_processes_of_one_share_divide_it_and_who_stays_takes_over(branches: Branches) -> None:
    async with branches.at_work(SECOND), branches.at_work(FIRST) as stays:
        async with branches.at_work(FIRST) as leaves:
            await until(owned(stays, leaves))
            await branches.tell(*(Add(counter=name, amount=1) for name in NAMES))
            await until(quiet(branches, FIRST, turns=len(names_of(FIRST))))
        await until(owned(stays))
        await branches.tell(*(Add(counter=name, amount=1) for name in NAMES))
        await until(quiet(branches, FIRST, turns=2 * len(names_of(FIRST))))
        await until(quiet(branches, SECOND, turns=2 * len(names_of(SECOND))))
    assert await branches.totals() == Counter((name, total, "") for name in NAMES for total in (1, 2))


async def test_offsets_are_saved_for_each_share_under_its_own_group(
    branches: Branches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agora.run.OFFSETS_SECONDS", 0.0)
    consumer = AIOKafkaConsumer(bootstrap_servers=branches.kafka, group_id=f"{branches.prefix}counter.2-3")
    await consumer.start()
    places = [TopicPartition(branches.prefix + COUNTERS.name, number) for number in range(PARTITIONS)]
    heard = Counter(place(name) % PARTITIONS for name in NAMES)

    async def saved() -> bool:
        found = [await consumer.committed(at) for at in places]
        return found == [None, None, heard[2], heard[3]]

    async with branches.at_work(FIRST), branches.at_work(SECOND):
        await branches.tell(*(Add(counter=name, amount=1) for name in NAMES))
        await until(saved)
    await consumer.stop()


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (FIRST, SECOND, "serves the partitions 0-1, and this process was told to serve the partitions 2-3"),
        (FIRST, None, "serves the partitions 0-1, and this process was told to serve all partitions"),
        (None, FIRST, "serves all partitions, and this process was told to serve the partitions 0-1"),
    ],
)
async def test_a_database_keeps_its_share_for_ever(
    branches: Branches, before: Share | None, now: Share | None, words: str
) -> None:
    store = PostgresStore(branches.urls[FIRST])
    assert await fault_of_database(store, "counter", before) is None
    fault = await fault_of_database(store, "counter", now)
    assert fault is not None
    assert words in fault
    assert "Set AGORA_SHARE" in fault
    assert await fault_of_database(store, "counter", before) is None
    await store.close()


async def test_a_database_from_before_there_were_shares_is_not_given_one_that_it_has_outgrown(
    branches: Branches,
) -> None:
    store = PostgresStore(branches.urls[FIRST])
    await store.claim(1)
    await store.claim(3)
    fault = await fault_of_database(store, "counter", FIRST)
    assert fault is not None
    assert "holds partition 3, which is none of 0-1" in fault
    assert await fault_of_database(store, "counter", None) is None
    await store.close()


async def test_a_process_refuses_another_share_a_smaller_topic_and_a_door(
    postgres: str, kafka: str, namespace: str, tmp_path: Path
) -> None:
    await ensure_topics(kafka, [f"{namespace}{name}" for name in ("products", "requests", ERRORS.name)], PARTITIONS)
    accesses = await provision(postgres, ["product", "gateway"], tmp_path, namespace)
    for name, access in accesses.items():
        await upgrade(access.owner_url, folders()[name] / "migrations", access.role)

    async def ended(name: str, share: str) -> tuple[int, str]:
        environment = {
            "AGORA_KAFKA": kafka,
            "AGORA_DATABASE": accesses[name].url,
            "AGORA_NAMESPACE": namespace,
            "AGORA_SHARE": share,
        }
        return await _serve(name, environment)

    assert await ended("product", "1,0") == (0, READY)
    code, said = await ended("product", "2-3")
    assert (code, "serves the partitions 0-1" in said) == (1, True)
    code, said = await ended("product", "2-4")
    assert (code, f"'{namespace}products' has 4 partitions, from 0 up to 3" in said) == (1, True)
    code, said = await ended("gateway", "0-1")
    assert (code, "'gateway' hears no stream" in said) == (1, True)


async def _serve(name: str, environment: dict[str, str]) -> tuple[int, str]:
    """Run a service until it ends, or is ready and told to stop; return its exit code and what it said to the point."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agora.serve", name),
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=PIPE,
        stderr=PIPE,
    )
    assert process.stderr is not None
    said: list[str] = []
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while line := (await process.stderr.readline()).decode():
                said.append(line)
                if f'"{READY}"' in line:
                    process.send_signal(signal.SIGTERM)
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return code, READY if code == 0 else "".join(said)
