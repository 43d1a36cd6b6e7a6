"""The feed: what was said, in the order in which the views heard it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from services.gateway.queries.paging import Reader

KEEP: Final = 2_000_000
"""Records the feed keeps, unless told otherwise."""
EVENTS_MAX: Final = 1_000
TIMELINE_MAX: Final = 1_000
TRIMMED_AT_ONCE_ROWS: Final = 5_000
TIMELINE_STREAMS: Final = ("transactions", "shipments")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records are asked for: of a story, of an agent (``stream`` and ``agent``), of both, or all.

    An agent sees its own copy of what it was told; without one, every event is there once and whole.
    """

    story: str | None = None
    stream: str | None = None
    agent: str | None = None


ALL: Final = Filter()


@dataclass(frozen=True, slots=True)
class Told:
    """One record. ``seq`` grows with every record; ``whole`` marks an event's copy that sees all of it."""

    seq: int
    stream: str
    partition: int
    offset: int
    subject: str
    source: str
    id: str
    type: str
    story: str
    causation: str
    at: datetime
    whole: bool
    data: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Outcome:
    """An event of a story; ``data`` is its JSON, ``at`` when the log took it in (RFC 3339)."""

    story: str
    type: str
    data: str
    at: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What happened to a transaction or its shipment, and when."""

    stream: str
    type: str
    at: datetime


_COLUMNS: Final = "seq, stream, partition, log_offset, subject, source, id, type, story, causation, at, whole, data"


async def head(reader: Reader) -> int:
    """The number of the newest record, 0 before the first."""
    return await reader.fetchval("SELECT coalesce(max(seq), 0) FROM feed")


async def tail(reader: Reader) -> int:
    """The number of the oldest record that is kept, 0 if there is none."""
    return await reader.fetchval("SELECT coalesce(min(seq), 0) FROM feed")


async def after(reader: Reader, seq: int, limit: int = EVENTS_MAX, of: Filter = ALL) -> list[Told]:
    """The records that follow ``seq``, in order."""
    where, values = _where(of)
    rows = await reader.fetch(
        f"SELECT {_COLUMNS} FROM feed WHERE seq > $1 {where} ORDER BY seq LIMIT $2",  # noqa: S608 - from code
        seq,
        min(max(limit, 1), EVENTS_MAX),
        *values,
    )
    return [_told(row) for row in rows]


async def counts(reader: Reader, after: int, until: int, of: Filter = ALL) -> dict[str, int]:
    """How many records of each type there are above one number and up to another."""
    where, values = _where(of)
    rows = await reader.fetch(
        f"SELECT type, count(*) FROM feed WHERE seq > $1 AND seq <= $2 {where} GROUP BY type",  # noqa: S608 - from code
        after,
        until,
        *values,
    )
    return dict(sorted((row["type"], row["count"]) for row in rows))


async def outcomes(reader: Reader, stories: Sequence[str], types: Sequence[str] | None = None) -> list[Outcome]:
    """The events of these stories, only of these types if any are given, first ones first, each once and whole."""
    rows = await reader.fetch(
        "SELECT story, type, data, at FROM feed WHERE story = ANY($1::text[]) AND whole "
        "AND ($2::text[] IS NULL OR type = ANY($2)) ORDER BY seq",
        list(stories),
        None if types is None else list(types),
    )
    return [_outcome(row) for row in rows]


async def outcome(reader: Reader, story: str, types: Sequence[str]) -> Outcome | None:
    """The first event of a story that is of one of these types."""
    row = await reader.fetchrow(
        "SELECT story, type, data, at FROM feed WHERE story = $1 AND whole AND type = ANY($2::text[]) "
        "ORDER BY seq LIMIT 1",
        story,
        list(types),
    )
    return None if row is None else _outcome(row)


async def timeline(reader: Reader, transaction: str) -> list[Moment]:
    """What happened to a transaction and its shipment, as far back as the feed goes, by the time of the log."""
    rows = await reader.fetch(
        "SELECT stream, type, at FROM feed WHERE stream = ANY($1::text[]) AND subject = $2 ORDER BY at, seq LIMIT $3",
        TIMELINE_STREAMS,
        transaction,
        TIMELINE_MAX,
    )
    return [Moment(*row) for row in rows]


async def trim(reader: Reader, keep: int = KEEP) -> int:
    """Delete the oldest records but ``keep``, a portion at a time, and return how many went."""
    last, gone = await head(reader) - keep, 0
    while True:
        status = await reader.execute(
            "DELETE FROM feed WHERE seq IN (SELECT seq FROM feed WHERE seq <= $1 ORDER BY seq LIMIT $2)",
            last,
            TRIMMED_AT_ONCE_ROWS,
        )
        deleted = int(status.rpartition(" ")[2])
        gone += deleted
        if deleted < TRIMMED_AT_ONCE_ROWS:
            return gone


def _where(of: Filter) -> tuple[str, list[Any]]:
    """What a filter adds to a question that has two parameters already."""
    wanted: Mapping[str, str | None] = {"story": of.story, "stream": of.stream, "subject": of.agent}
    given = [(column, value) for column, value in wanted.items() if value is not None]
    words = "".join(f" AND {column} = ${place}" for place, (column, _) in enumerate(given, 3))
    words += "" if of.agent else " AND whole"
    return words, [value for _, value in given]


def _told(row: asyncpg.Record) -> Told:
    fields = dict(row)
    return Told(offset=fields.pop("log_offset"), data=msgspec.Raw(fields.pop("data").encode()), **fields)


def _outcome(row: asyncpg.Record) -> Outcome:
    return Outcome(row["story"], row["type"], row["data"], _iso(row["at"]))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
