"""Orders: what was placed, what became of it, and what never became a transaction.

One id may be ordered twice; the transaction takes the first and refuses the others, so the first in its stream counts.
"""

from collections.abc import Iterable
from typing import Final

from agora.decision import Put
from agora.view import Add, Change, Patch, Told, Value, View
from market.buyers import OrderRefused
from market.streams import BUYERS, TRANSACTIONS
from market.transactions import (
    OrderPlaced,
    OrderReserved,
    ParcelRefunded,
    PaymentSucceeded,
    PayoutCleared,
    PayoutHeld,
    TransactionCancelled,
    TransactionRefunded,
    TransactionSettled,
)
from services.gateway.views.orders.rows import OrderCourse, Placing, RefusedOrder

_MOMENTS: Final = {
    OrderReserved: "reserved_at",
    PaymentSucceeded: "paid_at",
    PayoutCleared: "cleared_at",
    TransactionSettled: "settled_at",
}


def show(told: Told) -> Iterable[Change]:
    """Note an order, or a step of its course."""
    match told.event:
        case OrderPlaced() as event:
            yield Put(_placing(event, told))
        case OrderRefused() as event:
            yield Put(RefusedOrder(event.order, event.buyer, told.offset, event.reason, told.said_at))
        case PayoutHeld() as event:
            yield _step(event.transaction, held_at=told.said_at, score=event.score)
        case OrderReserved() | PaymentSucceeded() | PayoutCleared() | TransactionSettled() as event:
            yield _step(event.transaction, **{_MOMENTS[type(event)]: told.said_at})
        case ParcelRefunded() as event:
            yield Add(OrderCourse, (event.transaction,), {"refunded_minor": event.amount.minor})
        case TransactionRefunded() as event:
            yield _step(event.transaction, refunded_at=told.said_at, refund_reason=event.reason)
            yield Add(OrderCourse, (event.transaction,), {"refunded_minor": event.amount.minor})
        case TransactionCancelled() as event:
            yield _step(event.transaction, cancelled_at=told.said_at, cancel_reason=event.reason)
        case _:
            return


def _placing(event: OrderPlaced, told: Told) -> Placing:
    return Placing(
        transaction=event.order,
        position=told.offset,
        buyer=event.buyer,
        total_minor=event.total.minor,
        currency=event.total.currency,
        lines=len(event.lines),
        units=sum(line.quantity for line in event.lines),
        placed_at=told.said_at,
    )


def _step(transaction: str, **columns: Value) -> Patch:
    return Patch(OrderCourse, (transaction,), columns)


VIEW: Final = View(
    name="orders",
    hears={
        TRANSACTIONS: (
            OrderPlaced,
            PaymentSucceeded,
            PayoutHeld,
            PayoutCleared,
            TransactionSettled,
            ParcelRefunded,
            TransactionRefunded,
            TransactionCancelled,
        ),
        BUYERS: (OrderReserved, OrderRefused),
    },
    show=show,
    rows=(Placing, OrderCourse, RefusedOrder),
)
