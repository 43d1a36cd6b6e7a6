"""Activities whose process dies, whose partition changes hands, or that do not fit into memory."""

import asyncio
from typing import Any

import pytest

from agora.ports import Fenced
from tests.runtime.errands import Ask, Fetch, Outside, broken
from tests.runtime.shop import ATTEMPTS, Shop, hanging, shop


async def test_what_was_under_way_when_its_process_died_is_called_again_under_the_same_key() -> None:
    answer, _ = hanging()
    outside = Outside({"x": answer})
    async with shop(outside) as here:
        await here.hear(Ask(counter="a", what="x"))
        here.call()
        await asyncio.sleep(0)
        await here.leave()
        outside.answers = {}
        here.begin()
        await here.hear()
        await here.perform()
        assert outside.attempts("x") == [1, 1]
        assert len(outside.keys("x")) == 1
        assert here.state().heard == ("x",)


async def test_attempts_and_their_spacing_survive_a_crash() -> None:
    async with shop(Outside({"x": broken}), backoff_seconds=60) as here:
        for attempt in range(1, ATTEMPTS + 1):
            here.begin()
            await here.hear(*([Ask(counter="a", what="x")] if attempt == 1 else []))
            await here.perform()
            assert here.outside.attempts("x") == list(range(1, attempt + 1))
            here.begin()
            await here.hear()
            await here.perform()
            assert len(here.outside.calls) == attempt
            for row in here.store.asking.values():
                here.clock.advance(row.due)
        assert len(here.state().failed) == 1


async def test_of_two_owners_one_tells_the_outcome() -> None:
    async with shop() as here:
        await here.hear(Ask(counter="a", what="x"))
        stale = here.engine
        begun = here.call()
        here.begin()
        await here.hear()
        await here.perform()
        await asyncio.gather(*begun)
        with pytest.raises(Fenced):
            await stale.conclude()
        await here.perform()
        assert here.outside.attempts("x") == [1, 1]
        assert len(here.outside.keys("x")) == 1
        assert here.state().heard == ("x",)


async def test_a_partition_that_was_let_go_of_has_no_outcomes_until_it_is_owned_again() -> None:
    async with shop() as here:
        await here.hear(Ask(counter="a", what="x"))
        begun = here.call()
        await here.engine.own([])
        await asyncio.gather(*begun)
        await here.engine.conclude()
        assert len(here.store.asking) == 1
        await here.hear()
        await here.perform()
        assert here.state().heard == ("x",)


@pytest.mark.parametrize("held_max", [1, 2, 7])
async def test_what_does_not_fit_into_memory_waits_in_the_store_and_nothing_is_lost(held_max: int) -> None:
    outside = Outside({"c3": broken, "c4": broken})
    async with shop(outside, held_max=held_max, attempts_max=2, concurrency_max=2) as here:
        names = [f"c{number}" for number in range(40)]
        await here.hear(*(Ask(counter=name, what=name) for name in names))
        assert len(here.engine.performing._held) <= held_max  # pyright: ignore[reportPrivateUsage]
        await here.settle()
        done = {name: here.state(name).heard or tuple(what for what, _ in here.state(name).failed) for name in names}
        assert done == {name: (name,) for name in names}
        assert sorted(what for what, _ in outside.calls) == sorted([*names, "c3", "c4"])


async def test_what_waits_for_its_next_attempt_makes_room_for_what_is_due() -> None:
    outside = Outside({f"c{number}": broken for number in range(3)})
    async with shop(outside, held_max=3, backoff_seconds=1_000, backoff_seconds_max=1_000) as here:
        await here.hear(*(Ask(counter=f"c{number}", what=f"c{number}") for number in range(3)))
        await here.perform()
        await here.hear(Ask(counter="d", what="quick"))
        await here.perform()
        assert here.state("d").heard == ("quick",)


async def test_a_task_of_a_type_nobody_knows_is_kept_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async with shop() as here:
        await here.hear(Ask(counter="a", what="x"))
        (place,) = here.store.asking
        kept = here.store.asking[place] = replace_type(here, place, "Telepathy.v1")
        here.begin()
        for _ in range(3):
            await here.engine.own([])
            await here.hear(Ask(counter="b", what="y"))
            await here.perform()
        assert here.store.asking == {place: kept}
        assert caplog.text.count("Telepathy.v1") == 1
        here.store.asking[place] = replace_type(here, place, Fetch.wire_name)
        await here.engine.own([])
        await here.hear()
        await here.perform()
        assert here.state("a").heard == ("x",)


def replace_type(here: Shop, place: tuple[str, str], kind: str) -> Any:
    return here.store.asking[place]._replace(type=kind)


async def test_what_waits_in_the_store_is_not_overtaken_by_what_is_asked_for_later() -> None:
    async with shop(held_max=4, concurrency_max=1) as here:
        names = [f"c{number}" for number in range(10)]
        for name in names[:-1]:
            await here.hear(Ask(counter=name, what=name))
        await asyncio.gather(*here.call())
        await here.engine.conclude()
        await here.hear(Ask(counter=names[-1], what=names[-1]))
        await here.settle()
        assert [what for what, _ in here.outside.calls] == names
