"""A seller's catalogue, and the buyers who watch it from their carts."""

from typing import Final, TypeAlias

from agora.decision import NOTHING, Decision, become, publish
from market.lines import PRICE_MINOR_MAX
from market.products import (
    WATCHERS_PER_SELLER_MAX,
    PriceChanged,
    ProductListed,
    ProductQuoted,
    ProductReplaced,
)
from market.sellers import (
    ChangePrice,
    ListingRefused,
    ListProduct,
    PriceChangeRefused,
    ProductTaken,
    ProductUnwatched,
    ProductWatched,
    ReplacementRefused,
    ReplaceProduct,
    WatchRefused,
)
from services.seller.state import Registered, Seller, Unregistered

CatalogueCommand: TypeAlias = ListProduct | ChangePrice | ReplaceProduct
WatchNews: TypeAlias = ProductWatched | ProductUnwatched

PRODUCTS_PER_SELLER_MAX: Final = 10_000
STOCK_MAX: Final = 10**9
TAKEN: Final = "sold by another seller"


def obey(seller: Seller, command: CatalogueCommand) -> Decision[Seller]:
    """Change the catalogue as its seller asks."""
    if isinstance(seller, Unregistered):
        return _refuse(command, "unknown seller")
    match command:
        case ListProduct():
            return _list(seller, command)
        case ChangePrice():
            return _change_price(seller, command)
        case ReplaceProduct():
            return _replace(seller, command)


def watch(seller: Seller, news: WatchNews) -> Decision[Seller]:
    """Keep a buyer told about a product, from the price of today on, or no longer."""
    match news:
        case ProductWatched():
            return _watched(seller, news)
        case ProductUnwatched():
            return _unwatched(seller, news)


def withdraw(seller: Seller, event: ProductTaken) -> Decision[Seller]:
    """Give up a listing: the product is another seller's."""
    if isinstance(seller, Unregistered) or event.product not in seller.offers:
        return NOTHING
    refused = ListingRefused(seller=event.seller, product=event.product, reason=TAKEN)
    lost = (
        WatchRefused(seller=event.seller, product=event.product, buyer=buyer, reason=TAKEN)
        for buyer in seller.watchers_of(event.product)
    )
    return become(seller.withdraw(event.product), refused, *lost)


def _list(seller: Registered, command: ListProduct) -> Decision[Seller]:
    if command.product in seller.offers:
        return _refuse(command, "already listed")
    if len(seller.offers) >= PRODUCTS_PER_SELLER_MAX:
        return _refuse(command, "too many products")
    if fault := _prices_fault(command.prices_minor) or _stock_fault(command.stock):
        return _refuse(command, fault)
    listed = seller.say(command.product, command.prices_minor, version=1)
    said = ProductListed(
        product=command.product,
        seller=command.seller,
        currency=seller.currency,
        prices_minor=command.prices_minor,
        product_version=1,
        stock=command.stock,
        update=listed.updates,
    )
    return become(listed, said)


def _change_price(seller: Registered, command: ChangePrice) -> Decision[Seller]:
    offer = seller.offers.get(command.product)
    if offer is None:
        return _refuse(command, "unknown product")
    prices_minor = (command.price_minor,)
    if fault := _prices_fault(prices_minor):
        return _refuse(command, fault)
    changed = seller.say(command.product, prices_minor, offer.version)
    said = PriceChanged(
        product=command.product,
        seller=command.seller,
        price_minor=command.price_minor,
        product_version=offer.version,
        update=changed.updates,
        watchers=seller.watchers_of(command.product),
    )
    return become(changed, said)


def _replace(seller: Registered, command: ReplaceProduct) -> Decision[Seller]:
    offer = seller.offers.get(command.product)
    if offer is None:
        return _refuse(command, "unknown product")
    if fault := _prices_fault(command.prices_minor) or _stock_fault(command.stock or 0):
        return _refuse(command, fault)
    replaced = seller.say(command.product, command.prices_minor, offer.version + 1)
    said = ProductReplaced(
        product=command.product,
        seller=command.seller,
        prices_minor=command.prices_minor,
        product_version=offer.version + 1,
        stock=command.stock,
        update=replaced.updates,
        watchers=seller.watchers_of(command.product),
    )
    return become(replaced, said)


def _refuse(command: CatalogueCommand, reason: str) -> Decision[Seller]:
    match command:
        case ListProduct():
            return publish(ListingRefused(seller=command.seller, product=command.product, reason=reason))
        case ChangePrice():
            return publish(PriceChangeRefused(seller=command.seller, product=command.product, reason=reason))
        case ReplaceProduct():
            return publish(ReplacementRefused(seller=command.seller, product=command.product, reason=reason))


def _prices_fault(prices_minor: tuple[int, ...]) -> str | None:
    if not prices_minor:
        return "no price"
    return None if all(0 <= price <= PRICE_MINOR_MAX for price in prices_minor) else "price out of range"


def _stock_fault(stock: int) -> str | None:
    return None if 0 <= stock <= STOCK_MAX else "stock out of range"


def _watched(seller: Seller, event: ProductWatched) -> Decision[Seller]:
    """Answer with today's price. Later updates follow it on the same way, so none is missed and none comes before."""
    if isinstance(seller, Unregistered):
        return _refuse_watch(event, "unknown seller")
    offer = seller.offers.get(event.product)
    if offer is None:
        return _refuse_watch(event, "unknown product")
    watchers = seller.watchers_of(event.product)
    if event.buyer not in watchers and seller.watching >= WATCHERS_PER_SELLER_MAX:
        return _refuse_watch(event, "too many watchers")
    quoted = ProductQuoted(
        product=event.product,
        seller=event.seller,
        buyer=event.buyer,
        prices_minor=offer.prices_minor,
        product_version=offer.version,
        update=offer.update,
    )
    if event.buyer in watchers:
        return publish(quoted)
    return become(seller.watch(event.product, (*watchers, event.buyer)), quoted)


def _refuse_watch(event: ProductWatched, reason: str) -> Decision[Seller]:
    return publish(WatchRefused(seller=event.seller, product=event.product, buyer=event.buyer, reason=reason))


def _unwatched(seller: Seller, event: ProductUnwatched) -> Decision[Seller]:
    if isinstance(seller, Unregistered) or event.buyer not in seller.watchers_of(event.product):
        return NOTHING
    left = tuple(buyer for buyer in seller.watchers_of(event.product) if buyer != event.buyer)
    return become(seller.watch(event.product, left))
