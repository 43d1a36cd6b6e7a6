"""Work outside of a turn: nobody waits for it, and what came of it is heard once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from agora.activity import Activity
from agora.envelope import read_envelope
from agora.later import DATA_BYTES_MAX
from agora.memory import MemoryLog, MemoryStore, VirtualClock
from agora.turns import Engine
from tests.runtime.counting import counting
from tests.runtime.errands import Ask, Drop, Fetch, Fetched, Outside, broken, errands, failed, fetched
from tests.runtime.shop import Shop, errors, hanging, shop


async def test_what_is_asked_for_is_done_and_its_outcome_is_heard_once() -> None:
    async with shop() as here:
        await here.hear(Ask(counter="a", what="milk"), Ask(counter="b", what="bread"))
        await here.perform()
        await here.perform()
        assert (here.state("a").heard, here.state("b").heard) == (("milk",), ("bread",))
        assert here.outside.attempts("milk") == [1]
        assert here.store.asking == {}


async def test_an_outcome_belongs_to_the_story_of_the_event_that_asked_and_is_caused_by_it() -> None:
    async with shop() as here:
        await here.hear(Ask(counter="a", what="milk"))
        await here.perform()
        asked, outcome = (read_envelope(record.value or b"") for record in here.log.stream("counters")[0])
        assert outcome.type == Fetched.wire_name
        assert (outcome.correlationid, outcome.causationid) == ("story", f"{asked.source}/{asked.id}")
        assert outcome.traceparent[3:35] == asked.traceparent[3:35]
        assert here.store.partitions[0].counts[f"told {Fetched.wire_name}"] == 1


async def test_turns_go_on_while_a_call_hangs() -> None:
    answer, let_go = hanging()
    async with shop(Outside({"slow": answer})) as here:
        await here.hear(Ask(counter="a", what="slow"))
        here.call()
        await asyncio.sleep(0)
        await here.hear(Ask(counter="a", what="quick", name="another"))
        await asyncio.gather(*here.call())
        await here.engine.conclude()
        await here.hear()
        assert here.state().heard == ("quick",)
        let_go.set()
        await asyncio.gather(*here.calls)
        await here.engine.conclude()
        await here.hear()
        assert here.state().heard == ("quick", "slow")


async def test_what_is_asked_for_anew_under_a_name_replaces_what_is_under_way() -> None:
    answer, let_go = hanging()
    async with shop(Outside({"old": answer})) as here:
        await here.hear(Ask(counter="a", what="old"))
        here.call()
        await asyncio.sleep(0)
        await here.hear(Ask(counter="a", what="new"))
        let_go.set()
        await asyncio.gather(*here.calls)
        await here.perform()
        assert here.state().heard == ("new",)
        assert here.outside.keys("old") | here.outside.keys("new") == {"counter/test-0/1/0", "counter/test-0/2/0"}


async def test_what_is_abandoned_is_no_longer_heard_whether_it_was_begun_or_not() -> None:
    answer, let_go = hanging()
    async with shop(Outside({"begun": answer, "failing": broken})) as here:
        await here.hear(Ask(counter="a", what="begun"), Ask(counter="b", what="failing"))
        here.call()
        await asyncio.sleep(0)
        await here.hear(Ask(counter="c", what="waits"), Drop(counter="nobody"))
        await here.hear(*(Drop(counter=counter) for counter in "abc"))
        let_go.set()
        await asyncio.gather(*here.calls)
        await here.settle()
        assert [here.state(counter).heard + here.state(counter).failed for counter in "abc"] == [(), (), ()]
        assert here.outside.attempts("waits") == []


@pytest.mark.parametrize("what", ["a task nobody does", "a task that is too large", "a task against its contract"])
async def test_a_turn_that_asks_for_what_cannot_be_fails_and_nothing_is_asked(what: str) -> None:
    ask = {
        "a task nobody does": Ask(counter="a", what="unheard of"),
        "a task that is too large": Ask(counter="a", what="x" * 10, repeat=DATA_BYTES_MAX // 10),
        "a task against its contract": Ask(counter="a", what="nonsense"),
    }
    expected = {
        "a task nobody does": "no activity of counter says how Unheard.v1 is done",
        "a task that is too large": "EventTooLarge: Fetch.v1 is",
        "a task against its contract": "Fetch.v1 breaks its contract: what: Input should be a valid string",
    }
    async with shop() as here:
        await here.hear(ask[what])
        await here.perform()
        assert expected[what] in errors(here)[0].error
        assert here.store.asking == {}
        assert here.outside.calls == []


async def test_no_more_calls_are_under_way_at_one_target_than_it_bears_and_other_targets_do_not_wait() -> None:
    answer, let_go = hanging()
    async with shop(Outside(otherwise=answer), concurrency_max=3) as here:
        await here.hear(*(Ask(counter=f"c{number}", what="shop") for number in range(10)))
        await here.hear(Ask(counter="d", what="post:card"))
        here.call()
        await asyncio.sleep(0)
        assert here.outside.under_way == 3 + 1
        let_go.set()
        await here.perform()
        await asyncio.gather(*here.calls)
        await here.perform()
        assert [here.state(f"c{number}").heard for number in range(10)] == [("shop",)] * 10
        assert here.outside.under_way_max == 3 + 1


def test_one_task_is_done_in_one_way() -> None:
    service = errands(Outside())
    twice = replace(service, activities=(*service.activities, Activity(Fetch, "another", fetched, failed)))
    here = Shop(Outside())
    with pytest.raises(ValueError, match=r"two activities for one task, Fetch\.v1"):
        Engine(twice, here.store, here.log, here.clock)


async def test_a_service_without_activities_never_looks_for_any() -> None:
    class Closed(MemoryStore):
        async def asked(self, partition: int) -> Any:
            raise AssertionError(partition)

        async def activities(self, partitions: Sequence[int], types: Sequence[str], limit: int) -> Any:
            raise AssertionError(partitions, types, limit)

    clock = VirtualClock()
    engine = Engine(counting(), Closed(), MemoryLog(clock), clock)
    await engine.own([0])
    assert list(engine.performing.calls()) == []
    await engine.conclude()
