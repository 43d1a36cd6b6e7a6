"""A few made-up orders, new every time, to see that a market works: it may be trading already, and be tried again.

Trials have buyers, sellers and products of their own, which stay; what is ordered of them is replenished each time.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from console.follow import Fate
from console.generator import generate
from console.orders import Order, OrderBook
from console.report import Report

BUYERS: Final = 100
LINES_MAX: Final = 3
UNITS_PER_LINE_MAX: Final = 10
TOLD_MAX: Final = 10


def trial_book(orders: int, run: str, now: datetime) -> OrderBook:
    """Modest orders under ids that begin with ``run``, which no other trial has; ``now`` is when they are placed."""
    made = generate(0, orders).orders
    return OrderBook(tuple(_modest(order, number, run, now) for number, order in enumerate(made)))


def _modest(order: Order, number: int, run: str, now: datetime) -> Order:
    lines = tuple(
        replace(
            line,
            product=f"trial-{line.product}",
            seller=f"trial-{line.seller}",
            quantity=min(line.quantity, UNITS_PER_LINE_MAX),
        )
        for line in order.lines[:LINES_MAX]
    )
    return Order(f"trial-{run}-{number}", f"trial-buyer-{number % BUYERS}", now, lines)


def faults(report: Report) -> list[str]:
    """What went wrong with a trial's orders, a few of them one by one; nothing if each has come to a proper end."""
    told = [f"order {id_}: {fault}" for id_, fate in report.traded.fates.items() if (fault := _fault(fate))]
    more = [f"and {len(told) - TOLD_MAX:,} orders more"] if len(told) > TOLD_MAX else []
    return [*told[:TOLD_MAX], *more, *_differences(report)]


def _fault(fate: Fate) -> str:
    """What is wrong with how far an order came. A refusal or a refund is an end; to be turned away is none."""
    if fate.turned_away:
        return f"the gateway turned it away: {fate.reason}"
    if fate.is_held:
        return "its payout is held, and nobody has spoken"
    if fate.end is None:
        where = "paid" if fate.paid_at else "placed" if fate.placed else "asked for"
        return f"nothing more is heard of it; it was {where}"
    return ""


def _differences(report: Report) -> Iterator[str]:
    for name, count in report.comparison.differences.items():
        if count:
            yield f"the views differ from the events in {name} by {count:,}"
