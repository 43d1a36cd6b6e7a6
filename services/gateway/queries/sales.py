"""A seller's dashboard."""

from datetime import datetime
from typing import Final, Literal, TypeAlias

from pydantic import Field, TypeAdapter

from services.gateway.queries.paging import LIMIT, Instant, Reader, Told, cursor_of, place_of, rows_of

Status: TypeAlias = Literal["paid", "planned", "dispatched", "late", "delivered", "lost", "settled", "refunded"]


class Sale(Told):
    """The seller's part of one paid order, in minor units."""

    transaction: str
    status: Status
    amount_minor: int = Field(description="The seller's share of what the buyer has paid.")
    currency: str
    payout_minor: int = Field(description="What the seller was paid: 0 until it is settled.")
    fee_minor: int
    paid_at: datetime
    ended_at: datetime | None


class Sums(Told):
    """All sales of one currency, in minor units: open and ended ones."""

    currency: str
    open: int = Field(description="How many sales are neither settled nor refunded.")
    open_minor: int
    settled: int
    payout_minor: int
    fee_minor: int
    refunded: int
    refunded_minor: int


class Dashboard(Told):
    """What a seller has sold. The sums are of all its sales, on whatever page."""

    seller: str
    sums: tuple[Sums, ...]
    sales: tuple[Sale, ...]
    next: str | None


# One statement sees one moment, so the sums are those of the very sales that its pages list.
_DASHBOARD: Final = """
SELECT (
    SELECT coalesce(json_agg(summed ORDER BY currency), '[]') FROM (
        SELECT currency, count(*) FILTER (WHERE ended_at IS NULL) AS open,
            coalesce(sum(amount_minor) FILTER (WHERE ended_at IS NULL), 0)::bigint AS open_minor,
            count(*) FILTER (WHERE status = 'settled') AS settled,
            coalesce(sum(payout_minor), 0)::bigint AS payout_minor, coalesce(sum(fee_minor), 0)::bigint AS fee_minor,
            count(*) FILTER (WHERE status = 'refunded') AS refunded,
            coalesce(sum(amount_minor) FILTER (WHERE status = 'refunded'), 0)::bigint AS refunded_minor
        FROM dashboard WHERE seller = $1 GROUP BY currency
    ) AS summed
) AS sums, (
    SELECT coalesce(json_agg(listed ORDER BY paid_at DESC, transaction DESC), '[]') FROM (
        SELECT * FROM dashboard
        WHERE seller = $1 AND ($2::timestamptz IS NULL OR (paid_at, transaction) < ($2, $3))
        ORDER BY paid_at DESC, transaction DESC LIMIT $4
    ) AS listed
) AS sales
"""
_sums: Final = TypeAdapter(tuple[Sums, ...])
_sales: Final = TypeAdapter(tuple[Sale, ...])


async def dashboard(reader: Reader, seller: str, after: str | None = None, limit: int = LIMIT) -> Dashboard:
    """A seller's sums and its sales, newest first. Raises ``BadCursor``. Reads all the seller's sales."""
    paid_at, transaction = place_of(after, tuple[Instant, str]) or (None, None)
    row = await reader.fetchrow(_DASHBOARD, seller, paid_at, transaction, rows_of(limit))
    assert row is not None  # noqa: S101 - it has a row, whatever there is
    sales = _sales.validate_json(row["sales"])
    shown = sales[: rows_of(limit) - 1]
    more = cursor_of(shown[-1].paid_at, shown[-1].transaction) if len(shown) < len(sales) else None
    return Dashboard(seller=seller, sums=_sums.validate_json(row["sums"]), sales=shown, next=more)
