"""The whole market on real parts: a month of a real shop, scarcity, and a process killed whenever it likes."""

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agora.settings import Settings
from console.demo import audit
from console.figures import Comparison, compare
from console.gauge import Gauge
from console.generator import generate
from console.orders import OrderBook
from console.retail import read_orders
from console.site import Site
from console.stack import market
from console.trade import Standing, Terms, Traded, trade

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "online_retail_2010_12.csv.gz"
SEED = 7
RULES = {"AGORA_DELIVERY_SECONDS": "0.5"}


def quiet(_: object) -> None:
    return


@pytest.fixture
def book() -> OrderBook:
    """The real month where it is at hand; elsewhere one that is made like it."""
    return read_orders(DATA) if DATA.exists() else generate(SEED)


@asynccontextmanager
async def running(home: Path, postgres: str, kafka: str, namespace: str) -> AsyncGenerator[Site]:
    settings = Settings(home=home, postgres=postgres, kafka=kafka, namespace=namespace)
    async with market("test", settings, quiet, RULES, fresh=False) as site:
        yield site


async def told(site: Site, book: OrderBook, traded: Traded) -> Comparison:
    async with Gauge(site, quiet) as gauge:
        return await compare(site, gauge, book, traded.fates)


async def test_real_orders_settle_to_the_penny(
    tmp_path: Path, postgres: str, kafka: str, namespace: str, book: OrderBook
) -> None:
    async with running(tmp_path, postgres, kafka, namespace) as site:
        traded = await trade(site, book, Terms(), quiet, quiet, quiet)
        assert traded.settled == len(book.orders)
        comparison = await told(site, book, traded)
        assert comparison.equal
        assert comparison.units == book.totals.units
        assert comparison.value_minor == book.totals.value_minor
        assert not any((await audit(site)).values())


async def test_where_stock_is_scarce_some_are_refused_and_everything_is_released(
    tmp_path: Path, postgres: str, kafka: str, namespace: str, book: OrderBook
) -> None:
    few = replace(book, orders=book.orders[:300])
    async with running(tmp_path, postgres, kafka, namespace) as site:
        traded = await trade(site, few, Terms(stock_factor=0.5), quiet, quiet, quiet)
        assert traded.refusals.get("out of stock", 0) > 0
        assert traded.settled > 0
        assert traded.unfinished == 0
        assert (await told(site, few, traded)).equal
        assert not any((await audit(site)).values())


async def test_each_service_is_killed_in_the_middle_and_nothing_is_lost_or_doubled(
    tmp_path: Path, postgres: str, kafka: str, namespace: str, book: OrderBook
) -> None:
    killed: list[str] = []

    async with running(tmp_path, postgres, kafka, namespace) as site:
        victims = sorted(site.services)

        def kill_the_next(standing: Standing) -> None:
            """Every fifth of the orders that are paid, another service dies."""
            due = standing.tally.paid * (len(victims) + 1) // standing.orders
            if len(killed) < min(due, len(victims)):
                os.kill(site.services[victims[len(killed)]], signal.SIGKILL)
                killed.append(victims[len(killed)])

        traded = await trade(site, book, Terms(), kill_the_next, quiet, quiet)
        assert killed == victims
        assert traded.settled == len(book.orders)
        assert (await told(site, book, traded)).equal
        assert not any((await audit(site)).values())


async def test_the_same_orders_again_act_no_second_time(
    tmp_path: Path, postgres: str, kafka: str, namespace: str, book: OrderBook
) -> None:
    few = replace(book, orders=book.orders[:50])
    async with running(tmp_path, postgres, kafka, namespace) as site:
        once = await trade(site, few, Terms(), quiet, quiet, quiet)
        twice = await trade(site, few, Terms(), quiet, quiet, quiet)
        assert once.settled == twice.settled == len(few.orders)
        assert twice.repeated == len(few.orders)
        assert (await told(site, few, twice)).equal
