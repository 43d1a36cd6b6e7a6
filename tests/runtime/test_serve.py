"""A service as a process of its own: waits in plain words for what is away, and refuses what it must not touch."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from agora.discovery import folders
from agora.migrations import upgrade
from agora.provision import Access, provision
from agora.serve import READY
from agora.topics import ensure_topics
from tests.runtime.gate import Gate
from tests.runtime.kafka_reader import administering

NAME = "product"
SECONDS_MAX = 30


@pytest.fixture
async def access(postgres: str, kafka: str, namespace: str, tmp_path: Path) -> Access:
    """A real service's own database and topics."""
    made = (await provision(postgres, [NAME], tmp_path, namespace))[NAME]
    await upgrade(made.owner_url, folders()[NAME] / "migrations", made.role)
    await ensure_topics(kafka, [f"{namespace}{stream}" for stream in ("products", "errors")], 2)
    return made


@asynccontextmanager
async def started(kafka: str, database: str, namespace: str) -> AsyncGenerator[Process]:
    """The service's process; it ends with the test."""
    said = {"AGORA_KAFKA": kafka, "AGORA_DATABASE": database, "AGORA_NAMESPACE": namespace}
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agora.serve", NAME), env={**os.environ, **said, **paths}, stdin=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def hears(process: Process, words: str) -> str:
    """Read what the process says until it says these words."""
    assert process.stderr is not None
    async with asyncio.timeout(SECONDS_MAX):
        while line := await process.stderr.readline():
            if words in (said := str(json.loads(line)["event"])):
                return said
    raise AssertionError(f"it ended without saying {words!r}")


async def test_it_waits_in_plain_words_for_postgresql_and_kafka_and_then_works(
    kafka: str, access: Access, namespace: str
) -> None:
    async with (
        Gate(access.url) as database,
        Gate(kafka) as broker,
        started(broker.address, database.url, namespace) as process,
    ):
        await hears(process, "waiting for PostgreSQL")
        await database.open()
        assert broker.address in await hears(process, "waiting for Kafka at ")
        await broker.open()
        await hears(process, READY)
        process.send_signal(signal.SIGTERM)
        await hears(process, "stopped")
        assert await asyncio.wait_for(process.wait(), SECONDS_MAX) == 0


async def test_it_ends_when_whoever_started_it_is_gone(kafka: str, access: Access, namespace: str) -> None:
    async with started(kafka, access.url, namespace) as process:
        await hears(process, READY)
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), SECONDS_MAX) == 0


@pytest.mark.parametrize(("revision", "remedy"), [("9999", "older than the database"), (None, "agora migrate")])
async def test_a_database_at_another_revision_is_refused_with_what_to_do(
    kafka: str, access: Access, namespace: str, revision: str | None, remedy: str
) -> None:
    connection = await asyncpg.connect(access.owner_url)
    await connection.execute("DELETE FROM alembic_version")
    if revision is not None:
        await connection.execute("INSERT INTO alembic_version VALUES ($1)", revision)
        await connection.execute("""COMMENT ON TABLE alembic_version IS '{"oldest": "9999"}'""")  # it contracts
    await connection.close()
    async with started(kafka, access.url, namespace) as process:
        await hears(process, remedy)
        assert await asyncio.wait_for(process.wait(), SECONDS_MAX) == 1


async def test_a_topic_made_anew_is_refused_until_its_loss_is_accepted(
    kafka: str, access: Access, namespace: str
) -> None:
    async with started(kafka, access.url, namespace) as process:
        await hears(process, READY)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), SECONDS_MAX) == 0
    await made_anew(kafka, f"{namespace}products")
    async with started(kafka, access.url, namespace) as process:
        remedy = (await hears(process, "the topic was made anew")).rpartition("in this database: ")[2]
        assert await asyncio.wait_for(process.wait(), SECONDS_MAX) == 1
    connection = await asyncpg.connect(access.owner_url)
    await connection.execute(remedy)
    await connection.close()
    async with started(kafka, access.url, namespace) as process:
        await hears(process, READY)


async def made_anew(kafka: str, topic: str) -> None:
    """Delete a topic and make it again under its name."""
    async with administering(kafka) as admin:
        await admin.delete_topics([topic])
        async with asyncio.timeout(SECONDS_MAX):
            while topic in await admin.list_topics():
                await asyncio.sleep(0.05)
    await ensure_topics(kafka, [topic], 2)


async def test_a_database_that_is_not_there_is_named_with_what_to_check(
    kafka: str, access: Access, namespace: str
) -> None:
    async with started(kafka, access.url.replace(access.database, "nowhere"), namespace) as process:
        assert "AGORA_DATABASE" in await hears(process, "nowhere")
        assert await asyncio.wait_for(process.wait(), SECONDS_MAX) == 1
