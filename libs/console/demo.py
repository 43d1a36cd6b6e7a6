"""The errands of ``agora demo`` and ``agora trade``: a book of orders, a market, a trade, an audit, a summary."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agora.settings import Settings
from console import generator, retail
from console.audit import run_audit
from console.figures import compare
from console.gauge import Gauge
from console.orders import OrderBook
from console.output import FAILED, Out, Waiting
from console.progress import Display
from console.report import Report
from console.site import Site
from console.stack import market
from console.trade import Terms, trade

DELIVERY_SECONDS: Final = "AGORA_DELIVERY_SECONDS"
DEMO_DELIVERY_SECONDS: Final = "1"


def book_of(file: Path | None, seed: int, orders: int, out: Out) -> OrderBook:
    """The orders of a file, or a made-up month of them."""
    book = generator.generate(seed, orders) if file is None else retail.read_orders(file)
    name = f"a made-up month (seed {seed})" if file is None else str(file)
    totals = book.totals
    out.say(
        f"{name}: {len(book.orders):,} orders, {totals.lines:,} lines, {totals.buyers:,} buyers, "
        f"{totals.products:,} products, {totals.sellers:,} sellers, {totals.units:,} units"
    )
    return book


async def demo(book: OrderBook, terms: Terms, settings: Settings, out: Out, started: float) -> int:
    """Bring a market up, trade, audit, and take it all down."""
    async with market("demo", settings, out.say, demo_rules(os.environ), fresh=True) as site:
        report = await run_trade(book, terms, site, out, started)
        out.say("stopping")
    return finish(report, out)


async def run_trade(book: OrderBook, terms: Terms, site: Site, out: Out, started: float) -> Report:
    """Trade and audit in a market that runs."""
    display = Display(out)
    waiting = Waiting(out)
    with display.shown():
        traded = await trade(site, book, terms, display.show, waiting, out.say)
    async with Gauge(site, waiting) as gauge:
        comparison = await compare(site, gauge, book, traded.fates)
    found = await audit(site)
    return Report(book, traded, comparison, time.monotonic() - started, found)


async def audit(site: Site) -> dict[str, int]:
    """Every check of the audit with its count."""
    return await run_audit(site.databases, site.kafka, site.namespace)


def finish(report: Report, out: Out) -> int:
    """Print the summary; the exit code says whether all is sound."""
    out.result(report.values(), report.show)
    return 0 if report.sound else FAILED


def demo_rules(environment: Mapping[str, str]) -> dict[str, str]:
    """Parcels arrive sooner than in earnest, unless the environment says when."""
    return {DELIVERY_SECONDS: environment.get(DELIVERY_SECONDS) or DEMO_DELIVERY_SECONDS}
