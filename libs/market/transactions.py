"""Events about transactions: the life of one order, from its placing to its settlement, its refund or its end."""

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AwareDatetime, Field

from agora.event import Subject
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.language import Count, MarketEvent, Positive
from market.lines import LINES_MAX, Lines, SoundPayment
from market.money import Currency, Money
from market.streams import BUYERS, PRODUCTS, SELLERS, SHIPMENTS, TRANSACTIONS

Products = Annotated[tuple[ProductId, ...], Field(max_length=LINES_MAX)]


@dataclass(frozen=True, slots=True)
class Share:
    """One seller's part of what a buyer pays, in minor units."""

    seller: SellerId
    amount_minor: Count


@dataclass(frozen=True, slots=True)
class Payout:
    """What one seller is paid, and the fee kept from its share, in minor units."""

    seller: SellerId
    amount_minor: Count
    fee_minor: Count


@dataclass(frozen=True, slots=True)
class Returned:
    """Units that are a product's again."""

    product: ProductId
    quantity: Positive


class AboutTransaction(MarketEvent):
    """An event that concerns one transaction."""

    transaction: TransactionId

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction."""
        return (TRANSACTIONS(self.transaction),)


class AboutTransactionAndBuyer(AboutTransaction):
    """An event that concerns one transaction and its buyer."""

    buyer: BuyerId

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction and the buyer."""
        return (TRANSACTIONS(self.transaction), BUYERS(self.buyer))


class OrderPlaced(MarketEvent):
    """A buyer has committed itself to an order."""

    order: TransactionId
    buyer: BuyerId
    lines: Lines
    total: Money
    payment: SoundPayment
    ordered_at: AwareDatetime | None = None

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction that bears the order's id."""
        return (TRANSACTIONS(self.order),)


class TransactionRefused(MarketEvent):
    """The order's id is another transaction's, so the order just placed comes to nothing."""

    transaction: TransactionId
    buyer: BuyerId
    reason: str

    def concerns(self) -> tuple[Subject, ...]:
        """Address the buyer; the running transaction is not disturbed."""
        return (BUYERS(self.buyer),)


class TransactionOpened(MarketEvent):
    """A transaction asks one product for all units its lines name, or none."""

    transaction: TransactionId
    product: ProductId
    currency: Currency
    lines: Lines

    def concerns(self) -> tuple[Subject, ...]:
        """Address the product."""
        return (PRODUCTS(self.product),)


class TransactionTimedOut(AboutTransaction):
    """The time in which a transaction must be paid is over (a reminder to itself)."""


class OrderReserved(MarketEvent):
    """Every product has promised its units; now the buyer has to pay."""

    transaction: TransactionId
    buyer: BuyerId
    total: Money
    payment: SoundPayment

    def concerns(self) -> tuple[Subject, ...]:
        """Address the buyer."""
        return (BUYERS(self.buyer),)


class PaymentSucceeded(AboutTransaction):
    """The buyer's money is in escrow. A product sees neither products nor shares, a seller its own share alone."""

    buyer: BuyerId
    total: Money
    products: Products
    shares: Annotated[tuple[Share, ...], Field(max_length=LINES_MAX)]

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction, its shipment, the buyer, each product and each seller."""
        return (
            TRANSACTIONS(self.transaction),
            SHIPMENTS(self.transaction),
            BUYERS(self.buyer),
            *map(PRODUCTS, self.products),
            *(SELLERS(share.seller) for share in self.shares),
        )

    def seen_by(self, subject: Subject) -> Self:
        """Narrow to one seller's share; a product needs none, so nothing is searched for it."""
        if subject.stream is PRODUCTS:
            return self.model_copy(update={"products": (), "shares": ()})
        if subject.stream is SELLERS:
            own = tuple(share for share in self.shares if share.seller == subject.id)
            return self.model_copy(update={"products": (), "shares": own})
        return self


class PayoutHeld(AboutTransaction):
    """The payout waits for a reviewer: the payment was flagged."""

    buyer: BuyerId
    score: Count


class HoldRefused(AboutTransaction):
    """A flagged payment is not held."""

    reason: str


class ClearPayout(AboutTransaction, command=True):
    """Let a held payout go its way."""

    reviewer: str


class RejectPayout(AboutTransaction, command=True):
    """Undo a transaction whose payout is held."""

    reviewer: str
    reason: str


class RequestReturn(AboutTransaction, command=True):
    """Give an order back: the buyer does not want what it has paid for and not received yet."""

    buyer: BuyerId
    reason: str


class ReturnRefused(AboutTransactionAndBuyer):
    """An order is not taken back."""

    reason: str


class PayoutCleared(AboutTransactionAndBuyer):
    """A reviewer has let a held payout go its way."""

    reviewer: str


class PayoutRejected(AboutTransactionAndBuyer):
    """A reviewer has rejected a held payout, and the transaction is undone."""

    reviewer: str
    reason: str


class VerdictRefused(AboutTransaction):
    """A reviewer's word changes nothing: no payout of this transaction is held."""

    reviewer: str
    reason: str


class ParcelRefunded(AboutTransaction):
    """One seller's parcel never arrived, so escrow gives the buyer that seller's share back. The rest is settled."""

    buyer: BuyerId
    seller: SellerId
    amount: Money

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction, the buyer and the seller."""
        return (TRANSACTIONS(self.transaction), BUYERS(self.buyer), SELLERS(self.seller))


class TransactionRefunded(AboutTransaction):
    """A paid order is undone: the buyer gets everything back, products the units that were ``returned`` to them.

    A product sees its own units alone, a seller itself alone.
    """

    buyer: BuyerId
    amount: Money
    reason: str
    sellers: Annotated[tuple[SellerId, ...], Field(max_length=LINES_MAX)]
    returned: Annotated[tuple[Returned, ...], Field(max_length=LINES_MAX)]

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction, its shipment, the buyer, each seller and each product that gets units back."""
        return (
            TRANSACTIONS(self.transaction),
            SHIPMENTS(self.transaction),
            BUYERS(self.buyer),
            *map(SELLERS, self.sellers),
            *(PRODUCTS(returned.product) for returned in self.returned),
        )

    def seen_by(self, subject: Subject) -> Self:
        """Narrow to one product's units, or to one seller."""
        if subject.stream is PRODUCTS:
            own = tuple(returned for returned in self.returned if returned.product == subject.id)
            return self.model_copy(update={"sellers": (), "returned": own})
        if subject.stream is SELLERS:
            return self.model_copy(update={"sellers": (SellerId(subject.id),), "returned": ()})
        return self


class TransactionSettled(AboutTransaction):
    """What arrived is paid for: escrow has paid those sellers. A seller sees its own payout alone."""

    buyer: BuyerId
    currency: Currency
    payouts: Annotated[tuple[Payout, ...], Field(max_length=LINES_MAX)]

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction, the buyer and each seller."""
        return (
            TRANSACTIONS(self.transaction),
            BUYERS(self.buyer),
            *(SELLERS(payout.seller) for payout in self.payouts),
        )

    def seen_by(self, subject: Subject) -> Self:
        """Narrow to one seller's payout."""
        if subject.stream is not SELLERS:
            return self
        own = tuple(payout for payout in self.payouts if payout.seller == subject.id)
        return self.model_copy(update={"payouts": own})


class TransactionCancelled(AboutTransaction):
    """The order is undone: products take back their units, the buyer its money. A product sees no other."""

    buyer: BuyerId
    reason: str
    products: Products

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction, the buyer and each product that was asked for units."""
        return (TRANSACTIONS(self.transaction), BUYERS(self.buyer), *map(PRODUCTS, self.products))

    def seen_by(self, subject: Subject) -> Self:
        """Leave the other products out."""
        return self.model_copy(update={"products": ()}) if subject.stream is PRODUCTS else self
