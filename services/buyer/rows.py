"""The buyer service's own rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row
from market.ids import BuyerId, TransactionId


@dataclass(frozen=True, slots=True)
class RefusedOrder(Row):
    """One refusal. The same order id may be refused again and again, so the database numbers the rows itself."""

    table: ClassVar[str] = "refused_orders"
    key: ClassVar[tuple[str, ...]] = ()
    append_only: ClassVar[bool] = True

    buyer: BuyerId
    transaction: TransactionId
    reason: str
    refused_at: datetime
