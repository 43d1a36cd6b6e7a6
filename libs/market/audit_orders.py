"""What the log proves of orders: each request has one end, and each transaction goes its way in order, once."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise
from typing import Final, TypeAlias

from agora.audit import Said
from agora.event import Event, Stream
from market.buyers import CheckOut, OrderRefused
from market.ids import ProductId, SellerId, TransactionId
from market.products import StockRefused, StockReserved
from market.streams import BUYERS, PRODUCTS, TRANSACTIONS
from market.transactions import (
    OrderDelivered,
    OrderDispatched,
    OrderPlaced,
    OrderReserved,
    PaymentSucceeded,
    TransactionCancelled,
    TransactionOpened,
    TransactionRefused,
    TransactionSettled,
)


class Requests:
    """A checkout let in becomes one order or is refused, never both, and comes to one end.

    A request is known by its correlation id and the order it names; an order is one that opened a transaction.
    """

    hears: Mapping[Stream, tuple[type[Event], ...]] = {
        BUYERS: (CheckOut, OrderRefused, TransactionRefused, TransactionCancelled, TransactionSettled),
        TRANSACTIONS: (OrderPlaced,),
    }

    def __init__(self) -> None:
        self._asked = Counter[tuple[str, TransactionId]]()
        self._orders = Counter[tuple[str, TransactionId]]()
        self._refused = Counter[tuple[str, TransactionId]]()
        self._ends = Counter[TransactionId]()

    def hear(self, said: Said) -> None:
        """Take in one event."""
        match said.event:
            case CheckOut(order=order):
                self._asked[said.correlation, order] += 1
            case OrderPlaced(order=order):
                self._orders[said.correlation, order] += 1
            case TransactionRefused(transaction=order):
                self._orders[said.correlation, order] -= 1
            case OrderRefused(order=order):
                self._refused[said.correlation, order] += 1
            case TransactionCancelled(transaction=order) | TransactionSettled(transaction=order):
                self._ends[order] += 1
            case _:
                raise TypeError(said.event)

    def checks(self) -> Mapping[str, int]:
        """Count requests, each once per check."""
        requests = self._asked.keys() | self._orders.keys() | self._refused.keys()
        return {
            "accepted checkouts without exactly one end": sum(
                self._asked[key] != self._refused[key] + self._orders[key] * self._ends[key[1]] for key in requests
            ),
            "checkouts with other than one order if accepted, none if refused": sum(
                self._orders[key] != self._asked[key] - self._refused[key] for key in requests
            ),
            "ends of orders nobody placed": len(self._ends.keys() - {order for _, order in self._orders}),
        }

    def figures(self) -> Mapping[str, Mapping[str, int]]:
        """Give the checkouts by their keys."""
        keys = Counter[str]()
        for (key, _), count in self._asked.items():
            keys[key] += count
        return {"checkouts by key": keys}


_Step: TypeAlias = (
    TransactionOpened | OrderReserved | PaymentSucceeded | OrderDelivered | TransactionSettled | TransactionCancelled
)
_STEPS: Final[dict[type[_Step], int]] = {
    TransactionOpened: 1,
    OrderReserved: 2,
    PaymentSucceeded: 3,
    OrderDelivered: 4,
    TransactionSettled: 5,
    TransactionCancelled: 6,
}
_LEGAL: Final = frozenset({(0, 1), (1, 1), (1, 2), (1, 6), (2, 3), (2, 6), (3, 4), (4, 4), (4, 5)})
"""Which step may follow which; 0 is before the first. A product is asked, and a parcel arrives, any number of times."""
_STEP_BITS: Final = 3


class Transactions:
    """A transaction goes from step to step as it should, is paid once, and each of its sellers sends one parcel."""

    hears: Mapping[Stream, tuple[type[Event], ...]] = {
        PRODUCTS: (TransactionOpened,),
        BUYERS: (OrderReserved,),
        TRANSACTIONS: (
            StockReserved,
            StockRefused,
            PaymentSucceeded,
            OrderDispatched,
            OrderDelivered,
            TransactionSettled,
            TransactionCancelled,
        ),
    }

    def __init__(self) -> None:
        # A step is one number: where in its partition it was said, then which step it is; so they sort as they came.
        self._steps = defaultdict[TransactionId, "array[int]"](lambda: array("q"))
        self._unanswered = Counter[tuple[TransactionId, ProductId]]()
        self._paid = Counter[TransactionId]()
        self._owed = set[tuple[TransactionId, SellerId]]()
        self._sent = Counter[tuple[TransactionId, SellerId]]()

    def hear(self, said: Said) -> None:
        """Take in one event."""
        event = said.event
        match event:
            case StockReserved() | StockRefused():
                self._answer(event.transaction, event.product, -1)
            case OrderDispatched():
                self._sent[event.transaction, event.seller] += 1
            case TransactionOpened():
                self._answer(event.transaction, event.product, 1)
                self._step(event, said.sequence)
            case PaymentSucceeded():
                self._paid[event.transaction] += 1
                self._owed.update((event.transaction, share.seller) for share in event.shares)
                self._step(event, said.sequence)
            case OrderReserved() | OrderDelivered() | TransactionSettled() | TransactionCancelled():
                self._step(event, said.sequence)
            case _:
                raise TypeError(event)

    def checks(self) -> Mapping[str, int]:
        """Count steps, questions, payments and parcels."""
        return {
            "illegal status transitions": sum(map(_illegal, self._steps.values())),
            "questions to products without exactly one answer": len(self._unanswered),
            "payments beyond one per order": sum(count - 1 for count in self._paid.values()),
            "shipments beyond one per order and seller": sum(count - 1 for count in self._sent.values()),
            "paid orders without a shipment by one of their sellers": len(self._owed - self._sent.keys()),
            "shipments of orders nobody paid": len(self._sent.keys() - self._owed),
        }

    def figures(self) -> Mapping[str, Mapping[str, int]]:
        """Nothing that another could disagree with."""
        return {}

    def _step(self, event: _Step, sequence: int) -> None:
        self._steps[event.transaction].append(sequence << _STEP_BITS | _STEPS[type(event)])

    def _answer(self, transaction: TransactionId, product: ProductId, change: int) -> None:
        key = (transaction, product)
        self._unanswered[key] += change
        if not self._unanswered[key]:
            del self._unanswered[key]


def _illegal(steps: "array[int]") -> int:
    way = (0, *(step & ((1 << _STEP_BITS) - 1) for step in sorted(steps)))
    return sum(pair not in _LEGAL for pair in pairwise(way))
