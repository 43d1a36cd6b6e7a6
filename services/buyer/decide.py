"""A buyer: its mandate, its cart, its money.

An order is open from its placing until the transaction answers, exactly once, with ``PaymentSucceeded``,
``TransactionCancelled`` or ``TransactionRefused``. While it is open the buyer turns the same order id away itself, so
no answer can ever be meant for another placing, and money needs no further mark to tell attempts apart.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias

from agora.decision import NOTHING, Append, Decision, become, publish
from market.buyers import (
    AddToCart,
    BuyerRegistered,
    BuyerRegistrationRefused,
    CartChanged,
    CartRefused,
    ChangeCartLine,
    CheckOut,
    FundsHeld,
    FundsRefused,
    FundsReleased,
    OrderRefused,
    RegisterBuyer,
    RemoveFromCart,
)
from market.lines import LINES_MAX, Line, line_fault, payment_fault, total_minor
from market.messages import LeaveReview, MessageRefused, MessageSent, ReviewLeft, ReviewRefused, SendMessage
from market.money import AMOUNT_MINOR_MAX, Money, is_currency
from market.products import PriceChanged, ProductQuoted, ProductReplaced
from market.sellers import ProductUnwatched, ProductWatched, WatchRefused
from market.transactions import (
    OrderPlaced,
    OrderReserved,
    ParcelRefunded,
    PaymentSucceeded,
    TransactionCancelled,
    TransactionRefunded,
    TransactionRefused,
    TransactionSettled,
)
from services.buyer import cart, words
from services.buyer.cart import CartCommand, CartNews
from services.buyer.rows import RefusedOrder
from services.buyer.state import Buyer, Registered, Unregistered
from services.buyer.words import WordsCommand

OrderNews: TypeAlias = PaymentSucceeded | TransactionCancelled | TransactionRefused | TransactionSettled
Refund: TypeAlias = ParcelRefunded | TransactionRefunded
Consumes: TypeAlias = (
    RegisterBuyer | CartCommand | CheckOut | CartNews | OrderReserved | OrderNews | Refund | WordsCommand
)
Publishes: TypeAlias = (
    BuyerRegistered
    | BuyerRegistrationRefused
    | CartChanged
    | CartRefused
    | ProductWatched
    | ProductUnwatched
    | OrderPlaced
    | OrderRefused
    | FundsHeld
    | FundsRefused
    | FundsReleased
    | ReviewLeft
    | ReviewRefused
    | MessageSent
    | MessageRefused
)

OPEN_ORDERS_MAX: Final = 1_000
DECLINED_TOKEN: Final = "tok_declined"  # noqa: S105 - the start of every token that a bank would decline


def decide(buyer: Buyer, event: Consumes, now: datetime) -> Decision[Buyer]:
    """Take one turn of a buyer."""
    match buyer:
        case Unregistered():
            return _decide_unregistered(event, now)
        case Registered():
            return _decide_registered(buyer, event, now)


def _decide_unregistered(event: Consumes, now: datetime) -> Decision[Buyer]:
    match event:
        case RegisterBuyer():
            return _register(event)
        case CheckOut():
            return _refuse_order(event, "unknown buyer", now)
        case AddToCart() | ChangeCartLine() | RemoveFromCart():
            return cart.refuse(event, "unknown buyer")
        case LeaveReview() | SendMessage():
            return words.refuse(event, "unknown buyer")
        case OrderReserved():
            return _refuse_funds(event, "unknown buyer")
        case ProductQuoted() | PriceChanged() | ProductReplaced() | WatchRefused():
            return NOTHING
        case PaymentSucceeded() | TransactionCancelled() | TransactionRefused() | TransactionSettled():
            return NOTHING
        case ParcelRefunded() | TransactionRefunded():
            return NOTHING


def _decide_registered(buyer: Registered, event: Consumes, now: datetime) -> Decision[Buyer]:
    match event:
        case CheckOut():
            return _check_out(buyer, event, now)
        case OrderReserved():
            return _hold_funds(buyer, event)
        case PaymentSucceeded() | TransactionCancelled() | TransactionRefused() | TransactionSettled() as news:
            return _hear(buyer, news, now)
        case ParcelRefunded() | TransactionRefunded() as refund:
            return _take_back(buyer, refund)
        case AddToCart() | ChangeCartLine() | RemoveFromCart() as command:
            return cart.obey(buyer, command)
        case ProductQuoted() | PriceChanged() | ProductReplaced() | WatchRefused() as news:
            return cart.hear(buyer, news)
        case LeaveReview() | SendMessage() as command:
            return words.obey(buyer, command)
        case RegisterBuyer():
            return publish(BuyerRegistrationRefused(buyer=event.buyer, reason="already registered"))


def _register(event: RegisterBuyer) -> Decision[Buyer]:
    mandate = event.mandate
    amounts = (event.budget_minor, mandate.order_limit_minor, mandate.total_limit_minor)
    if not is_currency(event.currency):
        return publish(BuyerRegistrationRefused(buyer=event.buyer, reason="malformed currency"))
    if not all(0 <= amount <= AMOUNT_MINOR_MAX for amount in amounts):
        return publish(BuyerRegistrationRefused(buyer=event.buyer, reason="amount out of range"))
    registered = Registered(event.buyer, event.currency, event.budget_minor, mandate)
    return become(registered, BuyerRegistered(buyer=event.buyer, budget=Money(event.budget_minor, event.currency)))


# Orders


def _check_out(buyer: Registered, event: CheckOut, now: datetime) -> Decision[Buyer]:
    lines = event.lines or tuple(entry.line for entry in buyer.cart.values())
    total = total_minor(lines)
    if fault := _order_fault(buyer, event, lines) or _means_fault(buyer, lines, total):
        return _refuse_order(event, fault, now)
    order = OrderPlaced(
        order=event.order,
        buyer=event.buyer,
        lines=lines,
        total=Money(total, buyer.currency),
        payment=event.payment,
        ordered_at=event.ordered_at,
    )
    if event.lines:
        return become(buyer.place(event.order, total, buyer.cart), order)
    unwatched = (ProductUnwatched(seller=line.seller, product=line.product, buyer=event.buyer) for line in lines)
    return become(buyer.place(event.order, total, {}), order, *unwatched)


def _order_fault(buyer: Registered, event: CheckOut, lines: tuple[Line, ...]) -> str | None:
    if buyer.has_open(event.order):
        return "repeated order id"
    if len(buyer.placed) + len(buyer.held) >= OPEN_ORDERS_MAX:
        return "too many open orders"
    if not lines:
        return "nothing to order"
    if len(lines) > LINES_MAX:
        return "too many lines"
    if event.currency != buyer.currency:
        return "foreign currency"
    return payment_fault(event.payment) or next(filter(None, map(line_fault, lines)), None)


def _means_fault(buyer: Registered, lines: tuple[Line, ...], total: int) -> str | None:
    """Judge an order by the mandate and the budget. Open orders count, as each may yet be paid."""
    mandate = buyer.mandate
    if mandate.sellers and not {line.seller for line in lines}.issubset(mandate.sellers):
        return "seller outside the mandate"
    if total > mandate.order_limit_minor:
        return "above the mandate's limit per order"
    committed = buyer.committed_minor + total
    if committed > mandate.total_limit_minor:
        return "above the mandate's limit in all"
    return "insufficient funds" if committed > buyer.budget_minor else None


def _refuse_order(event: CheckOut | TransactionRefused, reason: str, now: datetime) -> Decision[Buyer]:
    order = event.order if isinstance(event, CheckOut) else event.transaction
    refused = OrderRefused(buyer=event.buyer, order=order, reason=reason)
    return publish(refused, rows=(Append(RefusedOrder(event.buyer, order, reason, now)),))


def _hold_funds(buyer: Registered, event: OrderReserved) -> Decision[Buyer]:
    """Hold what the order was placed for. It is covered: placing it has already counted it."""
    if buyer.placed.get(event.transaction) != event.total.minor or event.total.currency != buyer.currency:
        return _refuse_funds(event, "unknown order")
    if event.payment.token.startswith(DECLINED_TOKEN):
        return _refuse_funds(event, "payment declined")
    held = FundsHeld(transaction=event.transaction, buyer=event.buyer, amount=event.total)
    return become(buyer.hold(event.transaction), held)


def _refuse_funds(event: OrderReserved, reason: str) -> Decision[Buyer]:
    return publish(FundsRefused(transaction=event.transaction, buyer=event.buyer, reason=reason))


def _hear(buyer: Registered, news: OrderNews, now: datetime) -> Decision[Buyer]:
    match news:
        case PaymentSucceeded():
            paid = news.transaction in buyer.held
            return become(buyer.spend(news.transaction)) if paid else NOTHING
        case TransactionSettled():
            return become(replace(buyer, settled=buyer.settled + 1))
        case TransactionCancelled():
            return _cancel(buyer, news)
        case TransactionRefused():
            return _give_up(buyer, news, now)


def _cancel(buyer: Registered, event: TransactionCancelled) -> Decision[Buyer]:
    """End an open order. Funds may have been held since the transaction gave up waiting for them."""
    order = event.transaction
    if not buyer.has_open(order):
        return NOTHING
    cancelled = replace(buyer.let_go(order), cancelled=buyer.cancelled + 1)
    if order not in buyer.held:
        return become(cancelled)
    amount = Money(buyer.held[order], buyer.currency)
    return become(cancelled, FundsReleased(buyer=event.buyer, transaction=order, amount=amount))


def _give_up(buyer: Registered, event: TransactionRefused, now: datetime) -> Decision[Buyer]:
    """Undo a placing under another transaction's id. Its cart, if it had one, stays empty."""
    if event.transaction not in buyer.placed:
        return NOTHING
    return _refuse_order(event, event.reason, now)._replace(state=buyer.let_go(event.transaction))


def _take_back(buyer: Registered, event: Refund) -> Decision[Buyer]:
    """Take back what was spent, to be spent again. What was never spent is not taken back."""
    whole = isinstance(event, TransactionRefunded)
    if event.amount.currency != buyer.currency or event.amount.minor > buyer.spent_minor:
        return NOTHING
    if whole and buyer.settled + buyer.refunded >= buyer.paid:
        return NOTHING
    return become(buyer.take_back(event.amount.minor, orders=int(whole)))
