"""A view to try the runtime with: what is said of counters and totals, in rows of every kind."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, ClassVar, Final

import asyncpg

from agora.decision import Append, Row
from agora.event import Event
from agora.projector import Projector
from agora.provision import Access
from agora.topics import ensure_topics
from agora.view import Add as Increase
from agora.view import Change, Patch, Told, View
from agora.view_store import Superseded
from agora.wire import Cause, data_of, seal
from tests.runtime.counting import COUNTERS, TOTALS, AboutCounter, Add, Totalled
from tests.runtime.kafka_reader import Raw, Teller

WAIT_SECONDS: Final = 20
GLANCE_SECONDS: Final = 0.5  # another projector may show it
LINE_MAX: Final = 1_000
UNLUCKY: Final = -13
PARTITIONS: Final = 2
CAUSE: Final = Cause("2030-01-01T00:00:00Z", "story", "", "0" * 32)

MIGRATION: Final = f"""
from alembic import op
from agora.migrations import runtime_role
from agora.view_schema import create_view_tables

revision = "0001"
down_revision = None

def upgrade():
    create_view_tables(runtime_role())
    op.execute("CREATE TABLE frames (counter text PRIMARY KEY, note text, title text NOT NULL, added bigint NOT NULL, "
               "times bigint, last_at timestamptz)")
    op.execute("CREATE TABLE lines (counter text, place bigint, amount bigint CHECK (amount <= {LINE_MAX}), "
               "PRIMARY KEY (counter, place))")
    op.execute("CREATE TABLE titles (counter text PRIMARY KEY, times bigint NOT NULL)")
    for table in ("frames", "lines", "titles"):
        op.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON {{table}} TO "{{runtime_role()}}"')
"""


@dataclass(frozen=True, slots=True)
class Frame(Row):
    table: ClassVar[str] = "frames"
    key: ClassVar[tuple[str, ...]] = ("counter",)

    counter: str
    note: str | None = None
    title: str = "untitled"
    added: int = 5
    times: int | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Line(Row):
    table: ClassVar[str] = "lines"
    key: ClassVar[tuple[str, ...]] = ("counter", "place")
    append_only: ClassVar[bool] = True

    counter: str
    place: int
    amount: int


@dataclass(frozen=True, slots=True)
class Title(Row):
    table: ClassVar[str] = "titles"
    key: ClassVar[tuple[str, ...]] = ("counter",)

    counter: str
    times: int = 0


def show(told: Told) -> Iterable[Change]:
    match told.event:
        case Add(amount=-13):
            raise ValueError("unlucky")
        case Add(counter=counter, amount=amount, note=note):
            yield Patch(Frame, (counter,), {"note": note, "last_at": told.at})
            yield Increase(Frame, (counter,), {"added": amount, "times": 1})
            yield Append(Line(counter, told.sequence or -told.offset - 1, amount))
        case Totalled(counter=counter, note=note):
            yield Patch(Frame, (counter,), {"title": note})
        case _:
            raise TypeError(told.type)


def show_titles(told: Told) -> Iterable[Change]:
    yield Increase(Title, (told.subject,), {"times": 1})


def pictures(version: int = 1, show: Callable[[Told], Iterable[Change]] = show) -> View:
    return View("pictures", {COUNTERS: (Add,), TOTALS: (Totalled,)}, show, (Frame, Line), version)


def titles() -> View:
    return View("titles", {TOTALS: (Totalled,)}, show_titles, (Title,))


@dataclass
class Gallery:
    """Where views hang: two topics, and one database."""

    kafka: str
    prefix: str
    access: Access
    teller: Teller
    people: "asyncpg.Connection[asyncpg.Record]"
    told: dict[str, int] = field(default_factory=dict[str, int])
    written: dict[str, int] = field(default_factory=dict[str, int])

    def projector(self, *views: View, **options: Any) -> Projector:
        return Projector(views or (pictures(),), self.kafka, self.access.url, self.prefix, **options)

    async def say(self, *events: Event, source: str = "test-0") -> None:
        """Say something as one numbered source, in order within each stream."""
        for stream, said in groupby(events, key=_stream):
            await self.write(stream, *(self.sealed(event, source) for event in said))

    def sealed(self, event: Event, source: str = "test-0", number: int | None = None) -> Raw:
        if number is None:
            number = self.told[source] = self.told.get(source, 0) + 1
        (subject,) = event.concerns()
        return Raw(subject.id.encode(), seal(CAUSE, source, number, event.wire_name, subject.id, data_of(event)))

    async def write(self, stream: str, *records: Raw) -> None:
        """Write records of any kind."""
        self.written[stream] = self.written.get(stream, 0) + len(records)
        await self.teller.tell(self.prefix + stream, *records)

    async def shown(self, projector: Projector, view: str = "pictures", version: int = 1) -> None:
        """Wait until a view has shown everything that was written to its streams."""
        query = "SELECT stream, sum(next_offset)::int FROM view_positions WHERE view = $1 AND version = $2 GROUP BY 1"
        async with asyncio.timeout(WAIT_SECONDS):
            number = projector.changed.number
            while not self._is_all(
                {row["stream"]: row["sum"] for row in await self.people.fetch(query, view, version)}
            ):
                number = await projector.changed.after(number, GLANCE_SECONDS)

    def _is_all(self, shown: dict[str, int]) -> bool:
        return bool(shown) and all(count == self.written.get(stream, 0) for stream, count in shown.items())

    async def fetch(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.people.fetch(query)]

    async def frames(self) -> dict[str, tuple[Any, ...]]:
        rows = await self.fetch("SELECT counter, note, title, added, times FROM frames ORDER BY counter")
        return {row[0]: row[1:] for row in rows}

    async def lines(self) -> list[tuple[Any, ...]]:
        """Every line, in the order of the numbers of what was said."""
        return await self.fetch("SELECT counter, amount FROM lines ORDER BY counter, place")

    async def faults(self) -> list[tuple[Any, ...]]:
        return await self.fetch("SELECT view, stream, reason FROM view_faults ORDER BY view, stream, log_offset")


@asynccontextmanager
async def open_gallery(kafka: str, prefix: str, access: Access) -> AsyncGenerator[Gallery]:
    """Make the topics, and close everything on the way out."""
    await ensure_topics(kafka, [prefix + stream for stream in (COUNTERS.name, TOTALS.name)], PARTITIONS)
    people = await asyncpg.connect(access.owner_url)
    try:
        await people.execute("TRUNCATE view_positions, view_faults, frames, lines, titles")
        async with Teller(kafka) as teller:
            yield Gallery(kafka, prefix, access, teller, people)
    finally:
        await people.close()


@asynccontextmanager
async def at_work(projector: Projector) -> AsyncGenerator["asyncio.Task[None]"]:
    """A projector that shows what there is, until it is taken away in the middle of whatever it does."""
    task = asyncio.create_task(projector.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Superseded):
            await task


def foreign(event: AboutCounter) -> Raw:
    """An event as a producer says it that numbers nothing, in binary mode."""
    attributes = {
        "specversion": "1.0",
        "id": "x",
        "source": "abroad",
        "type": event.wire_name,
        "subject": event.counter,
    }
    return Raw(
        event.counter.encode(), data_of(event), [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    )


def _stream(event: Event) -> str:
    (subject,) = event.concerns()
    return subject.stream.name
