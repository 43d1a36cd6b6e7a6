"""The errands of ``agora trade`` at a gateway: a book of orders and its summary, a trial, or trading without end."""

import asyncio
import logging
import secrets
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any, Final

from console.figures import Comparison
from console.forever import Forever
from console.gateway_client import GatewayClient, client_of
from console.http_shelf import FRESH_SECONDS_MAX, POLL_SECONDS, audit, compare
from console.http_trade import trade
from console.orders import OrderBook
from console.output import FAILED, Failure, Out, Waiting
from console.progress import Display
from console.reach import Reach
from console.report import Report
from console.trade import Terms, Traded
from console.trial import faults, trial_book

RUN_BYTES: Final = 8


async def run_trade(book: OrderBook, terms: Terms, reach: Reach, url: str, out: Out, started: float) -> Report:
    """Trade and audit over HTTP alone. Raises ``Failure``."""
    display = Display(out)
    async with client_of(reach, url, Waiting(out)) as gateway:
        with display.shown():
            traded = await trade(gateway, book, terms, display.show, out.say)
        comparison = await compare(gateway, book, traded.fates)
        found = await audit(gateway)
    return Report(book, traded, comparison, time.monotonic() - started, found)


async def run_trial(count: int, terms: Terms, reach: Reach, url: str | None, out: Out) -> int:
    """Trade orders that nobody has traded before, until each has ended; the exit code says whether all is well.

    What the others at this market do is no part of it, so there is no audit. Raises ``Failure``.
    """
    if url is None:
        raise Failure("to trade new orders, say at which gateway: --url http://localhost:8080, or AGORA_URL")
    started, display = time.monotonic(), Display(out)
    book = trial_book(count, secrets.token_hex(RUN_BYTES), datetime.now(UTC))
    async with client_of(reach, url, Waiting(out)) as gateway:
        with display.shown():
            traded = await trade(gateway, book, terms, display.show, out.say)
        comparison = await _compare(gateway, book, traded)
    report = Report(book, traded, comparison, time.monotonic() - started)
    out.result(report.values(), report.show)
    found = faults(report)
    for fault in found:
        out.say(fault, level=logging.ERROR)
    return FAILED if found else 0


async def _compare(gateway: GatewayClient, book: OrderBook, traded: Traded) -> Comparison:
    """Hold the views against the events, once they have had the time to show them."""
    deadline = time.monotonic() + FRESH_SECONDS_MAX
    while True:
        found = await compare(gateway, book, traded.fates)
        if found.equal or time.monotonic() > deadline:
            return found
        await asyncio.sleep(POLL_SECONDS)


async def trade_for_ever(reach: Reach, url: str | None, seed: int, out: Out) -> int:
    """Trade until SIGTERM or Ctrl-C. Raises ``Failure``."""
    if url is None:
        raise Failure("to trade for ever, say at which gateway: --url http://localhost:8080, or AGORA_URL")
    async with client_of(reach, url, Waiting(out)) as gateway:
        trader = Forever(gateway, seed, reach.trade_per_second, out.say)
        async with _watched(trader, reach.watch):
            traded = await trader.run()
    out.result(traded.values(), lambda console: console.print(traded.words(), markup=False))
    return 0


def _watched(trader: Forever, at: str | None) -> AbstractAsyncContextManager[Any]:
    """Show the trader to others while this lasts."""
    if at is None:
        return nullcontext()
    from agora.shown import WatchError  # noqa: PLC0415 - who is not watched does not carry it
    from console.trader_watch import open_trader_watch  # noqa: PLC0415 - the same

    try:
        return open_trader_watch(trader, at)
    except WatchError as error:
        raise Failure(str(error)) from None
