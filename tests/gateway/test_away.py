"""The gateway's database is away: it says so, loses nothing, and goes on by itself."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from agora.view_store import PORTIONS_KEY
from services.gateway.http.keys import Principal
from tests.gateway.client import Answer, Caller
from tests.gateway.conftest import OPERATOR, Gateway
from tests.runtime.gate import Gate

SELLER = {"seller": "away", "currency": "GBP"}


@pytest.fixture
async def gate(gateway: Gateway) -> AsyncGenerator[Gate]:
    async with Gate(gateway.site.database("gateway")) as gate:
        await gate.open()
        yield gate


@pytest.fixture
async def second(gate: Gate, gateway: Gateway, tmp_path: Path) -> AsyncGenerator[Gateway]:
    """A second gateway of the same market, whose database is behind the gate."""
    async with gateway.another(tmp_path / "gateway.log", AGORA_DATABASE=gate.url) as second:
        yield second


@pytest.fixture
def behind(second: Gateway, session: aiohttp.ClientSession) -> Caller:
    return Caller(session, second.url, OPERATOR)


@asynccontextmanager
async def nothing_shown(gateway: Gateway) -> AsyncGenerator["asyncpg.Connection[asyncpg.Record]"]:
    """Keep every outcome from being shown: views are written by whoever holds this lock."""
    connection = await asyncpg.connect(gateway.site.database("gateway"))
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", PORTIONS_KEY)
            yield connection
    finally:
        await connection.close()


async def until(caller: Caller, path: str, status: int) -> Answer:
    async with asyncio.timeout(30):
        while (answer := await caller.call("GET", path)).status != status:
            await asyncio.sleep(0.05)
    return answer


async def test_it_is_alive_and_not_ready_and_takes_the_request_once_all_the_same(behind: Caller, gate: Gate) -> None:
    await until(behind, "/readyz", 200)
    await gate.shut()
    asked = asyncio.create_task(behind.ask("POST", "/v1/sellers", SELLER, key="away"))
    assert "door is shut" in (await until(behind, "/readyz", 503)).body["reason"]
    assert (await behind.call("GET", "/healthz")).status == 200
    looked = await behind.call("GET", "/v1/products")
    assert (looked.status, looked.problem) == (503, "away")
    told = await asked
    assert (told.status, told.problem, told.headers["retry-after"]) == (503, "away", "5")
    await gate.open()
    await until(behind, "/readyz", 200)
    again = await behind.ask("POST", "/v1/sellers", SELLER, key="away")
    assert again.body["type"] == "SellerRegistered.v1"
    heard = (await behind.call("GET", "/v1/events?agent=sellers/away")).body["events"]
    assert [event["type"] for event in heard] == ["RegisterSeller.v1", "SellerRegistered.v1"]


async def test_who_awaits_an_outcome_while_it_goes_away_is_told_it_once_it_is_back(
    behind: Caller, second: Gateway, gateway: Gateway, gate: Gate
) -> None:
    await until(behind, "/readyz", 200)
    body = {"seller": "awaited", "currency": "GBP"}
    async with nothing_shown(gateway) as connection:
        asked = asyncio.create_task(behind.ask("POST", "/v1/sellers", body, key="awaited", wait=30))
        story = Principal("operator", "operator").request_id("awaited")
        async with asyncio.timeout(30):
            while not await connection.fetchval("SELECT EXISTS (SELECT FROM requests WHERE key = $1)", story):
                await asyncio.sleep(0.01)
        await gate.shut()
        await until(behind, "/readyz", 503)
        for _ in range(3):  # each takes a connection that is no more, as every look at what became of a request does
            looked = await behind.call("GET", "/v1/requests/awaited", Prefer="wait=1")
            assert (looked.status, looked.problem) == (503, "away")
        assert not asked.done()
    assert second.child.ended() is None
    await gate.open()
    told = await asked
    location = told.headers["location"]
    assert (told.status, location) in {(200, "/v1/requests/awaited"), (202, "/v1/requests/awaited")}
    outcome = await behind.call("GET", location, Prefer="wait=30")
    assert (outcome.status, outcome.body["type"]) == (200, "SellerRegistered.v1")
