"""One contract for each port, passed by the real thing and by the one in memory alike."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from agora.decision import Row
from agora.kafka import KafkaLog
from agora.memory import MemoryLog, MemoryStore, VirtualClock
from agora.ports import Commit, DeadLetter, Fenced, Log, PartitionRow, Record, Refused, Store, StoredAgent
from agora.postgres import PostgresStore
from agora.provision import Access
from agora.topics import ensure_topics
from tests.runtime.counting import ENTRY_MAX, Entry, Total
from tests.runtime.kafka_reader import read
from tests.runtime.stores import (
    NOON,
    Owner,
    activity,
    asking,
    entry,
    full_commit,
    nothing_was_written,
    outbox,
    parked,
    remembering,
    reminder,
    said,
    table,
    too_much,
)


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest, database: Access) -> AsyncGenerator[tuple[Store, Store]]:
    """Two hands on one and the same store."""
    if request.param == "memory":
        store = MemoryStore(refuse=too_much)
        yield store, store
        return
    ours, theirs = PostgresStore(database.url), PostgresStore(database.url)
    yield ours, theirs
    await asyncio.gather(ours.close(), theirs.close())


class TestStore:
    """What the engine relies on."""

    @pytest.fixture
    def store(self, stores: tuple[Store, Store]) -> Store:
        return stores[0]

    async def test_a_new_partition_stands_at_zero_and_claiming_again_changes_nothing(self, store: Store) -> None:
        assert await store.claim(3) == await store.claim(3) == PartitionRow(3, 0, 0, 0, {}, {})

    async def test_what_was_committed_is_what_the_next_claim_finds(self, stores: tuple[Store, Store]) -> None:
        owner = await Owner(stores[0]).claim(0, 5)
        await owner.commit(said=4, published=2)
        expected = PartitionRow(5, 1, 4, 2, {"somebody-1": 1}, {"heard Add.v1": 1})
        assert await stores[1].claim(5) == owner.rows[5] == expected

    async def test_only_one_of_two_owners_can_commit_and_the_other_writes_nothing(
        self, stores: tuple[Store, Store]
    ) -> None:
        stale, current = [await Owner(store).claim() for store in stores]
        await current.commit(Commit(agents=[StoredAgent("c", b'{"by": "current"}')]))
        everything = full_commit()
        with pytest.raises(Fenced):
            await stale.commit(everything)
        await nothing_was_written(stores[0], but={"c": b'{"by": "current"}'})
        await current.commit()

    async def test_a_commit_over_two_partitions_is_fenced_whole_if_one_of_them_was_moved(
        self, stores: tuple[Store, Store]
    ) -> None:
        stale = await Owner(stores[0]).claim(0, 1)
        await (await Owner(stores[1]).claim(1)).commit()
        with pytest.raises(Fenced):
            await stale.commit()
        assert (await stores[1].claim(0)).next_offset == 0

    async def test_what_is_known_to_be_published_fences_nobody_and_is_never_forgotten(
        self, stores: tuple[Store, Store]
    ) -> None:
        ours = await Owner(stores[0]).claim()
        await ours.commit(said=2)
        theirs = await Owner(stores[1]).claim()
        await ours.commit(published=2, heard=0)
        await theirs.commit()
        assert (await stores[0].claim(0)).published == 2

    async def test_what_one_has_unparked_another_cannot_unpark_again(self, stores: tuple[Store, Store]) -> None:
        """Redriving may neither hear nor say anything, so the parked rows themselves must tell owners apart."""
        first = await Owner(stores[0]).claim()
        await first.commit(Commit(parked=[parked("c", 0)]))
        second = await Owner(stores[1]).claim()
        await first.commit(Commit(unparked=[("c", 0)]), heard=0)
        with pytest.raises(Fenced):
            await second.commit(Commit(agents=[StoredAgent("c", b"{}")], unparked=[("c", 0)]), heard=0)
        assert await stores[0].load(["c"]) == {}

    async def test_a_commit_that_a_constraint_refuses_leaves_nothing_behind(self, store: Store) -> None:
        owner = await Owner(store).claim()
        refused = full_commit()
        refused.appends[Entry].append(entry(9, ENTRY_MAX + 1))
        with pytest.raises(Refused):
            await owner.commit(refused)
        await nothing_was_written(store)
        await owner.commit()

    async def test_agents_are_loaded_as_they_were_last_stored(self, store: Store) -> None:
        owner = await Owner(store).claim()
        first = [StoredAgent("a", b'{"n": 1}', ("x 1", "x 2")), StoredAgent("b", b'{"n": 2}')]
        await owner.commit(Commit(agents=first))
        await owner.commit(Commit(agents=[StoredAgent("b", b'{"n": 3}')]))
        loaded = await store.load(["a", "b", "nobody"])
        assert loaded == {"a": StoredAgent("a", b'{"n": 1}', ("x 1", "x 2")), "b": StoredAgent("b", b'{"n": 3}')}

    async def test_unpublished_rows_come_in_order_and_only_what_is_asked_for(self, store: Store) -> None:
        owner = await Owner(store).claim(0, 1)
        await owner.commit(Commit(outbox=[*outbox(1, 2, 3), *outbox(1, partition=1)]), said=3)
        await owner.commit(Commit(outbox=outbox(4, 5)), said=2)
        assert list(await store.unpublished(0, 0, 100)) == outbox(1, 2, 3, 4, 5)
        assert list(await store.unpublished(0, 1, 3)) == outbox(2, 3, 4)
        assert list(await store.unpublished(1, 1, 100)) == []

    async def test_trimming_drops_what_is_published_and_nothing_else(self, store: Store) -> None:
        owner = await Owner(store).claim(0, 1)
        await owner.commit(Commit(outbox=[*outbox(1, 2, 3), *outbox(1, partition=1)]), said=3)
        await store.trim(0, 2)
        assert list(await store.unpublished(0, 0, 100)) == outbox(3)
        assert list(await store.unpublished(1, 0, 100)) == outbox(1, partition=1)

    async def test_reminders_come_due_oldest_first_and_in_their_own_partition(self, store: Store) -> None:
        rows = [reminder("c", "late", 20), reminder("c", "soon", 10), reminder("b", "soon", 10)]
        other = reminder("d", "soon", 5, partition=1)
        await (await Owner(store).claim()).commit(remembering(*rows, other))
        assert await store.next_due(0) == NOON + timedelta(seconds=10)
        assert await store.next_due(1) == NOON + timedelta(seconds=5)
        assert await store.next_due(2) is None
        assert list(await store.due([0], NOON + timedelta(seconds=10), 100)) == [rows[2], rows[1]]
        assert list(await store.due([0, 1], NOON + timedelta(seconds=60), 3)) == [other, rows[2], rows[1]]
        assert list(await store.due([0], NOON, 100)) == []

    async def test_a_reminder_of_the_same_name_replaces_the_first_and_one_forgotten_is_gone(self, store: Store) -> None:
        owner = await Owner(store).claim()
        await owner.commit(remembering(reminder("c", "one", 10), reminder("c", "two", 20)))
        await owner.commit(remembering(reminder("c", "one", 30)))
        change = Commit()
        change.reminders["c", "two"] = change.reminders["nobody", "none"] = None
        await owner.commit(change)
        assert list(await store.due([0], NOON + timedelta(hours=1), 100)) == [reminder("c", "one", 30)]

    async def test_activities_come_oldest_first_of_the_partitions_and_types_that_are_asked_for(
        self, store: Store
    ) -> None:
        rows = [activity("c", "late", 20), activity("c", "soon", 10), activity("b", "soon", 10)]
        others = [activity("d", "n", 5, partition=1), activity("e", "n", 1, kind="Post.v1")]
        await (await Owner(store).claim()).commit(asking(*rows, *others))
        assert list(await store.activities([0], ["Fetch.v1"], 100)) == [rows[2], rows[1], rows[0]]
        assert list(await store.activities([0, 1], ["Fetch.v1", "Post.v1"], 2)) == [others[1], others[0]]
        assert list(await store.activities([], ["Fetch.v1"], 2)) == list(await store.activities([0], [], 2)) == []
        assert await store.asked(0) == {"Fetch.v1": rows[1].due, "Post.v1": others[1].due}
        assert await store.asked(1) == {"Fetch.v1": others[0].due}
        assert await store.asked(2) == {}

    async def test_an_activity_is_replaced_by_its_next_attempt_and_by_another_of_its_name_until_it_is_over(
        self, store: Store
    ) -> None:
        owner = await Owner(store).claim()
        first, other = activity("c", "n", 10), activity("c", "m", 20)
        await owner.commit(asking(first, other))
        again = first._replace(due=first.due + timedelta(minutes=1), attempts=3)
        await owner.commit(asking(again), heard=0)
        assert list(await store.activities([0], ["Fetch.v1"], 100)) == [other, again]
        anew = first._replace(key="another key", asked_at=NOON + timedelta(days=1), attempts=0, type="Post.v1")
        change = asking(anew)
        change.activities["c", "m"] = change.activities["nobody", "none"] = None
        await owner.commit(change)
        assert list(await store.activities([0], ["Fetch.v1", "Post.v1"], 100)) == [anew]

    async def test_parked_records_keep_their_order_and_every_byte(self, store: Store) -> None:
        owner = await Owner(store).claim()
        await owner.commit(Commit(parked=[parked("c", 0), parked("c", 1), parked("d", 0), parked("e", 0, partition=1)]))
        await owner.commit(Commit(parked=[parked("c", 2)], unparked=[("c", 0)]))
        assert await store.parked_agents(0) == {"c": 3, "d": 1}
        assert await store.parked_agents(1) == {"e": 1}
        found = await store.parked("c", 10)
        assert [row.position for row in found] == [1, 2]
        assert [row._replace(error="") for row in found] == [parked("c", n)._replace(error="") for n in (1, 2)]
        assert [row.position for row in await store.parked("c", 1)] == [1]
        await owner.commit(Commit(unparked=[("c", 1), ("c", 2), ("d", 0)]))
        assert await store.parked_agents(0) == {}

    async def test_a_header_without_a_value_can_be_set_aside(self, store: Store) -> None:
        headers: Any = (("empty", None),)
        owner = await Owner(store).claim()
        dead = DeadLetter(0, 1, 7, None, None, headers, "no key")
        await owner.commit(Commit(parked=[parked("c", 0)._replace(headers=headers)], dead_letters=[dead]))
        assert [name for name, _ in (await store.parked("c", 1))[0].headers] == ["empty"]

    async def test_rows_of_a_table_are_added_replaced_and_removed(self, store: Store) -> None:
        owner = await Owner(store).claim()
        puts: dict[type[Row], dict[tuple[Any, ...], Row | None]]
        puts = {Total: {("a",): Total("a", 1), ("b",): Total("b", 1)}}
        await owner.commit(Commit(appends={Entry: [entry(1), entry(2)]}, puts=puts))
        puts = {Total: {("a",): Total("a", 2), ("b",): None, ("nobody",): None}}
        await owner.commit(Commit(appends={Entry: [entry(3)]}, puts=puts))
        assert await table(store, Total) == [Total("a", 2)]
        assert await table(store, Entry) == [entry(1), entry(2), entry(3)]


@dataclass
class Played:
    """A log and what can be read from it."""

    log: Log
    bootstrap: str
    prefix: str

    async def read(self, count: int) -> Sequence[Record]:
        if isinstance(self.log, MemoryLog):
            return [record for records in self.log.stream("totals") for record in records]
        return await read(self.bootstrap, f"{self.prefix}totals", count, partitions=4)


@pytest.fixture(params=["memory", "kafka"])
async def played(request: pytest.FixtureRequest, kafka: str, namespace: str) -> AsyncGenerator[Played]:
    if request.param == "memory":
        yield Played(MemoryLog(VirtualClock()), "", "")
        return
    await ensure_topics(kafka, [f"{namespace}totals"], 4)
    log = KafkaLog(kafka, namespace)
    yield Played(log, kafka, namespace)
    await log.close()


class TestLog:
    async def test_what_is_published_arrives_once_with_its_key_and_value(self, played: Played) -> None:
        rows = said(("a", b"1"), ("b", b"2"), ("ü", b"\x00\xff"))
        assert await played.log.publish(rows) == 3
        found = await played.read(3)
        assert {(record.key, record.value) for record in found} == {
            (b"a", b"1"), (b"b", b"2"), ("ü".encode(), b"\x00\xff")
        }  # fmt: skip
        assert all(record.timestamp > 0 for record in found)

    async def test_one_key_stays_in_one_partition_and_in_order(self, played: Played) -> None:
        for round_ in range(5):
            rows = said(*((f"k{key}", f"{round_ * 10 + step}".encode()) for step in range(10) for key in range(8)))
            assert await played.log.publish(rows) == 80
        found = await played.read(400)
        for key in range(8):
            mine = [record for record in found if record.key == f"k{key}".encode()]
            assert len({record.partition for record in mine}) == 1
            in_order = sorted(mine, key=lambda record: record.offset)
            assert [record.value for record in in_order] == [str(number).encode() for number in range(50)]
        assert len({record.partition for record in found}) > 1

    async def test_what_it_did_not_take_can_be_published_next_and_nothing_is_lost(self, played: Played) -> None:
        rows = said(*((f"k{number % 3}", f"{number}".encode().ljust(300_000)) for number in range(12)))
        done = 0
        while done < len(rows):
            taken = await played.log.publish(rows[done:])
            assert taken > 0
            done += taken
        found = await played.read(12)
        assert sorted(int(record.value or b"") for record in found) == list(range(12))
        by_key = sorted(found, key=lambda record: (record.key, record.offset))
        assert [int(record.value or b"") % 3 for record in by_key] == [0] * 4 + [1] * 4 + [2] * 4
        assert all(a < b for a, b in zip(numbers(by_key), numbers(by_key)[1:], strict=False) if a % 3 == b % 3)

    async def test_nothing_published_is_nothing(self, played: Played) -> None:
        assert await played.log.publish([]) == 0


def numbers(records: Sequence[Record]) -> list[int]:
    return [int(record.value or b"") for record in records]
