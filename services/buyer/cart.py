"""A buyer's cart: every product in it is watched at its seller, and is unwatched when it leaves.

What a cart knows of a seller's prices comes from that seller alone, in the seller's order.
"""

from dataclasses import replace
from typing import TypeAlias

from agora.decision import NOTHING, Decision, become, publish
from market.buyers import AddToCart, CartChanged, CartRefused, ChangeCartLine, RemoveFromCart
from market.lines import LINES_MAX, Line, line_fault
from market.products import PriceChanged, ProductQuoted, ProductReplaced
from market.sellers import ProductUnwatched, ProductWatched, WatchRefused
from services.buyer.state import Buyer, CartLine, Registered

CartCommand: TypeAlias = AddToCart | ChangeCartLine | RemoveFromCart
CartUpdate: TypeAlias = ProductQuoted | PriceChanged | ProductReplaced
CartNews: TypeAlias = CartUpdate | WatchRefused


def obey(buyer: Registered, command: CartCommand) -> Decision[Buyer]:
    """Change the cart as its buyer asks."""
    match command:
        case AddToCart():
            return _add(buyer, command)
        case ChangeCartLine():
            return _change(buyer, command)
        case RemoveFromCart():
            return _remove(buyer, command)


def hear(buyer: Registered, news: CartNews) -> Decision[Buyer]:
    """Take over a seller's word on a product in the cart. Word of a product that has left it comes too late."""
    entry = buyer.cart.get(news.product)
    if entry is None or entry.line.seller != news.seller:
        return NOTHING
    if isinstance(news, WatchRefused):
        return _drop(buyer, entry.line, CartRefused(buyer=buyer.buyer, product=news.product, reason=news.reason))
    return _update(buyer, entry, news) if news.update > entry.update else NOTHING


def refuse(command: CartCommand, reason: str) -> Decision[Buyer]:
    """Leave the cart as it is."""
    product = command.line.product if isinstance(command, AddToCart) else command.product
    return publish(CartRefused(buyer=command.buyer, product=product, reason=reason))


def _add(buyer: Registered, command: AddToCart) -> Decision[Buyer]:
    line = command.line
    if line.product in buyer.cart:
        return refuse(command, "already in the cart")
    if len(buyer.cart) >= LINES_MAX:
        return refuse(command, "cart is full")
    if fault := line_fault(line):
        return refuse(command, fault)
    watched = ProductWatched(seller=line.seller, product=line.product, buyer=buyer.buyer)
    return become(buyer.put(CartLine(line)), _changed(buyer, line), watched)


def _change(buyer: Registered, command: ChangeCartLine) -> Decision[Buyer]:
    entry = buyer.cart.get(command.product)
    if entry is None:
        return refuse(command, "not in the cart")
    line = replace(entry.line, quantity=command.quantity)
    if fault := line_fault(line):
        return refuse(command, fault)
    return become(buyer.put(CartLine(line, entry.update)), _changed(buyer, line))


def _remove(buyer: Registered, command: RemoveFromCart) -> Decision[Buyer]:
    entry = buyer.cart.get(command.product)
    if entry is None:
        return refuse(command, "not in the cart")
    return _drop(buyer, entry.line, _changed(buyer, replace(entry.line, quantity=0)))


def _drop(buyer: Registered, line: Line, said: CartChanged | CartRefused) -> Decision[Buyer]:
    """Unwatch even what was refused: the product may have left the cart and come back since, and be watched again."""
    unwatched = ProductUnwatched(seller=line.seller, product=line.product, buyer=buyer.buyer)
    return become(buyer.take_out(line.product), said, unwatched)


def _update(buyer: Registered, entry: CartLine, news: CartUpdate) -> Decision[Buyer]:
    line = entry.line
    prices = (news.price_minor,) if isinstance(news, PriceChanged) else news.prices_minor
    price = line.price_minor if line.price_minor in prices else prices[0]
    current = replace(line, version=news.product_version, price_minor=price)
    updated = buyer.put(CartLine(current, news.update))
    return become(updated) if current == line else become(updated, _changed(buyer, current))


def _changed(buyer: Registered, line: Line) -> CartChanged:
    return CartChanged(
        buyer=buyer.buyer,
        product=line.product,
        product_version=line.version,
        quantity=line.quantity,
        price_minor=line.price_minor,
    )
