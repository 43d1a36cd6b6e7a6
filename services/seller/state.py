"""What a seller remembers: its catalogue and who watches it. Sales are rows, so that a sale rewrites no catalogue."""

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from market.ids import BuyerId, ProductId, SellerId


@dataclass(frozen=True, slots=True)
class Unregistered:
    """Nobody has registered this seller."""

    status: Literal["unregistered"] = "unregistered"


@dataclass(frozen=True, slots=True)
class Offer:
    """A product as it is sold now, since the seller's ``update`` of that number."""

    prices_minor: tuple[int, ...]
    version: int
    update: int


@dataclass(frozen=True, slots=True)
class Registered:
    """A seller that may trade. ``updates`` counts everything it has said about its products."""

    seller: SellerId
    currency: str
    updates: int = 0
    offers: dict[ProductId, Offer] = field(default_factory=dict[ProductId, Offer])
    watchers: dict[ProductId, tuple[BuyerId, ...]] = field(default_factory=dict[ProductId, tuple[BuyerId, ...]])
    status: Literal["registered"] = "registered"

    @property
    def watching(self) -> int:
        """How many watches are kept, over all products."""
        return sum(map(len, self.watchers.values()))

    def watchers_of(self, product: ProductId) -> tuple[BuyerId, ...]:
        """List the buyers to tell about a product."""
        return self.watchers.get(product, ())

    def say(self, product: ProductId, prices_minor: tuple[int, ...], version: int) -> "Registered":
        """Make the next update: from now on the product is offered so."""
        update = self.updates + 1
        return replace(self, updates=update, offers={**self.offers, product: Offer(prices_minor, version, update)})

    def watch(self, product: ProductId, buyers: tuple[BuyerId, ...]) -> "Registered":
        """Let exactly these buyers watch a product."""
        others = {key: watching for key, watching in self.watchers.items() if key != product}
        return replace(self, watchers={**others, product: buyers} if buyers else others)

    def withdraw(self, product: ProductId) -> "Registered":
        """Take a product out of the catalogue, watchers and all."""
        offers = {key: offer for key, offer in self.offers.items() if key != product}
        return replace(self.watch(product, ()), offers=offers)


Seller: TypeAlias = Unregistered | Registered
