"""Sales: each seller's part of each paid order, from its payment to its settlement or its refund."""

from collections.abc import Iterable
from typing import Final

from agora.view import Change, Patch, Told, Value, View
from market.shipments import ParcelDelivered, ParcelDispatched, ParcelLate, ParcelLost, ShipmentPlanned
from market.streams import SELLERS, SHIPMENTS
from market.transactions import ParcelRefunded, PaymentSucceeded, TransactionRefunded, TransactionSettled
from services.gateway.views.sales.rows import Sale

_MOMENTS: Final = {
    ParcelDispatched: "dispatched_at",
    ParcelLate: "late_at",
    ParcelDelivered: "delivered_at",
    ParcelLost: "lost_at",
}


def show(told: Told) -> Iterable[Change]:
    """Note a step of one seller's part. What sellers are told is their own part alone."""
    match told.event:
        case PaymentSucceeded() as event:
            for share in event.shares:
                paid = {"amount_minor": share.amount_minor, "currency": event.total.currency}
                yield _step(share.seller, event.transaction, **paid, paid_at=told.said_at)
        case ShipmentPlanned() as event:
            for parcel in event.parcels:
                yield _step(parcel.seller, event.transaction, planned_at=told.said_at)
        case TransactionSettled() as event:
            for payout in event.payouts:
                paid_out = {"payout_minor": payout.amount_minor, "fee_minor": payout.fee_minor}
                yield _step(payout.seller, event.transaction, **paid_out, settled_at=told.said_at)
        case ParcelRefunded() | TransactionRefunded() as event:
            yield _step(told.subject, event.transaction, refunded_at=told.said_at)
        case ParcelDispatched() | ParcelLate() | ParcelDelivered() | ParcelLost() as event:
            yield _step(event.seller, event.transaction, **{_MOMENTS[type(event)]: told.said_at})
        case _:
            return


def _step(seller: str, transaction: str, **columns: Value) -> Patch:
    return Patch(Sale, (seller, transaction), columns)


VIEW: Final = View(
    name="sales",
    hears={
        SELLERS: (PaymentSucceeded, ShipmentPlanned, TransactionSettled, ParcelRefunded, TransactionRefunded),
        SHIPMENTS: (ParcelDispatched, ParcelLate, ParcelDelivered, ParcelLost),
    },
    show=show,
    rows=(Sale,),
)
