"""Pages: a list is read on from where the last page ended, so nothing is skipped or told twice as it grows."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Final, Generic, TypeAlias, TypeVar

import asyncpg
import msgspec
from pydantic import BaseModel, ConfigDict, Field

LIMIT_MAX: Final = 200
LIMIT: Final = 50
CURSOR_CHARS_MAX: Final = 2_000

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Lent: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Reader: TypeAlias = "asyncpg.Connection[asyncpg.Record] | Pool | Lent"
Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
T = TypeVar("T")
P = TypeVar("P")


class BadCursor(ValueError):
    """A cursor that no page has given."""


class Told(BaseModel):
    """What a view tells."""

    model_config = ConfigDict(frozen=True)


class Page(Told, Generic[T]):
    """Part of a list; ``next`` is the ``after`` of the next page, and ``None`` at the end."""

    items: tuple[T, ...]
    next: str | None = Field(description="Ask again with `after` set to this for what follows; null at the end.")


def rows_of(limit: int) -> int:
    """How many rows to ask the database for: one more than the page holds, to see whether there is another page."""
    return min(max(limit, 1), LIMIT_MAX) + 1


def page_of(rows: Sequence[asyncpg.Record], limit: int, item: Callable[[asyncpg.Record], T], *keys: str) -> Page[T]:
    """The page that rows make; ``keys`` are the columns the list is ordered by."""
    return Page(items=tuple(item(row) for row in rows[: rows_of(limit) - 1]), next=next_of(rows, limit, *keys))


def next_of(rows: Sequence[asyncpg.Record], limit: int, *keys: str) -> str | None:
    """The cursor behind the last row of a page, if another follows."""
    size = rows_of(limit) - 1
    if len(rows) <= size:
        return None
    return cursor_of(*(rows[size - 1][key] for key in keys))


def cursor_of(*place: str | int | datetime) -> str:
    """What names a place in a list."""
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(after: str | None, place: type[P]) -> P | None:
    """Where the page before has ended. Raises ``BadCursor``."""
    if after is None:
        return None
    if len(after) > CURSOR_CHARS_MAX:
        raise BadCursor("no page ends there: the cursor is too long")
    try:
        text = urlsafe_b64decode((after + "=" * (-len(after) % 4)).encode())
        found = msgspec.json.decode(text, type=place)
    except (ValueError, msgspec.MsgspecError):
        raise BadCursor("no page ends there: take `after` from the page before as it is") from None
    if b"\\u0000" in text:
        raise BadCursor("no page ends there: the cursor holds a NUL")
    return found
