"""Events about products: what is offered, at what price, and what is in stock.

``update`` numbers everything one seller says about its products, 1, 2, 3, …: a greater number is later. All of it
comes from the seller's own partition, so products and carts hear it in the seller's order.
"""

from typing import Annotated, Final, Self

from pydantic import Field

from agora.event import Subject
from market.before import v1
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.language import Count, MarketEvent, Positive, Prices
from market.money import Currency
from market.streams import BUYERS, PRODUCTS, TRANSACTIONS

WATCHERS_PER_SELLER_MAX: Final = 1_000

Watchers = Annotated[tuple[BuyerId, ...], Field(max_length=WATCHERS_PER_SELLER_MAX)]


class AboutProduct(MarketEvent):
    """An event that concerns one product."""

    product: ProductId

    def concerns(self) -> tuple[Subject, ...]:
        """Address the product."""
        return (PRODUCTS(self.product),)


class ProductListed(AboutProduct):
    """A seller offers a new product."""

    seller: SellerId
    currency: Currency
    prices_minor: Prices
    product_version: Positive
    stock: Count
    update: Positive


class _Watched(AboutProduct):
    """An update of the seller's that the product and every watching buyer hear; each sees no watcher but itself."""

    seller: SellerId
    update: Positive
    watchers: Watchers = ()

    def concerns(self) -> tuple[Subject, ...]:
        """Address the product and each watching buyer."""
        return (PRODUCTS(self.product), *map(BUYERS, self.watchers))

    def seen_by(self, subject: Subject) -> Self:
        """Leave out the other watchers."""
        if not self.watchers:
            return self
        alone = (BuyerId(subject.id),) if subject.stream is BUYERS else ()
        return self.model_copy(update={"watchers": alone})


class PriceChanged(_Watched):
    """The product is sold at this one price (minor units) from now on."""

    price_minor: Count
    product_version: Positive


class ProductReplaced(_Watched):
    """A new version took the product's place; without ``stock`` it takes over the units on hand."""

    prices_minor: Prices
    product_version: Positive
    stock: Count | None


class ProductQuoted(MarketEvent):
    """The seller's answer to one watch: what the product costs now, as of ``update``."""

    product: ProductId
    seller: SellerId
    buyer: BuyerId
    prices_minor: Prices
    product_version: Positive
    update: Positive

    def concerns(self) -> tuple[Subject, ...]:
        """Address the buyer."""
        return (BUYERS(self.buyer),)


class Replenish(AboutProduct, command=True):
    """Put units into stock."""

    quantity: int


class StockReplenished(AboutProduct):
    """Units were put into stock."""

    quantity: Positive


class ReplenishmentRefused(AboutProduct):
    """Stock stays as it was."""

    reason: str


class StockReserved(MarketEvent):
    """The product has promised the transaction all units it asked for."""

    transaction: TransactionId
    product: ProductId
    quantity: Positive

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction."""
        return (TRANSACTIONS(self.transaction),)


class StockRefused(MarketEvent, version=2, replaces=v1.StockRefused, readable_since=1):
    """The product promises the transaction nothing.

    ``asked`` is how many units it was asked for, ``left`` how many it could still promise; both are unknown of a
    refusal before version 2, and ``left`` of a product that nobody has listed.
    """

    transaction: TransactionId
    product: ProductId
    reason: str
    asked: Count | None = None
    left: Count | None = None

    @classmethod
    def upcast(cls, old: v1.StockRefused) -> Self:
        """Nobody counted before."""
        return cls(transaction=old.transaction, product=old.product, reason=old.reason)

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction."""
        return (TRANSACTIONS(self.transaction),)
