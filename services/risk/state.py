"""What risk remembers of a buyer. Times are whole seconds since 1970, amounts minor units of the buyer's currency.

The state is written whole at every turn, so lists are tuples of plain numbers and strings, and each has a limit.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from market.ids import ProductId, SellerId, TransactionId

PENDING_MAX: Final = 64
RECENT_MAX: Final = 32
TOKENS_MAX: Final = 8
SELLERS_MAX: Final = 32
PRODUCTS_MAX: Final = 64
SETBACKS_MAX: Final = 16
SUSPECTS_MAX: Final = 8
NAMES_PER_SUSPECT_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """What the buyer's mandate allows per order and in all; its budget tells which mandate was granted."""

    budget_minor: int
    order_minor: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class Pending:
    """A checkout that has not ended yet: the digest of its payment token, and when it says it was ordered."""

    order: TransactionId
    token: str
    at: int | None


@dataclass(frozen=True, slots=True)
class Recent:
    """The last payments, flagged or not, in order of time."""

    times: tuple[int, ...] = ()
    amounts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Habits:
    """What is ordinary for a buyer: what it paid with a trusted token, and what a reviewer has cleared.

    ``squares`` is the sum of all amounts squared: with whole numbers the variance is exact. Of sellers and products,
    what was seen longest ago leaves first.
    """

    payments: int = 0
    sum_minor: int = 0
    squares: int = 0
    largest_minor: int = 0
    sellers: tuple[SellerId, ...] = ()
    products: tuple[ProductId, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """The digest of a payment token, and since when it has been used without being suspected."""

    digest: str
    since: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """A flagged payment that waits for a reviewer's verdict; if cleared, it joins the habits."""

    transaction: TransactionId
    amount_minor: int
    token: str
    sellers: tuple[SellerId, ...]
    products: tuple[ProductId, ...]


@dataclass(frozen=True, slots=True)
class Unregistered:
    """Nobody has been registered yet; what was ``asked`` for counts once it is granted."""

    asked: Limits | None = None
    pending: tuple[Pending, ...] = ()
    status: Literal["unregistered"] = "unregistered"


@dataclass(frozen=True, slots=True)
class Registered:
    """A buyer that trades. ``refused`` (by its mandate or budget) and ``declined`` (by its bank) are the last times."""

    limits: Limits | None
    pending: tuple[Pending, ...] = ()
    recent: Recent = field(default_factory=Recent)
    habits: Habits = field(default_factory=Habits)
    tokens: tuple[Token, ...] = ()
    spent_minor: int = 0
    refused: tuple[int, ...] = ()
    declined: tuple[int, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    rejected: int = 0
    status: Literal["registered"] = "registered"


Buyer: TypeAlias = Unregistered | Registered
