"""The commands ``demo``, ``trade``, ``audit`` and ``story``."""

import time
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from agora import discovery
from agora.settings import Settings
from console import demo as demos
from console import site as sites
from console import story as stories
from console.cli import Json, run_command
from console.early import TERMINATED
from console.generator import ORDERS_MAX, REAL_ORDERS
from console.output import FAILED, Out
from console.reach import Reach, http_url
from console.report import audit_table
from console.story_tree import render
from console.trade import IN_FLIGHT_DEFAULT, IN_FLIGHT_MAX, Review, Terms

HELD: Final = "payouts are held. See them with: agora flagged; then agora clear ORDER, or agora reject ORDER"
HELD_THERE: Final = (
    "payouts are held. See them with: GET /v1/held; then POST /v1/orders/ORDER/payout/clear, or …/payout/reject"
)

StockFactor: TypeAlias = Annotated[
    float,
    typer.Option("--stock-factor", min=0.0, max=1_000.0, help="Units in stock per unit ordered; 0.5 makes scarcity."),
]
InFlight: TypeAlias = Annotated[
    int, typer.Option("--in-flight", min=1, max=IN_FLIGHT_MAX, help="Orders that may be unpaid at once.")
]
Reviewing: TypeAlias = Annotated[
    Review, typer.Option("--review", help="What the trade itself says of payouts that are held; or leave them held.")
]


def _checked(url: str | None) -> str | None:
    try:
        return url if url is None else http_url(url)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def demo(
    file: Annotated[Path | None, typer.Option("--file", help="Trade this file instead of a made-up month.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the made-up month.")] = 7,
    orders: Annotated[int, typer.Option(min=1, max=ORDERS_MAX, help="Orders to make up.")] = REAL_ORDERS,
    stock_factor: StockFactor = 1.0,
    in_flight: InFlight = IN_FLIGHT_DEFAULT,
    review: Reviewing = Review.CLEAR,
    *,
    as_json: Json = False,
) -> None:
    """Bring a market up from nothing, trade a file of orders, audit, print a summary, and take it all down."""

    async def work(settings: Settings, out: Out) -> int:
        started = time.monotonic()
        book = demos.book_of(file, seed, orders, out)
        return await demos.demo(book, Terms(stock_factor, in_flight, review), settings, out, started)

    run_command(work, as_json=as_json)


def trade(
    file: Annotated[Path | None, typer.Argument(help="A file of Online Retail as published: CSV or CSV.gz.")] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", callback=_checked, help="Trade over HTTP at this gateway, with AGORA_KEY; or AGORA_URL."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Without a file: the seed of a made-up month.")] = None,
    orders: Annotated[
        int | None,
        typer.Option(
            min=1, max=ORDERS_MAX, help="Orders to make up. Over HTTP and without a seed: new ones each time."
        ),
    ] = None,
    stock_factor: StockFactor = 1.0,
    in_flight: InFlight = IN_FLIGHT_DEFAULT,
    review: Reviewing = Review.CLEAR,
    *,
    forever: Annotated[
        bool, typer.Option("--forever", help="Over HTTP: keep a small market trading gently, until told to stop.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Trade a file of orders in the market that is running, then audit. What was traded before is not traded again.

    With --url and --orders alone, new orders are traded until each has ended.
    """
    if file is None and seed is None and orders is None and not forever:
        raise typer.BadParameter("give a FILE, a --seed to make up orders, --orders for new ones, or --forever")

    async def work(settings: Settings, out: Out) -> int:
        started = time.monotonic()
        reach = Reach.read()
        at = url or reach.url
        if forever:
            from console import http_errands  # noqa: PLC0415 - it takes long to import, and most never need it

            return await http_errands.trade_for_ever(reach, at, seed or 0, out)
        terms = Terms(stock_factor, in_flight, review)
        if file is None and seed is None and orders is not None:
            from console import http_errands  # noqa: PLC0415 - the same

            return await http_errands.run_trial(orders, terms, reach, at, out)
        book = demos.book_of(file, seed or 0, orders or REAL_ORDERS, out)
        if at is not None:
            from console import http_errands  # noqa: PLC0415 - the same

            report = await http_errands.run_trade(book, terms, reach, at, out, started)
        else:
            report = await demos.run_trade(book, terms, sites.locate(settings), out, started)
        if report.traded.held:
            out.say(HELD if at is None else HELD_THERE)
        return demos.finish(report, out)

    run_command(work, as_json=as_json, told=0 if forever else TERMINATED)


def audit(*, as_json: Json = False) -> None:
    """Hold every database and the log against each other; fail unless every count is zero."""

    async def work(settings: Settings, out: Out) -> int:
        found = await demos.audit(sites.locate(settings))
        out.result({"audit": found}, lambda console: console.print(audit_table(found)))
        return FAILED if any(found.values()) else 0

    run_command(work, as_json=as_json)


def story(
    id_: Annotated[str, typer.Argument(metavar="ID", help="An order, such as 536365, or a request's Idempotency-Key.")],
    *,
    as_json: Json = False,
) -> None:
    """Show one order's events across all services, each under the one that caused it."""

    async def work(settings: Settings, out: Out) -> int:
        site = sites.locate(settings)
        found = await stories.read_story(id_, site.kafka, site.namespace, discovery.streams())
        out.result(stories.as_json(found), lambda console: console.print(render(found)))
        return 0

    run_command(work, as_json=as_json)
