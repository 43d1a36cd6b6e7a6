"""What a file of orders, or a made-up month of them, comes to: the orders, and an account of every row that is none.

Money is integer minor units (pence); instants are aware and in UTC. Nothing here reads or writes anything.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Final

ERRORS_KEPT_MAX: Final = 1_000
"""So many row errors are kept in full; beyond that they are only counted, by reason."""
ORDER_LINES_MAX: Final = 2_000


class SkipReason(StrEnum):
    """Why a well-formed invoice is no order. An invoice with several reasons is counted under the first of these."""

    RETURN = "return"
    NO_CUSTOMER = "no customer"
    NO_PRICE = "no price"
    NO_QUANTITY = "no positive quantity"
    TOO_MANY_LINES = "too many lines"


class ErrorReason(StrEnum):
    """Why a row could not be read, or contradicts its invoice. Such a row is left out alone; its invoice goes on."""

    LINE_TOO_LONG = "line too long"
    ENCODING = "bad encoding"
    CONTROL_CHARACTER = "control character"
    QUOTING = "bad quoting"
    COLUMNS = "wrong number of columns"
    INVOICE = "bad invoice number"
    PRODUCT = "bad stock code"
    QUANTITY = "bad quantity"
    PRICE = "bad price"
    DATE = "bad date"
    CUSTOMER = "bad customer"
    SECOND_CUSTOMER = "second customer"


@dataclass(frozen=True, slots=True)
class OrderLine:
    """So many pieces of one product at one price. An order may name a product on several lines."""

    product: str
    seller: str
    quantity: int
    price_minor: int

    @property
    def value_minor(self) -> int:
        """Quantity times price, in minor units."""
        return self.quantity * self.price_minor


@dataclass(frozen=True, slots=True)
class Order:
    """What one buyer ordered at one instant (aware, UTC)."""

    id: str
    buyer: str
    ordered_at: datetime
    lines: tuple[OrderLine, ...]

    @property
    def total_minor(self) -> int:
        """The value of all lines, in minor units."""
        return sum(line.value_minor for line in self.lines)

    @property
    def units(self) -> int:
        """The pieces of all lines."""
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class Skipped:
    """How many invoices, and lines of them, were no orders for one reason."""

    orders: int
    lines: int


@dataclass(frozen=True, slots=True)
class RowError:
    """One row left out. `line_number` counts the file's lines from 1, the header; `order` is None if unreadable."""

    line_number: int
    order: str | None
    reason: ErrorReason
    detail: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What some order lines come to: counts, pieces and pence."""

    orders: int
    products: int
    lines: int
    units: int
    value_minor: int


@dataclass(frozen=True, slots=True)
class Totals(Figures):
    """The size of an order book."""

    buyers: int
    sellers: int


@dataclass(frozen=True, slots=True)
class ProductFigures(Figures):
    """What was ordered of one product, and its price list: sorted, distinct, in minor units."""

    seller: str
    prices_minor: tuple[int, ...]


@dataclass(frozen=True)
class OrderBook:
    """The orders, in order of first appearance, and an account of every other row."""

    orders: tuple[Order, ...]
    skipped: Mapping[SkipReason, Skipped] = field(default_factory=dict[SkipReason, Skipped])
    errors: tuple[RowError, ...] = ()  # the first ERRORS_KEPT_MAX, by line number
    error_counts: Mapping[ErrorReason, int] = field(default_factory=dict[ErrorReason, int])  # all of them

    @property
    def errors_total(self) -> int:
        """How many rows were left out, kept in `errors` or not."""
        return sum(self.error_counts.values())

    @property
    def rows(self) -> int:
        """How many rows were read: each is one order's line, one skipped invoice's line or one error."""
        return self.totals.lines + sum(skipped.lines for skipped in self.skipped.values()) + self.errors_total

    @cached_property
    def totals(self) -> Totals:
        """The size of the book."""
        figures = astuple(_figures(list(self._lines())))
        return Totals(*figures, buyers=len(self.buyers), sellers=len(self.sellers))

    @cached_property
    def buyers(self) -> Mapping[str, Figures]:
        """Each buyer's figures, in order of first appearance."""
        return {buyer: _figures(lines) for buyer, lines in self._grouped(lambda order, _: order.buyer).items()}

    @cached_property
    def sellers(self) -> Mapping[str, Figures]:
        """Each seller's figures, in order of first appearance."""
        return {seller: _figures(lines) for seller, lines in self._grouped(lambda _, line: line.seller).items()}

    @cached_property
    def products(self) -> Mapping[str, ProductFigures]:
        """Each product's figures, seller and price list, in order of first appearance."""
        return {product: _product(lines) for product, lines in self._grouped(lambda _, line: line.product).items()}

    def _lines(self) -> Iterator[tuple[Order, OrderLine]]:
        return ((order, line) for order in self.orders for line in order.lines)

    def _grouped(self, key: Callable[[Order, OrderLine], str]) -> dict[str, list[tuple[Order, OrderLine]]]:
        groups: defaultdict[str, list[tuple[Order, OrderLine]]] = defaultdict(list)
        for order, line in self._lines():
            groups[key(order, line)].append((order, line))
        return groups


def _figures(lines: list[tuple[Order, OrderLine]]) -> Figures:
    return Figures(
        orders=len({order.id for order, _ in lines}),
        products=len({line.product for _, line in lines}),
        lines=len(lines),
        units=sum(line.quantity for _, line in lines),
        value_minor=sum(line.value_minor for _, line in lines),
    )


def _product(lines: list[tuple[Order, OrderLine]]) -> ProductFigures:
    prices = tuple(sorted({line.price_minor for _, line in lines}))
    return ProductFigures(*astuple(_figures(lines)), seller=lines[0][1].seller, prices_minor=prices)


@dataclass(slots=True)
class _Invoice:
    ordered_at: datetime
    buyer: str = ""
    lines: list[OrderLine] = field(default_factory=list[OrderLine])
    rows: int = 0
    flaw: SkipReason | None = None


@dataclass(slots=True)
class Tally:
    """Gathers rows, which may come in any order, into a book. An order is dated by the first of its rows."""

    invoices: dict[str, _Invoice] = field(default_factory=dict[str, _Invoice])
    errors: list[RowError] = field(default_factory=list[RowError])
    error_counts: Counter[ErrorReason] = field(default_factory=Counter[ErrorReason])

    def add(self, line_number: int, order: str, ordered_at: datetime, buyer: str, line: OrderLine) -> None:
        """Count one readable row; `buyer` may be empty and `line` not positive."""
        invoice = self.invoices.setdefault(order, _Invoice(ordered_at))
        if invoice.buyer and buyer not in ("", invoice.buyer):
            detail = f"{buyer}, but the order is {invoice.buyer}'s"
            return self.report(RowError(line_number, order, ErrorReason.SECOND_CUSTOMER, detail))
        invoice.buyer = invoice.buyer or buyer
        invoice.rows += 1
        invoice.flaw = _first(invoice.flaw, _flaw(order, buyer, line, invoice.rows))
        if invoice.flaw:
            return invoice.lines.clear()
        return invoice.lines.append(line)

    def report(self, error: RowError) -> None:
        """Count one row that is left out."""
        self.error_counts[error.reason] += 1
        if len(self.errors) < ERRORS_KEPT_MAX:
            self.errors.append(error)

    def book(self) -> OrderBook:
        """Return what the rows come to."""
        found = self.invoices.items()
        orders = (Order(id_, one.buyer, one.ordered_at, tuple(one.lines)) for id_, one in found if not one.flaw)
        rows = {reason: [one.rows for _, one in found if one.flaw is reason] for reason in SkipReason}
        skipped = {reason: Skipped(len(counts), sum(counts)) for reason, counts in rows.items() if counts}
        return OrderBook(tuple(orders), skipped, tuple(self.errors), dict(self.error_counts))


def _flaw(order: str, buyer: str, line: OrderLine, rows: int) -> SkipReason | None:
    flaws = {
        SkipReason.RETURN: order[0] in "Cc",
        SkipReason.NO_CUSTOMER: not buyer,
        SkipReason.NO_PRICE: line.price_minor <= 0,
        SkipReason.NO_QUANTITY: line.quantity <= 0,
        SkipReason.TOO_MANY_LINES: rows > ORDER_LINES_MAX,
    }
    return next((reason for reason, applies in flaws.items() if applies), None)


def _first(known: SkipReason | None, new: SkipReason | None) -> SkipReason | None:
    return next((reason for reason in SkipReason if reason in (known, new)), None)
