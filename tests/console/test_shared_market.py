"""A market whose transactions live in two databases: it trades like any other, and its operator sees all of it."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import pytest

from agora import discovery
from agora.control import SkipParked
from agora.kafka import place
from agora.migrations import upgrade
from agora.postgres import PostgresStore
from agora.provision import Access, provision
from agora.run import Worker
from agora.service import Service
from agora.settings import Settings
from agora.shares import Share
from agora.topics import ensure_topics
from console import operate
from console.audit import run_audit
from console.figures import compare
from console.gauge import Gauge
from console.generator import generate
from console.orders import OrderBook
from console.site import Site, locate
from console.trade import Terms, Traded, trade
from services.fulfilment.activities import activities
from services.fulfilment.simulator import SimulatedCarrier

PARTITIONS: Final = 4
SHARES: Final = (Share.parse("0,3", PARTITIONS), Share.parse("1-2", PARTITIONS))
ORDERS: Final = 30
SECONDS_MAX: Final = 90


@dataclass(frozen=True, slots=True)
class Market:
    """A market at rest after a trade; ``shared`` are the databases of its transactions."""

    site: Site
    book: OrderBook
    traded: Traded
    shared: dict[Share, Access]

    async def write(self, share: Share, statement: str, *values: object) -> None:
        connection = await asyncpg.connect(self.shared[share].owner_url)
        await connection.execute(statement, *values)
        await connection.close()


@pytest.fixture(scope="module")
async def market(postgres: str, kafka: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Market]:
    home = tmp_path_factory.mktemp("shared")
    settings = Settings(
        home=home, kafka=kafka, postgres=postgres, namespace=f"t{secrets.token_hex(4)}_", partitions=PARTITIONS
    )
    accesses = await provision(postgres, discovery.folders(), home, settings.namespace)
    other = (await provision(postgres, ["transaction"], home / "other", f"o{settings.namespace}"))["transaction"]
    for access in (*accesses.values(), other):
        await upgrade(access.owner_url, discovery.folders()[access.service] / "migrations", access.role)
    await ensure_topics(kafka, (settings.namespace + stream for stream in discovery.streams()), PARTITIONS)
    shared = dict(zip(SHARES, (accesses["transaction"], other), strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "AGORA_SHARES", json.dumps({"transaction": {str(share): _server(shared[share]) for share in SHARES}})
        )
        site = locate(settings)
    book = generate(seed=4, orders=ORDERS)
    async with _at_work(site, accesses, shared):
        traded = await asyncio.wait_for(trade(site, book, Terms(), _quiet, _quiet, _quiet), SECONDS_MAX)
        yield Market(site, book, traded, shared)


@asynccontextmanager
async def _at_work(site: Site, accesses: dict[str, Access], shared: dict[Share, Access]) -> AsyncGenerator[None]:
    """Every service at work, and the transactions at two places."""
    workers: list[Worker] = []
    for service in (_swift(one) for one in discovery.services() if not one.ingress):
        places: dict[Share | None, Access] = {None: accesses[service.name]}
        for share, access in (shared if service.name == "transaction" else places).items():
            workers.append(Worker(service, site.kafka, access.url, site.namespace, share))
    async with AsyncExitStack() as leaving:
        for worker in workers:
            running = asyncio.create_task(worker.run())
            leaving.push_async_callback(asyncio.wait_for, running, SECONDS_MAX)
            leaving.callback(worker.app.exit)
        yield


def _swift(service: Service) -> Service:
    carrier = SimulatedCarrier(transit=timedelta(seconds=0.1))
    return replace(service, activities=activities(carrier)) if service.name == "fulfilment" else service


def _server(access: Access) -> str:
    """A server as AGORA_SHARES names it, without a login; the two of them are databases of one here."""
    at = urlsplit(access.url)
    return f"postgresql://{at.hostname}:{at.port}/{access.database}"


def _quiet(*_: object) -> None:
    return


def order_in(market: Market, share: Share) -> str:
    return next(order.id for order in market.book.orders if place(order.id) % PARTITIONS in share)


async def test_it_settles_every_order_and_the_audit_of_all_its_databases_finds_nothing(market: Market) -> None:
    assert market.traded.settled == ORDERS
    async with Gauge(market.site, _quiet) as gauge:
        assert (await compare(market.site, gauge, market.book, market.traded.fates)).equal
    found = await run_audit(market.site.databases, market.site.kafka, market.site.namespace)
    assert {name: count for name, count in found.items() if count} == {}


async def test_each_database_has_the_orders_of_its_share_and_no_others(market: Market) -> None:
    for share, access in market.shared.items():
        connection = await asyncpg.connect(access.owner_url)
        found = {row["transaction"] for row in await connection.fetch("SELECT transaction FROM orders")}
        await connection.close()
        assert found == {order.id for order in market.book.orders if place(order.id) % PARTITIONS in share}
        assert found


async def test_an_audit_that_misses_a_database_is_not_sound(market: Market) -> None:
    first, _ = market.site.urls("transaction")
    partly = {**market.site.databases, "transaction": (first,)}
    found = await run_audit(partly, market.site.kafka, market.site.namespace)
    assert found["events in the log not heard yet"] > 0


async def test_a_partition_that_two_databases_have_is_found(market: Market) -> None:
    store = PostgresStore(market.shared[SHARES[1]].url)
    await store.claim(0)
    await store.close()
    found = await run_audit(market.site.databases, market.site.kafka, market.site.namespace)
    await market.write(SHARES[1], "DELETE FROM partitions WHERE partition = 0")
    assert found["partitions that two databases hold"] == 1


async def test_the_status_counts_what_is_in_every_share(market: Market) -> None:
    status: dict[str, Any] = (await operate.status(market.site, _quiet))["services"]["transaction"]
    assert (status["agents"], status["lag"], status["unpublished"], status["parked"]) == (ORDERS, 0, 0, 0)


async def test_an_agent_parked_in_any_share_is_listed_and_hears_the_operators_word(market: Market) -> None:
    orders = {share: order_in(market, share) for share in SHARES}
    for share, order in orders.items():
        await market.write(
            share,
            "INSERT INTO parked VALUES ($1, 0, $2, 0, 0, $3, '', '[]', 'unlucky')",
            *(order, place(order) % PARTITIONS, order.encode()),
        )
    try:
        listed = await operate.parked(market.site, _quiet)
        assert {row["agent"] for row in listed["parked"]} == {f"transaction/{order}" for order in orders.values()}
        for order in orders.values():
            said = await operate.speak(market.site, f"transaction/{order}", SkipParked, _quiet)
            assert (said["parked_before"], said["parked"]) == (1, 0)
        assert (await operate.parked(market.site, _quiet))["dead_letters"]["transaction"] == len(SHARES)
    finally:
        for share in SHARES:
            await market.write(share, "DELETE FROM dead_letters")
            await market.write(share, "DELETE FROM parked")
