"""What the market settled of a book's orders, beside the book: in all, per buyer and per product.

A parcel that was lost is no part of it: its units arrived nowhere, and its price went back to the buyer.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from console.follow import Fate
from console.gauge import Gauge
from console.orders import Order, OrderBook, OrderLine
from console.shelf import keeper
from console.site import Site

VIEW: Final = "order_lines"

_BY_PRODUCT: Final = """
SELECT product AS key, sum(quantity)::bigint AS units, sum(amount_minor)::bigint AS value_minor
FROM order_lines WHERE status = 'settled' AND NOT lost AND transaction = ANY($1::text[]) GROUP BY product
"""
_BY_BUYER: Final = """
SELECT buyer AS key, sum(total_minor - refunded_minor)::bigint AS value_minor
FROM orders WHERE status = 'settled' AND transaction = ANY($1::text[]) GROUP BY buyer
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the market settled of a book, and in how many places it differs from the book."""

    units: int
    value_minor: int
    differences: Mapping[str, int]

    @property
    def equal(self) -> bool:
        """Tell whether there is no difference at all."""
        return not any(self.differences.values())


async def compare(site: Site, gauge: Gauge, book: OrderBook, fates: Mapping[str, Fate]) -> Comparison:
    """Ask the market what it settled of this book, and hold that against the book's orders that its events settled."""
    service = await keeper(site, gauge, VIEW)
    ids = [order.id for order in book.orders if not fates[order.id].turned_away]
    products = await gauge.rows(service, _BY_PRODUCT, ids)
    buyers = await gauge.rows(service, _BY_BUYER, ids)
    units, values, spent = _by_key(products, "units"), _by_key(products, "value_minor"), _by_key(buyers, "value_minor")
    lines = [(order, line) for order in book.orders for line in settled_lines(order, fates[order.id])]
    expected_units: Counter[str] = Counter()
    expected_values: Counter[str] = Counter()
    expected_spent: Counter[str] = Counter()
    for order, line in lines:
        expected_units[line.product] += line.quantity
        expected_values[line.product] += line.value_minor
        expected_spent[order.buyer] += line.value_minor
    differences = {
        "units": abs(sum(units.values()) - expected_units.total()),
        "value_minor": abs(sum(spent.values()) - expected_spent.total()),
        "buyers": differing(spent, expected_spent),
        "products": differing(units, expected_units) + differing(values, expected_values),
    }
    return Comparison(sum(units.values()), sum(spent.values()), differences)


def settled_lines(order: Order, fate: Fate) -> list[OrderLine]:
    """The lines of an order that is settled, but those of sellers whose parcels were refunded."""
    if fate.end != "settled":
        return []
    return [line for line in order.lines if line.seller not in fate.parcels_refunded]


def differing(left: Mapping[str, int], right: Mapping[str, int]) -> int:
    """How many keys do not have the same value in both."""
    return sum(left.get(key, 0) != right.get(key, 0) for key in left.keys() | right.keys())


def _by_key(rows: Iterable[Any], column: str) -> Counter[str]:
    """A column summed by key: of a product, every one of a service's databases may know some orders."""
    summed: Counter[str] = Counter()
    for row in rows:
        summed[row["key"]] += row[column]
    return summed
