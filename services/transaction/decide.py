"""A transaction: one order, from its placing to its settlement, its refund or its undoing.

Products are asked for stock, then the buyer for the money; the first refusal, or the time limit, undoes everything.
Once paid, it ends as its shipment does (``ending.py``), unless a reviewer has to see it first (``payout.py``) or the
buyer gives it back (``returning.py``).
An answer that comes after its question no longer matters is left unheard: whoever gave it hears
``TransactionCancelled`` later than the question, and takes back what it promised.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from agora.decision import NOTHING, Decision, Forget, Remind, become, publish
from market.buyers import FundsHeld, FundsRefused
from market.lines import by_product, by_seller
from market.products import StockRefused, StockReserved
from market.risks import TransactionFlagged
from market.shipments import ShipmentDelivered, ShipmentFailed, ShipmentLost, ShipmentPartlyDelivered
from market.transactions import (
    ClearPayout,
    HoldRefused,
    OrderPlaced,
    OrderReserved,
    ParcelRefunded,
    PaymentSucceeded,
    PayoutCleared,
    PayoutHeld,
    PayoutRejected,
    RejectPayout,
    RequestReturn,
    ReturnRefused,
    Share,
    TransactionCancelled,
    TransactionOpened,
    TransactionRefunded,
    TransactionRefused,
    TransactionSettled,
    TransactionTimedOut,
    VerdictRefused,
)
from services.transaction import ending, ledger, payout, returning
from services.transaction.state import Cancelled, Opened, Order, Paid, Reserved, Transaction, Unopened

Consumes: TypeAlias = (
    OrderPlaced
    | StockReserved
    | StockRefused
    | FundsHeld
    | FundsRefused
    | TransactionTimedOut
    | TransactionFlagged
    | ShipmentDelivered
    | ShipmentPartlyDelivered
    | ShipmentLost
    | ShipmentFailed
    | ClearPayout
    | RejectPayout
    | RequestReturn
)
Publishes: TypeAlias = (
    TransactionRefused
    | TransactionOpened
    | OrderReserved
    | PaymentSucceeded
    | TransactionCancelled
    | PayoutHeld
    | HoldRefused
    | PayoutCleared
    | PayoutRejected
    | VerdictRefused
    | ReturnRefused
    | ParcelRefunded
    | TransactionRefunded
    | TransactionSettled
)

TIME_LIMIT: Final = "time limit"


@dataclass(frozen=True, slots=True)
class Policy:
    """The house rules: how long an order may stay unpaid, and the fee on every share."""

    time_limit: timedelta = timedelta(seconds=60)
    fee_basis_points: int = 500

    def __post_init__(self) -> None:
        if not 0 <= self.fee_basis_points <= ledger.BASIS_POINTS:
            raise ValueError(f"a fee of {self.fee_basis_points} basis points is not a part of the whole")


POLICY: Final = Policy()


def decide(state: Transaction, event: Consumes, now: datetime, policy: Policy = POLICY) -> Decision[Transaction]:
    """Take one turn of a transaction."""
    match event:
        case OrderPlaced():
            return _open(state, event, now, policy)
        case StockReserved():
            return _reserve(state, event)
        case FundsHeld():
            return _pay(state.order, now) if isinstance(state, Reserved) else NOTHING
        case StockRefused() | FundsRefused():
            return _refuse(state, event, now)
        case TransactionTimedOut():
            return _cancel(state.order, "timed out", now) if isinstance(state, Opened | Reserved) else NOTHING
        case TransactionFlagged():
            return payout.hold(state, event, now)
        case ShipmentDelivered() | ShipmentPartlyDelivered() | ShipmentLost() | ShipmentFailed():
            return ending.hear(state, event, now, policy.fee_basis_points)
        case ClearPayout() | RejectPayout():
            return payout.judge(state, event, now, policy.fee_basis_points)
        case RequestReturn():
            return returning.give_back(state, event, now)


def _open(state: Transaction, event: OrderPlaced, now: datetime, policy: Policy) -> Decision[Transaction]:
    """Ask every product at once. An id that is taken already is refused to the buyer who placed it again."""
    if not isinstance(state, Unopened):
        return publish(TransactionRefused(transaction=event.order, buyer=event.buyer, reason="repeated order id"))
    asked = by_product(event.lines)
    order = Order(event.order, event.buyer, event.lines, event.total, event.payment, event.ordered_at, now)
    questions = (
        TransactionOpened(transaction=event.order, product=product, currency=event.total.currency, lines=lines)
        for product, lines in asked.items()
    )
    time_limit = Remind(TIME_LIMIT, now + policy.time_limit, TransactionTimedOut(transaction=event.order))
    return become(Opened(order, tuple(asked)), *questions, reminders=(time_limit,))


def _reserve(state: Transaction, event: StockReserved) -> Decision[Transaction]:
    """Note one promise; with the last of them, ask the buyer for the money."""
    if not isinstance(state, Opened):
        return NOTHING
    order = state.order
    if unanswered := tuple(product for product in state.unanswered if product != event.product):
        return become(Opened(order, unanswered))
    question = OrderReserved(transaction=order.transaction, buyer=order.buyer, total=order.total, payment=order.payment)
    return become(Reserved(order), question)


def _pay(order: Order, now: datetime) -> Decision[Transaction]:
    """Capture the money into escrow. From here on nothing times out."""
    shares = tuple(Share(seller, amount) for seller, amount in by_seller(order.lines).items())
    succeeded = PaymentSucceeded(
        transaction=order.transaction, buyer=order.buyer, total=order.total, products=order.products, shares=shares
    )
    return become(Paid(order, now), succeeded, reminders=(Forget(TIME_LIMIT),), rows=ledger.captured(order, now))


def _refuse(state: Transaction, event: StockRefused | FundsRefused, now: datetime) -> Decision[Transaction]:
    """Undo the order at the first refusal, if it is still waited for."""
    asked = Opened if isinstance(event, StockRefused) else Reserved
    return _cancel(state.order, event.reason, now) if isinstance(state, asked) else NOTHING


def _cancel(order: Order, reason: str, now: datetime) -> Decision[Transaction]:
    """Undo everything at once: every product that was asked is told, whether it has answered or not."""
    cancelled = TransactionCancelled(
        transaction=order.transaction, buyer=order.buyer, reason=reason, products=order.products
    )
    return become(Cancelled(order, reason, now), cancelled, reminders=(Forget(TIME_LIMIT),))
