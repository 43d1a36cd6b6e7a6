"""A product: what it costs and how much of it there is.

Prices and versions are its seller's word, heard in the seller's order. Stock is its own: it promises units to a
transaction, parts with them when the transaction is paid, and takes the promise back when it is cancelled. Both answers
come from the transaction's own partition after its question, so no promise can be made once it has been taken back.
Units that a paid transaction returns when it is undone are stock again.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias

from agora.decision import NOTHING, Decision, become, publish
from market.products import (
    PriceChanged,
    ProductListed,
    ProductReplaced,
    Replenish,
    ReplenishmentRefused,
    StockRefused,
    StockReplenished,
    StockReserved,
)
from market.sellers import ProductTaken
from market.transactions import PaymentSucceeded, TransactionCancelled, TransactionOpened, TransactionRefunded
from services.product.state import Listed, Product, Unlisted

Consumes: TypeAlias = (
    ProductListed
    | PriceChanged
    | ProductReplaced
    | Replenish
    | TransactionOpened
    | PaymentSucceeded
    | TransactionCancelled
    | TransactionRefunded
)
Publishes: TypeAlias = ProductTaken | StockReplenished | ReplenishmentRefused | StockReserved | StockRefused

RESERVATIONS_MAX: Final = 10_000
REPLENISHMENT_MAX: Final = 10**9
STOCK_MAX: Final = 10**12


def decide(product: Product, event: Consumes, now: datetime) -> Decision[Product]:
    """Take one turn of a product."""
    del now
    match product:
        case Unlisted():
            return _decide_unlisted(event)
        case Listed():
            return _decide_listed(product, event)


def _decide_unlisted(event: Consumes) -> Decision[Product]:
    match event:
        case ProductListed():
            return become(_listed(event))
        case TransactionOpened():
            return _refuse(event, "unknown product", None)
        case Replenish():
            return publish(ReplenishmentRefused(product=event.product, reason="unknown product"))
        case PriceChanged() | ProductReplaced():
            return NOTHING
        case PaymentSucceeded() | TransactionCancelled() | TransactionRefunded():
            return NOTHING


def _decide_listed(product: Listed, event: Consumes) -> Decision[Product]:
    match event:
        case TransactionOpened():
            return _answer(product, event)
        case PaymentSucceeded():
            promised = event.transaction in product.reservations
            return become(product.sell(event.transaction)) if promised else NOTHING
        case TransactionCancelled():
            promised = event.transaction in product.reservations
            return become(product.release(event.transaction)) if promised else NOTHING
        case TransactionRefunded():
            returned = sum(units.quantity for units in event.returned)
            return become(product.take_back(returned)) if 1 <= returned <= product.sold else NOTHING
        case PriceChanged():
            return become(_repriced(product, event)) if event.seller == product.seller else NOTHING
        case ProductReplaced():
            return become(_replaced(product, event)) if event.seller == product.seller else NOTHING
        case Replenish():
            return _replenish(product, event)
        case ProductListed():
            return publish(ProductTaken(seller=event.seller, product=event.product))


def _answer(product: Listed, event: TransactionOpened) -> Decision[Product]:
    """Promise every unit the transaction asks for, or none."""
    if event.currency != product.currency:
        return _refuse(event, "foreign currency", product.available)
    if fault := next(filter(None, map(product.sells, event.lines)), None):
        return _refuse(event, fault, product.available)
    quantity = _asked(event)
    if quantity > product.available:
        return _refuse(event, "out of stock", product.available)
    if len(product.reservations) >= RESERVATIONS_MAX:
        return _refuse(event, "too many open reservations", product.available)
    if event.transaction in product.reservations:
        return NOTHING
    reserved = StockReserved(transaction=event.transaction, product=event.product, quantity=quantity)
    return become(product.reserve(event.transaction, quantity), reserved)


def _asked(event: TransactionOpened) -> int:
    return sum(line.quantity for line in event.lines)


def _refuse(event: TransactionOpened, reason: str, left: int | None) -> Decision[Product]:
    refused = StockRefused(
        transaction=event.transaction, product=event.product, reason=reason, asked=_asked(event), left=left
    )
    return publish(refused)


def _replenish(product: Listed, event: Replenish) -> Decision[Product]:
    if not 1 <= event.quantity <= REPLENISHMENT_MAX:
        return publish(ReplenishmentRefused(product=event.product, reason="quantity out of range"))
    if product.stock + event.quantity > STOCK_MAX:
        return publish(ReplenishmentRefused(product=event.product, reason="too much stock"))
    stocked = replace(product, stock=product.stock + event.quantity)
    return become(stocked, StockReplenished(product=event.product, quantity=event.quantity))


def _listed(event: ProductListed) -> Listed:
    return Listed(
        product=event.product,
        seller=event.seller,
        currency=event.currency,
        prices_minor=event.prices_minor,
        version=event.product_version,
        update=event.update,
        stock=event.stock,
    )


def _repriced(product: Listed, event: PriceChanged) -> Listed:
    return replace(product, prices_minor=(event.price_minor,), update=event.update)


def _replaced(product: Listed, event: ProductReplaced) -> Listed:
    """Sell the new version. What was promised of the old one is still kept, on top of the new units."""
    stock = product.stock if event.stock is None else product.reserved + event.stock
    return replace(
        product, prices_minor=event.prices_minor, version=event.product_version, update=event.update, stock=stock
    )
