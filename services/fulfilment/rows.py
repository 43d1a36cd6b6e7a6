"""The fulfilment service's own rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row
from market.ids import SellerId, TransactionId


@dataclass(frozen=True, slots=True)
class ParcelRow(Row):
    """One seller's parcel of one order once it is dispatched or recalled, and what has become of it so far."""

    table: ClassVar[str] = "parcels"
    key: ClassVar[tuple[str, ...]] = ("transaction", "seller")

    transaction: TransactionId
    seller: SellerId
    carrier: str
    tracking: str
    promised_at: datetime
    dispatched_at: datetime | None = None
    late: bool = False
    delivered_at: datetime | None = None
    lost_at: datetime | None = None
    recalled_at: datetime | None = None
