"""The errands of ``agora trade`` at a gateway: a book of orders and its summary, or trading without end."""

import time

from console.forever import Forever
from console.gateway_client import client_of
from console.http_shelf import audit, compare
from console.http_trade import trade
from console.orders import OrderBook
from console.output import Failure, Out, Waiting
from console.progress import Display
from console.reach import Reach
from console.report import Report
from console.trade import Terms


async def run_trade(book: OrderBook, terms: Terms, reach: Reach, url: str, out: Out, started: float) -> Report:
    """Trade and audit over HTTP alone. Raises ``Failure``."""
    display = Display(out.error)
    async with client_of(reach, url, Waiting(out)) as gateway:
        with display.shown():
            traded = await trade(gateway, book, terms, display.show, out.say)
        comparison = await compare(gateway, book, traded.fates)
        found = await audit(gateway)
    return Report(book, traded, comparison, time.monotonic() - started, found)


async def trade_for_ever(reach: Reach, url: str | None, seed: int, out: Out) -> int:
    """Trade until SIGTERM or Ctrl-C. Raises ``Failure``."""
    if url is None:
        raise Failure("to trade for ever, say at which gateway: --url http://localhost:8080, or AGORA_URL")
    async with client_of(reach, url, Waiting(out)) as gateway:
        traded = await Forever(gateway, seed, reach.trade_per_second, out.say).run()
    out.result(traded.values(), lambda console: console.print(traded.words(), markup=False))
    return 0
