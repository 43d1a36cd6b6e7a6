"""Three hear that a payment has succeeded, each for itself: at once, in any order, and with one of them away."""

from datetime import timedelta

import pytest

from agora.envelope import read_envelope
from agora.world import World
from market.ids import TransactionId
from market.messages import ConfirmationComposed
from market.risks import FraudScored, TransactionFlagged
from market.shipments import ShipmentPlanned
from market.streams import BUYERS, SHIPMENTS, TRANSACTIONS
from market.transactions import ClearPayout, HoldRefused, PayoutHeld
from tests.stories.sums import add_up, business
from tests.stories.town import ended, flagging, heard, line, order, town

REACTIONS = {
    "risk": (TRANSACTIONS, FraudScored),
    "fulfilment": (SHIPMENTS, ShipmentPlanned),
    "concierge": (BUYERS, ConfirmationComposed),
}
KINDS = {kind.wire_name for _, kind in REACTIONS.values()}


def reactions(world: World, name: str) -> list[TransactionId]:
    stream, kind = REACTIONS[name]
    return [event.transaction for event in heard(world, stream, kind)]


def in_order(world: World) -> tuple[str, ...]:
    """The three reactions, as the log took them in."""
    records = [record for name in world.log.names() for partition in world.log.stream(name) for record in partition]
    kinds = (read_envelope(record.value or b"").type for record in sorted(records, key=lambda one: one.timestamp))
    return tuple(dict.fromkeys(kind for kind in kinds if kind in KINDS))


async def paid(world: World) -> World:
    world.tell(order("T", line("P", 2), line("X")))
    return await ended(world)


async def test_each_of_the_three_reacts_once() -> None:
    world = await paid(await town())
    await add_up(world)
    assert {name: reactions(world, name) for name in REACTIONS} == {name: ["T"] for name in REACTIONS}


async def test_in_whatever_order_they_react_the_order_ends_the_same() -> None:
    orders: set[tuple[str, ...]] = set()
    endings: list[object] = []
    for seed in range(40):
        world = await paid(await town(seed))
        await add_up(world)
        orders.add(in_order(world))
        endings.append(business(world))
    assert len(orders) >= 3
    assert all(ending == endings[0] for ending in endings)


@pytest.mark.parametrize("name", REACTIONS)
async def test_one_that_was_down_for_an_hour_catches_up_and_the_others_did_not_wait(name: str) -> None:
    world = await town()
    world.away = {name}
    world.tell(order("T", line("P", 2), line("X")))
    await world.run()
    assert reactions(world, name) == []
    assert {other: reactions(world, other) for other in REACTIONS if other != name} == {
        other: ["T"] for other in REACTIONS if other != name
    }
    assert business(world)["orders"] == {"T": ("paid" if name == "fulfilment" else "settled", "")}
    world.clock.advance(world.clock.now() + timedelta(hours=1))
    world.away = set()
    await ended(world)
    await add_up(world)
    assert reactions(world, name) == ["T"]
    assert business(world)["orders"] == {"T": ("settled", "")}


async def test_a_flag_that_comes_an_hour_late_is_refused_and_nothing_is_undone() -> None:
    world = await town(0, None, flagging(from_score=0))
    world.away = {"risk"}
    await paid(world)
    world.clock.advance(world.clock.now() + timedelta(hours=1))
    world.away = set()
    await ended(world)
    await add_up(world)
    assert [event.transaction for event in heard(world, TRANSACTIONS, TransactionFlagged)] == ["T"]
    assert [event.reason for event in heard(world, TRANSACTIONS, HoldRefused)] == ["already settled"]
    assert heard(world, TRANSACTIONS, PayoutHeld) == []
    assert business(world)["orders"] == {"T": ("settled", "")}


async def test_all_three_down_for_an_hour_catch_up_with_a_days_orders() -> None:
    world = await town(3, None, flagging(from_score=0))
    world.away = {*REACTIONS}
    names = [f"T{number}" for number in range(5)]
    world.tell(*(order(name, line("P"), line("X")) for name in names))
    await world.run()
    world.clock.advance(world.clock.now() + timedelta(hours=1))
    world.away = set()
    await world.run()
    assert sorted(event.transaction for event in heard(world, TRANSACTIONS, PayoutHeld)) == names
    world.tell(*(ClearPayout(transaction=TransactionId(name), reviewer="ada") for name in names))
    await ended(world)
    await add_up(world)
    assert {outcome for outcome, _ in business(world)["orders"].values()} == {"settled"}
