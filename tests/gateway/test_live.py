"""The log as it grows: told in order, resumed without loss or repeat, and coalesced for who is slow."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from tests.gateway.client import Caller
from tests.gateway.conftest import As


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
    query = f"stream=sellers&agent={name}"
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
