"""Activities on a real Kafka and PostgreSQL: by one desk after another, and by a service at work."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from agora.activity import Call
from agora.run import Worker
from agora.service import Service
from tests.runtime.desk import Desk, Office
from tests.runtime.errands import Ask, Outside, broken, errands, fetched
from tests.runtime.work import working

SECONDS_MAX: Final = 30
ERRANDS: Final = 300


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not await condition():
            await asyncio.sleep(0.02)


async def heard(office: Office, what: str = "heard") -> list[str]:
    """Everything the counters remember, each as often as it was heard."""
    states = await office.fetch("SELECT state FROM agents")
    return sorted(word for (state,) in states for word in json.loads(state)[what])


async def perform(office: Office, desk: Desk) -> None:
    """Make the calls that may be made, and hear what came of them."""
    await desk.engine.conclude()
    for call in desk.engine.performing.calls():
        await desk.engine.performing.make(call)
    await desk.engine.conclude()
    await desk.relay()
    await desk.hear(await office.records())


async def test_an_heir_calls_again_what_its_predecessor_had_called_and_the_outcome_is_heard_once(
    office: Office,
) -> None:
    outside = Outside()
    desk, heir = office.desk(errands(outside)), office.desk(errands(outside))
    await office.tell(Ask(counter="a", what="x"))
    await desk.hear(await office.records())
    await desk.engine.conclude()
    for call in desk.engine.performing.calls():
        await desk.engine.performing.make(call)
    await heir.hear([])
    await perform(office, heir)
    assert [call.attempt for _, call in outside.calls] == [1, 1]
    assert outside.keys("x") == {"counter/test-0/1/0"}
    assert await heard(office) == ["x"]
    assert await office.fetch("SELECT count(*) FROM activities") == [(0,)]


async def test_a_failed_attempt_is_in_the_database(office: Office) -> None:
    desk = office.desk(errands(Outside(otherwise=broken), backoff_seconds=1_000, backoff_seconds_max=1_000))
    await office.tell(Ask(counter="a", what="x"))
    await desk.hear(await office.records())
    await perform(office, desk)
    assert await office.fetch("SELECT attempts, due > asked_at, key FROM activities") == [
        (1, True, "counter/test-0/1/0")
    ]


def at_work(office: Office, service: Service) -> AbstractAsyncContextManager[Worker]:
    return working(Worker(service, office.kafka, office.database.url, office.prefix))


async def test_a_service_at_work_calls_side_by_side_tries_again_and_hears_every_outcome_once(office: Office) -> None:
    async def moody(task: Any, call: Call) -> Any:
        await asyncio.sleep(0.01)
        return await (broken if call.attempt == 1 and task.what.endswith("3") else fetched)(task, call)

    outside = Outside(otherwise=moody)
    names = [f"x{number}" for number in range(ERRANDS)]
    async with at_work(office, errands(outside, backoff_seconds=0.01, concurrency_max=8)):
        await office.tell(*(Ask(counter=f"c{number % 7}", what=what, name=what) for number, what in enumerate(names)))
        await until(lambda: all_heard(office, ERRANDS))
    assert await heard(office) == sorted(names)
    assert outside.under_way_max == 8
    assert [outside.attempts(f"x{number}") for number in (1, 3)] == [[1], [1, 2]]
    assert await office.fetch("SELECT count(*) FROM activities") == [(0,)]


async def all_heard(office: Office, count: int) -> bool:
    return len(await heard(office)) >= count


async def test_a_service_that_is_told_to_stop_does_not_wait_for_the_outside(office: Office) -> None:
    called = asyncio.Event()

    async def never(task: Any, call: Call) -> Any:
        called.set()
        await asyncio.Event().wait()
        return await fetched(task, call)

    outside = Outside(otherwise=never)
    async with at_work(office, errands(outside, timeout_seconds=3_600)):
        await office.tell(Ask(counter="a", what="x"))
        await asyncio.wait_for(called.wait(), SECONDS_MAX)
    assert outside.under_way == 0
    outside.otherwise = fetched
    async with at_work(office, errands(outside)):
        await until(lambda: all_heard(office, 1))
    assert outside.attempts("x") == [1, 1]
    assert len(outside.keys("x")) == 1
