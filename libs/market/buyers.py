"""Events about buyers: their registration, their carts, their orders and their funds."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AwareDatetime, Field

from agora.event import Subject
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.language import Count, MarketEvent, Positive
from market.lines import AskedLines, Line, Payment
from market.money import Money
from market.streams import BUYERS, TRANSACTIONS

SELLERS_PER_MANDATE_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Mandate:
    """The limits of a buyer's authority, in minor units of its currency; no sellers named means any seller."""

    order_limit_minor: int
    total_limit_minor: int
    sellers: Annotated[tuple[SellerId, ...], Field(max_length=SELLERS_PER_MANDATE_MAX)] = ()


class AboutBuyer(MarketEvent):
    """An event that concerns one buyer."""

    buyer: BuyerId

    def concerns(self) -> tuple[Subject, ...]:
        """Address the buyer."""
        return (BUYERS(self.buyer),)


class RegisterBuyer(AboutBuyer, command=True):
    """Let a buyer spend up to a budget within a mandate."""

    currency: str
    budget_minor: int
    mandate: Mandate


class BuyerRegistered(AboutBuyer):
    """A buyer may trade."""

    budget: Money


class BuyerRegistrationRefused(AboutBuyer):
    """A buyer was not registered."""

    reason: str


class AddToCart(AboutBuyer, command=True):
    """Put a product the cart does not hold yet into it."""

    line: Line


class ChangeCartLine(AboutBuyer, command=True):
    """Set how many units of a product the cart holds."""

    product: ProductId
    quantity: int


class RemoveFromCart(AboutBuyer, command=True):
    """Take a product out of the cart."""

    product: ProductId


class CartChanged(AboutBuyer):
    """The cart now holds ``quantity`` units of the product; 0 once it is taken out."""

    product: ProductId
    product_version: Positive
    quantity: Count
    price_minor: Count


class CartRefused(AboutBuyer):
    """The cart does not hold what was asked of it."""

    product: ProductId
    reason: str


class CheckOut(AboutBuyer, command=True):
    """Order the lines given or, without any, those of the cart, which is then emptied."""

    order: TransactionId
    lines: AskedLines = ()
    currency: str
    payment: Payment
    ordered_at: AwareDatetime | None = None


class OrderRefused(AboutBuyer):
    """An order ended before it became a transaction; a running order of the same id is not touched."""

    order: TransactionId
    reason: str


class FundsHeld(MarketEvent):
    """The buyer has set the price of an order aside."""

    transaction: TransactionId
    buyer: BuyerId
    amount: Money

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction."""
        return (TRANSACTIONS(self.transaction),)


class FundsRefused(MarketEvent):
    """The buyer will not pay for an order."""

    transaction: TransactionId
    buyer: BuyerId
    reason: str

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction."""
        return (TRANSACTIONS(self.transaction),)


class FundsReleased(AboutBuyer):
    """What was set aside for a cancelled order is the buyer's again."""

    transaction: TransactionId
    amount: Money
