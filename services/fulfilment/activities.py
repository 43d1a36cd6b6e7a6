"""How the carrier is asked, and what the shipment hears of it. No answer is believed before it has been checked."""

from functools import partial
from typing import Final

from agora.activity import Activity, Call
from market.language import TEXT_LENGTH_MAX
from market.shipments import BookingFailed, ParcelReport, ParcelsBooked, ParcelsTracked, TrackingFailed
from services.fulfilment.carrier import Carrier, Nonsense, booking_fault, tracking_fault
from services.fulfilment.tasks import BookParcels, TrackParcels

TARGET: Final = "carrier"
BOOKING_ATTEMPTS_MAX: Final = 12
"""Four to five minutes of trying: giving up undoes the order. Tracking is asked again anyway."""


def activities(carrier: Carrier) -> tuple[Activity, ...]:
    """Everything that is asked of one carrier."""
    return (
        Activity(BookParcels, TARGET, partial(_book, carrier), _booking_failed, attempts_max=BOOKING_ATTEMPTS_MAX),
        Activity(TrackParcels, TARGET, partial(_track, carrier), _tracking_failed),
    )


async def _book(carrier: Carrier, task: BookParcels, call: Call) -> ParcelsBooked:
    booking = await carrier.book(task, call.key)
    if fault := booking_fault(task, booking):
        raise Nonsense(f"the carrier {fault}")
    return ParcelsBooked(transaction=task.transaction, carrier=booking.carrier, parcels=booking.parcels)


async def _track(carrier: Carrier, task: TrackParcels, call: Call) -> ParcelsTracked:
    sellers = {parcel.tracking: parcel.seller for parcel in task.parcels}
    answer = await carrier.track(tuple(sellers), call.now)
    if fault := tracking_fault(tuple(sellers), answer, call.now):
        raise Nonsense(f"the carrier {fault}")
    reports = tuple(ParcelReport(sellers[parcel.tracking], parcel.status, parcel.expected_at) for parcel in answer)
    return ParcelsTracked(transaction=task.transaction, reports=reports)


def _booking_failed(task: BookParcels, reason: str) -> BookingFailed:
    return BookingFailed(transaction=task.transaction, reason=_fit(reason))


def _tracking_failed(task: TrackParcels, reason: str) -> TrackingFailed:
    return TrackingFailed(transaction=task.transaction, reason=_fit(reason))


def _fit(reason: str) -> str:
    """Whatever the other side wrote, as one short line that can be printed."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in reason[: 10 * TEXT_LENGTH_MAX]).split())
    return line[:TEXT_LENGTH_MAX] or "no reason given"
