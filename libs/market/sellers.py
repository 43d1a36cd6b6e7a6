"""Events about sellers: their registration, their catalogue, and who watches it."""

from agora.event import Subject
from market.ids import BuyerId, ProductId, SellerId
from market.language import AskedPrices, MarketEvent
from market.money import Currency
from market.streams import BUYERS, SELLERS


class AboutSeller(MarketEvent):
    """An event that concerns one seller."""

    seller: SellerId

    def concerns(self) -> tuple[Subject, ...]:
        """Address the seller."""
        return (SELLERS(self.seller),)


class RegisterSeller(AboutSeller, command=True):
    """Let a seller offer products, priced in one currency."""

    currency: str


class SellerRegistered(AboutSeller):
    """A seller may trade."""

    currency: Currency


class SellerRegistrationRefused(AboutSeller):
    """A seller was not registered."""

    reason: str


class ListProduct(AboutSeller, command=True):
    """Offer a new product at these prices (minor units), with so many units in stock."""

    product: ProductId
    prices_minor: AskedPrices
    stock: int


class ListingRefused(AboutSeller):
    """A product was not listed."""

    product: ProductId
    reason: str


class ProductTaken(AboutSeller):
    """The product is another seller's already, so this seller's listing of it comes to nothing."""

    product: ProductId


class ChangePrice(AboutSeller, command=True):
    """Sell a product at this one price (minor units) from now on."""

    product: ProductId
    price_minor: int


class PriceChangeRefused(AboutSeller):
    """A price stays as it was."""

    product: ProductId
    reason: str


class ReplaceProduct(AboutSeller, command=True):
    """Put a new version in a product's place; the old one can no longer be sold. Without ``stock``, it takes over."""

    product: ProductId
    prices_minor: AskedPrices
    stock: int | None = None


class ReplacementRefused(AboutSeller):
    """A product stays in the version it has."""

    product: ProductId
    reason: str


class ProductWatched(AboutSeller):
    """A buyer has put the product in its cart and wants to hear its price now and every change to come."""

    product: ProductId
    buyer: BuyerId


class ProductUnwatched(AboutSeller):
    """A buyer no longer has the product in its cart."""

    product: ProductId
    buyer: BuyerId


class WatchRefused(MarketEvent):
    """The seller will not keep the buyer told about a product."""

    seller: SellerId
    product: ProductId
    buyer: BuyerId
    reason: str

    def concerns(self) -> tuple[Subject, ...]:
        """Address the buyer."""
        return (BUYERS(self.buyer),)
