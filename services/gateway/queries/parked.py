"""Failures that somebody may have to look at."""

from datetime import datetime
from typing import Final, Literal

import asyncpg
from pydantic import Field

from services.gateway.queries.paging import LIMIT, Instant, Page, Reader, Told, page_of, place_of, rows_of


class Failure(Told):
    """A turn that failed, which parks its agent, or an activity that ended without an outcome."""

    service: str
    agent: str
    stream: str | None = Field(description="The agent's stream, if an operator has named it since.")
    cause_type: str = Field(description="The event, or the task, that failed.")
    cause: str
    error: str
    story: str
    failed_at: datetime
    word: Literal["redrive", "skip"] | None = Field(
        description="The last an operator said of this agent since; whether it helped, only its service knows."
    )
    said_at: datetime | None


_FAILURES: Final = """
SELECT partition, log_offset, service, agent, said.stream, cause_type, cause, error, story, failed_at, said.word,
    said.said_at
FROM failures LEFT JOIN LATERAL (
    SELECT stream, word, said_at FROM operator_words AS words
    WHERE words.service = failures.service AND words.agent = failures.agent AND words.said_at > failures.failed_at
    ORDER BY words.said_at DESC LIMIT 1
) AS said ON true
"""


async def failures(
    reader: Reader, after: str | None = None, limit: int = LIMIT, *, unanswered: bool = False
) -> Page[Failure]:
    """Failures, newest first; only those no operator has said anything about since, if asked. Raises ``BadCursor``."""
    place = place_of(after, tuple[Instant, int, int]) or (None, None, None)
    rows = await reader.fetch(
        f"{_FAILURES} WHERE (NOT $1 OR said.word IS NULL) "
        "AND ($2::timestamptz IS NULL OR (failed_at, partition, log_offset) < ($2, $3::int, $4::bigint)) "
        "ORDER BY failed_at DESC, partition DESC, log_offset DESC LIMIT $5",
        unanswered,
        *place,
        rows_of(limit),
    )
    return page_of(rows, limit, _failure, "failed_at", "partition", "log_offset")


def _failure(row: asyncpg.Record) -> Failure:
    return Failure(**dict(row))
