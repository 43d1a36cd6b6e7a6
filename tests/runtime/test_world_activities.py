"""Activities in a world where processes die between any two steps, answers get lost and the outside has moods."""

from collections import Counter
from random import Random
from typing import Any, Final

import pytest

from agora.activity import Call, Declined
from agora.world import Faults, World
from tests.runtime.counting import COUNTERS
from tests.runtime.errands import Ask, Drop, Errands, Fetched, FetchFailed, Outside, errands, fetched

FAULTS: Final = Faults(crash=0.02, lost_answer=0.02, redelivery=0.1)
SEEDS: Final = 25
COUNTER_NAMES: Final = "abcdef"
ASKS: Final = 40


class Moody(Outside):
    """Answers, fails, declines and says nothing of use, by chance."""

    def __init__(self, seed: int) -> None:
        super().__init__(otherwise=self._answer)
        self._chance = Random(seed)  # noqa: S311 - a seeded outside, not a secret

    async def _answer(self, task: Any, call: Call) -> Any:
        mood = self._chance.random()
        if mood < 0.1:
            raise Declined("not today")
        if mood < 0.4:
            raise ConnectionError("nobody there")
        return None if mood < 0.45 else await fetched(task, call)


def state(world: World, counter: str) -> Errands:
    return world.houses["counter"].state(counter)


def heard(world: World) -> Counter[str]:
    """How often an outcome of each thing was heard."""
    states = [state(world, name) for name in COUNTER_NAMES]
    return Counter(what for one in states for what in (*one.heard, *(what for what, _ in one.failed)))


async def lived(seed: int, outside: Outside, faults: Faults = FAULTS) -> World:
    """Everything is asked for under a name of its own, while things go wrong."""
    world = World([errands(outside, attempts_max=5, concurrency_max=2)], seed, faults)
    for number in range(ASKS):
        name = world.chance.choice(COUNTER_NAMES)
        world.tell(Ask(counter=name, what=f"x{number}", name=f"n{number}"))
        if world.chance.random() < 0.2:
            await world.run()
    await world.calm()
    return world


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_whatever_breaks_everything_asked_for_has_one_outcome_and_one_key(seed: int) -> None:
    outside = Moody(seed)
    world = await lived(seed, outside)
    assert heard(world) == Counter(f"x{number}" for number in range(ASKS))
    outcomes = [kind for kind, _ in world.told(COUNTERS.name) if kind in {Fetched.wire_name, FetchFailed.wire_name}]
    assert len(outcomes) == ASKS
    keys = [outside.keys(f"x{number}") for number in range(ASKS)]
    assert [len(found) for found in keys] == [1] * ASKS
    assert len(set[str]().union(*keys)) == ASKS


async def test_things_did_break_in_the_middle_of_calls() -> None:
    """Otherwise the test above would prove nothing."""
    repeated = crashes = 0
    for seed in range(SEEDS):
        outside = Moody(seed)
        world = await lived(seed, outside)
        crashes += world.houses["counter"].crashes
        seen = Counter((call.key, call.attempt) for _, call in outside.calls)
        repeated += sum(1 for count in seen.values() if count > 1)
    assert crashes > SEEDS
    assert repeated > SEEDS


async def test_the_same_seed_gives_the_same_calls_under_the_same_keys() -> None:
    first, second = Moody(3), Moody(3)
    await lived(3, first)
    await lived(3, second)
    assert first.calls == second.calls


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_whatever_breaks_what_was_replaced_or_abandoned_before_the_last_word_is_heard_at_most_once(
    seed: int,
) -> None:
    world = World([errands(Moody(seed), attempts_max=3)], seed, FAULTS)
    last: dict[str, str | None] = {}
    for number in range(ASKS):
        name = world.chance.choice(COUNTER_NAMES)
        dropped = world.chance.random() < 0.3
        last[name] = None if dropped else f"x{number}"
        world.tell(Drop(counter=name) if dropped else Ask(counter=name, what=f"x{number}"))
        if world.chance.random() < 0.5:
            await world.run()
    await world.calm()
    assert max(heard(world).values()) == 1
    for name, what in last.items():
        if what is not None:
            assert heard(world)[what] == 1, name
    assert world.houses["counter"].store.asking == {}


async def test_a_service_that_was_away_for_long_gives_nothing_up_unattempted() -> None:
    outside = Outside()
    world = World([errands(outside, give_up_seconds=60)])
    world.away.add("counter")
    world.tell(Ask(counter="a", what="x"))
    world.clock.advance(world.clock.now().replace(year=world.clock.now().year + 1))
    world.away.clear()
    await world.run()
    assert state(world, "a").heard == ("x",)
