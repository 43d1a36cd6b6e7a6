"""What a transaction remembers, status by status. A status holds only what can still be needed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

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

    @property
    def sellers(self) -> tuple[SellerId, ...]:
        """Each seller once, in the order of the lines."""
        return tuple(dict.fromkeys(line.seller for line in self.lines))


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
class Carried:
    """Every parcel was under way and none is any more: those of the ``lost`` sellers never arrived, all others did."""

    lost: tuple[SellerId, ...] = ()
    outcome: Literal["carried"] = "carried"


@dataclass(frozen=True, slots=True)
class Unshipped:
    """No parcel ever left its seller, for this reason."""

    reason: str
    outcome: Literal["unshipped"] = "unshipped"


ShipmentEnd: TypeAlias = Carried | Unshipped


@dataclass(frozen=True, slots=True)
class Paid:
    """The money is in escrow until the shipment ends. Once ``cleared`` by a reviewer, it is not held again.

    It opens as well what earlier releases stored as dispatched; what they noted of parcels is left out.
    """

    order: Order
    paid_at: datetime
    cleared: bool = False
    status: Literal["paid", "dispatched"] = "paid"


@dataclass(frozen=True, slots=True)
class Held:
    """The payment was flagged with this score, so a reviewer decides. How the shipment ``ended`` is kept until then."""

    order: Order
    paid_at: datetime
    held_at: datetime
    score: int
    ended: ShipmentEnd | None = None
    status: Literal["held"] = "held"


@dataclass(frozen=True, slots=True)
class Settled:
    """What arrived is paid for, and the buyer has got back the shares of what was lost. Final."""

    order: Order
    paid_at: datetime
    settled_at: datetime
    refunded_minor: int = 0
    ended: Carried = Carried()
    status: Literal["settled"] = "settled"


@dataclass(frozen=True, slots=True)
class Refunded:
    """The buyer has got everything back, for this reason. Final.

    The units of parcels that were lost are gone, all others are their products' again. Without ``ended`` the shipment
    was still under way, and was called back.
    """

    order: Order
    paid_at: datetime
    refunded_at: datetime
    reason: str
    ended: ShipmentEnd | None
    status: Literal["refunded"] = "refunded"


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Undone before it was paid, for this reason. Final."""

    order: Order
    reason: str
    cancelled_at: datetime
    status: Literal["cancelled"] = "cancelled"


Transaction: TypeAlias = Annotated[
    Unopened | Opened | Reserved | Paid | Held | Settled | Refunded | Cancelled, Field(discriminator="status")
]
"""Told apart by ``status`` at once; without that, opening a stored state tries one after the other."""
