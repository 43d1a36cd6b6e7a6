"""The whole market on real parts: a month of a real shop, scarcity, kills, lost parcels and held payouts."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agora.event import Event
from agora.requests import asking
from agora.settings import Settings
from console.ask import ask
from console.demo import audit
from console.figures import Comparison, compare
from console.gauge import Gauge
from console.generator import generate
from console.orders import OrderBook
from console.output import Failure
from console.retail import read_orders
from console.reviews import flagged, judge
from console.shelf import keeper
from console.site import Site
from console.stack import market
from console.trade import Review, Standing, Terms, Traded, trade
from market.ids import BuyerId, TransactionId
from market.messages import LeaveReview, MessageRefused, MessageSent, ReviewLeft, ReviewRefused, SendMessage
from market.streams import BUYERS, TRANSACTIONS
from market.transactions import ClearPayout, PayoutCleared, PayoutRejected, RejectPayout, VerdictRefused

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "online_retail_2010_12.csv.gz"
SEED = 7
RULES = {"AGORA_DELIVERY_SECONDS": "0.5"}
TROUBLED = {
    "AGORA_CARRIER_LOST_SHARE": "0.05",
    "AGORA_CARRIER_LATE_SHARE": "0.1",
    "AGORA_TRACKING_SECONDS": "0.2",
    "AGORA_LOST_SECONDS": "5",
    "AGORA_RISK_THRESHOLD": "5",
}
SUSPICIOUS = {"AGORA_RISK_THRESHOLD": "0"}


def quiet(_: object) -> None:
    return


@pytest.fixture
def book() -> OrderBook:
    """The real month where it is at hand; elsewhere one that is made like it."""
    return read_orders(DATA) if DATA.exists() else generate(SEED)


@asynccontextmanager
async def running(home: Path, postgres: str, kafka: str, namespace: str, **rules: str) -> AsyncGenerator[Site]:
    settings = Settings(home=home, postgres=postgres, kafka=kafka, namespace=namespace)
    async with market("test", settings, quiet, {**RULES, **rules}, fresh=False) as site:
        yield site


async def told(site: Site, book: OrderBook, traded: Traded) -> Comparison:
    async with Gauge(site, quiet) as gauge:
        return await compare(site, gauge, book, traded.fates)


async def balances(site: Site) -> Counter[str]:
    """The ledger by kind of account, in minor units."""
    async with Gauge(site, quiet) as gauge:
        rows = await gauge.rows(
            await keeper(site, gauge, "accounts"),
            "SELECT split_part(account, ':', 1) AS kind, sum(balance_minor)::bigint AS minor FROM accounts GROUP BY 1",
        )
    return Counter({row["kind"]: row["minor"] for row in rows})


async def shown_on_dashboards(site: Site) -> int:
    async with Gauge(site, quiet) as gauge:
        rows = await gauge.rows(await keeper(site, gauge, "dashboard"), "SELECT * FROM dashboard")
    return len(rows)


async def until_quiet(site: Site) -> None:
    async with Gauge(site, quiet) as gauge, asyncio.timeout(60):
        while not await gauge.is_quiet():
            await asyncio.sleep(0.1)


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


async def test_with_parcels_lost_and_late_and_payouts_rejected_every_penny_is_accounted_for(
    tmp_path: Path, postgres: str, kafka: str, namespace: str, book: OrderBook
) -> None:
    few = replace(book, orders=book.orders[:300])
    async with running(tmp_path, postgres, kafka, namespace, **TROUBLED) as site:
        traded = await trade(site, few, Terms(review=Review.REJECT), quiet, quiet, quiet)
        assert traded.unfinished == traded.held == 0
        assert traded.count(lambda fate: fate.payout == "rejected") > 0
        assert traded.count(lambda fate: fate.payout == "rejected" and fate.end != "refunded") == 0
        assert traded.count(lambda fate: bool(fate.parcels_refunded)) > 0
        assert traded.settled > 0
        comparison = await told(site, few, traded)
        assert comparison.equal
        assert not any((await audit(site)).values())
        found = await balances(site)
        assert found["buyer"] == -comparison.value_minor
        assert found["seller"] + found["fees"] == comparison.value_minor
        assert found["escrow"] == 0
        assert await shown_on_dashboards(site) == 0


async def test_payouts_left_held_wait_for_a_reviewer_who_clears_one_and_rejects_another(
    tmp_path: Path, postgres: str, kafka: str, namespace: str, book: OrderBook
) -> None:
    few = replace(book, orders=book.orders[:3])
    first, second, third = (TransactionId(order.id) for order in few.orders)
    async with running(tmp_path, postgres, kafka, namespace, **SUSPICIOUS) as site:
        traded = await trade(site, few, Terms(review=Review.LEAVE), quiet, quiet, quiet)
        assert (traded.held, traded.unfinished) == (3, 0)
        assert (await audit(site))["held payouts without exactly one verdict"] == 3
        listed = await flagged(site, quiet)
        assert {row["transaction"]: row["total_minor"] for row in listed} == {
            order.id: order.total_minor for order in few.orders
        }

        cleared = ClearPayout(transaction=first, reviewer="ada")
        rejected = RejectPayout(transaction=second, reviewer="ada", reason="stolen card")
        assert isinstance(await judge(site, cleared, quiet), PayoutCleared)
        assert isinstance(await judge(site, rejected, quiet), PayoutRejected)
        assert isinstance(await judge(site, cleared, quiet), VerdictRefused)
        assert isinstance(await judge(site, rejected, quiet), VerdictRefused)
        assert [row["transaction"] for row in await flagged(site, quiet)] == [third]
        assert isinstance(await judge(site, cleared.model_copy(update={"transaction": third}), quiet), PayoutCleared)

        await until_quiet(site)
        again = await trade(site, few, Terms(), quiet, quiet, quiet)
        assert [again.fates[order].end for order in (first, second, third)] == ["settled", "refunded", "settled"]
        assert (await told(site, few, again)).equal
        assert not any((await audit(site)).values())


async def test_what_is_asked_at_the_console_is_answered_with_what_came_of_it(
    tmp_path: Path, postgres: str, kafka: str, namespace: str, book: OrderBook
) -> None:
    few = replace(book, orders=book.orders[:1])
    (order,) = few.orders
    buyer, bought = BuyerId(order.buyer), TransactionId(order.id)
    async with running(tmp_path, postgres, kafka, namespace) as site:
        await trade(site, few, Terms(), quiet, quiet, quiet)

        async def outcome(key: str, command: Event) -> Event:
            kinds = (ReviewLeft, ReviewRefused, MessageSent, MessageRefused)
            return await ask(site, asking(key, command), BUYERS, kinds, quiet)

        good = LeaveReview(buyer=buyer, transaction=bought, rating=5, text="Lovely.")
        bad = LeaveReview(buyer=buyer, transaction=bought, rating=6, text="Lovely.")
        assert await outcome("K-1", bad) == ReviewRefused(buyer=buyer, transaction=bought, reason="rating out of range")
        left = ReviewLeft(buyer=buyer, transaction=bought, rating=5, text="Lovely.")
        assert await outcome("K-2", good) == left
        assert await outcome("K-2", good) == left
        assert await outcome("K-3", SendMessage(buyer=buyer, text="Hi.")) == MessageSent(buyer=buyer, text="Hi.")
        with pytest.raises(Failure, match="the key was used for another request"):
            await outcome("K-3", good)
        unknown = ClearPayout(transaction=TransactionId("none"), reviewer="ada")
        refused = VerdictRefused(transaction=TransactionId("none"), reviewer="ada", reason="unknown transaction")
        assert await judge(site, unknown, quiet) == refused
        with pytest.raises(Failure, match="nothing came of it"):
            await ask(site, asking("K-4", good), TRANSACTIONS, (ReviewLeft,), quiet, seconds_max=0.5)
        await until_quiet(site)
        assert not any((await audit(site)).values())
