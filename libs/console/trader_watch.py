"""What the trader without end shows of itself. Only what AGORA_WATCH makes it import knows of it."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from agora.metrics import Metric
from agora.shown import Simple, Value, listening

if TYPE_CHECKING:
    from console.forever import Forever

NAME: Final = "trader"

ROUNDS: Final = Metric("agora_trader_rounds_total", "counter", "Rounds of the small market that were traded.")
ORDERS: Final = Metric(
    "agora_trader_orders_total",
    "counter",
    "Orders of the small market by what was heard of them in time: begun is all of them.",
    ("outcome",),
)
TRADER_METRICS: Final = (ROUNDS, ORDERS)


def open_trader_watch(trader: "Forever", at: str) -> Simple:
    """Listen at ``host:port``, and nowhere else. Raises ``WatchError``."""
    return listening(at, partial(Simple, NAME, TRADER_METRICS, partial(_values, trader), lambda: trader.waiting))


def _values(trader: "Forever") -> Iterator[Value]:
    yield Value(ROUNDS, (), trader.done.rounds)
    for outcome, count in trader.done.outcomes().items():
        yield Value(ORDERS, (outcome,), count)
