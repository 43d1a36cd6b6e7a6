"""Agents as events tell of them."""

from datetime import datetime
from typing import Final, Literal

import asyncpg
from pydantic import Field

from services.gateway.queries.paging import LIMIT, Page, Reader, Told, page_of, place_of, rows_of


class Agent(Told):
    """A subject of a stream. Several services may each have an agent of that name."""

    stream: str
    subject: str
    records: int = Field(description="How many records of the stream concern it.")
    last_type: str
    last_at: datetime
    status: Literal["registered", "listed", "refused"] | None = Field(
        description="Whether it may trade, as far as events tell: of buyers, sellers and products alone."
    )


_AGENTS: Final = """
SELECT stream, subject, records, last_type, last_at, CASE
    WHEN registered_at IS NOT NULL AND stream = 'products' THEN 'listed'
    WHEN registered_at IS NOT NULL THEN 'registered'
    WHEN refused_at IS NOT NULL THEN 'refused'
END AS status
FROM agent_cards
"""


async def one(reader: Reader, stream: str, subject: str) -> Agent | None:
    """One agent, if anything was ever said of it."""
    row = await reader.fetchrow(f"{_AGENTS} WHERE stream = $1 AND subject = $2", stream, subject)
    return None if row is None else _agent(row)


async def first_at(reader: Reader, stream: str, subject: str) -> datetime | None:
    """When the oldest record of an agent that the feed still keeps was said."""
    question = "SELECT at FROM feed WHERE stream = $1 AND subject = $2 ORDER BY seq LIMIT 1"
    return await reader.fetchval(question, stream, subject)


async def of_stream(
    reader: Reader, stream: str, prefix: str = "", after: str | None = None, limit: int = LIMIT
) -> Page[Agent]:
    """The agents of a stream whose id begins so, by id. Raises ``BadCursor``."""
    rows = await reader.fetch(
        f"{_AGENTS} WHERE stream = $1 AND subject BETWEEN $2 AND $2 || U&'\\+10FFFF' "
        "AND ($3::text IS NULL OR subject > $3) ORDER BY subject LIMIT $4",
        stream,
        prefix,
        next(iter(place_of(after, tuple[str]) or ()), None),
        rows_of(limit),
    )
    return page_of(rows, limit, _agent, "subject")


def _agent(row: asyncpg.Record) -> Agent:
    return Agent(**dict(row))
