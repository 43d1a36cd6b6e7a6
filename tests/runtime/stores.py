"""What the tests of a store need: rows, an owner of partitions, and what is in the tables."""

from datetime import UTC, datetime, timedelta

from agora.decision import Row
from agora.memory import MemoryStore
from agora.ports import (
    ActivityRow,
    Commit,
    DeadLetter,
    Move,
    OutboxRow,
    ParkedRow,
    PartitionRow,
    ReminderRow,
    Store,
    StoredAgent,
)
from agora.postgres import PostgresStore
from tests.runtime.counting import ENTRY_MAX, Entry, Total

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def outbox(*sequences: int, partition: int = 0) -> list[OutboxRow]:
    return [OutboxRow(partition, number, "totals", f"c{number}", f"value {number}".encode()) for number in sequences]


def reminder(subject: str, name: str, seconds: int, partition: int = 0) -> ReminderRow:
    due = NOON + timedelta(seconds=seconds)
    return ReminderRow(partition, subject, name, due, "Rang.v1", b'{"n":1}', "story", "cause", "trace")


def activity(subject: str, name: str, seconds: int, partition: int = 0, kind: str = "Fetch.v1") -> ActivityRow:
    due = NOON + timedelta(seconds=seconds)
    key = f"key of {subject}"
    return ActivityRow(partition, subject, name, key, due, NOON, 2, kind, b'{"n":1}\xff', "story", "cause", "trace")


def parked(subject: str, position: int, partition: int = 0) -> ParkedRow:
    headers = (("a header", b"\x00\xff"), ("another", b""))
    return ParkedRow(partition, subject, position, 100 + position, 7, b"key\x00", b"value\xff", headers, "why\x00")


def entry(number: int, amount: int = 1, counter: str = "c") -> Entry:
    return Entry(counter, number, amount, None, NOON)


class Owner:
    """Somebody who believes to own partitions, and commits what follows from what it knows of them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.rows: dict[int, PartitionRow] = {}

    async def claim(self, *partitions: int) -> "Owner":
        for number in partitions or (0,):
            self.rows[number] = await self.store.claim(number)
        return self

    async def commit(self, change: Commit | None = None, *, published: int = 0, said: int = 0, heard: int = 1) -> None:
        commit = change or Commit()
        moves = [
            Move(row, row._replace(
                next_offset=row.next_offset + heard,
                sequence=row.sequence + said,
                published=row.published + published,
                heard={"somebody-1": row.next_offset + heard},
                counts={"heard Add.v1": row.next_offset + heard},
            ))
            for row in self.rows.values()
        ]  # fmt: skip
        commit.moves.extend(moves)
        await self.store.commit(commit)
        self.rows.update({move.after.partition: move.after for move in moves})


def too_much(commit: Commit) -> str | None:
    """The constraint that the migration of the counting service puts on its entries."""
    entries = (row for rows in commit.appends.values() for row in rows if isinstance(row, Entry))
    return "too much" if any(row.amount > ENTRY_MAX for row in entries) else None


async def table(store: Store, kind: type[Row]) -> list[Row]:
    """All rows of a table, which no port reads: that is for people."""
    if isinstance(store, MemoryStore):
        return [*store.appended.get(kind, []), *store.tables.get(kind, {}).values()]
    assert isinstance(store, PostgresStore)
    async with store._connected() as connection:  # pyright: ignore[reportPrivateUsage]
        rows = await connection.fetch(f"SELECT * FROM {kind.table} ORDER BY {', '.join(kind.key)}")
    return [kind(*row) for row in rows]


def remembering(*rows: ReminderRow) -> Commit:
    return Commit(reminders={(row.subject, row.name): row for row in rows})


def asking(*rows: ActivityRow) -> Commit:
    return Commit(activities={(row.subject, row.name): row for row in rows})


def full_commit() -> Commit:
    """A commit that writes something everywhere."""
    commit = remembering(reminder("c", "n", 0))
    commit.activities = asking(activity("c", "n", 0)).activities
    commit.agents = [StoredAgent("x", b"{}")]
    commit.outbox = outbox(1)
    commit.appends[Entry] = [entry(1)]
    commit.puts[Total] = {("c",): Total("c", 1)}
    commit.parked = [parked("c", 0)]
    commit.dead_letters = [DeadLetter(0, 0, 7, None, b"value", (), "reason")]
    return commit


async def nothing_was_written(store: Store, but: dict[str, bytes] | None = None) -> None:
    loaded = await store.load(["x", "c"])
    assert {subject: agent.state for subject, agent in loaded.items()} == (but or {})
    assert list(await store.unpublished(0, 0, 10)) == []
    assert await store.next_due(0) is None
    assert await store.asked(0) == {}
    assert await store.parked_agents(0) == {}
    assert await table(store, Total) == await table(store, Entry) == []


def said(*values: tuple[str, bytes]) -> list[OutboxRow]:
    return [OutboxRow(0, number, "totals", key, value) for number, (key, value) in enumerate(values, 1)]
