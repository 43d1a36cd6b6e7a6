"""The rows of the view of the ledger. Amounts are minor units."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row


@dataclass(frozen=True, slots=True)
class LedgerEntry(Row):
    """One side of a posting; the entries of a posting add up to nothing."""

    table: ClassVar[str] = "ledger"
    key: ClassVar[tuple[str, ...]] = ("transaction", "posting", "entry")

    transaction: str
    posting: str
    entry: int
    account: str = ""
    amount_minor: int = 0
    currency: str = ""
    posted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account(Row):
    """What the entries of an account add up to."""

    table: ClassVar[str] = "accounts"
    key: ClassVar[tuple[str, ...]] = ("account", "currency")

    account: str
    currency: str
    balance_minor: int = 0
