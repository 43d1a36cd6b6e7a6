"""What the gateway exports of the marketplace and of itself, as a monitor reads it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import asyncpg
import pytest
from prometheus_client import CollectorRegistry
from starlette.types import Message

from agora.projector import Fresh
from agora.provision import Access
from console.children import Child
from services.gateway.http.api import create_app
from services.gateway.http.figures import BUSINESS_METRICS, Figures
from tests.gateway.client import Caller
from tests.gateway.conftest import OPERATOR, Gateway, free_port
from tests.gateway.test_trading import Town
from tests.runtime.scrape import ask, exposed, numbers
from tests.views.database import made, show
from tests.views.told_market import small_market

OPEN_MINOR = 200  # the order "slow" is the one that is paid and has not ended
AGO = timedelta(seconds=90)
SETTLED_ONCE_MORE = """
INSERT INTO feed (stream, partition, log_offset, subject, source, id, type, story, causation, at, whole, data)
SELECT stream, partition, log_offset + 1000000, subject, source, id, type, story, causation, at, whole, data
FROM feed WHERE type = 'TransactionSettled.v1' AND stream = 'transactions' LIMIT 1 RETURNING subject, seq
"""


@pytest.fixture(scope="module")
async def database(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Access:
    access = await made(postgres, tmp_path_factory.mktemp("figures"))
    await show(access, await small_market())
    return access


@pytest.fixture
async def pool(database: Access) -> AsyncGenerator["asyncpg.Pool[asyncpg.Record]"]:
    async with asyncpg.create_pool(database.url, min_size=1, max_size=2) as opened:
        yield opened


class Readers(NamedTuple):
    readers: int


def figures_of(
    registry: CollectorRegistry, pool: "asyncpg.Pool[asyncpg.Record]", fresh: Mapping[str, Fresh] | None = None
) -> Figures:
    return Figures("gateway", registry, pool, lambda: fresh or {}, Readers(3))


async def test_money_and_orders_are_told_as_the_views_show_them(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    registry = CollectorRegistry()
    await figures_of(registry, pool).look()
    told = exposed(registry)
    assert told["agora_escrow_minor{currency=GBP}"] == OPEN_MINOR
    assert told["agora_conservation_error_minor{currency=GBP}"] == 0
    shown = await pool.fetch("SELECT status, count(*) AS orders FROM orders GROUP BY status")
    assert shown
    for row in shown:
        assert told[f"agora_orders{{status={row['status']}}}"] == row["orders"]
    assert told["agora_orders{status=reserved}"] == 0
    assert told["agora_live_readers"] == 3


async def test_money_that_comes_from_nowhere_is_seen(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    registry = CollectorRegistry()
    await pool.execute("UPDATE accounts SET balance_minor = balance_minor + 3 WHERE account = 'buyer:B'")
    try:
        await figures_of(registry, pool).look()
    finally:
        await pool.execute("UPDATE accounts SET balance_minor = balance_minor - 3 WHERE account = 'buyer:B'")
    assert exposed(registry)["agora_conservation_error_minor{currency=GBP}"] == 3


async def test_orders_are_counted_however_long_that_takes(database: Access) -> None:
    """Each look may take so long as nothing else may that is asked of the database."""
    registry = CollectorRegistry()
    hasty = {"statement_timeout": "200"}
    async with asyncpg.create_pool(database.url, min_size=1, max_size=1, server_settings=hasty) as pool:
        owner = await asyncpg.connect(database.owner_url)
        try:
            async with owner.transaction():
                await owner.execute("LOCK TABLE placings")
                looking = asyncio.create_task(figures_of(registry, pool).look())
                waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'placings'::regclass AND NOT granted)"
                async with asyncio.timeout(30):
                    while not await owner.fetchval(waiting):
                        await asyncio.sleep(0.01)
                await owner.execute("SELECT pg_sleep(0.5)")
            await looking
        finally:
            await owner.close()
        shown = await pool.fetchval("SELECT count(*) FROM orders WHERE status = 'settled'")
    assert exposed(registry)["agora_orders{status=settled}"] == shown > 0


async def test_an_order_is_timed_once_when_it_is_settled(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    registry = CollectorRegistry()
    figures = figures_of(registry, pool)
    await figures.look()
    assert exposed(registry)["agora_settlement_seconds_count"] == 0
    row = await pool.fetchrow(SETTLED_ONCE_MORE)
    assert row is not None
    took = await pool.fetchval(
        "SELECT extract(epoch FROM ended_at - placed_at) FROM orders WHERE transaction = $1", row["subject"]
    )
    try:
        await figures.look()
        await figures.look()
    finally:
        await pool.execute("DELETE FROM feed WHERE seq = $1", row["seq"])
    told = exposed(registry)
    assert told["agora_settlement_seconds_count"] == 1
    assert told["agora_settlement_seconds_sum"] == pytest.approx(float(took))
    assert took > 0


async def test_what_cannot_be_seen_any_more_is_not_told_any_more(database: Access) -> None:
    registry = CollectorRegistry()
    async with asyncpg.create_pool(database.url, min_size=1, max_size=1) as pool:
        figures = figures_of(registry, pool)
        await figures.look()
        assert "agora_escrow_minor{currency=GBP}" in exposed(registry)
    await figures.look()
    assert not any(name.startswith(("agora_escrow", "agora_orders")) for name in exposed(registry))


async def test_the_age_of_the_views_counts_only_while_something_is_left_to_show(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    registry = CollectorRegistry()
    then = datetime.now(UTC) - AGO
    await figures_of(registry, pool, {"buyers": Fresh(then, 7), "sellers": Fresh(then, 0)}).look()
    told = exposed(registry)
    assert told["agora_views_behind_records{stream=buyers}"] == 7
    assert AGO.total_seconds() <= told["agora_views_age_seconds{stream=buyers}"] < AGO.total_seconds() + 30
    assert told["agora_views_age_seconds{stream=sellers}"] == 0


async def answered(figures: Figures, method: str, path: str) -> int:
    """The status that the application answers with, counted."""
    told: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            told.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "server": ("here", 80),
    }
    try:
        await figures.counting(create_app(1_000))(scope, receive, send)
    except AttributeError:  # this application was given no state to work with
        assert told == [500]
    return told[0]


async def test_requests_are_counted_by_documented_address_whatever_is_asked(
    pool: "asyncpg.Pool[asyncpg.Record]",
) -> None:
    registry = CollectorRegistry()
    figures = figures_of(registry, pool)
    assert await answered(figures, "GET", "/healthz") == 200
    assert await answered(figures, "GET", "/healthz") == 200
    assert await answered(figures, "GET", "/v1/products/mug") == 500
    for name in ("one", "another"):
        assert await answered(figures, "GET", f"/nothing/{name}") == 404
        assert await answered(figures, f"X{name}", "/healthz") == 405
    told = {name: count for name, count in exposed(registry).items() if name.startswith("agora_http_requests")}
    assert told == {
        "agora_http_requests_total{method=GET,route=/healthz,status=200}": 2,
        "agora_http_requests_total{method=GET,route=/v1/products/{product},status=500}": 1,
        "agora_http_requests_total{method=GET,route=none,status=404}": 2,
        "agora_http_requests_total{method=other,route=/healthz,status=405}": 2,
    }
    assert exposed(registry)["agora_http_seconds_count{route=/healthz}"] == 4


async def test_everything_declared_is_exported_by_a_watched_gateway(gateway: Gateway, operator: Caller) -> None:
    await gateway.kill()
    watch = f"127.0.0.1:{free_port()}"
    environment = {
        "AGORA_KAFKA": gateway.site.kafka,
        "AGORA_DATABASE": gateway.site.database("gateway"),
        "AGORA_NAMESPACE": gateway.site.namespace,
        "AGORA_HTTP": gateway.url.removeprefix("http://"),
        "AGORA_OPERATOR_KEY": OPERATOR,
        "AGORA_WATCH": watch,
    }
    child = Child("gateway", environment, gateway.child.log.with_name("watched.log"))
    child.start()
    try:
        await child.await_ready()
        town = await Town(operator).open()
        path = f"/v1/buyers/{town.buyer}/orders"
        assert await operator.done("POST", path, town.checkout("watched", town.line())) == "PaymentSucceeded.v1"
        await operator.told_at_last(f"transactions/watched-{town.number}", "TransactionSettled.v1")
        page = await ask(f"http://{watch}", "/metrics")
        told = numbers(page.body)
    finally:
        await child.stop()
        await gateway.restart()
    assert told["agora_http_requests_total{method=POST,route=/v1/buyers/{buyer}/orders,status=200}"] == 1
    for metric in BUSINESS_METRICS:
        assert f"# TYPE {metric.name} {metric.kind}" in page.body
