"""What a shipment remembers, status by status. A status holds only what can still be needed."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from market.ids import BuyerId, SellerId
from market.shipments import Parcel


@dataclass(frozen=True, slots=True)
class Unpaid:
    """Nothing has been paid for under this id."""

    status: Literal["unpaid"] = "unpaid"


@dataclass(frozen=True, slots=True)
class Booking:
    """The carrier is being asked to take one parcel from each seller."""

    buyer: BuyerId
    sellers: tuple[SellerId, ...]
    status: Literal["booking"] = "booking"


@dataclass(frozen=True, slots=True)
class Booked:
    """A parcel that its seller has not dispatched yet."""

    tracking: str
    promised_at: datetime


@dataclass(frozen=True, slots=True)
class InTransit:
    """A parcel that the carrier has; ``late`` once the buyer has been told so."""

    tracking: str
    promised_at: datetime
    dispatched_at: datetime
    late: bool = False

    def given_up_at(self, lost_after: timedelta) -> datetime:
        """When it is presumed lost; a parcel dispatched after its promise has as long as any other."""
        return max(self.promised_at, self.dispatched_at) + lost_after


@dataclass(frozen=True, slots=True)
class Shipping:
    """Every parcel is in one of four places: ``booked``, ``in_transit``, ``delivered`` or ``lost``.

    A reminder to ask the carrier is set for ``due``; or the carrier was asked at ``asked_at`` and has yet to answer;
    or nothing is in transit, and both are empty.
    """

    buyer: BuyerId
    carrier: str
    booked: dict[SellerId, Booked]
    in_transit: dict[SellerId, InTransit] = field(default_factory=dict[SellerId, InTransit])
    delivered: tuple[SellerId, ...] = ()
    lost: tuple[SellerId, ...] = ()
    due: datetime | None = None
    asked_at: datetime | None = None
    status: Literal["shipping"] = "shipping"

    @classmethod
    def of(cls, buyer: BuyerId, carrier: str, parcels: tuple[Parcel, ...]) -> "Shipping":
        """Begin with what the carrier has booked."""
        return cls(buyer, carrier, {parcel.seller: Booked(parcel.tracking, parcel.promised_at) for parcel in parcels})

    @property
    def sellers(self) -> tuple[SellerId, ...]:
        """Everyone who has a parcel in this shipment."""
        return (*self.booked, *self.in_transit, *self.delivered, *self.lost)


@dataclass(frozen=True, slots=True)
class Ended:
    """Every parcel has arrived or is lost. Final."""

    delivered: tuple[SellerId, ...]
    lost: tuple[SellerId, ...]
    status: Literal["ended"] = "ended"

    @property
    def sellers(self) -> tuple[SellerId, ...]:
        """Everyone who had a parcel in this shipment."""
        return (*self.delivered, *self.lost)


@dataclass(frozen=True, slots=True)
class Failed:
    """No carrier takes the parcels. Final."""

    sellers: tuple[SellerId, ...]
    reason: str
    status: Literal["failed"] = "failed"


@dataclass(frozen=True, slots=True)
class Recalled:
    """The order was undone while its parcels were under way. Final."""

    sellers: tuple[SellerId, ...]
    status: Literal["recalled"] = "recalled"


Shipment: TypeAlias = Unpaid | Booking | Shipping | Ended | Failed | Recalled
