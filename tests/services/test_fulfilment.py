"""A shipment: the parcels of one paid order, from their booking to its end or its recall."""

from datetime import timedelta

import pytest

from agora.decision import NOTHING, Abandon, Decision, Forget, Perform, Put, Remind
from agora.event import Event
from market.ids import SellerId
from market.shipments import (
    BookingFailed,
    ConfirmDelivery,
    DeliveryRefused,
    Parcel,
    ParcelDelivered,
    ParcelDispatched,
    ParcelsBooked,
    ShipmentDelivered,
    ShipmentFailed,
    ShipmentPlanned,
    ShipmentRecalled,
    TrackingDue,
)
from market.streams import SELLERS, SHIPMENTS
from market.transactions import PaymentSucceeded, Share, TransactionRefunded
from services.fulfilment.decide import decide
from services.fulfilment.rows import ParcelRow
from services.fulfilment.state import Booking, Ended, Failed, Recalled, Shipment, Shipping, Unpaid
from services.fulfilment.tasks import BookParcels, Tracked, TrackParcels
from tests.services.words import NOW, B, R, S, T, gbp, given

TOMORROW = NOW + timedelta(days=1)
LATER = NOW + timedelta(days=2)
STRANGER = SellerId("X")
PAID = PaymentSucceeded(transaction=T, buyer=B, total=gbp(300), products=(), shares=(Share(S, 100), Share(R, 200)))
PARCELS = (Parcel(S, "SP-1", TOMORROW), Parcel(R, "SP-2", LATER))
BOOKED = ParcelsBooked(transaction=T, carrier="Post", parcels=PARCELS)
NOT_BOOKED = BookingFailed(transaction=T, reason="no such street")
S_SENT = ParcelDispatched(transaction=T, seller=S)
R_SENT = ParcelDispatched(transaction=T, seller=R)
DUE = TrackingDue(transaction=T)
S_ARRIVED = ConfirmDelivery(transaction=T, seller=S)
R_ARRIVED = ConfirmDelivery(transaction=T, seller=R)
REFUNDED = TransactionRefunded(
    transaction=T, buyer=B, amount=gbp(300), reason="payout rejected", sellers=(S, R), returned=()
)


def after(*events: Event) -> Shipment:
    return given(decide, Unpaid(), *events)


def when(state: Shipment, event: Event) -> Decision[Shipment]:
    return decide(state, event, NOW)  # pyright: ignore[reportArgumentType] - a test may say anything


def delivered(seller: SellerId) -> ParcelDelivered:
    return ParcelDelivered(transaction=T, seller=seller)


EVERY: dict[str, Shipment] = {
    "unpaid": Unpaid(),
    "booking": after(PAID),
    "booked": after(PAID, BOOKED),
    "one in transit": after(PAID, BOOKED, S_SENT),
    "the carrier asked": after(PAID, BOOKED, S_SENT, DUE),
    "one delivered": after(PAID, BOOKED, S_SENT, S_ARRIVED),
    "ended": after(PAID, BOOKED, S_SENT, R_SENT, S_ARRIVED, R_ARRIVED),
    "failed": after(PAID, NOT_BOOKED),
    "recalled": after(PAID, BOOKED, S_SENT, REFUNDED),
}


def states(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("state", [EVERY[name] for name in names], ids=names)


def every_state_but(*names: str) -> pytest.MarkDecorator:
    return states(*(name for name in EVERY if name not in names))


# Booking


def test_a_paid_order_has_the_carrier_asked_for_one_parcel_of_each_seller() -> None:
    task = BookParcels(transaction=T, sellers=(S, R), asked_at=NOW)
    assert when(Unpaid(), PAID) == Decision(Booking(B, (S, R)), activities=(Perform("booking", task),))


def test_a_seller_with_two_shares_sends_one_parcel() -> None:
    twice = PAID.model_copy(update={"shares": (Share(S, 100), Share(R, 1), Share(S, 2))})
    assert when(Unpaid(), twice).state == Booking(B, (S, R))


def test_an_order_of_nobody_cannot_be_shipped() -> None:
    decision = when(Unpaid(), PAID.model_copy(update={"shares": ()}))
    assert decision == Decision(Failed((), "nothing to ship"), (failed("nothing to ship"),))


@every_state_but("unpaid")
def test_an_order_paid_twice_is_shipped_once(state: Shipment) -> None:
    assert when(state, PAID) == NOTHING


def test_booked_parcels_are_told_to_their_sellers() -> None:
    decision = when(EVERY["booking"], BOOKED)
    planned = ShipmentPlanned(transaction=T, buyer=B, carrier="Post", parcels=PARCELS)
    assert decision.publishes == (planned,)
    assert list(planned.concerns()) == [SHIPMENTS(T), SELLERS(S), SELLERS(R)]
    assert planned.seen_by(SELLERS(R)).parcels == PARCELS[1:]
    assert decision.state == Shipping.of(B, "Post", PARCELS)
    assert decision.rows == ()
    assert decision.reminders == ()


@pytest.mark.parametrize(
    "parcels",
    [PARCELS[:1], (*PARCELS, Parcel(STRANGER, "SP-3", LATER)), (PARCELS[0], PARCELS[0]), (*PARCELS, PARCELS[0])],
    ids=["one too few", "one too many", "one twice for another", "one twice"],
)
def test_parcels_that_nobody_asked_for_are_as_good_as_none(parcels: tuple[Parcel, ...]) -> None:
    decision = when(EVERY["booking"], BOOKED.model_copy(update={"parcels": parcels}))
    reason = "the carrier booked other parcels"
    assert decision == Decision(Failed((S, R), reason), (failed(reason),))


def test_an_order_that_no_carrier_takes_cannot_be_shipped() -> None:
    decision = when(EVERY["booking"], NOT_BOOKED)
    assert decision == Decision(Failed((S, R), "no such street"), (failed("no such street"),))


@every_state_but("booking")
@pytest.mark.parametrize("outcome", [BOOKED, NOT_BOOKED])
def test_what_came_of_the_booking_is_heard_once(state: Shipment, outcome: Event) -> None:
    assert when(state, outcome) == NOTHING


# Dispatch


def test_the_carrier_is_asked_once_the_first_parcel_in_transit_should_have_arrived() -> None:
    decision = when(EVERY["booked"], R_SENT)
    assert decision.reminders == (Remind("tracking", LATER, DUE),)
    assert decision.rows == (Put(ParcelRow(T, R, "Post", "SP-2", LATER, dispatched_at=NOW)),)
    assert when(after(PAID, BOOKED, R_SENT), S_SENT).reminders == (Remind("tracking", TOMORROW, DUE),)
    assert when(after(PAID, BOOKED, S_SENT), R_SENT).reminders == ()


def test_the_carrier_is_asked_at_once_about_a_parcel_dispatched_after_its_promise() -> None:
    late = LATER + timedelta(days=1)
    assert decide(EVERY["booked"], S_SENT, late).reminders == (Remind("tracking", late, DUE),)


def test_a_parcel_dispatched_while_the_carrier_is_asked_waits_for_the_answer() -> None:
    decision = when(EVERY["the carrier asked"], R_SENT)
    assert isinstance(decision.state, Shipping)
    assert set(decision.state.in_transit) == {S, R}
    assert decision.reminders == ()


@pytest.mark.parametrize("seller", [S, STRANGER])
def test_a_dispatch_that_is_repeated_or_of_a_stranger_changes_nothing(seller: SellerId) -> None:
    assert when(EVERY["one in transit"], ParcelDispatched(transaction=T, seller=seller)) == NOTHING


@states("unpaid", "booking", "one delivered", "ended", "failed", "recalled")
def test_a_dispatch_that_nobody_waits_for_changes_nothing(state: Shipment) -> None:
    assert when(state, S_SENT) == NOTHING


def test_the_carrier_is_asked_about_what_it_has() -> None:
    decision = when(EVERY["one in transit"], DUE)
    task = TrackParcels(transaction=T, parcels=(Tracked(S, "SP-1"),))
    assert decision.activities == (Perform("tracking", task),)
    assert decision.reminders == ()
    both = when(after(PAID, BOOKED, S_SENT, R_SENT), DUE)
    assert both.activities == (
        Perform("tracking", TrackParcels(transaction=T, parcels=(Tracked(S, "SP-1"), Tracked(R, "SP-2")))),
    )


@every_state_but("one in transit")
def test_a_reminder_that_was_forgotten_asks_nothing(state: Shipment) -> None:
    assert when(state, DUE) == NOTHING


# Delivery on a word from outside


def test_a_delivery_may_be_confirmed_before_its_promise() -> None:
    decision = when(EVERY["one in transit"], S_ARRIVED)
    assert decision.publishes == (delivered(S),)
    assert decision.rows == (
        Put(ParcelRow(T, S, "Post", "SP-1", TOMORROW, dispatched_at=NOW, delivered_at=NOW)),
    )  # fmt: skip
    assert decision.reminders == (Forget("tracking"),)
    assert decision.activities == ()


def test_the_carrier_is_not_asked_about_a_parcel_that_is_confirmed_meanwhile() -> None:
    decision = when(EVERY["the carrier asked"], S_ARRIVED)
    assert decision.activities == (Abandon("tracking"),)
    assert decision.reminders == ()
    assert when(given(decide, EVERY["the carrier asked"], S_ARRIVED), R_SENT).reminders == (
        Remind("tracking", LATER, DUE),
    )


def test_the_reminder_stays_while_another_parcel_is_in_transit() -> None:
    decision = when(after(PAID, BOOKED, S_SENT, R_SENT), S_ARRIVED)
    assert (decision.reminders, decision.activities) == ((), ())


def test_the_last_parcel_ends_the_shipment() -> None:
    last = when(after(PAID, BOOKED, S_SENT, R_SENT, S_ARRIVED), R_ARRIVED)
    assert last.state == Ended((S, R), ())
    assert last.publishes == (delivered(R), ShipmentDelivered(transaction=T))
    assert last.reminders == (Forget("tracking"),)


@pytest.mark.parametrize(
    ("state", "seller", "reason"),
    [
        ("unpaid", S, "unknown transaction"),
        ("booking", S, "not dispatched"),
        ("booking", STRANGER, "not a seller of this order"),
        ("booked", S, "not dispatched"),
        ("one in transit", R, "not dispatched"),
        ("one in transit", STRANGER, "not a seller of this order"),
        ("one delivered", S, "already delivered"),
        ("one delivered", R, "not dispatched"),
        ("ended", S, "already delivered"),
        ("ended", STRANGER, "not a seller of this order"),
        ("failed", S, "not shipped"),
        ("failed", STRANGER, "not a seller of this order"),
        ("recalled", S, "recalled"),
        ("recalled", STRANGER, "not a seller of this order"),
    ],
)
def test_a_delivery_that_cannot_be_is_refused(state: str, seller: SellerId, reason: str) -> None:
    refused = DeliveryRefused(transaction=T, seller=seller, reason=reason)
    assert when(EVERY[state], ConfirmDelivery(transaction=T, seller=seller)) == Decision(None, (refused,))


# Recall


@pytest.mark.parametrize(
    ("state", "reminders", "activities"),
    [
        ("booking", (), (Abandon("booking"),)),
        ("booked", (), ()),
        ("one in transit", (Forget("tracking"),), ()),
        ("the carrier asked", (), (Abandon("tracking"),)),
        ("one delivered", (), ()),
    ],
)
def test_a_shipment_of_an_undone_order_waits_for_nothing(
    state: str, reminders: tuple[Forget, ...], activities: tuple[Abandon, ...]
) -> None:
    decision = when(EVERY[state], REFUNDED)
    assert isinstance(decision.state, Recalled)
    assert set(decision.state.sellers) == {S, R}
    assert decision.publishes == (ShipmentRecalled(transaction=T),)
    assert (decision.reminders, decision.activities) == (reminders, activities)


def test_every_parcel_that_has_not_ended_is_recalled() -> None:
    assert when(EVERY["booking"], REFUNDED).rows == ()
    assert when(EVERY["one in transit"], REFUNDED).rows == (
        Put(ParcelRow(T, R, "Post", "SP-2", LATER, recalled_at=NOW)),
        Put(ParcelRow(T, S, "Post", "SP-1", TOMORROW, dispatched_at=NOW, recalled_at=NOW)),
    )
    assert when(EVERY["one delivered"], REFUNDED).rows == (
        Put(ParcelRow(T, R, "Post", "SP-2", LATER, recalled_at=NOW)),
    )


@states("unpaid", "ended", "failed", "recalled")
def test_there_is_nothing_to_recall_before_and_after(state: Shipment) -> None:
    assert when(state, REFUNDED) == NOTHING


def failed(reason: str) -> ShipmentFailed:
    return ShipmentFailed(transaction=T, reason=reason)
