"""The transaction service's own rows."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row
from market.ids import TransactionId


@dataclass(frozen=True, slots=True)
class LedgerEntry(Row):
    """One side of a posting, in minor units; the entries of a posting add up to nothing."""

    table: ClassVar[str] = "ledger"
    key: ClassVar[tuple[str, ...]] = ("transaction", "posting", "entry")
    append_only: ClassVar[bool] = True

    transaction: TransactionId
    posting: str
    entry: int
    account: str
    amount_minor: int
    currency: str
    posted_at: datetime
