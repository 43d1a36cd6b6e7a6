"""The concierge's own rows. All amounts are minor units."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row
from market.ids import BuyerId, TransactionId


@dataclass(frozen=True, slots=True)
class Confirmation(Row):
    """One confirmation, and the voucher it carries, if any: never above what the mandate then left."""

    table: ClassVar[str] = "confirmations"
    key: ClassVar[tuple[str, ...]] = ("transaction",)
    append_only: ClassVar[bool] = True

    transaction: TransactionId
    buyer: BuyerId
    tone: str
    by_model: bool
    voucher_code: str | None
    voucher_minor: int | None
    mandate_minor: int | None
    currency: str | None
    valid_until: datetime | None
    composed_at: datetime
