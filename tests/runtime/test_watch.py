"""What a process shows of itself by HTTP and in its log, as a monitor sees it."""

import asyncio
import json
import os
import socket
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agora.discovery import folders
from agora.migrations import upgrade
from agora.provision import Access, provision
from agora.run import Worker
from agora.topics import ensure_topics
from agora.watch import Watch
from agora.wire import seal
from tests.runtime.counting import Add, Ignored, counting
from tests.runtime.desk import CAUSE, Office
from tests.runtime.gate import Gate
from tests.runtime.kafka_reader import Raw, Teller
from tests.runtime.scrape import ask, numbers, visit

NAME = "product"
HERE = "127.0.0.1:0"
SECONDS_MAX = 30


@pytest.fixture
async def access(postgres: str, kafka: str, namespace: str, tmp_path: Path) -> Access:
    """A real service's own database and topics."""
    made = (await provision(postgres, [NAME], tmp_path, namespace))[NAME]
    await upgrade(made.owner_url, folders()[NAME] / "migrations", made.role)
    await ensure_topics(kafka, [f"{namespace}{stream}" for stream in ("products", "errors")], 2)
    return made


@asynccontextmanager
async def started(kafka: str, database: str, namespace: str, watch: str = HERE) -> AsyncGenerator[Process]:
    """The service's process; it ends with the test."""
    said = {"AGORA_KAFKA": kafka, "AGORA_DATABASE": database, "AGORA_NAMESPACE": namespace, "AGORA_WATCH": watch}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agora.serve", NAME),
        env={**os.environ, **said, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def hears(process: Process, words: str) -> dict[str, Any]:
    """Read what the process says until it says these words; return the whole line."""
    assert process.stderr is not None
    async with asyncio.timeout(SECONDS_MAX):
        while line := await process.stderr.readline():
            said = json.loads(line)
            assert said["service"] == NAME
            if words in said["event"]:
                return said
    raise AssertionError(f"it ended without saying {words!r}")


@asynccontextmanager
async def at_work(office: Office, **options: Any) -> AsyncGenerator[tuple[Worker, Watch]]:
    """A watched worker of the counting service."""
    worker = Worker(counting(), office.kafka, office.database.url, office.prefix)
    async with Watch(worker.engine.service, "127.0.0.1", 0, **options) as watch:
        with watch.following(worker.engine, worker):
            running = asyncio.create_task(worker.run())
            try:
                yield worker, watch
            finally:
                worker.app.exit()
                await asyncio.wait_for(running, SECONDS_MAX)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not await condition():
            await asyncio.sleep(0.02)


async def is_ready(watch: Watch, word: str = "ready") -> bool:
    return (await ask(watch.url, "/readyz")).said["status"] == word


async def look(watch: Watch) -> dict[str, float]:
    return numbers((await ask(watch.url, "/metrics")).body)


async def test_the_metrics_of_known_turns_are_exact(office: Office) -> None:
    again = office.numbered(Add(counter="a", amount=1))
    unknown = seal(CAUSE, "elsewhere-0", 1, "Unheard.v1", "a", b"{}")
    async with at_work(office) as (_, watch):
        await until(lambda: is_ready(watch))
        await office.write(again, again, Raw(b"a", unknown), Raw(b"a", b"no event"))
        await office.tell(
            *(Add(counter="a", amount=1), Add(counter="b", amount=13), Add(counter="b", amount=1)),
            *(Ignored(counter="a"), Add(counter="c", amount=1)),
        )

        async def is_done() -> bool:
            seen = await look(watch)
            heard = seen["agora_turns_total{event=Add.v1}"] == 3 and not seen["agora_outbox_rows"]
            return heard and "agora_stream_partitions" in seen and seen.get("agora_lag_records{partition=0}") == 0

        await until(is_done)
        seen = await look(watch)
    assert {name: value for name, value in seen.items() if "_seconds" not in name} == {
        "agora_outbox_rows": 0,
        "agora_partitions_owned": 1,
        "agora_stream_partitions": 1,
        "agora_lag_records{partition=0}": 0,
        "agora_parked_agents": 1,
        "agora_turns_total{event=Add.v1}": 3,
        "agora_turns_total{event=RingAfter.v1}": 0,
        "agora_turns_total{event=Rang.v1}": 0,
        "agora_turns_total{event=Clear.v1}": 0,
        "agora_events_told_total{event=Totalled.v1}": 3,
        "agora_events_told_total{event=ErrorOccurred.v1}": 1,
        "agora_duplicates_total": 1,
        "agora_parked_events_total": 2,
        "agora_dead_letters_total": 1,
        "agora_unknown_types_total": 1,
        "agora_failed_attempts_total": 0,
        "agora_batch_turns_count": seen["agora_batch_turns_count"],
        "agora_batch_turns_sum": 3,
    }
    assert 1 <= seen["agora_batch_turns_count"] <= seen["agora_commit_seconds_count"] <= 9
    assert 2 <= seen["agora_step_seconds_count"] <= 18
    assert 0 < seen["agora_step_seconds_sum"] < SECONDS_MAX * seen["agora_step_seconds_count"]
    assert (seen["agora_lag_seconds{partition=0}"], seen["agora_outbox_oldest_seconds"]) == (0, 0)


async def test_a_worker_whose_database_is_away_lags(office: Office) -> None:
    async with Gate(office.database.url) as gate:
        await gate.open()
        worker = Worker(counting(), office.kafka, gate.url, office.prefix)
        async with Watch(counting(), "127.0.0.1", 0) as watch:
            with watch.following(worker.engine, worker):
                running = asyncio.create_task(worker.run())
                await office.tell(Add(counter="a", amount=1))
                await until(lambda: heard(watch, 1))  # before that, no lag may mean: not seen in the log yet
                await gate.shut()
                await office.tell(Add(counter="a", amount=1), Add(counter="a", amount=1))
                await until(lambda: lags(watch, 2))
                assert (await look(watch))["agora_lag_seconds{partition=0}"] > 0
                await until(lambda: is_ready(watch, "waiting"))
                await gate.open()
                await until(lambda: lags(watch, 0))
                worker.app.exit()
                await asyncio.wait_for(running, SECONDS_MAX)


async def heard(watch: Watch, turns: int) -> bool:
    return (await look(watch))["agora_turns_total{event=Add.v1}"] == turns


async def lags(watch: Watch, records: int) -> bool:
    return (await look(watch)).get("agora_lag_records{partition=0}") == records


async def test_a_loop_that_stands_still_is_seen_from_outside_and_seen_to_go_on(office: Office) -> None:
    async with at_work(office, still_seconds_max=0.6) as (_, watch):
        assert visit_health(watch) == (200, "alive")
        seen: list[tuple[int, str]] = []
        let_go = threading.Event()

        def watcher() -> None:
            while (found := visit_health(watch)) == (200, "alive"):
                pass
            seen.append(found)
            let_go.set()

        thread = threading.Thread(target=watcher)
        thread.start()
        assert let_go.wait(SECONDS_MAX)  # the loop stands still in here
        await asyncio.to_thread(thread.join)
        assert seen == [(503, "stuck")]

        async def is_alive() -> bool:
            return await asyncio.to_thread(visit_health, watch) == (200, "alive")

        await until(is_alive)


def visit_health(watch: Watch) -> tuple[int, str]:
    page = visit(watch.url, "/healthz")
    return page.status, page.said["status"]


async def test_more_processes_than_partitions_stand_by(office: Office) -> None:
    async with at_work(office) as (_, one):
        await until(lambda: is_ready(one))
        async with at_work(office) as (_, other):
            waiting = await ask(other.url, "/readyz")
            assert (waiting.status, waiting.said["reason"]) == (503, "for Kafka to deal out the partitions")

            async def is_settled() -> bool:
                words = {(await ask(watch.url, "/readyz")).said["status"] for watch in (one, other)}
                return words == {"ready", "standby"}

            await until(is_settled)
            assert {(await ask(watch.url, "/readyz")).status for watch in (one, other)} == {200}


async def test_a_process_is_alive_at_once_and_ready_when_its_database_was_checked(
    kafka: str, access: Access, namespace: str
) -> None:
    async with Gate(access.url) as database, started(kafka, database.url, namespace) as process:
        url = (await hears(process, "probes and metrics are at"))["event"].split()[-1]
        assert url.startswith("http://127.0.0.1:")
        await hears(process, "waiting for PostgreSQL")
        assert (await ask(url, "/healthz")).status == 200
        assert "process_resident_memory_bytes" in (await ask(url, "/metrics")).body
        waiting = await ask(url, "/readyz")
        assert (waiting.status, waiting.said["status"]) == (503, "waiting")
        await database.open()
        await hears(process, "ready")
        assert (await ask(url, "/readyz")).status == 200

        async def owns_both() -> bool:
            return numbers((await ask(url, "/metrics")).body)["agora_partitions_owned"] == 2

        await until(owns_both)


async def test_a_failed_turn_says_where_whose_and_in_which_story(kafka: str, access: Access, namespace: str) -> None:
    later = seal(CAUSE._replace(correlation="the-story"), "test-0", 1, "Replenish.v99", "p-1", b'{"secret": "hush"}')
    async with started(kafka, access.url, namespace) as process, Teller(kafka) as teller:
        await hears(process, "ready")
        await teller.tell(f"{namespace}products", Raw(b"p-1", later, partition=1))
        line = await hears(process, "turn of product/p-1 failed")
    said = {name: line[name] for name in ("service", "partition", "story", "agent", "event_type", "level")}
    assert said == {
        "service": NAME,
        "partition": 1,
        "story": "the-story",
        "agent": "p-1",
        "event_type": "Replenish.v99",
        "level": "warning",
    }
    assert "hush" not in json.dumps(line)


async def test_a_port_that_is_taken_ends_the_process_with_what_to_do(
    kafka: str, access: Access, namespace: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        async with started(kafka, access.url, namespace, at) as process:
            said = await hears(process, "AGORA_WATCH")
            assert f"cannot listen at {at}: Address already in use" in said["event"]
            assert await asyncio.wait_for(process.wait(), SECONDS_MAX) == 1
