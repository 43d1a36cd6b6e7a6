"""Products: who sells them, at what price, and how many nobody has been promised yet.

A replaced product may start with a new stock, so what moves units is kept with the position in the product's stream
at which the product heard of it: only what came after that start counts. The product's answers come later, and say
whether it took place; each is brought together with its question by the transaction or by the request.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from agora.view import Change, Patch, Told, Value, View
from market.products import (
    PriceChanged,
    ProductListed,
    ProductReplaced,
    Replenish,
    StockReplenished,
    StockReserved,
)
from market.streams import PRODUCTS, TRANSACTIONS
from market.transactions import PaymentSucceeded, TransactionCancelled, TransactionOpened, TransactionRefunded
from services.gateway.views.products.rows import Offer, Promise, Replenishment

Ended: TypeAlias = TransactionCancelled | PaymentSucceeded


def show(told: Told) -> Iterable[Change]:
    """Take over a seller's word on a product, and note what moves its units."""
    match told.event:
        case ProductListed() | PriceChanged() | ProductReplaced() as event:
            yield Patch(Offer, (event.product, event.seller), _offered(event, told))
        case TransactionOpened() as event:
            yield Patch(Promise, (event.product, event.transaction), {"asked_position": told.offset})
        case StockReserved() as event:
            yield Patch(Promise, (event.product, event.transaction), {"quantity": event.quantity})
        case PaymentSucceeded() as event:
            yield Patch(Promise, (told.subject, event.transaction), {"sold_position": told.offset})
        case TransactionCancelled() as event:
            yield Patch(Promise, (told.subject, event.transaction), {"released_position": told.offset})
        case TransactionRefunded() as event:
            returned = sum(one.quantity for one in event.returned)
            columns = {"returned": returned, "returned_position": told.offset}
            yield Patch(Promise, (told.subject, event.transaction), columns)
        case Replenish() as event:
            yield Patch(Replenishment, (event.product, f"{told.source}/{told.id}"), {"position": told.offset})
        case StockReplenished() as event:
            yield Patch(Replenishment, (event.product, told.causation), {"quantity": event.quantity})
        case _:
            return


def _offered(event: ProductListed | PriceChanged | ProductReplaced, told: Told) -> dict[str, Value]:
    match event:
        case ProductListed():
            listed = {"currency": event.currency, "listed_position": told.offset, "listed_at": told.at}
            return {**listed, **_priced(event.prices_minor), **_stocked(event, told)}
        case PriceChanged():
            return _priced((event.price_minor,))
        case ProductReplaced():
            return {**_priced(event.prices_minor), **_stocked(event, told)}


def _priced(prices_minor: tuple[int, ...]) -> dict[str, Value]:
    return {"price_minor": prices_minor[0], "prices_minor": msgspec.json.encode(prices_minor).decode()}


def _stocked(event: ProductListed | ProductReplaced, told: Told) -> dict[str, Value]:
    """A new version, and a new start of its stock unless the units on hand go with it."""
    if event.stock is None:
        return {"version": event.product_version}
    return {"version": event.product_version, "stock": event.stock, "stock_position": told.offset}


VIEW: Final = View(
    name="products",
    hears={
        PRODUCTS: (
            ProductListed,
            PriceChanged,
            ProductReplaced,
            TransactionOpened,
            PaymentSucceeded,
            TransactionCancelled,
            TransactionRefunded,
            Replenish,
            StockReplenished,
        ),
        TRANSACTIONS: (StockReserved,),
    },
    show=show,
    rows=(Offer, Promise, Replenishment),
)
