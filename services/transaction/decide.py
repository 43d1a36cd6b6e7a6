"""A transaction: one order, from its placing to its settlement or its undoing.

Products are asked for stock, then the buyer for the money; the first refusal, or the time limit, undoes everything.
Once paid, an order is never undone. An answer that comes after its question no longer matters is left unheard: whoever
gave it hears ``TransactionCancelled`` later than the question, and takes back what it promised.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from agora.decision import NOTHING, Decision, Forget, Put, Remind, become, publish
from market.buyers import FundsHeld, FundsRefused
from market.ids import SellerId
from market.lines import by_product, by_seller
from market.products import StockRefused, StockReserved
from market.transactions import (
    ConfirmDelivery,
    DeliveryDue,
    DeliveryRefused,
    OrderDelivered,
    OrderDispatched,
    OrderPlaced,
    OrderReserved,
    PaymentSucceeded,
    Share,
    TransactionCancelled,
    TransactionOpened,
    TransactionRefused,
    TransactionSettled,
    TransactionTimedOut,
)
from services.transaction import ledger
from services.transaction.rows import Shipment
from services.transaction.state import (
    Cancelled,
    Dispatched,
    Opened,
    Order,
    Paid,
    Reserved,
    Settled,
    Transaction,
    Unopened,
)

Consumes: TypeAlias = (
    OrderPlaced
    | StockReserved
    | StockRefused
    | FundsHeld
    | FundsRefused
    | TransactionTimedOut
    | OrderDispatched
    | ConfirmDelivery
    | DeliveryDue
)
Publishes: TypeAlias = (
    TransactionRefused
    | TransactionOpened
    | OrderReserved
    | PaymentSucceeded
    | TransactionCancelled
    | OrderDelivered
    | DeliveryRefused
    | TransactionSettled
)

TIME_LIMIT: Final = "time limit"
DELIVERY: Final = "delivery"


@dataclass(frozen=True, slots=True)
class Policy:
    """The house rules: how long an order may stay unpaid, how long parcels take, and the fee on every share."""

    time_limit: timedelta = timedelta(seconds=60)
    delivery_time: timedelta = timedelta(seconds=10)
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
        case StockRefused():
            return _cancel(state.order, event.reason, now) if isinstance(state, Opened) else NOTHING
        case FundsRefused():
            return _cancel(state.order, event.reason, now) if isinstance(state, Reserved) else NOTHING
        case TransactionTimedOut():
            return _cancel(state.order, "timed out", now) if isinstance(state, Opened | Reserved) else NOTHING
        case OrderDispatched():
            return _dispatch(state, event, now, policy)
        case ConfirmDelivery():
            return _confirm_delivery(state, event, now, policy)
        case DeliveryDue():
            return _deliver(state, tuple(state.parcels), now, policy) if isinstance(state, Dispatched) else NOTHING


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
    paid = Paid(order, now, tuple(share.seller for share in shares), {})
    return become(paid, succeeded, reminders=(Forget(TIME_LIMIT),), rows=ledger.captured(order, now))


def _cancel(order: Order, reason: str, now: datetime) -> Decision[Transaction]:
    """Undo everything at once: every product that was asked is told, whether it has answered or not."""
    cancelled = TransactionCancelled(
        transaction=order.transaction, buyer=order.buyer, reason=reason, products=order.products
    )
    return become(Cancelled(order, reason, now), cancelled, reminders=(Forget(TIME_LIMIT),))


def _dispatch(state: Transaction, event: OrderDispatched, now: datetime, policy: Policy) -> Decision[Transaction]:
    """Note one parcel; with the last of them, begin to wait for delivery."""
    if not isinstance(state, Paid) or event.seller not in state.undispatched:
        return NOTHING
    row = Put(Shipment(event.transaction, event.seller, now))
    parcels = {**state.parcels, event.seller: now}
    if undispatched := tuple(seller for seller in state.undispatched if seller != event.seller):
        return become(replace(state, undispatched=undispatched, parcels=parcels), rows=(row,))
    due = Remind(DELIVERY, now + policy.delivery_time, DeliveryDue(transaction=event.transaction))
    return become(Dispatched(state.order, state.paid_at, parcels), reminders=(due,), rows=(row,))


def _confirm_delivery(
    state: Transaction, event: ConfirmDelivery, now: datetime, policy: Policy
) -> Decision[Transaction]:
    if isinstance(state, Paid | Dispatched) and event.seller in state.parcels:
        return _deliver(state, (event.seller,), now, policy)
    reason = _why_not_delivered(state, event.seller)
    return publish(DeliveryRefused(transaction=event.transaction, seller=event.seller, reason=reason))


def _why_not_delivered(state: Transaction, seller: SellerId) -> str:
    if isinstance(state, Unopened):
        return "unknown transaction"
    if seller not in by_seller(state.order.lines):
        return "not a seller of this order"
    match state:
        case Cancelled():
            return "cancelled"
        case Paid() if seller not in state.undispatched:
            return "already delivered"
        case Opened() | Reserved() | Paid():
            return "not dispatched"
        case Dispatched() | Settled():
            return "already delivered"


def _deliver(
    state: Paid | Dispatched, sellers: tuple[SellerId, ...], now: datetime, policy: Policy
) -> Decision[Transaction]:
    """Take in the parcels of these sellers; with the last of all, settle."""
    transaction = state.order.transaction
    delivered = tuple(OrderDelivered(transaction=transaction, seller=seller) for seller in sellers)
    rows = tuple(Put(Shipment(transaction, seller, state.parcels[seller], now)) for seller in sellers)
    gone = set(sellers)
    parcels = {seller: since for seller, since in state.parcels.items() if seller not in gone}
    if parcels or isinstance(state, Paid):
        return become(replace(state, parcels=parcels), *delivered, rows=rows)
    order = state.order
    payouts = ledger.payouts(order, policy.fee_basis_points)
    settled = TransactionSettled(
        transaction=transaction, buyer=order.buyer, currency=order.total.currency, payouts=payouts
    )
    return become(
        Settled(order, state.paid_at, now),
        *delivered,
        settled,
        reminders=(Forget(DELIVERY),),
        rows=(*rows, *ledger.settled(order, payouts, now)),
    )
