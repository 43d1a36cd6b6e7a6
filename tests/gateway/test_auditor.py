"""The audit is taken once for all who ask, for a share of the time, and says how old it is."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import asyncpg
import pytest

from services.gateway.http.auditor import AUDITING_SHARE_MAX, Auditor
from services.gateway.http.looking import Looks
from services.gateway.http.problems import Problem
from tests.gateway.client import Caller
from tests.views.database import made, show
from tests.views.told_market import small_market


class Watch:
    """A clock, and an audit that takes so long, and whose answer is how many there were."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.now = 1_000.0
        self.seconds = seconds
        self.taken = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.fault: Exception | None = None

    def clock(self) -> float:
        return self.now

    async def audit(self) -> int:
        self.taken += 1
        await self.may_end.wait()
        self.now += self.seconds
        if self.fault:
            raise self.fault
        return self.taken


@asynccontextmanager
async def at_work(watch: Watch, awaited_seconds_max: float = 30.0) -> AsyncGenerator[Auditor[int]]:
    auditor = Auditor(watch.audit, watch.clock, awaited_seconds_max, awaited_seconds_max)
    working = asyncio.create_task(auditor.work())
    try:
        yield auditor
    finally:
        working.cancel()


async def refused(asked: Callable[[], Awaitable[object]]) -> tuple[int, str]:
    with pytest.raises(Problem) as raised:
        await asked()
    return raised.value.status, raised.value.kind


async def test_however_many_ask_at_once_it_is_taken_once() -> None:
    watch = Watch()
    async with at_work(watch) as auditor:
        assert await asyncio.gather(*(auditor.latest() for _ in range(50))) == [1] * 50
    assert watch.taken == 1


async def test_it_is_told_again_until_it_has_cost_no_more_than_its_share() -> None:
    watch = Watch(seconds=3.0)
    async with at_work(watch) as auditor:
        assert await auditor.latest() == 1
        watch.now += 3.0 / AUDITING_SHARE_MAX - 0.001
        assert await auditor.latest() == 1
        watch.now += 0.001
        assert await auditor.latest() == 2


async def test_while_a_long_one_is_under_way_the_one_before_is_told() -> None:
    watch = Watch()
    async with at_work(watch, awaited_seconds_max=0.01) as auditor:
        watch.may_end.clear()
        assert await refused(auditor.latest) == (HTTPStatus.SERVICE_UNAVAILABLE, "busy")
        watch.may_end.set()
        async with asyncio.timeout(30):
            while watch.now == 1_000.0:
                await asyncio.sleep(0)
        assert await auditor.latest() == 1
        watch.now += 1.0 / AUDITING_SHARE_MAX
        watch.may_end.clear()
        assert [await auditor.latest() for _ in range(3)] == [1, 1, 1]
    assert watch.taken == 2


async def test_one_that_failed_is_said_to_have_failed_and_is_taken_again() -> None:
    watch = Watch(seconds=0.0)
    async with at_work(watch) as auditor:
        assert await auditor.latest() == 1
        watch.fault = TimeoutError()
        assert await refused(auditor.latest) == (HTTPStatus.SERVICE_UNAVAILABLE, "away")
        watch.fault = None
        assert await auditor.latest() == 3


async def test_it_may_take_longer_than_anything_else_that_is_asked(postgres: str, tmp_path: Path) -> None:
    access = await made(postgres, tmp_path)
    await show(access, await small_market())
    hasty = {"statement_timeout": "200"}
    async with asyncpg.create_pool(access.url, min_size=1, max_size=1, server_settings=hasty) as pool:
        owner = await asyncpg.connect(access.owner_url)
        try:
            async with owner.transaction():
                await owner.execute("LOCK TABLE placings")
                auditing = asyncio.create_task(Looks(pool, dict).audit())
                await owner.execute("SELECT pg_sleep(0.5)")
            look = await auditing
        finally:
            await owner.close()
        assert all(check.ok for check in look.shown)
        assert await pool.fetchval("SHOW statement_timeout") == "200ms"


async def test_it_says_how_fresh_it_is(operator: Caller) -> None:
    answer = await operator.call("GET", "/v1/audit")
    assert answer.status == 200
    assert set(answer.body) == {"fresh", "shown"}
    assert all(check["ok"] == (check["difference"] == 0) for check in answer.body["shown"])
