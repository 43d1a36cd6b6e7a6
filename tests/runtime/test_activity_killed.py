"""A process that is killed in the middle of a call to the outside, and the one that takes its place."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from agora.migrations import upgrade
from agora.provision import provision
from agora.topics import ensure_topics
from agora.wire import Cause, seal
from tests.runtime.kafka_reader import Raw, Teller
from tests.runtime.ringer import CALLERS, NAME, Ringing, lay_out

SECONDS_MAX: Final = 30
CAUSE: Final = Cause("2030-01-01T00:00:00Z", "story", "", "0" * 32)


@dataclass
class Scene:
    """The service's source tree and database, and the one whom it rings."""

    tree: Path
    settings: dict[str, str]
    outside: Ringing
    people: "asyncpg.Connection[asyncpg.Record]"

    @asynccontextmanager
    async def process(self) -> AsyncGenerator[Process]:
        """The service as a process of its own, killed in the end if it is still there."""
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agora.serve", NAME),
            cwd=self.tree,
            env={**os.environ, **self.settings, "PYTHONPATH": os.pathsep.join((str(self.tree), *sys.path))},
            stdin=PIPE,
        )
        try:
            yield started
        finally:
            if started.returncode is None:
                started.kill()
            await started.wait()

    async def answered(self) -> None:
        """Wait until the agent has heard an answer."""
        async with asyncio.timeout(SECONDS_MAX):
            while not await self.people.fetchval("SELECT state->'answers' <> '[]'::jsonb FROM agents"):
                await asyncio.sleep(0.05)


@pytest.fixture
async def scene(postgres: str, kafka: str, namespace: str, tmp_path: Path) -> AsyncGenerator[Scene]:
    """One agent has been told to ring, and nobody is at work yet."""
    lay_out(tmp_path)
    access = (await provision(postgres, [NAME], tmp_path, namespace))[NAME]
    await upgrade(access.owner_url, tmp_path / "services" / NAME / "migrations", access.role)
    await ensure_topics(kafka, [namespace + stream for stream in (CALLERS, "errors")], 2)
    async with Teller(kafka) as teller:
        value = seal(CAUSE, "test-0", 1, "Asked.v1", "a", b'{"caller":"a"}')
        await teller.tell(namespace + CALLERS, Raw(b"a", value))
    outside = Ringing()
    server = await asyncio.start_server(outside.ring, "127.0.0.1")
    people = await asyncpg.connect(access.owner_url)
    settings = {
        "AGORA_KAFKA": kafka,
        "AGORA_DATABASE": access.url,
        "AGORA_NAMESPACE": namespace,
        "AGORA_CONTRACTS": str(tmp_path / "contracts"),
        "OUTSIDE_PORT": str(server.sockets[0].getsockname()[1]),
    }
    yield Scene(tmp_path, settings, outside, people)
    await people.close()
    server.close()


async def test_a_process_killed_in_the_middle_of_a_call_calls_again_under_the_same_key_and_one_outcome_is_heard(
    scene: Scene,
) -> None:
    async with scene.process() as first:
        await asyncio.wait_for(scene.outside.rung.wait(), SECONDS_MAX)
        first.send_signal(signal.SIGKILL)
        await first.wait()
    assert await scene.people.fetchval("SELECT attempts FROM activities") == 0
    scene.outside.willing.set()
    async with scene.process() as second:
        await scene.answered()
        second.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(second.wait(), SECONDS_MAX) == 0
    assert scene.outside.keys == [f"{NAME}/test-0/1/0"] * 2
    assert await scene.people.fetchval("SELECT state->>'answers' FROM agents") == '["hello"]'
    assert await scene.people.fetchval("SELECT count(*) FROM activities") == 0
