"""The log as it grows: told in order, resumed without loss or repeat, and coalesced for who is slow."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest

from services.gateway.http.live import Live
from services.gateway.queries import feed
from tests.gateway.client import Caller
from tests.gateway.conftest import As
from tests.views.database import made

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


async def events(caller: Caller, query: str, last: int | None = None) -> AsyncGenerator[tuple[int, str, Any]]:
    """Id, type and data of every event that is told."""
    headers = {"Authorization": f"Bearer {caller.key}"} | ({} if last is None else {"Last-Event-ID": str(last)})
    async with caller.session.get(f"{caller.url}/v1/live?{query}", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        told: dict[str, str] = {}
        async for line in response.content:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                told[name] = value
            elif "id" in told:
                yield int(told["id"]), told["event"], json.loads(told["data"])
                told = {}


async def register(operator: Caller, seller: str, times: int) -> None:
    for _ in range(times):
        await operator.ask("POST", "/v1/sellers", {"seller": seller, "currency": "GBP"})


async def test_an_agent_hears_live_what_it_is_told(operator: Caller, as_: As) -> None:
    name = f"live-{secrets.token_hex(4)}"
    seller = await as_("seller", name)
    async with aclosing(events(seller, "")) as following, asyncio.timeout(30):
        first = asyncio.ensure_future(anext(following))
        await register(operator, name, 1)
        assert (await first)[1] == "RegisterSeller.v1"
        assert (await anext(following))[1] == "SellerRegistered.v1"


async def test_following_again_after_any_event_loses_and_repeats_nothing(operator: Caller) -> None:
    name = f"again-{secrets.token_hex(4)}"
    query = f"agent=sellers/{name}"
    await register(operator, name, 4)
    whole = (await operator.call("GET", f"/v1/events?{query}")).body["events"]
    assert len(whole) == 8
    last, read = 0, list[int]()
    for _ in whole:
        async with aclosing(events(operator, query, last)) as following, asyncio.timeout(30):
            last, _, _ = await anext(following)
            read.append(last)
    assert read == [event["seq"] for event in whole]


async def test_a_story_is_told_from_its_first_word(operator: Caller) -> None:
    name = f"story-{secrets.token_hex(4)}"
    asked = await operator.ask("POST", "/v1/sellers", {"seller": name, "currency": "GBP"})
    async with aclosing(events(operator, f"story={asked.body['story']}", 0)) as following, asyncio.timeout(30):
        told = [await anext(following) for _ in range(2)]
    assert [(kind, data["story"]) for _, kind, data in told] == [
        ("RegisterSeller.v1", asked.body["story"]),
        ("SellerRegistered.v1", asked.body["story"]),
    ]


@pytest.fixture
async def empty(postgres: str, tmp_path: Path) -> AsyncGenerator[Pool]:
    access = await made(postgres, tmp_path)
    async with asyncpg.create_pool(access.owner_url, min_size=1, max_size=2) as pool:
        yield pool


class Still:
    """Views that move on when they are told to."""

    number = 0

    async def after(self, number: int, seconds: float) -> int:
        del number, seconds
        self.number += 1
        return self.number


def opened(told: bytes) -> tuple[int, str, Any]:
    lines = dict(line.split(": ", 1) for line in told.decode().strip().split("\n"))
    return int(lines["id"]), lines["event"], json.loads(lines["data"])


async def test_who_is_slow_is_told_how_much_it_missed_and_goes_on_from_there(empty: Pool) -> None:
    live = Live(empty, Still(), readers_max=1, behind_max=10)
    await add(empty, "SellerRegistered.v1", 25)
    async with aclosing(live.tell(feed.ALL, 0)) as told:
        before = [opened(await anext(told)) for _ in range(25)]  # what was there is told whole, however much it is
        assert [kind for _, kind, _ in before] == ["SellerRegistered.v1"] * 25
        await add(empty, "ProductListed.v1", 8)
        await add(empty, "PriceChanged.v1", 7)
        last, kind, missed = opened(await anext(told))
        assert (kind, missed["events"]) == ("coalesced", 15)
        assert missed["types"] == {"PriceChanged.v1": 7, "ProductListed.v1": 8}
        assert (missed["after"], missed["until"]) == (before[-1][0], last)
        await add(empty, "SellerRegistered.v1", 2)
        after = [opened(await anext(told)) for _ in range(2)]
        assert [number for number, _, _ in after] == [last + 1, last + 2]


async def test_who_may_not_stay_is_told_no_more(empty: Pool) -> None:
    allowed = [True, False]

    async def may_stay() -> bool:
        return allowed.pop(0)

    live = Live(empty, Still(), readers_max=1, checked_seconds=0)
    await add(empty, "SellerRegistered.v1", 2)
    async with aclosing(live.tell(feed.ALL, 0, may_stay)) as told, asyncio.timeout(30):
        assert len([each async for each in told if each.startswith(b"event:")]) == 2
    assert not allowed


async def test_a_reader_is_let_go_when_its_key_is_revoked(operator: Caller, as_: As) -> None:
    name = f"gone-{secrets.token_hex(4)}"
    seller = await as_("seller", name)
    keys = (await operator.call("GET", "/v1/keys")).body
    own = next(key["id"] for key in keys if key["agent"] == name)
    async with aclosing(events(seller, "")) as following, asyncio.timeout(60):
        first = asyncio.ensure_future(anext(following))
        await register(operator, name, 1)
        await first
        assert (await operator.ask("DELETE", f"/v1/keys/{own}")).status == 204
        assert [kind for _, kind, _ in [each async for each in following]] in (["SellerRegistered.v1"], [])


async def add(pool: Pool, kind: str, times: int) -> None:
    place = await pool.fetchval("SELECT count(*) FROM feed")
    await pool.executemany(
        "INSERT INTO feed "
        "(stream, partition, log_offset, subject, source, id, type, story, causation, at, whole, data) VALUES "
        "('sellers', 0, $1, 'sam', 'seller-0', $1::bigint::text, $2, 'story', '', now(), true, '{}')",
        [(place + number, kind) for number in range(times)],
    )
