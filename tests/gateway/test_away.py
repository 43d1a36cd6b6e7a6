"""The gateway's database is away: it says so, loses nothing, and goes on by itself."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
import pytest

from console.children import Child
from tests.gateway.client import Answer, Caller
from tests.gateway.conftest import OPERATOR, Gateway, free_port
from tests.runtime.gate import Gate

SELLER = {"seller": "away", "currency": "GBP"}


@pytest.fixture
async def gate(gateway: Gateway) -> AsyncGenerator[Gate]:
    async with Gate(gateway.site.database("gateway")) as gate:
        await gate.open()
        yield gate


@pytest.fixture
async def behind(
    gate: Gate, gateway: Gateway, session: aiohttp.ClientSession, tmp_path: Path
) -> AsyncGenerator[Caller]:
    """A second gateway of the same market, whose database is behind the gate."""
    port = free_port()
    environment = {
        "AGORA_KAFKA": gateway.site.kafka,
        "AGORA_DATABASE": gate.url,
        "AGORA_NAMESPACE": gateway.site.namespace,
        "AGORA_HTTP": f"127.0.0.1:{port}",
        "AGORA_OPERATOR_KEY": OPERATOR,
    }
    child = Child("gateway", environment, tmp_path / "gateway.log")
    child.start()
    await child.await_ready()
    yield Caller(session, f"http://127.0.0.1:{port}", OPERATOR)
    await child.stop()


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
