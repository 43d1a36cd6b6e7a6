"""What only a real database can do wrong."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from agora.ports import Commit, Fenced, Refused, StoredAgent, Unavailable
from agora.postgres import PostgresStore
from agora.provision import Access
from tests.runtime.counting import Entry, Total
from tests.runtime.stores import NOON, Owner, entry, full_commit, nothing_was_written


@pytest.fixture
async def store(database: Access) -> AsyncGenerator[PostgresStore]:
    store = PostgresStore(database.url)
    yield store
    await store.close()


@pytest.mark.parametrize(
    "change",
    [
        Commit(appends={Entry: [entry(1, -(2**63) - 1)]}),
        Commit(appends={Entry: [Entry("c", 1, 1, "a NUL \x00", NOON)]}),
        Commit(appends={Entry: [Entry("c", 1, 1, "a surrogate \ud800", NOON)]}),
        Commit(puts={Total: {("c",): Total("c", 2**63)}}),
        Commit(puts={Total: {("c",): Total("a NUL \x00", 1)}}),
        Commit(puts={Total: {("c",): Total("a surrogate \ud800", 1)}}),
        Commit(agents=[StoredAgent("c", b'"a NUL \\u0000"')]),
        Commit(agents=[StoredAgent("c", b"no JSON")]),
        Commit(appends={Entry: [entry(1), entry(1)]}),
    ],
)
async def test_what_no_column_can_hold_is_refused_and_the_connection_lives(
    store: PostgresStore, change: Commit
) -> None:
    owner = await Owner(store).claim()
    with pytest.raises(Refused):
        await owner.commit(replace(change, moves=[]))
    await owner.commit()


async def test_a_transaction_cut_off_by_the_server_is_unavailable_and_nothing_is_written(
    store: PostgresStore, database: Access
) -> None:
    owner = await Owner(store).claim()
    async with holding_the_partition(database):
        committing = asyncio.create_task(owner.commit(full_commit()))
        await cut_off(database)
        with pytest.raises(Unavailable):
            await committing
    await nothing_was_written(store)
    await (await owner.claim()).commit()


async def test_owners_that_wait_for_each_other_are_parted(database: Access) -> None:
    """Two owners of several partitions may lock them in opposite order; neither may be stopped by that for good."""
    ours, theirs = PostgresStore(database.url), PostgresStore(database.url)
    for _ in range(20):
        first, second = await Owner(ours).claim(*range(8)), await Owner(theirs).claim(*reversed(range(8)))
        outcomes = await asyncio.gather(first.commit(), second.commit(), return_exceptions=True)
        assert sum(outcome is None for outcome in outcomes) == 1
        assert all(outcome is None or isinstance(outcome, Fenced | Unavailable) for outcome in outcomes)
    await asyncio.gather(ours.close(), theirs.close())


async def test_it_remembers_the_first_log_it_listened_to(store: PostgresStore) -> None:
    assert await store.identify("counters", "first") == "first"
    assert await store.identify("counters", "second") == "first"


@asynccontextmanager
async def holding_the_partition(database: Access) -> AsyncGenerator[None]:
    """Keep everyone else's commit waiting."""
    connection = await asyncpg.connect(database.owner_url)
    async with connection.transaction():
        await connection.execute("SELECT FROM partitions FOR UPDATE")
        yield
    await connection.close()


async def cut_off(database: Access) -> None:
    """End the session that waits for a lock, as a restart of the server would."""
    connection = await asyncpg.connect(database.url)
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(10):
        while (pid := await connection.fetchval(waiting)) is None:
            await asyncio.sleep(0.01)
    await connection.execute("SELECT pg_terminate_backend($1)", pid)
    await connection.close()
