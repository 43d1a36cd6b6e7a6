"""What the marketplace comes to, in a few numbers."""

from typing import Final

from services.gateway.queries import feed
from services.gateway.queries.paging import Reader

RECORDS_PER_LOOK_MAX: Final = 50_000

_ESCROW: Final = "SELECT currency, balance_minor FROM accounts WHERE account = 'escrow'"
_CONSERVATION: Final = "SELECT currency, sum(balance_minor)::bigint AS minor FROM accounts GROUP BY currency"
_ORDERS: Final = "SELECT status, count(*) AS orders FROM orders GROUP BY status"
_SETTLED: Final = """
SELECT subject FROM feed
WHERE seq > $1 AND seq <= $2 AND stream = 'transactions' AND type LIKE 'TransactionSettled.v%'
"""
_SECONDS: Final = """
SELECT extract(epoch FROM ended_at - placed_at)::float8 AS seconds FROM orders
WHERE transaction = ANY($1::text[]) AND ended_at IS NOT NULL
"""
STATUSES: Final = ("placed", "reserved", "paid", "held", "settled", "partly refunded", "refunded", "cancelled")


async def money(reader: Reader) -> tuple[dict[str, int], dict[str, int]]:
    """What escrow holds, and what all accounts hold together, by currency in minor units. Reads every account once."""
    escrow = {row["currency"]: row["balance_minor"] for row in await reader.fetch(_ESCROW)}
    return escrow, {row["currency"]: row["minor"] for row in await reader.fetch(_CONSERVATION)}


async def orders(reader: Reader) -> dict[str, int]:
    """How many orders stand how: every status, of however many. Reads every order, half a second for 300,000."""
    return {**dict.fromkeys(STATUSES, 0), **{row["status"]: row["orders"] for row in await reader.fetch(_ORDERS)}}


async def settled_since(reader: Reader, seq: int | None) -> tuple[int, list[float]]:
    """How many seconds each order took that was settled after this record of the feed, and the record to go on from.

    With ``None`` it begins now. So many records are looked through at once; the rest is left to the next look.
    """
    head = await feed.head(reader)
    if seq is None or seq > head:  # the feed was built anew
        return head, []
    until = min(head, seq + RECORDS_PER_LOOK_MAX)
    settled = [row["subject"] for row in await reader.fetch(_SETTLED, seq, until)]
    rows = await reader.fetch(_SECONDS, settled) if settled else ()
    return until, [max(0.0, row["seconds"]) for row in rows]
