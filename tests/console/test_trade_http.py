"""Trading at a gateway over HTTP alone, on real parts: as through the door, never twice, and though it is killed."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr

from console import http_errands
from console.follow import Fate
from console.gateway_client import GatewayClient, client_of
from console.generator import generate
from console.orders import OrderBook, OrderLine
from console.output import Failure, Out
from console.reach import Reach
from console.report import Report
from console.trade import Review, Terms, trade
from tests.console.commands import agora
from tests.gateway.conftest import OPERATOR, RATE, Gateway, gateway

__all__ = ["gateway"]

REACH = Reach(key=SecretStr(OPERATOR))
COMMANDS = {"RegisterBuyer.v1", "RegisterSeller.v1", "ListProduct.v1", "Replenish.v1", "CheckOut.v1", "ClearPayout.v1"}


def quiet(_: object) -> None:
    return


@pytest.fixture
async def client(gateway: Gateway) -> AsyncGenerator[GatewayClient]:
    async with client_of(REACH, gateway.url, quiet) as opened:
        yield opened


def book_of(name: str, orders: int = 30) -> OrderBook:
    """The same short orders for every name, of buyers and a dozen products that no other name has."""
    made = generate(11, orders).orders
    codes = {line.product: number % 12 for number, line in enumerate(line for order in made for line in order.lines)}

    def named(line: OrderLine) -> OrderLine:
        code = codes[line.product]
        return replace(line, product=f"{name} P{code}", seller=f"{name} S{code % 4}")

    return OrderBook(
        tuple(
            replace(
                order,
                id=f"{name} {order.id}",
                buyer=f"{name} {order.buyer}",
                lines=tuple(map(named, order.lines[:3])),
            )
            for order in made
        )
    )


def some_name() -> str:
    return secrets.token_hex(3)


async def over_http(gateway: Gateway, book: OrderBook, terms: Terms) -> Report:
    return await http_errands.run_trade(book, terms, REACH, gateway.url, Out(as_json=True), time.monotonic())


async def head(client: GatewayClient) -> int:
    """The number of the last event there is."""
    last = 0
    while page := await client.events(last):
        last = page[-1].seq
    return last


def ends(name: str, fates: dict[str, Fate]) -> dict[str, tuple[str | None, str]]:
    return {id_.removeprefix(name): (fate.end, fate.reason) for id_, fate in fates.items()}


async def test_a_book_ends_over_http_as_it_does_through_the_door(gateway: Gateway) -> None:
    one_at_a_time = Terms(stock_factor=0.6, in_flight=1)
    there, here = some_name(), some_name()
    report = await over_http(gateway, book_of(there), one_at_a_time)
    told = await trade(gateway.site, book_of(here), one_at_a_time, quiet, quiet, quiet)
    assert ends(there, dict(report.traded.fates)) == ends(here, dict(told.fates))
    assert report.traded.settled > 0
    assert report.traded.refusals.keys() == {"out of stock"}
    assert report.sound
    values = report.values()
    assert values["orders"]["repeated"] == 0
    assert 0 < values["paid_ms"]["p50"] <= values["paid_ms"]["p99"]
    assert {"conservation", "escrow", "payouts"} <= values["audit"].keys()


async def test_a_book_traded_again_is_looked_up_and_nothing_acts_twice(gateway: Gateway, client: GatewayClient) -> None:
    book = book_of(some_name())
    first = await over_http(gateway, book, Terms())
    assert (first.sound, first.traded.settled, first.traded.repeated) == (True, 30, 0)
    last = await head(client)
    again = await over_http(gateway, book, Terms())
    assert (again.sound, again.traded.settled, again.traded.repeated) == (True, 30, 30)
    assert COMMANDS.isdisjoint(event.type for event in await client.events(last))


async def test_another_book_of_the_same_products_finds_them_replenished(gateway: Gateway) -> None:
    name = some_name()
    book = book_of(name)
    assert (await over_http(gateway, book, Terms())).sound
    more = OrderBook(tuple(replace(order, id=f"{order.id} more") for order in book.orders))
    report = await over_http(gateway, more, Terms())
    assert (report.sound, report.traded.settled) == (True, 30)


async def test_with_the_gateway_killed_in_the_middle_nothing_is_lost_or_doubled(
    gateway: Gateway, client: GatewayClient
) -> None:
    book = book_of(some_name(), 60)
    async with aclosing(client.follow()) as told, asyncio.timeout(60):
        first = asyncio.ensure_future(anext(told))
        trading = asyncio.create_task(over_http(gateway, book, Terms(in_flight=15)))
        await first
        while (await anext(told)).type != "PaymentSucceeded.v1":
            assert not trading.done()
    await gateway.kill()
    await gateway.restart()
    report = await trading
    assert (report.sound, report.traded.settled) == (True, 60)
    for order in book.orders:
        asked = [event for event in await client.events(agent=f"buyers/{order.buyer}") if event.type == "CheckOut.v1"]
        assert [msgspec.json.decode(event.data)["order"] for event in asked].count(order.id) == 1
        told = await client.events(agent=f"transactions/{order.id}")
        counts = Counter(event.type.partition(".")[0] for event in told)
        assert (counts["OrderPlaced"], counts["PaymentSucceeded"], counts["TransactionSettled"]) == (1, 1, 1)


async def test_held_payouts_are_cleared_by_asking(gateway: Gateway) -> None:
    book = book_of(some_name())
    first = book.orders[0]
    burst = OrderBook(tuple(replace(first, id=f"{first.id} {number}") for number in range(12)))
    left = await over_http(gateway, burst, Terms(in_flight=1, review=Review.LEAVE))
    assert left.traded.held > 0
    report = await over_http(gateway, burst, Terms())
    assert (report.sound, report.traded.settled) == (True, 12)
    assert report.values()["payouts"]["cleared"] == left.traded.held


async def test_who_asks_too_often_waits_and_gets_everything(client: GatewayClient) -> None:
    started = time.monotonic()
    pages = await asyncio.gather(*(client.look("/v1/products", limit=1) for _ in range(2 * RATE + 1)))
    assert all(pages)
    assert time.monotonic() - started > 1


async def test_without_an_operators_key_it_says_so_and_shows_none(gateway: Gateway) -> None:
    book, terms = book_of(some_name()), Terms()
    for key in (None, SecretStr("agora_nobody")):
        with pytest.raises(Failure, match="AGORA_KEY") as failed:
            await http_errands.run_trade(book, terms, Reach(key=key), gateway.url, Out(as_json=True), 0)
        assert "nobody" not in str(failed.value)


async def test_the_trader_without_end_goes_round_and_round_and_leaves_in_order(
    gateway: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "agora_key").write_text(OPERATOR)
    variables = {"AGORA_URL": gateway.url, "AGORA_SECRETS_DIR": str(tmp_path), "AGORA_TRADE_PER_SECOND": "40"}
    async with agora("trade", "--forever", "--seed", "3", "--json", **variables) as trader:
        await trader.hears("round 1")
        await trader.hears("round 2")
        trader.process.terminate()
        code, output = await trader.ended()
    assert code == 0
    assert '"rounds": 2' in output
    async with client_of(REACH, gateway.url, quiet) as client:
        goods = await client.look("/v1/products", text="t3-", limit=1)
        assert goods is not None
        assert goods["shown"]["items"]
