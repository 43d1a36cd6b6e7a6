"""What a market has on sale before a book is traded in it. On a new market there is nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from agora import discovery
from console.gauge import Gauge
from console.orders import OrderBook
from console.output import Failure
from console.site import Site

OFFERS: Final = "stock"
ORDER_LINES: Final = "order_lines"

_HAS_VIEW: Final = "SELECT to_regclass($1) IS NOT NULL AS found"
_OFFERS: Final = "SELECT product, prices_minor, version FROM stock WHERE product = ANY($1::text[])"
_ORDERED: Final = "SELECT transaction, product, version FROM order_lines WHERE transaction = ANY($1::text[])"


@dataclass(frozen=True, slots=True)
class Offer:
    """A product as it is sold now."""

    prices_minor: tuple[int, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Versions:
    """The version in which to order a product now and, of an order asked for before, the one in which it was."""

    now: Mapping[str, int]
    then: Mapping[tuple[str, str], int]

    def of(self, order: str, product: str) -> int:
        """The version in which an order names a product."""
        return self.then.get((order, product)) or self.now[product]


@dataclass(frozen=True, slots=True)
class Shelf:
    """The products on sale, and the versions that orders named."""

    offers: Mapping[str, Offer] = field(default_factory=dict[str, Offer])
    orders: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])


async def read_shelf(site: Site, gauge: Gauge, book: OrderBook, known: Collection[str]) -> Shelf:
    """Look up the products of a book, and those of its orders that were asked for before."""
    offers = await gauge.rows(await keeper(site, gauge, OFFERS), _OFFERS, list(book.products))
    ordered = await gauge.rows(await keeper(site, gauge, ORDER_LINES), _ORDERED, list(known)) if known else []
    return Shelf(
        {row["product"]: Offer(tuple(row["prices_minor"]), row["version"]) for row in offers},
        {(row["transaction"], row["product"]): row["version"] for row in ordered},
    )


async def keeper(site: Site, gauge: Gauge, view: str) -> str:
    """The service that keeps what this view shows, whichever it is. What the door shows under that name is a copy."""
    keepers = (service for service in discovery.services() if not service.ingress and service.name in site.databases)
    for service in (one.name for one in keepers):
        if any(row["found"] for row in await gauge.rows(service, _HAS_VIEW, view)):
            return service
    raise Failure(f"no service here keeps '{view}'. See which services there are: agora status")
