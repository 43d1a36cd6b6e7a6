"""What a market has to be asked so that a book of orders can be traded: sellers, buyers, products, checkouts.

Every request has a key that follows from what it asks, so the same book asks the same market nothing twice.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from agora.event import Event
from agora.requests import Submitted, asking
from console.orders import Order, OrderBook
from market.buyers import CheckOut, Mandate, RegisterBuyer
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.language import PRICES_PER_PRODUCT_MAX
from market.lines import Line, Payment
from market.money import AMOUNT_MINOR_MAX
from market.sellers import ListProduct, RegisterSeller

CURRENCY: Final = "GBP"
STOCK_MAX: Final = 10**9
FIRST_VERSION: Final = 1
PAYMENT: Final = Payment(method="debit", instalments=1, token="tok_file")  # noqa: S106 - stands for no card
AMPLE: Final = Mandate(order_limit_minor=AMOUNT_MINOR_MAX, total_limit_minor=AMOUNT_MINOR_MAX)
"""A file says nothing of budgets, so no order of it fails for want of one."""


def participants(book: OrderBook) -> Iterator[Submitted]:
    """Ask for every seller and every buyer."""
    for seller in book.sellers:
        yield _asking(RegisterSeller(seller=SellerId(seller), currency=CURRENCY))
    for buyer in book.buyers:
        yield _asking(
            RegisterBuyer(buyer=BuyerId(buyer), currency=CURRENCY, budget_minor=AMOUNT_MINOR_MAX, mandate=AMPLE)
        )


def products(book: OrderBook, stock_factor: float) -> Iterator[Submitted]:
    """Ask for every product, at each of its prices, with ``stock_factor`` times the units ordered in stock."""
    for product, figures in book.products.items():
        yield _asking(
            ListProduct(
                seller=SellerId(figures.seller),
                product=ProductId(product),
                prices_minor=figures.prices_minor[:PRICES_PER_PRODUCT_MAX],
                stock=min(STOCK_MAX, int(figures.units * stock_factor)),
            )
        )


def checkout(order: Order) -> Submitted:
    """Ask for one order; its id is the key."""
    lines = tuple(
        Line(ProductId(line.product), FIRST_VERSION, SellerId(line.seller), line.quantity, line.price_minor)
        for line in order.lines
    )
    command = CheckOut(
        buyer=BuyerId(order.buyer),
        order=TransactionId(order.id),
        lines=lines,
        currency=CURRENCY,
        payment=PAYMENT,
        ordered_at=order.ordered_at,
    )
    return asking(order.id, command)


def _asking(command: Event) -> Submitted:
    """A request whose key is a digest of all it says."""
    digest = blake2b(command.model_dump_json().encode(), digest_size=16).hexdigest()
    return asking(f"{command.wire_name}-{digest}", command)
