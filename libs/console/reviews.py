"""Payouts that wait for a reviewer, and the reviewer's word on one."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias
from uuid import uuid4

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agora.event import Event
from agora.requests import Submitted, asking
from console import errands
from console.ask import ask
from console.gauge import Gauge
from console.shelf import keeper
from console.site import Site
from console.story_tree import clean
from market.streams import TRANSACTIONS
from market.transactions import ClearPayout, PayoutCleared, PayoutRejected, RejectPayout, VerdictRefused

HELD_SHOWN_MAX: Final = 1_000
ORDERS: Final = "orders"
SCORES: Final = "scores"

Verdict: TypeAlias = ClearPayout | RejectPayout
Waiting = Callable[[str], None]

_HELD: Final = """
SELECT transaction, buyer, total_minor, currency, score, held_at
FROM orders WHERE status = 'held' ORDER BY held_at, transaction LIMIT $1
"""
_HELD_AT: Final = "SELECT held_at FROM orders WHERE status = 'held' AND transaction = $1"
_REASONS: Final = "SELECT transaction, reasons FROM scores WHERE transaction = ANY($1::text[])"


async def flagged(site: Site, waiting: Waiting) -> list[dict[str, Any]]:
    """Every held payout, the one that has waited longest first, with why it was flagged."""
    async with Gauge(site, waiting) as gauge:
        held = await gauge.rows(await keeper(site, gauge, ORDERS), _HELD, HELD_SHOWN_MAX)
        held = sorted(held, key=itemgetter("held_at"))[:HELD_SHOWN_MAX]
        found = await gauge.rows(await keeper(site, gauge, SCORES), _REASONS, [row["transaction"] for row in held])
    reasons = {row["transaction"]: row["reasons"] for row in found}
    return [
        {
            "transaction": row["transaction"],
            "buyer": row["buyer"],
            "total_minor": row["total_minor"],
            "currency": row["currency"],
            "score": row["score"],
            "reasons": reasons.get(row["transaction"], ""),
            "since": row["held_at"].isoformat(timespec="seconds"),
        }
        for row in held
    ]


async def judge(site: Site, verdict: Verdict, waiting: Waiting) -> Event:
    """Say a reviewer's word, and return what came of it."""
    async with Gauge(site, waiting) as gauge:
        held = await gauge.rows(await keeper(site, gauge, ORDERS), _HELD_AT, verdict.transaction)
    request = _request(verdict, [str(row["held_at"]) for row in held])
    return await ask(site, request, TRANSACTIONS, (PayoutCleared, PayoutRejected, VerdictRefused), waiting)


def _request(verdict: Verdict, held: Sequence[str]) -> Submitted:
    """The same word on the same hold is one request; on a payout that is not held, every word is refused anew."""
    return errands.asked(verdict, *held) if held else asking(f"{verdict.wire_name}-{uuid4().hex}", verdict)


def show_flagged(held: Sequence[dict[str, Any]], console: Console) -> None:
    """Show held payouts to people."""
    if not held:
        console.print("No payout is held.")
        return
    table = Table(show_edge=False)
    for name in ("order", "paid by", "total", "score", "reasons", "held since"):
        number = name in ("total", "score")
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in held:
        total = f"{row['total_minor'] / 100:,.2f} {row['currency']}"
        cells = (row["transaction"], row["buyer"], total, str(row["score"]), row["reasons"], row["since"])
        table.add_row(*(Text(clean(cell)) for cell in cells))
    console.print(table)
