"""Orders, from placing to their end, and those that never became one."""

from datetime import datetime
from typing import Final, Literal, TypeAlias

import asyncpg
from pydantic import Field

from services.gateway.queries import feed
from services.gateway.queries.paging import LIMIT, Instant, Page, Reader, Told, page_of, place_of, rows_of

Status: TypeAlias = Literal[
    "placed", "reserved", "paid", "held", "settled", "partly refunded", "refunded", "cancelled", "refused"
]


class Order(Told):
    """An order. One that was refused never became a transaction, so nobody keeps what it would have cost."""

    transaction: str
    buyer: str
    status: Status
    reason: str | None = Field(description="Why it was refused, cancelled or refunded.")
    total_minor: int | None
    currency: str | None
    lines: int | None
    units: int | None
    placed_at: datetime = Field(description="When it was placed, or refused.")
    reserved_at: datetime | None = None
    paid_at: datetime | None = None
    held_at: datetime | None = None
    score: int | None = Field(None, description="How likely the payment is a fraud, of one that was held.")
    cleared_at: datetime | None = None
    ended_at: datetime | None
    refunded_minor: int = 0


class Moment(Told):
    """What happened to the transaction or its shipment."""

    stream: str
    type: str
    at: datetime


class OrderStory(Told):
    """An order and its timeline, as far back as the feed goes."""

    order: Order
    timeline: tuple[Moment, ...]


_COLUMNS: Final = (
    "transaction, buyer, status, reason, total_minor, currency, lines, units, placed_at, reserved_at, paid_at, "
    "held_at, score, cleared_at, ended_at, refunded_minor"
)
_REFUSED: Final = """
SELECT DISTINCT ON (transaction, buyer) transaction, buyer, 'refused' AS status, reason, NULL::bigint AS total_minor,
    NULL AS currency, NULL::bigint AS lines, NULL::bigint AS units, refused_at AS placed_at, refused_at AS ended_at
FROM refused_orders AS refused
"""
_ORDERS_ON: Final = "ORDER BY placed_at DESC, transaction DESC LIMIT $4"


async def one(reader: Reader, transaction: str) -> OrderStory | None:
    """One order with its timeline; without one, the last refusal of that id."""
    row = await reader.fetchrow(f"SELECT {_COLUMNS} FROM orders WHERE transaction = $1", transaction) or (  # noqa: S608 - from code
        await reader.fetchrow(
            f"SELECT * FROM ({_REFUSED} WHERE transaction = $1 ORDER BY transaction, buyer, position DESC) AS last "  # noqa: S608
            "ORDER BY ended_at DESC LIMIT 1",
            transaction,
        )
    )
    if row is None:
        return None
    moments = await feed.timeline(reader, transaction)
    timeline = tuple(Moment(stream=one.stream, type=one.type, at=one.at) for one in moments)
    return OrderStory(order=_order(row), timeline=timeline)


async def of_buyer(reader: Reader, buyer: str, after: str | None = None, limit: int = LIMIT) -> Page[Order]:
    """A buyer's orders, newest first. Raises ``BadCursor``."""
    placed_at, transaction = place_of(after, tuple[Instant, str]) or (None, None)
    rows = await reader.fetch(
        f"SELECT {_COLUMNS} FROM orders WHERE buyer = $1 "  # noqa: S608 - from code
        f"AND ($2::timestamptz IS NULL OR (placed_at, transaction) < ($2, $3)) {_ORDERS_ON}",
        buyer,
        placed_at,
        transaction,
        rows_of(limit),
    )
    return page_of(rows, limit, _order, "placed_at", "transaction")


async def refused(reader: Reader, buyer: str, after: str | None = None, limit: int = LIMIT) -> Page[Order]:
    """What a buyer asked for and was refused, newest first, each id once. Raises ``BadCursor``."""
    refused_at, transaction = place_of(after, tuple[Instant, str]) or (None, None)
    rows = await reader.fetch(
        f"SELECT * FROM ({_REFUSED} WHERE buyer = $1 ORDER BY transaction, buyer, position DESC) AS last "  # noqa: S608
        f"WHERE $2::timestamptz IS NULL OR (placed_at, transaction) < ($2, $3) {_ORDERS_ON}",
        buyer,
        refused_at,
        transaction,
        rows_of(limit),
    )
    return page_of(rows, limit, _order, "placed_at", "transaction")


async def held(reader: Reader, after: str | None = None, limit: int = LIMIT) -> Page[Order]:
    """The orders that wait for a reviewer, longest first. Raises ``BadCursor``."""
    held_at, transaction = place_of(after, tuple[Instant, str]) or (None, None)
    rows = await reader.fetch(
        f"SELECT {_COLUMNS} FROM orders WHERE transaction IN (SELECT transaction FROM order_courses WHERE "  # noqa: S608
        "held_at IS NOT NULL AND cleared_at IS NULL AND settled_at IS NULL AND refunded_at IS NULL) "
        "AND ($1::timestamptz IS NULL OR (held_at, transaction) > ($1, $2)) ORDER BY held_at, transaction LIMIT $3",
        held_at,
        transaction,
        rows_of(limit),
    )
    return page_of(rows, limit, _order, "held_at", "transaction")


def _order(row: asyncpg.Record) -> Order:
    return Order(**dict(row))
