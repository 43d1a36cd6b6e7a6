"""Carts. Their buyers say what is in them, but not when an order or a seller's refusal takes a product out.

A product is watched at its seller from when it comes into a cart until it leaves it, whatever the way, so it is there
as long as it was watched once more than it was unwatched. Both come from the sellers' stream, and are counted.
"""

from collections.abc import Iterable
from typing import Final

from agora.decision import Put
from agora.view import Add, Change, Patch, Told, View
from market.buyers import BuyerRegistered, CartChanged
from market.sellers import ProductUnwatched, ProductWatched
from market.streams import BUYERS, SELLERS
from services.gateway.views.carts.rows import CartLine, Shopper


def show(told: Told) -> Iterable[Change]:
    """Note what a cart holds, and whether it still does."""
    match told.event:
        case BuyerRegistered() as event:
            yield Put(Shopper(event.buyer, event.budget.currency))
        case CartChanged() as event:
            columns = {
                "quantity": event.quantity,
                "price_minor": event.price_minor,
                "version": event.product_version,
            }
            yield Patch(CartLine, (event.buyer, event.product), columns)
        case ProductWatched() as event:
            yield Add(CartLine, (event.buyer, event.product), {"watches": 1})
        case ProductUnwatched() as event:
            yield Add(CartLine, (event.buyer, event.product), {"watches": -1})
        case _:
            return


VIEW: Final = View(
    name="carts",
    hears={BUYERS: (BuyerRegistered, CartChanged), SELLERS: (ProductWatched, ProductUnwatched)},
    show=show,
    rows=(Shopper, CartLine),
)
