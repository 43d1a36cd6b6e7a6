"""What holds of every carrier: the simulated one, and one behind HTTP. And what the simulated one may be told."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from agora.activity import Call
from market.ids import SellerId
from market.shipments import ParcelReport, ParcelsBooked, ParcelsTracked
from services.fulfilment.activities import activities
from services.fulfilment.carrier import Booking, Carrier, Whereabouts
from services.fulfilment.http_carrier import HttpCarrier
from services.fulfilment.simulator import LATE_TRANSITS, LOST_TRANSITS, SimulatedCarrier
from services.fulfilment.tasks import BookParcels, Tracked, TrackParcels
from tests.services.carrier_server import TOKEN, served
from tests.services.words import NOW, R, S, T

TRANSIT = timedelta(hours=1)
PROMISED = NOW + TRANSIT
REQUEST = BookParcels(transaction=T, sellers=(S, R), asked_at=NOW)
MANY = tuple(SellerId(f"S-{number}") for number in range(1_000))
SOUND = SimulatedCarrier(TRANSIT)
LATE = SimulatedCarrier(TRANSIT, late_share=1)
LOSING = SimulatedCarrier(TRANSIT, lost_share=1)


@dataclass
class Desk:
    """Puts a simulated carrier within reach, by itself or behind HTTP. The one behind HTTP has a clock of its own."""

    stack: AsyncExitStack
    http: bool
    now: datetime = NOW

    async def of(self, carrier: Carrier) -> Carrier:
        if not self.http:
            return carrier
        url = await self.stack.enter_async_context(served(carrier, lambda: self.now))
        client = HttpCarrier(url, TOKEN)
        self.stack.push_async_callback(client.close)
        return client

    async def track(self, carrier: Carrier, booking: Booking, now: datetime) -> list[Whereabouts]:
        self.now = now
        answer = await carrier.track(tuple(parcel.tracking for parcel in booking.parcels), now)
        by_number = {parcel.tracking: parcel for parcel in answer}
        assert len(answer) == len(by_number) == len(booking.parcels)
        return [by_number[parcel.tracking] for parcel in booking.parcels]


@pytest.fixture(params=["simulated", "behind HTTP"])
async def desk(request: pytest.FixtureRequest) -> AsyncGenerator[Desk]:
    async with AsyncExitStack() as stack:
        yield Desk(stack, http=request.param == "behind HTTP")


# Every carrier


async def test_it_takes_one_parcel_from_each_seller_and_promises_when_they_arrive(desk: Desk) -> None:
    booking = await (await desk.of(SOUND)).book(REQUEST, "key")
    assert {parcel.seller: parcel.promised_at for parcel in booking.parcels} == {S: PROMISED, R: PROMISED}
    assert len({parcel.tracking for parcel in booking.parcels}) == len(booking.parcels) == 2


async def test_asked_again_under_a_key_it_gives_the_first_answer_again(desk: Desk) -> None:
    carrier = await desk.of(SOUND)
    assert await carrier.book(REQUEST, "key") == await carrier.book(REQUEST, "key")


async def test_under_another_key_it_takes_other_parcels(desk: Desk) -> None:
    carrier = await desk.of(SOUND)
    one, two = await carrier.book(REQUEST, "key"), await carrier.book(REQUEST, "Schlüssel\r\n2")
    assert not {parcel.tracking for parcel in one.parcels} & {parcel.tracking for parcel in two.parcels}


async def test_parcels_arrive_when_promised(desk: Desk) -> None:
    carrier = await desk.of(SOUND)
    booking = await carrier.book(REQUEST, "key")
    before = await desk.track(carrier, booking, PROMISED - timedelta(milliseconds=1))
    assert [(one.status, one.expected_at) for one in before] == [("in transit", PROMISED)] * 2
    assert [one.status for one in await desk.track(carrier, booking, PROMISED)] == ["delivered"] * 2


async def test_a_late_parcel_is_expected_later_and_arrives_then(desk: Desk) -> None:
    carrier = await desk.of(LATE)
    booking = await carrier.book(REQUEST, "key")
    arrives = PROMISED + LATE_TRANSITS * TRANSIT
    due = await desk.track(carrier, booking, PROMISED)
    assert [(one.status, one.expected_at) for one in due] == [("in transit", arrives)] * 2
    assert [one.status for one in await desk.track(carrier, booking, arrives)] == ["delivered"] * 2


async def test_a_lost_parcel_is_known_to_be_lost_in_the_end(desk: Desk) -> None:
    carrier = await desk.of(LOSING)
    booking = await carrier.book(REQUEST, "key")
    known = PROMISED + LOST_TRANSITS * TRANSIT
    assert [one.status for one in await desk.track(carrier, booking, PROMISED)] == ["in transit"] * 2
    assert [one.status for one in await desk.track(carrier, booking, known)] == ["lost"] * 2


async def test_it_says_nothing_of_parcels_that_are_not_its_own(desk: Desk) -> None:
    carrier = await desk.of(SOUND)
    assert await carrier.track(("SP0-0", "'; DROP TABLE parcels", "SPffff-" + "g" * 16), NOW) == ()


async def test_it_carries_the_largest_order_there_is(desk: Desk) -> None:
    carrier = await desk.of(SOUND)
    booking = await carrier.book(BookParcels(transaction=T, sellers=MANY, asked_at=NOW), "key")
    assert [one.status for one in await desk.track(carrier, booking, PROMISED)] == ["delivered"] * len(MANY)


async def test_what_it_answers_becomes_what_the_shipment_hears(desk: Desk) -> None:
    book, track = activities(await desk.of(SOUND))
    desk.now = PROMISED
    booked = await book.perform(REQUEST, Call("key", 1, NOW))
    assert isinstance(booked, ParcelsBooked)
    task = TrackParcels(
        transaction=T, parcels=tuple(Tracked(parcel.seller, parcel.tracking) for parcel in booked.parcels)
    )
    reports = (ParcelReport(S, "delivered"), ParcelReport(R, "delivered"))
    assert await track.perform(task, Call("key", 1, PROMISED)) == ParcelsTracked(transaction=T, reports=reports)


# The simulated one


@pytest.mark.parametrize(("late", "lost"), [(0.0, 0.0), (0.25, 0.0), (0.0, 0.25), (0.5, 0.25), (0.0, 1.0)])
async def test_a_share_of_the_parcels_is_late_and_a_share_is_lost(late: float, lost: float) -> None:
    said = await whereabouts(SimulatedCarrier(TRANSIT, late, lost, "seed"), PROMISED + LOST_TRANSITS * TRANSIT)
    parts = [said.count(status) / len(said) for status in ("in transit", "lost")]
    assert parts == pytest.approx([late, lost], abs=0.05)


async def test_one_seed_brings_one_fate_and_another_brings_others() -> None:
    known = PROMISED + LOST_TRANSITS * TRANSIT
    first = await whereabouts(SimulatedCarrier(TRANSIT, lost_share=0.5, seed="1"), known)
    assert await whereabouts(SimulatedCarrier(TRANSIT, lost_share=0.5, seed="1"), known) == first
    assert await whereabouts(SimulatedCarrier(TRANSIT, lost_share=0.5, seed="2"), known) != first


async def test_a_promise_is_kept_to_the_millisecond_and_never_before_the_transit_time() -> None:
    asked_at = NOW + timedelta(microseconds=1)
    booking = await SimulatedCarrier(timedelta(0)).book(REQUEST.model_copy(update={"asked_at": asked_at}), "key")
    assert {parcel.promised_at for parcel in booking.parcels} == {NOW + timedelta(milliseconds=1)}


def test_more_than_all_parcels_cannot_be_late_or_lost() -> None:
    with pytest.raises(ValueError, match="more than all"):
        SimulatedCarrier(late_share=0.6, lost_share=0.5)


async def whereabouts(carrier: SimulatedCarrier, now: datetime) -> list[str]:
    booking = await carrier.book(BookParcels(transaction=T, sellers=MANY, asked_at=NOW), "key")
    return [one.status for one in await carrier.track(tuple(parcel.tracking for parcel in booking.parcels), now)]
