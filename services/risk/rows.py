"""The risk service's own rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row
from market.ids import BuyerId, TransactionId


@dataclass(frozen=True, slots=True)
class ScoredPayment(Row):
    """What was thought of one payment when it was heard of, and the threshold of that time.

    ``reasons`` are the rules that applied, heaviest first, as ``new payment token 15; no seller known 10``.
    """

    table: ClassVar[str] = "scores"
    key: ClassVar[tuple[str, ...]] = ("transaction",)
    append_only: ClassVar[bool] = True

    transaction: TransactionId
    buyer: BuyerId
    amount_minor: int
    currency: str
    score: int
    threshold: int
    flagged: bool
    reasons: str
    paid_at: datetime
    scored_at: datetime
