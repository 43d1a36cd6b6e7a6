"""The row of the view of sales. Amounts are minor units; each moment is patched by one kind of event alone."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row


@dataclass(frozen=True, slots=True)
class Sale(Row):
    """One seller's part of a paid order, and what became of it."""

    table: ClassVar[str] = "sales"
    key: ClassVar[tuple[str, ...]] = ("seller", "transaction")

    seller: str
    transaction: str
    amount_minor: int = 0
    currency: str = ""
    paid_at: datetime | None = None
    planned_at: datetime | None = None
    dispatched_at: datetime | None = None
    late_at: datetime | None = None
    delivered_at: datetime | None = None
    lost_at: datetime | None = None
    settled_at: datetime | None = None
    payout_minor: int = 0
    fee_minor: int = 0
    refunded_at: datetime | None = None
