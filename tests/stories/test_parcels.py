"""Parcels on their way: late, lost, in part, and with carriers that misbehave; money and dashboards stay right."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agora.discovery import service
from agora.world import Crash, World
from market.ids import SellerId, TransactionId
from market.messages import ConfirmationComposed
from market.shipments import (
    ConfirmDelivery,
    DeliveryRefused,
    ParcelDelivered,
    ParcelLate,
    ParcelLost,
    ParcelsBooked,
    ShipmentFailed,
    ShipmentLost,
    ShipmentPlanned,
)
from market.streams import BUYERS, SHIPMENTS, TRANSACTIONS
from market.transactions import ParcelRefunded
from services.fulfilment.activities import activities
from services.fulfilment.simulator import SimulatedCarrier
from tests.stories.carriers import Nonsensical, Silent, Speechless, Wavering, Witness
from tests.stories.sums import add_up, business
from tests.stories.test_faults import STORM
from tests.stories.town import LOADED, carried_by, ended, heard, line, order, town

TRANSIT = SimulatedCarrier().transit
DAY = timedelta(days=1)


async def shipped(carrier: Any, seed: int = 0) -> World:
    """An order of 500 pence: two units of P from S, three of X from R."""
    world = await town(seed, None, carried_by(*activities(carrier)))
    world.tell(order("T", line("P", 2), line("X", 3)))
    await world.run(DAY)
    await world.calm()
    return world


async def losing_one(of: str) -> World:
    """The first carrier, by its seed, that loses the parcel of this seller and of no other."""
    for seed in range(100):
        world = await shipped(SimulatedCarrier(lost_share=0.4, seed=str(seed)))
        if [event.seller for event in heard(world, SHIPMENTS, ParcelLost)] == [of]:
            return world
    raise AssertionError(f"no seed loses the parcel of {of} alone")


async def test_a_parcel_is_brought_when_it_was_promised_and_not_before() -> None:
    world = await shipped(SimulatedCarrier())
    await add_up(world)
    (planned,) = heard(world, SHIPMENTS, ShipmentPlanned)
    assert {parcel.seller for parcel in planned.parcels} == {"S", "R"}
    arrived = {row.seller: row for row in rows(world)}
    for parcel in planned.parcels:
        assert parcel.promised_at <= arrived[parcel.seller].delivered_at < parcel.promised_at + timedelta(seconds=1)


def rows(world: World) -> list[Any]:
    return [row for rows_ in world.houses["fulfilment"].store.tables.values() for row in rows_.values()]


async def test_a_late_parcel_is_told_of_once_and_arrives_all_the_same() -> None:
    world = await shipped(SimulatedCarrier(late_share=1.0))
    await add_up(world)
    late = heard(world, BUYERS, ParcelLate)
    assert sorted(event.seller for event in late) == ["R", "S"]
    for event in late:
        assert event.expected_at is not None
        assert event.expected_at > event.promised_at
    assert business(world)["orders"] == {"T": ("settled", "")}


async def test_who_waited_for_a_late_parcel_is_told_that_we_are_sorry_with_the_next_order() -> None:
    world = await shipped(SimulatedCarrier(late_share=1.0))
    world.tell(order("U", line("P")))
    await world.run(DAY)
    first, second = heard(world, BUYERS, ConfirmationComposed)
    assert (first.tone, second.tone) == ("plain", "sorry")
    assert "T" in second.text
    assert second.voucher is not None
    assert second.voucher.amount.minor <= 100 // 10


async def test_a_lost_parcel_is_refunded_and_the_rest_is_settled() -> None:
    world = await losing_one("R")
    await add_up(world)
    assert [(event.seller, event.amount.minor) for event in heard(world, BUYERS, ParcelRefunded)] == [("R", 300)]
    found = business(world)
    assert found["orders"] == {"T": ("settled", "")}
    assert found["buyers"] == {"B": (200, 1, 0)}
    assert found["parcels"] == [("T", "R", "lost"), ("T", "S", "delivered")]
    assert found["sales"] == [("S", "T", 190, 10)]
    assert found["ledger"] == [
        ("T", "captured", "buyer:B", -500),
        ("T", "captured", "escrow", 500),
        ("T", "refunded", "buyer:B", 300),
        ("T", "refunded", "escrow", -300),
        ("T", "settled", "escrow", -200),
        ("T", "settled", "fees", 10),
        ("T", "settled", "seller:S", 190),
    ]
    assert found["products"]["X"] == (LOADED - 3, 0, 3), "what is lost is not stock again"


async def test_with_every_parcel_lost_the_buyer_gets_everything_back() -> None:
    world = await shipped(SimulatedCarrier(lost_share=1.0))
    await add_up(world)
    found = business(world)
    assert len(heard(world, TRANSACTIONS, ShipmentLost)) == 1
    assert found["orders"]["T"][0] == "refunded"
    assert found["buyers"] == {"B": (0, 1, 0)}
    assert found["sales"] == []
    assert found["products"]["P"] == (LOADED - 2, 0, 2)


@pytest.mark.parametrize("carrier", [Silent(), Nonsensical()], ids=["never answers", "answers nonsense"])
async def test_an_order_that_no_carrier_takes_is_refunded_and_restocked(carrier: Witness) -> None:
    world = await shipped(carrier)
    await add_up(world)
    found = business(world)
    assert len(heard(world, TRANSACTIONS, ShipmentFailed)) == 1
    assert found["orders"]["T"][0] == "refunded"
    assert found["products"] == dict.fromkeys("PQX", (LOADED, 0, 0))
    assert len(carrier.keys) == 1, "every attempt was made under one key"
    assert carrier.keys.total() > 1


async def test_a_carrier_that_answers_late_has_taken_the_parcels_once() -> None:
    carrier = Silent(silent_calls=4)
    world = await shipped(carrier)
    await add_up(world)
    assert business(world)["orders"] == {"T": ("settled", "")}
    assert list(carrier.keys.values()) == [5]
    assert len(heard(world, SHIPMENTS, ParcelsBooked)) == 1


async def test_parcels_of_which_the_carrier_never_speaks_again_are_lost_in_the_end() -> None:
    world = await shipped(Speechless())
    await add_up(world)
    assert {event.reason for event in heard(world, SHIPMENTS, ParcelLost)} == {"never arrived"}
    assert business(world)["orders"]["T"][0] == "refunded"


async def test_a_carrier_that_says_everything_twice_and_otherwise_is_not_believed() -> None:
    world = await shipped(Wavering())
    await add_up(world)
    assert heard(world, SHIPMENTS, ParcelDelivered) == []
    assert business(world)["orders"]["T"][0] == "refunded"


async def test_a_call_under_way_when_its_process_dies_is_made_again_under_the_same_key() -> None:
    for death in ("before performing", "after performing"):
        carrier = Witness()
        alone = replace(service("concierge"), activities=())  # so that nobody else performs anything
        world = await town(0, None, carried_by(*activities(carrier)), alone)
        deaths = iter([Crash(death)])

        def die(step: str, death: str = death, deaths: Any = deaths, world: World = world) -> None:
            if step == death and world.houses["fulfilment"].store.asking and (crash := next(deaths, None)):
                raise crash

        world.breaks = die
        world.tell(order("T", line("P", 2), line("X", 3)))
        await ended(world)
        await add_up(world)
        assert world.houses["fulfilment"].crashes == 1
        assert len(carrier.keys) == 1
        assert carrier.keys.total() == (2 if death == "after performing" else 1)
        assert len(heard(world, SHIPMENTS, ParcelsBooked)) == 1


@pytest.mark.parametrize("seed", range(20))
async def test_late_and_lost_parcels_add_up_through_any_storm(seed: int) -> None:
    carrier = SimulatedCarrier(late_share=0.2, lost_share=0.3, seed=str(seed))
    world = await town(seed, STORM, carried_by(*activities(carrier)))
    world.tell(*(order(f"T{number}", line("P"), line("X")) for number in range(6)))
    await ended(world)
    await add_up(world)
    outcomes = {status for status, _ in business(world)["orders"].values()}
    assert outcomes <= {"settled", "refunded"}


async def test_a_delivery_can_be_confirmed_before_the_carrier_says_so() -> None:
    world = await town()
    world.tell(order("T", line("P", 2), line("X", 3)))
    await world.run(timedelta(seconds=1))
    arrived = [ConfirmDelivery(transaction=TransactionId("T"), seller=SellerId(seller)) for seller in ("S", "S", "Z")]
    world.tell(*arrived)
    await world.run(timedelta(seconds=1))
    reasons = {event.seller: event.reason for event in heard(world, SHIPMENTS, DeliveryRefused)}
    assert reasons == {"S": "already delivered", "Z": "not a seller of this order"}
    assert business(world)["orders"] == {"T": ("paid", "")}
    await ended(world)
    await add_up(world)


async def test_other_orders_go_on_while_a_carrier_does_not_answer() -> None:
    """The order that waits for the carrier and the other are agents of one partition."""
    world = await town(0, None, carried_by(*activities(Silent(silent_calls=3))))
    names = [f"T{number}" for number in range(8)]
    world.tell(*(order(name, line("P")) for name in names))
    await ended(world)
    await add_up(world)
    assert {status for status, _ in business(world)["orders"].values()} == {"settled"}


def test_fulfilment_in_these_stories_is_the_service_itself() -> None:
    told = carried_by(*service("fulfilment").activities)
    assert told == replace(service("fulfilment"), activities=told.activities)
