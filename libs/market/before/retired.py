"""Events nobody says any more. The log keeps what was said, so their contracts stay and every reader knows them."""

from agora.event import Subject
from market.ids import SellerId, TransactionId
from market.language import MarketEvent
from market.streams import TRANSACTIONS


class _AboutTransaction(MarketEvent):
    transaction: TransactionId

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction."""
        return (TRANSACTIONS(self.transaction),)


class OrderDispatched(_AboutTransaction):
    """A seller has sent its part of the order. ``ParcelDispatched`` took its place, on fulfilment's plan."""

    seller: SellerId


class OrderDelivered(_AboutTransaction):
    """One seller's parcel has arrived. ``ParcelDelivered`` took its place, on the carrier's word."""

    seller: SellerId


class DeliveryDue(_AboutTransaction):
    """Every parcel still on its way has had the time it needs (a reminder). ``TrackingDue`` took its place."""
