"""``make bench``: every figure in one run, on embedded servers of its own."""

import json
import logging
import os
import platform
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import asyncpg
import psutil
import typer
import uvloop
from rich.console import Console

from agora.discovery import services
from agora.door import open_door
from agora.event import Event
from agora.ingress import Ingress
from agora.service import Service
from agora.settings import Settings
from agora.turns import members
from bench import ceilings, fraud
from bench.checkouts import CURRENCY, LINES, checkouts, setup_commands
from bench.driver import Paid, Payments, Progress, Run, closed_loop, open_loop, prepare
from bench.report import Closed, Growth, Open, Report, Textbook
from bench.textbook.run import run as run_textbook
from console.site import Site
from console.stack import market
from market.buyers import CheckOut, RegisterBuyer
from market.ids import ProductId, SellerId
from market.sellers import ListProduct, RegisterSeller
from market.streams import BUYERS, PRODUCTS, SELLERS, SHIPMENTS, TRANSACTIONS
from market.transactions import PaymentSucceeded, TransactionSettled

GROWTH_CHECKOUTS: Final = 56_000  # a little over a million turns
SETTLED_CHECKOUTS: Final = 15_000
TEXTBOOK_CHECKOUTS: Final = 300
IN_FLIGHT: Final = 2_000
TEXTBOOK_IN_FLIGHT: Final = 50
OPEN_PER_SECOND: Final = 50
OPEN_SECONDS: Final = 30
WARM_SECONDS: Final = 5
AGENTS_KNOWN: Final = 100_000
FIRST_TURNS: Final = 100_000
LAST_TURNS: Final = 1_000_000
WINDOW_TURNS: Final = 150_000

COPIES: Final = {BUYERS: 1, TRANSACTIONS: 1, SHIPMENTS: 1, PRODUCTS: LINES, SELLERS: LINES}
"""How many copies of what becomes of a checkout are said to each stream."""
RULES: Final = {
    "AGORA_TIME_LIMIT_SECONDS": "600",
    "AGORA_RISK_THRESHOLD": "100",  # every payment is scored, none held: there is no reviewer here
}

screen: Final = Console(stderr=True)


class Market:
    """A running market with its door open."""

    def __init__(self, site: Site, door: Ingress, connections: "dict[str, asyncpg.Connection[asyncpg.Record]]") -> None:
        self.site = site
        self.door = door
        self.connections = connections
        self.progress = Progress(connections)

    def rss_mb(self) -> dict[str, float]:
        """Resident megabytes of each service's process."""
        return {name: psutil.Process(pid).memory_info().rss / 2**20 for name, pid in self.site.services.items()}


@asynccontextmanager
async def _market(delivery_seconds: float) -> AsyncGenerator[Market]:
    rules = {**RULES, "AGORA_DELIVERY_SECONDS": str(delivery_seconds)}
    async with market("bench", Settings(kafka=None, postgres=None), _say, rules, fresh=True) as site:
        connections = {name: await asyncpg.connect(site.database(name)) for name in site.databases}
        async with open_door(_entrance(), site.kafka, site.database(_entrance().name), "", _say) as door:
            opened = Market(site, door, connections)
            await prepare(door, opened.progress, setup_commands(), "setup")
            yield opened
        for connection in connections.values():
            await connection.close()


def _entrance() -> Service:
    return next(service for service in services() if service.ingress)


async def measure() -> Report:
    """Take every figure, one after the other."""
    async with _market(delivery_seconds=0.05) as opened:
        _say(f"closed loop to settlement, {SETTLED_CHECKOUTS:,} checkouts")
        settled = await _closed(opened, checkouts(1, SETTLED_CHECKOUTS), SETTLED_CHECKOUTS, TransactionSettled)
    async with _market(delivery_seconds=86_400) as opened:
        _say(f"open loop, {OPEN_PER_SECOND} checkouts/s for {OPEN_SECONDS} s")
        latencies = await _open(opened)
        _say(f"closed loop to payment, {GROWTH_CHECKOUTS:,} checkouts")
        paid = await _closed(opened, checkouts(2, GROWTH_CHECKOUTS), GROWTH_CHECKOUTS, PaymentSucceeded)
        _say(f"getting to know {AGENTS_KNOWN:,} agents a service")
        await _crowd(opened)
        rss, known = opened.rss_mb(), await opened.progress.known()
        _say("raw ceilings")
        raw = await ceilings.measure(opened.site.kafka, opened.site.postgres)
        _say(f"the textbook way, {TEXTBOOK_CHECKOUTS} checkouts")
        peer = await run_textbook(
            opened.site.kafka, opened.site.postgres, checkouts=TEXTBOOK_CHECKOUTS, in_flight=TEXTBOOK_IN_FLIGHT
        )
    _say("planted fraud")
    found = fraud.report()
    told, heard = sorted(paid.told for paid in latencies), sorted(paid.heard for paid in latencies)
    return Report(
        Closed(paid.per_second(), settled.per_second()),
        Open(_share(told, 50), _share(told, 99), _share(heard, 50), _share(heard, 99)),
        Textbook(peer),
        paid.per_second() / peer,
        asdict(raw),
        Growth(
            paid.turns_per_second(FIRST_TURNS, FIRST_TURNS + WINDOW_TURNS),
            paid.turns_per_second(LAST_TURNS, LAST_TURNS + WINDOW_TURNS),
        ),
        rss,
        known,
        found,
        {
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "machine": platform.machine(),
            "python": platform.python_version(),
        },
    )


async def _closed(opened: Market, orders: Iterator[CheckOut], count: int, event: type[Event]) -> Run:
    """Trade ``count`` checkouts until every service that hears ``event`` has committed it of each."""
    what, copies = f"heard {event.wire_name}", _copies(event)
    return await closed_loop(
        opened.door, opened.progress, orders, count=count, in_flight=IN_FLIGHT, what=what, copies=copies
    )


async def _open(opened: Market) -> list[Paid]:
    orders = checkouts(3, OPEN_PER_SECOND * (OPEN_SECONDS + WARM_SECONDS))
    topics = {service.name: service.stream.name for service in services()}
    payments = Payments(opened.site.kafka, opened.connections, topics, _copies(PaymentSucceeded))
    await open_loop(opened.door, orders, payments, per_second=OPEN_PER_SECOND, seconds=WARM_SECONDS)
    return await open_loop(opened.door, orders, payments, per_second=OPEN_PER_SECOND, seconds=OPEN_SECONDS)


async def _crowd(opened: Market) -> None:
    """Make every service know a hundred thousand agents: new ones, and as many orders as are missing."""
    template = next(command for command in setup_commands() if isinstance(command, RegisterBuyer))
    numbers = range(AGENTS_KNOWN)
    buyers = [template.model_copy(update={"buyer": f"crowd-{number}"}) for number in numbers]
    sellers = [RegisterSeller(seller=SellerId(f"crowd-{n}"), currency=CURRENCY) for n in numbers]
    await prepare(opened.door, opened.progress, [*buyers, *sellers], "crowd")
    listed = [
        ListProduct(seller=SellerId(f"crowd-{n}"), product=ProductId(f"crowd-{n}"), prices_minor=(1,), stock=1)
        for n in numbers
    ]
    await prepare(opened.door, opened.progress, listed, "listed")
    missing = AGENTS_KNOWN - (await opened.progress.known())["transaction"]
    await _closed(opened, checkouts(4, missing), missing, PaymentSucceeded)


def _copies(event: type[Event]) -> dict[str, int]:
    """How many copies of an event of one checkout each service hears."""
    heard = (service for service in services() if event in members(service.consumes))
    return {service.name: COPIES[service.stream] for service in heard}


def _share(ordered: list[float], percent: int) -> float:
    return ordered[len(ordered) * percent // 100]


def _say(message: str) -> None:
    screen.print(message, style="dim", highlight=False)


def main(
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """Measure throughput, latency and memory of the whole stack on this machine; about six minutes."""
    logging.basicConfig(level=logging.ERROR)
    report = uvloop.run(measure())
    console = Console()
    console.print(report.table())
    console.print(report.fraud.table())
    if json_path is not None:
        json_path.write_text(json.dumps(report.as_json(), indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
