"""What a buyer remembers. All amounts are minor units of the currency of its budget."""

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from market.buyers import Mandate
from market.ids import BuyerId, ProductId, TransactionId
from market.lines import Line


@dataclass(frozen=True, slots=True)
class Unregistered:
    """Nobody has registered this buyer."""

    status: Literal["unregistered"] = "unregistered"


@dataclass(frozen=True, slots=True)
class CartLine:
    """A line in the cart, and the seller's update its price stems from (0: the buyer's own word)."""

    line: Line
    update: int = 0


@dataclass(frozen=True, slots=True)
class Registered:
    """A buyer that may trade. An open order is ``placed`` until its funds are ``held``, then spent or released.

    A ``paid`` order ends as ``settled`` or ``refunded``; what was given back is no longer spent.
    """

    buyer: BuyerId
    currency: str
    budget_minor: int
    mandate: Mandate
    cart: dict[ProductId, CartLine] = field(default_factory=dict[ProductId, CartLine])
    placed: dict[TransactionId, int] = field(default_factory=dict[TransactionId, int])
    held: dict[TransactionId, int] = field(default_factory=dict[TransactionId, int])
    spent_minor: int = 0
    paid: int = 0
    cancelled: int = 0
    settled: int = 0
    refunded: int = 0
    reviews: int = 0
    status: Literal["registered"] = "registered"

    @property
    def committed_minor(self) -> int:
        """Spent, or promised to an order that is still open."""
        return self.spent_minor + sum(self.placed.values()) + sum(self.held.values())

    def has_open(self, order: TransactionId) -> bool:
        """Tell whether the order is placed or held."""
        return order in self.placed or order in self.held

    def place(self, order: TransactionId, amount_minor: int, cart: dict[ProductId, CartLine]) -> "Registered":
        """Commit to an order; this is the cart afterwards."""
        return replace(self, placed={**self.placed, order: amount_minor}, cart=cart)

    def hold(self, order: TransactionId) -> "Registered":
        """Set the price of a placed order aside."""
        held = {**self.held, order: self.placed[order]}
        return replace(self, placed=_without(self.placed, order), held=held)

    def spend(self, order: TransactionId) -> "Registered":
        """Part with what was held."""
        spent_minor = self.spent_minor + self.held[order]
        return replace(self, held=_without(self.held, order), spent_minor=spent_minor, paid=self.paid + 1)

    def take_back(self, amount_minor: int, orders: int) -> "Registered":
        """Get back what was spent, and with it whole orders or none."""
        return replace(self, spent_minor=self.spent_minor - amount_minor, refunded=self.refunded + orders)

    def let_go(self, order: TransactionId) -> "Registered":
        """Give up an order, placed or held."""
        return replace(self, placed=_without(self.placed, order), held=_without(self.held, order))

    def put(self, entry: CartLine) -> "Registered":
        """Put a line into the cart, in place of any other line of that product."""
        return replace(self, cart={**self.cart, entry.line.product: entry})

    def take_out(self, product: ProductId) -> "Registered":
        """Take a product out of the cart."""
        return replace(self, cart={key: entry for key, entry in self.cart.items() if key != product})


Buyer: TypeAlias = Unregistered | Registered


def _without(orders: dict[TransactionId, int], order: TransactionId) -> dict[TransactionId, int]:
    return {key: amount for key, amount in orders.items() if key != order} if order in orders else orders
