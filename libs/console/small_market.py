"""A small market that follows from a seed: who trades in it, what, and what its buyers say now and then."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final

from agora.event import Event
from console.errands import CURRENCY
from console.generator import generate
from console.orders import Order, OrderBook
from market.buyers import CheckOut, Mandate, RegisterBuyer
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.lines import Line, Payment
from market.messages import LeaveReview, SendMessage
from market.money import AMOUNT_MINOR_MAX
from market.products import Replenish
from market.sellers import ListProduct, RegisterSeller
from market.transactions import RequestReturn

BUYERS: Final = 240
LINES_MAX: Final = 2
UNITS_PER_LINE_MAX: Final = 4
ORDER_LIMIT_MINOR: Final = 15_000
STOCK: Final = 100
STOCK_LOW: Final = 40
REVIEWS: Final = (
    (5, "Lovely, and well packed."),
    (4, "Good, though the box was rather large for what was in it."),
    (3, "It does what it should."),
    (2, "Not the colour in the picture."),
)
MESSAGES: Final = (
    "Where is my order?",
    "Can you gift-wrap the next one?",
    "Thank you, it came sooner than I thought!",
    "The last parcel was damaged, and I am rather cross.",
)

Good = Mapping[str, Any]
"""A product as it is on sale, as the gateway shows it."""


def name_of(seed: int, kind: str) -> str:
    """What the ids of this market begin with."""
    return f"t{seed}-{kind}"


def small_book(seed: int) -> OrderBook:
    """One order of every buyer, short and modest, all under names that no other book has."""
    orders = generate(seed, BUYERS).orders
    return OrderBook(tuple(_small(order, seed, number) for number, order in enumerate(orders)))


def _small(order: Order, seed: int, number: int) -> Order:
    lines = tuple(
        replace(
            line,
            product=name_of(seed, line.product),
            seller=name_of(seed, line.seller),
            quantity=min(line.quantity, UNITS_PER_LINE_MAX),
        )
        for line in {line.product: line for line in order.lines[:LINES_MAX]}.values()
    )
    return replace(order, buyer=name_of(seed, f"buyer-{number:03d}"), lines=lines)


def participants(book: OrderBook) -> Iterator[Event]:
    """Ask for every seller and every buyer; a mandate turns away the dearest orders."""
    mandate = Mandate(order_limit_minor=ORDER_LIMIT_MINOR, total_limit_minor=AMOUNT_MINOR_MAX)
    for seller in book.sellers:
        yield RegisterSeller(seller=SellerId(seller), currency=CURRENCY)
    for buyer in book.buyers:
        yield RegisterBuyer(buyer=BuyerId(buyer), currency=CURRENCY, budget_minor=AMOUNT_MINOR_MAX, mandate=mandate)


def listings(book: OrderBook) -> Iterator[Event]:
    """Ask for every product."""
    for product, figures in book.products.items():
        yield ListProduct(
            seller=SellerId(figures.seller),
            product=ProductId(product),
            prices_minor=figures.prices_minor,
            stock=STOCK,
        )


def replenishing(good: Good) -> Replenish:
    """Ask for so much of a product that there is as much as in the beginning."""
    return Replenish(product=ProductId(good["product"]), quantity=STOCK - good["available"])


def checkout(order: Order, id_: str, goods: Mapping[str, Good], token: str) -> CheckOut | None:
    """Ask for an order as its products are sold now; ``None`` if none of them is."""
    lines = tuple(
        Line(
            ProductId(line.product),
            good["version"],
            SellerId(good["seller"]),
            line.quantity,
            line.price_minor if line.price_minor in good["prices_minor"] else good["price_minor"],
        )
        for line in order.lines
        if (good := goods.get(line.product))
    )
    if not lines:
        return None
    payment = Payment(method="debit", instalments=1, token=token)
    return CheckOut(
        buyer=BuyerId(order.buyer), order=TransactionId(id_), lines=lines, currency=CURRENCY, payment=payment
    )


def review(order: Order, id_: str, chance: Random) -> LeaveReview:
    """Say something of an order."""
    rating, text = chance.choice(REVIEWS)
    return LeaveReview(buyer=BuyerId(order.buyer), transaction=TransactionId(id_), rating=rating, text=text)


def message(order: Order, chance: Random) -> SendMessage:
    """Write to the marketplace."""
    return SendMessage(buyer=BuyerId(order.buyer), text=chance.choice(MESSAGES))


def giving_back(order: Order, id_: str) -> RequestReturn:
    """Give an order back."""
    return RequestReturn(transaction=TransactionId(id_), buyer=BuyerId(order.buyer), reason="changed my mind")
