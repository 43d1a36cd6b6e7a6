"""What the log proves of carts: each sees a seller's updates in the seller's order, and misses none in between."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping

from agora.audit import Said
from agora.event import Event, Stream
from market.ids import BuyerId, ProductId, SellerId
from market.products import PriceChanged, ProductListed, ProductQuoted, ProductReplaced
from market.streams import BUYERS, PRODUCTS


class Carts:
    """What buyers were told of prices, against everything their sellers said.

    A buyer that watches a product hears a quote and then every update of it, so between what it heard last of the
    product and an update it hears, the seller has said nothing else of that product. Updates of all products of one
    seller come in their order. A quote begins anew: while nothing was watched, nothing was missed.
    """

    hears: Mapping[Stream, tuple[type[Event], ...]] = {
        PRODUCTS: (ProductListed, PriceChanged, ProductReplaced),
        BUYERS: (ProductQuoted, PriceChanged, ProductReplaced),
    }

    def __init__(self) -> None:
        self._said = defaultdict[tuple[SellerId, ProductId], set[int]](set)
        self._last_of_product = dict[tuple[BuyerId, SellerId, ProductId], int]()
        self._last_of_seller = dict[tuple[BuyerId, SellerId], int]()
        # (seller, product, heard before, heard now): many buyers hear the same, and it is kept once.
        self._leaps = Counter[tuple[SellerId, ProductId, int, int]]()
        self._backward = 0
        self._unasked = 0

    def hear(self, said: Said) -> None:
        """Take in one event."""
        event = said.event
        match event:
            case ProductListed():
                self._said[event.seller, event.product].add(event.update)
            case PriceChanged() | ProductReplaced() if said.stream == PRODUCTS.name:
                self._said[event.seller, event.product].add(event.update)
            case PriceChanged() | ProductReplaced():
                self._updated(BuyerId(said.subject), event)
            case ProductQuoted():
                self._quoted(event)
            case _:
                raise TypeError(event)

    def checks(self) -> Mapping[str, int]:
        """Count what carts were told."""
        return {
            "updates a cart heard after missing an earlier one": sum(
                count for leap, count in self._leaps.items() if self._missed(*leap)
            ),
            "updates a cart heard out of their seller's order": self._backward,
            "updates a cart heard before any quote": self._unasked,
        }

    def figures(self) -> Mapping[str, Mapping[str, int]]:
        """Nothing that another could disagree with."""
        return {}

    def _quoted(self, event: ProductQuoted) -> None:
        key = (event.buyer, event.seller, event.product)
        self._backward += event.update < self._last_of_product.get(key, 0)
        self._last_of_product[key] = event.update

    def _updated(self, buyer: BuyerId, event: PriceChanged | ProductReplaced) -> None:
        key = (buyer, event.seller, event.product)
        before = self._last_of_product.get(key)
        self._backward += event.update <= self._last_of_seller.get((buyer, event.seller), 0)
        self._last_of_seller[buyer, event.seller] = event.update
        self._last_of_product[key] = event.update
        if before is None:
            self._unasked += 1
        else:
            self._leaps[event.seller, event.product, before, event.update] += 1

    def _missed(self, seller: SellerId, product: ProductId, before: int, now: int) -> bool:
        said = sorted(self._said[seller, product])
        return bisect_right(said, before) < bisect_left(said, now)
