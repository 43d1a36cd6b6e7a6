"""What a market has to be asked so that a book of orders can be traded: sellers, buyers, products, checkouts.

Every request has a key that follows from what it asks, so the same book asks the same market nothing twice.
"""

from collections.abc import Collection, Iterator, Mapping
from hashlib import blake2b
from typing import Final

from agora.event import Event
from agora.requests import Submitted, asking
from console.orders import Order, OrderBook, ProductFigures
from console.shelf import Offer, Shelf, Versions
from market.buyers import CheckOut, Mandate, RegisterBuyer
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.language import PRICES_PER_PRODUCT_MAX
from market.lines import Line, Payment
from market.money import AMOUNT_MINOR_MAX
from market.products import Replenish
from market.sellers import ListProduct, RegisterSeller, ReplaceProduct
from market.transactions import ClearPayout, RejectPayout

CURRENCY: Final = "GBP"
STOCK_MAX: Final = 10**9
FIRST_VERSION: Final = 1
PAYMENT: Final = Payment(method="debit", instalments=1, token="tok_file")  # noqa: S106 - stands for no card
REVIEWER: Final = "trade"
REJECTION: Final = "flagged"
AMPLE: Final = Mandate(order_limit_minor=AMOUNT_MINOR_MAX, total_limit_minor=AMOUNT_MINOR_MAX)
"""A file says nothing of budgets, so no order of it fails for want of one."""


def participants(book: OrderBook) -> Iterator[Submitted]:
    """Ask for every seller and every buyer."""
    for seller in book.sellers:
        yield asked(RegisterSeller(seller=SellerId(seller), currency=CURRENCY))
    for buyer in book.buyers:
        yield asked(
            RegisterBuyer(buyer=BuyerId(buyer), currency=CURRENCY, budget_minor=AMOUNT_MINOR_MAX, mandate=AMPLE)
        )


def listings(book: OrderBook, stock_factor: float) -> dict[str, Submitted]:
    """Ask for every product, at each of its prices, with ``stock_factor`` times the units ordered in stock."""
    digest = _digest(repr(book.orders))
    return {
        product: asking(
            f"stock-{digest}-{product}",
            ListProduct(
                seller=SellerId(figures.seller),
                product=ProductId(product),
                prices_minor=figures.prices_minor[:PRICES_PER_PRODUCT_MAX],
                stock=_units(figures, stock_factor),
            ),
        )
        for product, figures in book.products.items()
    }


def stocking(
    book: OrderBook, wanted: Mapping[str, Submitted], shelf: Shelf, stocked: Collection[str], stock_factor: float
) -> tuple[list[Submitted], Versions]:
    """What to ask for so that the book can be traded, and the version in which to order each product.

    What is on sale already, from another book, gets the units of this book's new orders on top; where a price is
    missing, a new version takes over with the prices of both. What this book has ``stocked`` before is left alone.
    """
    versions = {product: offer.version for product, offer in shelf.offers.items()}
    requests: list[Submitted] = []
    for product, listing in wanted.items():
        offer = shelf.offers.get(product)
        if offer is None:
            versions[product] = FIRST_VERSION
            requests.append(listing)
        elif listing.key not in stocked:
            figures = book.products[product]
            if prices := _missing(offer, figures):
                versions[product] += 1
                command = ReplaceProduct(
                    seller=SellerId(figures.seller), product=ProductId(product), prices_minor=prices
                )
                requests.append(asking(f"{listing.key}-{versions[product]}", command))
            if units := _units(figures, stock_factor):
                # The key is the listing's: this book asks for these units once, in one way or the other.
                requests.append(asking(listing.key, Replenish(product=ProductId(product), quantity=units)))
    return requests, Versions(versions, shelf.orders)


def checkout(order: Order, versions: Versions) -> Submitted:
    """Ask for one order; its id is the key."""
    lines = tuple(
        Line(
            ProductId(line.product),
            versions.of(order.id, line.product),
            SellerId(line.seller),
            line.quantity,
            line.price_minor,
        )
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


def verdict(order: str, *, clear: bool) -> Submitted:
    """Speak for the reviewer of a held payout."""
    transaction = TransactionId(order)
    if clear:
        return asked(ClearPayout(transaction=transaction, reviewer=REVIEWER))
    return asked(RejectPayout(transaction=transaction, reviewer=REVIEWER, reason=REJECTION))


def asked(command: Event, *about: str) -> Submitted:
    """A request whose key is a digest of all it says, and of what else it is ``about``."""
    words = "\n".join((command.model_dump_json(), *about))
    return asking(f"{command.wire_name}-{_digest(words)}", command)


def _units(figures: ProductFigures, stock_factor: float) -> int:
    return min(STOCK_MAX, int(figures.units * stock_factor))


def _missing(offer: Offer, figures: ProductFigures) -> tuple[int, ...]:
    """The prices of an offer and those of a book together; none if the book brings no new one."""
    prices = tuple(dict.fromkeys((*offer.prices_minor, *figures.prices_minor)))[:PRICES_PER_PRODUCT_MAX]
    return prices if prices != offer.prices_minor else ()


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
