"""What becomes of parcels in transit: each arrives once or is lost once, and the last of them ends the shipment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from agora.decision import Abandon, Decision, Forget, Put, Remind, become
from market.ids import SellerId, TransactionId
from market.shipments import (
    ParcelDelivered,
    ParcelLate,
    ParcelLost,
    ParcelReport,
    ShipmentDelivered,
    ShipmentLost,
    ShipmentPartlyDelivered,
    TrackingDue,
)
from services.fulfilment.rows import ParcelRow
from services.fulfilment.state import Ended, InTransit, Shipment, Shipping

Happening: TypeAlias = ParcelDelivered | ParcelLost | ParcelLate
"""What has become of one parcel."""
News: TypeAlias = Mapping[SellerId, Happening]
End: TypeAlias = ShipmentDelivered | ShipmentPartlyDelivered | ShipmentLost

TRACKING: Final = "tracking"
"""The reminder to ask the carrier, and the asking itself."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How soon the carrier is asked again, and how long after its promise a parcel is presumed lost."""

    retry_after: timedelta = timedelta(seconds=5)
    lost_after: timedelta = timedelta(seconds=60)

    def __post_init__(self) -> None:
        if min(self.retry_after, self.lost_after) <= timedelta(0):
            raise ValueError("a carrier needs some time between two questions, and some after its promise")


def hear(
    state: Shipping, transaction: TransactionId, reports: tuple[ParcelReport, ...], now: datetime, policy: Policy
) -> Decision[Shipment]:
    """Take in what the carrier says, the first word on each parcel, and see when to ask again."""
    words = {report.seller: report for report in reversed(reports)}
    news = {
        seller: happening
        for seller in state.in_transit
        if (happening := _happening(state, transaction, seller, words.get(seller), now, policy))
    }
    after = _after(state, news)
    next_questions = (
        _next_question(parcel, words.get(seller), state.asked_at, now, policy)
        for seller, parcel in after.in_transit.items()
    )
    return _go_on(state, replace(after, due=min(next_questions, default=None), asked_at=None), transaction, news, now)


def arrive(state: Shipping, transaction: TransactionId, seller: SellerId, now: datetime) -> Decision[Shipment]:
    """Take in one parcel in transit. With nothing else in transit, the carrier is not asked any more."""
    news = {seller: ParcelDelivered(transaction=transaction, seller=seller)}
    after = _after(state, news)
    if after.in_transit:
        return _go_on(state, after, transaction, news, now)
    abandoned = (Abandon(TRACKING),) if state.asked_at is not None else ()
    return _go_on(state, replace(after, due=None, asked_at=None), transaction, news, now, abandoned)


def reminders(
    transaction: TransactionId, before: datetime | None, after: datetime | None
) -> tuple[Remind | Forget, ...]:
    """Change when the carrier is asked: there is one reminder for all parcels, or none."""
    if after == before:
        return ()
    if after is None:
        return (Forget(TRACKING),)
    return (Remind(TRACKING, after, TrackingDue(transaction=transaction)),)


def row_of(state: Shipping, transaction: TransactionId, seller: SellerId) -> ParcelRow:
    """A parcel in transit, as people read it."""
    parcel = state.in_transit[seller]
    return ParcelRow(
        transaction, seller, state.carrier, parcel.tracking, parcel.promised_at, parcel.dispatched_at, parcel.late
    )


def _happening(
    state: Shipping,
    transaction: TransactionId,
    seller: SellerId,
    word: ParcelReport | None,
    now: datetime,
    policy: Policy,
) -> Happening | None:
    """One parcel's news. One that is out for too long is lost, even if the carrier never says so."""
    parcel = state.in_transit[seller]
    if word is not None and word.status == "delivered":
        return ParcelDelivered(transaction=transaction, seller=seller)
    if word is not None and word.status == "lost":
        return ParcelLost(transaction=transaction, buyer=state.buyer, seller=seller, reason="lost by the carrier")
    if now >= parcel.given_up_at(policy.lost_after):
        return ParcelLost(transaction=transaction, buyer=state.buyer, seller=seller, reason="never arrived")
    if word is None or parcel.late or now < parcel.promised_at:
        return None
    return ParcelLate(
        transaction=transaction,
        buyer=state.buyer,
        seller=seller,
        promised_at=parcel.promised_at,
        expected_at=word.expected_at if word.expected_at and word.expected_at > now else None,
    )


def _next_question(
    parcel: InTransit, word: ParcelReport | None, asked_at: datetime | None, now: datetime, policy: Policy
) -> datetime:
    """When a parcel should arrive, but neither too soon after the last question nor after it is given up."""
    if asked_at is not None and parcel.dispatched_at > asked_at:  # the last question was not about this one
        return max(now, parcel.promised_at)
    soonest = now + policy.retry_after
    if now < parcel.promised_at:
        return max(soonest, parcel.promised_at)
    expected_at = word.expected_at if word else None
    return max(soonest, min(expected_at or soonest, parcel.given_up_at(policy.lost_after)))


def _after(state: Shipping, news: News) -> Shipping:
    """The shipment once the news is known; when the carrier is asked stays as it is."""
    return replace(
        state,
        in_transit={
            seller: replace(parcel, late=True) if seller in news else parcel
            for seller, parcel in state.in_transit.items()
            if not isinstance(news.get(seller), ParcelDelivered | ParcelLost)
        },
        delivered=(*state.delivered, *(seller for seller, new in news.items() if isinstance(new, ParcelDelivered))),
        lost=(*state.lost, *(seller for seller, new in news.items() if isinstance(new, ParcelLost))),
    )


def _go_on(
    state: Shipping,
    after: Shipping,
    transaction: TransactionId,
    news: News,
    now: datetime,
    abandoned: tuple[Abandon, ...] = (),
) -> Decision[Shipment]:
    """Say the news, and if no parcel is left, how the shipment has ended."""
    going = after.booked or after.in_transit
    return become(
        after if going else Ended(after.delivered, after.lost),
        *news.values(),
        *(() if going else (_end(transaction, after),)),
        reminders=reminders(transaction, state.due, after.due),
        rows=tuple(Put(_row_with(row_of(state, transaction, seller), new, now)) for seller, new in news.items()),
        activities=abandoned,
    )


def _end(transaction: TransactionId, shipping: Shipping) -> End:
    if not shipping.lost:
        return ShipmentDelivered(transaction=transaction)
    if not shipping.delivered:
        return ShipmentLost(transaction=transaction)
    return ShipmentPartlyDelivered(transaction=transaction, lost=shipping.lost)


def _row_with(row: ParcelRow, new: Happening, now: datetime) -> ParcelRow:
    match new:
        case ParcelDelivered():
            return replace(row, delivered_at=now)
        case ParcelLost():
            return replace(row, lost_at=now)
        case ParcelLate():
            return replace(row, late=True)
