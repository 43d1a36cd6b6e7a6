"""Events about shipments: what becomes of a paid order's parcels, one from each of its sellers."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field

from agora.event import Subject
from market.ids import BuyerId, SellerId, TransactionId
from market.language import MarketEvent
from market.lines import LINES_MAX
from market.streams import BUYERS, SELLERS, SHIPMENTS
from market.transactions import AboutTransaction

Sellers = Annotated[tuple[SellerId, ...], Field(min_length=1, max_length=LINES_MAX)]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One seller's parcel as the carrier has booked it: under which number, and when it has promised to bring it."""

    seller: SellerId
    tracking: str
    promised_at: AwareDatetime


Parcels = Annotated[tuple[Parcel, ...], Field(min_length=1, max_length=LINES_MAX)]


@dataclass(frozen=True, slots=True)
class ParcelReport:
    """Where the carrier says that a parcel is, and when it expects to bring one that is still in transit."""

    seller: SellerId
    status: Literal["in transit", "delivered", "lost"]
    expected_at: AwareDatetime | None = None


Reports = Annotated[tuple[ParcelReport, ...], Field(max_length=LINES_MAX)]


class AboutShipment(MarketEvent):
    """An event that concerns one transaction's shipment."""

    transaction: TransactionId

    def concerns(self) -> tuple[Subject, ...]:
        """Address the shipment, which bears the transaction's id."""
        return (SHIPMENTS(self.transaction),)


class AboutShipmentAndBuyer(AboutShipment):
    """An event that concerns one transaction's shipment and its buyer."""

    buyer: BuyerId

    def concerns(self) -> tuple[Subject, ...]:
        """Address the shipment and the buyer."""
        return (SHIPMENTS(self.transaction), BUYERS(self.buyer))


class ParcelsBooked(AboutShipment):
    """The carrier will take the parcels (what came of asking it)."""

    carrier: str
    parcels: Parcels


class BookingFailed(AboutShipment):
    """The carrier will not take the parcels, or has not answered (what came of asking it)."""

    reason: str


class ShipmentPlanned(AboutShipment):
    """Who carries the order's parcels, and by when. A seller sees its own parcel alone."""

    buyer: BuyerId
    carrier: str
    parcels: Parcels

    def concerns(self) -> tuple[Subject, ...]:
        """Address the shipment and each seller, who packs and dispatches its parcel."""
        return (SHIPMENTS(self.transaction), *(SELLERS(parcel.seller) for parcel in self.parcels))

    def seen_by(self, subject: Subject) -> Self:
        """Narrow to one seller's parcel."""
        if subject.stream is not SELLERS:
            return self
        return self.model_copy(update={"parcels": tuple(p for p in self.parcels if p.seller == subject.id)})


class ParcelDispatched(AboutShipment):
    """A seller has packed its parcel and given it to the carrier."""

    seller: SellerId


class TrackingDue(AboutShipment):
    """Parcels should have arrived by now, so the carrier is asked (a reminder to itself)."""


class ParcelsTracked(AboutShipment):
    """Where the carrier says that the parcels are (what came of asking it)."""

    reports: Reports


class TrackingFailed(AboutShipment):
    """The carrier has not said where the parcels are (what came of asking it)."""

    reason: str


class ConfirmDelivery(AboutShipment, command=True):
    """Tell the shipment that one seller's parcel has arrived."""

    seller: SellerId


class DeliveryRefused(AboutShipment):
    """No parcel of this seller is on its way."""

    seller: SellerId
    reason: str


class ParcelDelivered(AboutShipment):
    """One seller's parcel has arrived."""

    seller: SellerId


class ParcelLate(AboutShipmentAndBuyer):
    """A parcel has not arrived when it was promised; it is now expected then, if the carrier says so."""

    seller: SellerId
    promised_at: AwareDatetime
    expected_at: AwareDatetime | None = None


class ParcelLost(AboutShipmentAndBuyer):
    """A parcel will not arrive."""

    seller: SellerId
    reason: str


class ShipmentDelivered(AboutTransaction):
    """Every parcel has arrived."""


class ShipmentPartlyDelivered(AboutTransaction):
    """Every parcel has arrived but those of these sellers, which are lost."""

    lost: Sellers


class ShipmentLost(AboutTransaction):
    """No parcel has arrived; all are lost."""


class ShipmentFailed(AboutTransaction):
    """The order cannot be shipped; its goods never left their sellers."""

    reason: str


class ShipmentRecalled(AboutShipment):
    """The order was undone, so its parcels are waited for no longer."""
