"""Whatever breaks, the story ends the same: crashes, lost answers, duplicates, any order of events."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from agora.ports import Unavailable
from agora.world import Crash, Faults, World
from market.buyers import CheckOut
from market.ids import ProductId, SellerId
from market.products import StockReserved
from market.sellers import ChangePrice
from market.streams import TRANSACTIONS
from tests.stories.sums import add_up, business, states
from tests.stories.town import DECLINED, LOADED, buyer, ended, heard, into_cart, line, order, town

STORIES = {
    "settled": order("T", line("P", 2), line("Q"), line("X", 3)),
    "refused by a product": order("T", line("P", 2), line("Q", LOADED + 1), line("X", 3)),
    "refused by the buyer": order("T", line("P", 2), line("X"), payment=DECLINED),
}
FAULTS: dict[str, Callable[[str], BaseException]] = {"crash": Crash, "lost answer": Unavailable}
STORM = Faults(crash=0.03, lost_answer=0.03, redelivery=0.1)


@dataclass
class Breaker:
    """Counts the steps of a story and breaks those it is told to."""

    at: tuple[int, ...] = ()
    fault: Callable[[str], BaseException] = Crash
    steps: int = 0

    def __call__(self, step: str) -> None:
        self.steps += 1
        if self.steps in self.at:
            raise self.fault(step)


async def told(asked: CheckOut, breaker: Breaker, seed: int = 0) -> World:
    world = await town(seed)
    world.breaks = breaker
    world.tell(asked)
    return await ended(world)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("story", STORIES)
async def test_a_story_ends_the_same_whichever_of_its_steps_breaks(story: str, fault: str) -> None:
    calm = Breaker()
    expected = business(await told(STORIES[story], calm))
    assert calm.steps > 30
    for step in range(1, calm.steps + 1):
        breaker = Breaker((step,), FAULTS[fault])
        world = await told(STORIES[story], breaker)
        assert breaker.steps >= step
        await add_up(world)
        assert business(world) == expected, f"{fault} at step {step}"


async def test_a_story_ends_the_same_when_two_of_its_steps_break() -> None:
    """The second fault strikes while the first is being made good."""
    expected = business(await told(STORIES["settled"], Breaker()))
    for step in range(1, 60):
        world = await told(STORIES["settled"], Breaker((step, step + 2)))
        await add_up(world)
        assert business(world) == expected, f"crashes at steps {step} and {step + 2}"


@pytest.mark.parametrize("seed", range(60))
async def test_a_busy_day_adds_up_through_any_storm(seed: int) -> None:
    world = await town(seed, STORM)
    world.tell(buyer("C", budget=2_000))
    for number in range(4):
        world.tell(
            order(
                f"B{number}",
                line("P", 2),
                line("X", 2),
                payment=DECLINED if number == 3 else STORIES["settled"].payment,
            )
        )
        world.tell(order(f"C{number}", line("P", 2), line("Q", 3), who="C"))
    world.tell(into_cart("Q", 2), into_cart("X", who="C"), order("cart"))
    world.tell(ChangePrice(seller=SellerId("S"), product=ProductId("Q"), price_minor=110))
    await ended(world)
    await add_up(world)
    assert sum(house.crashes for house in world.houses.values()) > 0
    outcomes = {status for status, _ in business(world)["orders"].values()}
    assert outcomes == {"settled", "cancelled"}


@pytest.mark.parametrize("story", STORIES)
async def test_everything_heard_twice_is_done_once(story: str) -> None:
    world = await told(STORIES[story], Breaker())
    before, stores = business(world), {name: dict(house.store.agents) for name, house in world.houses.items()}
    said = [(name, record) for name in world.log.names() for records in world.log.stream(name) for record in records]
    for name, record in said:
        world.log.append(name, record.key, record.value)
    await ended(world)
    assert business(world) == before
    assert {name: house.store.agents for name, house in world.houses.items()} == stores
    assert sum(row.counts.get("duplicates", 0) for house in world.houses.values()
               for row in house.store.partitions.values()) >= len(said) / 2  # fmt: skip


async def test_a_story_ends_the_same_in_whatever_order_its_events_arrive() -> None:
    orders: set[tuple[str, ...]] = set()
    endings: list[object] = []
    for seed in range(60):
        world = await told(STORIES["settled"], Breaker(), seed)
        await add_up(world)
        orders.add(tuple(event.product for event in heard(world, TRANSACTIONS, StockReserved)))
        endings.append(business(world))
    assert len(orders) >= 3
    assert all(ending == endings[0] for ending in endings)


@pytest.mark.parametrize("seed", range(3))
async def test_equal_seeds_give_equal_logs_to_the_byte(seed: int) -> None:
    logs = [await stormy_log(seed) for _ in range(2)]
    assert logs[0] == logs[1]
    assert logs[0] != await stormy_log(seed + 100)


async def stormy_log(seed: int) -> list[object]:
    world = await town(seed, STORM)
    world.tell(*(order(f"T{number}", line("P", 3), line("X")) for number in range(5)))
    await ended(world)
    return [world.log.stream(name) for name in world.log.names()]


async def test_no_promise_is_ever_made_that_cannot_be_kept() -> None:
    """At every step of a rush on the last units, not only at its end."""
    for seed in range(10):
        world = await town(seed, STORM)

        def watch(_: str, world: World = world) -> None:
            for _, state in states(world, "product"):
                assert 0 <= state.reserved <= state.stock
                assert state.stock + state.sold == LOADED

        world.breaks = watch
        world.tell(*(order(f"T{number}", line("P", 4), line("Q", 3)) for number in range(6)))
        await ended(world)
        await add_up(world)
