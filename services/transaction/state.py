"""What a transaction remembers, status by status. A status holds only what can still be needed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.lines import Line, Payment
from market.money import Money


@dataclass(frozen=True, slots=True)
class Order:
    """What a buyer has committed itself to."""

    transaction: TransactionId
    buyer: BuyerId
    lines: tuple[Line, ...]
    total: Money
    payment: Payment
    ordered_at: datetime | None
    opened_at: datetime

    @property
    def products(self) -> tuple[ProductId, ...]:
        """Each product once, in the order of the lines."""
        return tuple(dict.fromkeys(line.product for line in self.lines))


@dataclass(frozen=True, slots=True)
class Unopened:
    """Nobody has placed this order."""

    status: Literal["unopened"] = "unopened"


@dataclass(frozen=True, slots=True)
class Opened:
    """Products are being asked for stock; those ``unanswered`` have not promised theirs yet."""

    order: Order
    unanswered: tuple[ProductId, ...]
    status: Literal["opened"] = "opened"


@dataclass(frozen=True, slots=True)
class Reserved:
    """All stock is promised; the buyer is being asked for the money."""

    order: Order
    status: Literal["reserved"] = "reserved"


@dataclass(frozen=True, slots=True)
class Paid:
    """The money is in escrow; some sellers have yet to dispatch. ``parcels`` are on their way since when."""

    order: Order
    paid_at: datetime
    undispatched: tuple[SellerId, ...]
    parcels: dict[SellerId, datetime]
    status: Literal["paid"] = "paid"


@dataclass(frozen=True, slots=True)
class Dispatched:
    """Every seller has dispatched; ``parcels`` have yet to arrive."""

    order: Order
    paid_at: datetime
    parcels: dict[SellerId, datetime]
    status: Literal["dispatched"] = "dispatched"


@dataclass(frozen=True, slots=True)
class Settled:
    """Everything has arrived and every seller is paid. Final."""

    order: Order
    paid_at: datetime
    settled_at: datetime
    status: Literal["settled"] = "settled"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Undone, for this reason. Final."""

    order: Order
    reason: str
    cancelled_at: datetime
    status: Literal["cancelled"] = "cancelled"


Transaction: TypeAlias = Unopened | Opened | Reserved | Paid | Dispatched | Settled | Cancelled
