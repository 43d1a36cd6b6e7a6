"""The seller service's own rows. All amounts are minor units."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row
from market.ids import SellerId, TransactionId


@dataclass(frozen=True, slots=True)
class OpenOrder(Row):
    """A paid order that is neither settled nor refunded yet, as the seller's dashboard lists it."""

    table: ClassVar[str] = "open_orders"
    key: ClassVar[tuple[str, ...]] = ("seller", "transaction")

    seller: SellerId
    transaction: TransactionId
    amount_minor: int
    currency: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Sale(Row):
    """A settled order: what the seller was paid, and the fee kept from its share."""

    table: ClassVar[str] = "sales"
    key: ClassVar[tuple[str, ...]] = ("seller", "transaction")
    append_only: ClassVar[bool] = True

    seller: SellerId
    transaction: TransactionId
    payout_minor: int
    fee_minor: int
    currency: str
    settled_at: datetime
