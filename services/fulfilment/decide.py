"""A shipment: the parcels of one paid order, from their booking to the last one's arrival.

The carrier is asked to take one parcel from each seller and, once they should have arrived, where they are. Whatever it
answers, and even if it never does, a shipment whose sellers dispatch ends once, or is recalled with its order.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias

from agora.decision import NOTHING, Abandon, Decision, Perform, Put, become, publish
from market.ids import SellerId, TransactionId
from market.shipments import (
    BookingFailed,
    ConfirmDelivery,
    DeliveryRefused,
    ParcelDelivered,
    ParcelDispatched,
    ParcelLate,
    ParcelLost,
    ParcelsBooked,
    ParcelsTracked,
    ShipmentDelivered,
    ShipmentFailed,
    ShipmentLost,
    ShipmentPartlyDelivered,
    ShipmentPlanned,
    ShipmentRecalled,
    TrackingDue,
    TrackingFailed,
)
from market.transactions import PaymentSucceeded, TransactionRefunded
from services.fulfilment import arrivals
from services.fulfilment.arrivals import TRACKING, Policy
from services.fulfilment.rows import ParcelRow
from services.fulfilment.state import Booking, Ended, Failed, InTransit, Recalled, Shipment, Shipping, Unpaid
from services.fulfilment.tasks import BookParcels, Tracked, TrackParcels

Consumes: TypeAlias = (
    PaymentSucceeded
    | ParcelsBooked
    | BookingFailed
    | ParcelDispatched
    | TrackingDue
    | ParcelsTracked
    | TrackingFailed
    | ConfirmDelivery
    | TransactionRefunded
)
Publishes: TypeAlias = (
    ShipmentPlanned
    | ShipmentFailed
    | ParcelDelivered
    | ParcelLate
    | ParcelLost
    | ShipmentDelivered
    | ShipmentPartlyDelivered
    | ShipmentLost
    | ShipmentRecalled
    | DeliveryRefused
)

BOOKING: Final = "booking"
POLICY: Final = Policy()


def decide(state: Shipment, event: Consumes, now: datetime, policy: Policy = POLICY) -> Decision[Shipment]:
    """Take one turn of a shipment."""
    match event:
        case PaymentSucceeded():
            return _book(event, now) if isinstance(state, Unpaid) else NOTHING
        case ParcelsBooked():
            return _plan(state, event) if isinstance(state, Booking) else NOTHING
        case BookingFailed():
            return _fail(state, event.transaction, event.reason) if isinstance(state, Booking) else NOTHING
        case ParcelDispatched():
            return _dispatch(state, event, now) if isinstance(state, Shipping) else NOTHING
        case TrackingDue():
            return _ask(state, event, now) if isinstance(state, Shipping) else NOTHING
        case ParcelsTracked(transaction=transaction, reports=reports):
            return arrivals.hear(state, transaction, reports, now, policy) if isinstance(state, Shipping) else NOTHING
        case TrackingFailed(transaction=transaction):
            return arrivals.hear(state, transaction, (), now, policy) if isinstance(state, Shipping) else NOTHING
        case ConfirmDelivery():
            return _confirm_delivery(state, event, now)
        case TransactionRefunded():
            return _recall(state, event, now)


def _book(event: PaymentSucceeded, now: datetime) -> Decision[Shipment]:
    """Ask the carrier for all parcels at once: an order is shipped whole or not at all."""
    booking = Booking(event.buyer, tuple(dict.fromkeys(share.seller for share in event.shares)))
    if not booking.sellers:
        return _fail(booking, event.transaction, "nothing to ship")
    task = BookParcels(transaction=event.transaction, sellers=booking.sellers, asked_at=now)
    return become(booking, activities=(Perform(BOOKING, task),))


def _plan(state: Booking, event: ParcelsBooked) -> Decision[Shipment]:
    """Tell each seller which parcel to dispatch, provided that each has exactly one."""
    shipping = Shipping.of(state.buyer, event.carrier, event.parcels)
    if len(event.parcels) != len(state.sellers) or shipping.booked.keys() != set(state.sellers):
        return _fail(state, event.transaction, "the carrier booked other parcels")
    planned = ShipmentPlanned(
        transaction=event.transaction, buyer=state.buyer, carrier=event.carrier, parcels=event.parcels
    )
    return become(shipping, planned)


def _fail(state: Booking, transaction: TransactionId, reason: str) -> Decision[Shipment]:
    return become(Failed(state.sellers, reason), ShipmentFailed(transaction=transaction, reason=reason))


def _dispatch(state: Shipping, event: ParcelDispatched, now: datetime) -> Decision[Shipment]:
    """Note one parcel, and see to it that the carrier is asked once the first should have arrived."""
    booked = state.booked.get(event.seller)
    if booked is None:
        return NOTHING
    due = state.due
    if state.asked_at is None:  # else the answer says when to ask again
        promised_at = max(now, booked.promised_at)
        due = min(due, promised_at) if due else promised_at
    parcel = InTransit(booked.tracking, booked.promised_at, now)
    shipping = replace(
        state,
        booked={seller: other for seller, other in state.booked.items() if seller != event.seller},
        in_transit={**state.in_transit, event.seller: parcel},
        due=due,
    )
    return become(
        shipping,
        reminders=arrivals.reminders(event.transaction, state.due, due),
        rows=(Put(arrivals.row_of(shipping, event.transaction, event.seller)),),
    )


def _ask(state: Shipping, event: TrackingDue, now: datetime) -> Decision[Shipment]:
    """Have the carrier asked where all parcels in transit are. A reminder may come although it was forgotten."""
    if state.due is None:
        return NOTHING
    parcels = tuple(Tracked(seller, parcel.tracking) for seller, parcel in state.in_transit.items())
    task = TrackParcels(transaction=event.transaction, parcels=parcels)
    return become(replace(state, due=None, asked_at=now), activities=(Perform(TRACKING, task),))


def _confirm_delivery(state: Shipment, event: ConfirmDelivery, now: datetime) -> Decision[Shipment]:
    if isinstance(state, Shipping) and event.seller in state.in_transit:
        return arrivals.arrive(state, event.transaction, event.seller, now)
    reason = _why_not_delivered(state, event.seller)
    return publish(DeliveryRefused(transaction=event.transaction, seller=event.seller, reason=reason))


def _why_not_delivered(state: Shipment, seller: SellerId) -> str:
    if isinstance(state, Unpaid):
        return "unknown transaction"
    if seller not in state.sellers:
        return "not a seller of this order"
    match state:
        case Booking():
            return "not dispatched"
        case Shipping() | Ended():
            if seller in state.delivered:
                return "already delivered"
            return "lost" if seller in state.lost else "not dispatched"
        case Failed():
            return "not shipped"
        case Recalled():
            return "recalled"


def _recall(state: Shipment, event: TransactionRefunded, now: datetime) -> Decision[Shipment]:
    """Wait for nothing any more. A shipment that has ended is not recalled: its own end may have brought this about."""
    match state:
        case Booking():
            activities, rows, due = (Abandon(BOOKING),), (), None
        case Shipping():
            activities = (Abandon(TRACKING),) if state.asked_at else ()
            rows, due = _recalled_rows(state, event.transaction, now), state.due
        case Unpaid() | Ended() | Failed() | Recalled():
            return NOTHING
    return become(
        Recalled(state.sellers),
        ShipmentRecalled(transaction=event.transaction),
        reminders=arrivals.reminders(event.transaction, due, None),
        rows=rows,
        activities=activities,
    )


def _recalled_rows(state: Shipping, transaction: TransactionId, now: datetime) -> tuple[Put, ...]:
    booked = (
        ParcelRow(transaction, seller, state.carrier, parcel.tracking, parcel.promised_at)
        for seller, parcel in state.booked.items()
    )
    in_transit = (arrivals.row_of(state, transaction, seller) for seller in state.in_transit)
    return tuple(Put(replace(row, recalled_at=now)) for row in (*booked, *in_transit))
