"""What was done is undone by events alone: by a refusal, or by the time limit when somebody is away."""

from datetime import timedelta

import pytest

from agora.discovery import services
from agora.world import World
from market.buyers import FundsReleased
from market.products import StockReserved
from market.streams import BUYERS, PRODUCTS, TRANSACTIONS
from market.transactions import TransactionCancelled, TransactionOpened
from tests.stories.sums import add_up, business, states
from tests.stories.town import DECLINED, LOADED, ended, heard, line, order, town, until_idle

UNTOUCHED = dict.fromkeys("PQX", (LOADED, 0, 0))


def reserved(world: World) -> int:
    return sum(state.reserved for _, state in states(world, "product"))


async def test_one_products_refusal_releases_all_others() -> None:
    world = await town()
    world.tell(order("T", line("P", 2), line("Q", LOADED + 1), line("X", 2)))
    await ended(world)
    await add_up(world)
    assert {event.product for event in heard(world, TRANSACTIONS, StockReserved)} == {"P", "X"}
    assert business(world)["products"] == UNTOUCHED


async def test_two_refusals_cancel_once() -> None:
    world = await town()
    world.tell(order("T", line("P", LOADED + 1), line("Q", LOADED + 1), line("X")))
    await ended(world)
    await add_up(world)
    assert len(heard(world, BUYERS, TransactionCancelled)) == 1


async def test_an_order_whose_products_are_away_is_cancelled_at_its_time_limit() -> None:
    world = await town()
    world.away = {"product"}
    world.tell(order("T", line("P", 2), line("X")))
    started = world.clock.now()
    await world.run()
    assert business(world)["orders"] == {"T": ("cancelled", "timed out")}
    assert timedelta(seconds=60) <= world.clock.now() - started < timedelta(seconds=61)
    world.away = set()
    await ended(world)
    await add_up(world)
    assert len(heard(world, TRANSACTIONS, StockReserved)) == 2
    assert business(world)["products"] == UNTOUCHED


async def test_an_order_whose_products_come_back_in_time_is_settled() -> None:
    world = await town()
    world.away = {"product"}
    world.tell(order("T", line("P", 2), line("X")))
    await until_idle(world)
    world.clock.advance(world.clock.now() + timedelta(seconds=50))
    world.away = set()
    await ended(world)
    await add_up(world)
    assert business(world)["orders"] == {"T": ("settled", "")}


async def test_a_buyer_that_is_away_when_it_must_pay_gets_its_money_back() -> None:
    world = await town()
    world.away = {"product"}
    world.tell(order("T", line("P", 2), line("X")))
    await until_idle(world)
    world.away = {"buyer"}
    await until_idle(world)
    assert reserved(world) == 3
    await world.run()
    assert business(world)["orders"] == {"T": ("cancelled", "timed out")}
    assert reserved(world) == 0
    world.away = set()
    await ended(world)
    await add_up(world)
    assert [event.amount.minor for event in heard(world, BUYERS, FundsReleased)] == [300]
    assert business(world)["buyers"] == {"B": (0, 0, 1)}


@pytest.mark.parametrize(("seconds", "outcome"), [(50, ("settled", "")), (3600, ("cancelled", "timed out"))])
async def test_the_time_limit_runs_from_the_order_however_late_it_is_heard(
    seconds: int, outcome: tuple[str, str]
) -> None:
    world = await town()
    world.away = {"transaction"}
    world.tell(order("T", line("P", 2), line("X")))
    await world.run()
    assert heard(world, PRODUCTS, TransactionOpened) == []
    world.clock.advance(world.clock.now() + timedelta(seconds=seconds))
    world.away = set()
    await ended(world)
    await add_up(world)
    assert business(world)["orders"] == {"T": outcome}


async def test_a_paid_order_waits_for_its_sellers_however_long_they_are_away() -> None:
    world = await town()
    world.away = {"seller"}
    world.tell(order("T", line("P", 2), line("X")))
    await world.run()
    assert business(world)["orders"] == {"T": ("paid", "")}
    world.clock.advance(world.clock.now() + timedelta(days=1))
    world.away = set()
    await ended(world)
    await add_up(world)
    assert business(world)["orders"] == {"T": ("settled", "")}


@pytest.mark.parametrize("name", [one.name for one in services() if not one.ingress])
async def test_no_absence_costs_anything_but_time(name: str) -> None:
    world = await town()
    world.tell(
        order("paid", line("P", 2), line("X")),
        order("out of stock", line("Q", LOADED + 1), line("X")),
        order("declined", line("P"), payment=DECLINED),
    )
    world.away = {name}
    await world.run()
    world.away = set()
    await ended(world)
    await add_up(world)
