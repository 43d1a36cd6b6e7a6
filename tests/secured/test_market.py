"""With exactly its grants, every process works: an order is settled, and whoever looks on sees all of it."""

import asyncio
from collections.abc import AsyncGenerator

import aiohttp
import pytest

from agora.discovery import streams
from agora.tracing import Exporter
from console.log_reader import open_log
from tests.gateway.client import Caller
from tests.gateway.test_trading import Town
from tests.runtime.otlp_receiver import receiving, until
from tests.secured.conftest import OPERATOR_KEY, Secured
from tests.secured.secured_kafka import being


@pytest.fixture
async def operator(market: Secured) -> AsyncGenerator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(session, market.gateway, OPERATOR_KEY)


async def test_an_order_is_settled_by_services_that_may_do_no_more_than_was_granted(
    market: Secured, operator: Caller
) -> None:
    before = {name: len(child.log.read_text()) for name, child in market.children.items()}
    town = await Town(operator).open()
    mine, order = f"/v1/buyers/{town.buyer}", f"order-{town.number}"
    assert await operator.done("POST", f"{mine}/cart", {"line": town.line()}) == "CartChanged.v1"
    assert await operator.done("POST", f"{mine}/orders", town.checkout("order")) == "PaymentSucceeded.v1"
    await operator.told_at_last(f"transactions/{order}", "TransactionSettled.v1")
    assert all(check["difference"] == 0 for check in await operator.look("/v1/audit"))
    assert {name for name, child in market.children.items() if child.ended() is not None} == set()
    said = {name: child.log.read_text()[before[name] :] for name, child in market.children.items()}
    assert {name for name, words in said.items() if "does not let" in words} == set()


async def test_the_operators_commands_and_the_traces_see_every_record_of_it(market: Secured, operator: Caller) -> None:
    await Town(operator).open()
    address, namespace = market.kafka.address, market.namespace
    with being(market.kafka.variables("agora-operator")):
        async with open_log(address, namespace, streams()) as log:
            said = sum(log.ends.values())
            assert sum([len(records) async for _, records in log.batches()]) == said > 0
    with being(market.kafka.variables("agora-traces")):
        async with receiving() as receiver:
            exporter = Exporter(address, namespace, streams(), receiver.url)
            running = asyncio.create_task(exporter.run())
            await until(lambda: exporter.counts.exported >= said)
            exporter.stop()
            await running
