"""Two releases side by side, each service a process of its own: whichever is upgraded first, nothing is lost."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from agora.control import RedriveParked
from agora.event import Event
from agora.migrations import upgrade
from agora.provision import Access, provision
from agora.topics import ensure_topics
from agora.wire import Cause, data_of, seal
from tests.runtime.kafka_reader import Raw, Teller
from tests.runtime.releases import CALLERS, HEARERS, lay_out

SECONDS_MAX: Final = 30
CALLER, HEARER = "caller", "hearer"


@dataclass
class Town:
    """A caller and a hearer, each at some release."""

    kafka: str
    namespace: str
    databases: dict[str, Access]
    trees: dict[int, Path]
    teller: Teller
    people: "asyncpg.Connection[asyncpg.Record]"
    processes: dict[str, Process]
    contracts: Path
    told: int = 0

    async def upgrade(self, name: str, release: int) -> None:
        """Stop a service and start it again at a release."""
        await self.stop(name)
        settings = {
            "AGORA_KAFKA": self.kafka,
            "AGORA_DATABASE": self.databases[name].url,
            "AGORA_NAMESPACE": self.namespace,
            "AGORA_CONTRACTS": str(self.contracts),
            "PYTHONPATH": os.pathsep.join((str(self.trees[release]), *sys.path)),
        }
        self.processes[name] = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agora.serve", name),
            cwd=self.trees[release],  # with -m, Python looks there first
            env={**os.environ, **settings},
            stdin=PIPE,
        )

    async def stop(self, name: str) -> None:
        """Stop a service as a deployment does."""
        process = self.processes.pop(name, None)
        if process is not None:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), SECONDS_MAX) == 0

    async def ask(self, *amounts: int) -> None:
        """Ask the caller to say amounts."""
        for amount in amounts:
            await self.tell(CALLERS, "Asked.v1", "a", b'{"caller": "a", "amount": %d}' % amount)

    async def redrive(self) -> None:
        """Take the hearer's parked events again."""
        word: Event = RedriveParked(service=HEARER, stream=HEARERS, agent="a")
        await self.tell(HEARERS, word.wire_name, "a", data_of(word))

    async def tell(self, stream: str, wire_name: str, subject: str, data: bytes) -> None:
        self.told += 1
        value = seal(
            Cause("2030-01-01T00:00:00Z", "story", "", "0" * 32), "test-0", self.told, wire_name, subject, data
        )
        await self.teller.tell(self.namespace + stream, Raw(subject.encode(), value))

    async def heard(self, total: int) -> None:
        """Wait until the hearer has added up this much."""
        query = "SELECT (state->>'total')::int FROM agents WHERE subject = 'a'"
        await self.until(query, total)

    async def parked(self, count: int) -> None:
        """Wait until as many events wait at the hearer."""
        await self.until("SELECT count(*) FROM parked", count)

    async def until(self, query: str, wanted: int, people: "asyncpg.Connection[asyncpg.Record] | None" = None) -> None:
        """Look into a database, the hearer's by default, until it says so, while both services run."""
        seen = None
        try:
            async with asyncio.timeout(SECONDS_MAX):
                while (seen := await (people or self.people).fetchval(query)) != wanted:
                    assert all(process.returncode is None for process in self.processes.values())
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{seen} instead of {wanted} after {SECONDS_MAX} s: {query}") from None

    async def dead(self) -> int:
        """How many records the hearer could not read."""
        return await self.people.fetchval("SELECT count(*) FROM dead_letters")


@pytest.fixture
async def town(postgres: str, kafka: str, namespace: str, tmp_path: Path) -> AsyncGenerator[Town]:
    """Both services made, neither running."""
    trees = lay_out(tmp_path)
    databases = await provision(postgres, [CALLER, HEARER], tmp_path, namespace)
    for name, access in databases.items():
        await upgrade(access.owner_url, trees[1] / "services" / name / "migrations", access.role)
    await ensure_topics(kafka, [namespace + stream for stream in (CALLERS, HEARERS, "errors")], 2)
    people = await asyncpg.connect(databases[HEARER].owner_url)
    async with AsyncExitStack() as leaving, Teller(kafka) as teller, running() as processes:
        leaving.push_async_callback(people.close)
        yield Town(kafka, namespace, databases, trees, teller, people, processes, tmp_path / "contracts")


@asynccontextmanager
async def running() -> AsyncGenerator[dict[str, Process]]:
    """Processes by service; those still there at the end are killed."""
    processes: dict[str, Process] = {}
    try:
        yield processes
    finally:
        for process in processes.values():
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest.mark.parametrize("first", [CALLER, HEARER])
async def test_a_version_that_old_readers_can_read_may_be_rolled_out_in_either_order(town: Town, first: str) -> None:
    second = HEARER if first == CALLER else CALLER
    for name in (CALLER, HEARER):
        await town.upgrade(name, 1)
    await town.ask(1)
    await town.heard(1)
    await town.upgrade(first, 2)
    await town.ask(10)
    await town.heard(11)
    await town.upgrade(second, 2)
    await town.ask(100)
    await town.heard(111)
    assert await town.dead() == 0
    await town.parked(0)


async def test_a_version_that_old_readers_cannot_read_is_rolled_out_hearers_first(town: Town) -> None:
    await town.upgrade(CALLER, 2)
    await town.upgrade(HEARER, 3)
    await town.ask(1)
    await town.heard(1)
    await town.upgrade(CALLER, 3)
    await town.ask(10)
    await town.heard(11)
    assert await town.dead() == 0


async def test_in_the_wrong_order_its_events_wait_parked_and_nothing_is_lost(town: Town) -> None:
    await town.upgrade(CALLER, 2)
    await town.upgrade(HEARER, 2)
    await town.ask(1)
    await town.heard(1)
    await town.upgrade(CALLER, 3)
    await town.ask(10, 100)
    await town.parked(2)
    await town.upgrade(HEARER, 3)
    await town.redrive()
    await town.heard(111)
    await town.parked(0)
    assert await town.dead() == 0


async def test_a_process_says_nothing_that_its_frozen_contract_does_not_allow(town: Town) -> None:
    amount = {"type": "integer", "maximum": 5}
    frozen = {"type": "object", "properties": {"hearer": {"type": "string"}, "amount": amount}}
    said = town.contracts / "Said.v1"
    said.mkdir(parents=True)
    (said / "written.json").write_text(json.dumps(frozen))
    for name in (CALLER, HEARER):
        await town.upgrade(name, 1)
    await town.ask(3, 9, 1)
    caller = await asyncpg.connect(town.databases[CALLER].owner_url)
    await town.until("SELECT count(*) FROM parked", 2, caller)
    error = await caller.fetchval("SELECT error FROM parked ORDER BY position LIMIT 1")
    assert "Said.v1 breaks its contract: amount: 9 is greater than the maximum of 5" in error
    await caller.close()
    await town.heard(3)
