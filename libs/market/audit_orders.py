"""What the log proves of orders: each request has one end, and each transaction goes its way in order, once."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise
from typing import Final, TypeAlias, get_args

from agora.audit import Said
from agora.event import Event, Stream
from market.audit_balance import Balance
from market.buyers import CheckOut, OrderRefused
from market.ids import ProductId, TransactionId
from market.products import StockRefused, StockReserved
from market.streams import BUYERS, PRODUCTS, TRANSACTIONS
from market.transactions import (
    OrderPlaced,
    OrderReserved,
    ParcelRefunded,
    PaymentSucceeded,
    PayoutCleared,
    PayoutHeld,
    PayoutRejected,
    TransactionCancelled,
    TransactionOpened,
    TransactionRefunded,
    TransactionRefused,
    TransactionSettled,
)


class Requests:
    """A checkout let in becomes one order or is refused, never both, and comes to one end.

    A request is known by its correlation id and the order it names; an order is one that opened a transaction.
    """

    hears: Mapping[Stream, tuple[type[Event], ...]] = {
        BUYERS: (
            CheckOut,
            OrderRefused,
            TransactionRefused,
            TransactionCancelled,
            TransactionSettled,
            TransactionRefunded,
        ),
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
            case TransactionCancelled() | TransactionSettled() | TransactionRefunded():
                self._ends[said.event.transaction] += 1
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
    TransactionOpened
    | OrderReserved
    | PaymentSucceeded
    | PayoutHeld
    | PayoutCleared
    | PayoutRejected
    | ParcelRefunded
    | TransactionSettled
    | TransactionRefunded
    | TransactionCancelled
)
_BEFORE: Final = 0
_AFTER: Final[Mapping[type[_Step], tuple[type[_Step], ...]]] = {
    TransactionOpened: (TransactionOpened, OrderReserved, TransactionCancelled),
    OrderReserved: (PaymentSucceeded, TransactionCancelled),
    PaymentSucceeded: (PayoutHeld, ParcelRefunded, TransactionSettled, TransactionRefunded),
    PayoutHeld: (PayoutCleared, PayoutRejected),
    PayoutCleared: (ParcelRefunded, TransactionSettled, TransactionRefunded),
    PayoutRejected: (TransactionRefunded,),
    ParcelRefunded: (ParcelRefunded, TransactionSettled),
}
"""What may follow each step; nothing follows the others. A product is asked, and a parcel refunded, repeatedly."""
_NUMBERS: Final = {step: number for number, step in enumerate(get_args(_Step), start=1)}
_LEGAL: Final = frozenset(
    {(_BEFORE, _NUMBERS[TransactionOpened])}
    | {(_NUMBERS[step], _NUMBERS[after]) for step, afters in _AFTER.items() for after in afters}
)
_STEP_BITS: Final = 4


class Transactions:
    """A transaction goes from step to step as it should, asks each product once, and is paid once."""

    hears: Mapping[Stream, tuple[type[Event], ...]] = {
        PRODUCTS: (TransactionOpened,),
        BUYERS: (OrderReserved,),
        TRANSACTIONS: (
            StockReserved,
            StockRefused,
            PaymentSucceeded,
            PayoutHeld,
            PayoutCleared,
            PayoutRejected,
            ParcelRefunded,
            TransactionSettled,
            TransactionRefunded,
            TransactionCancelled,
        ),
    }

    def __init__(self) -> None:
        # A step is one number: where in its partition it was said, then which step it is; so they sort as they came.
        self._steps = defaultdict[TransactionId, "array[int]"](lambda: array("q"))
        self._questions = Balance[tuple[TransactionId, ProductId]]()
        self._paid = Counter[TransactionId]()

    def hear(self, said: Said) -> None:
        """Take in one event."""
        event = said.event
        match event:
            case StockReserved() | StockRefused():
                self._questions.answered((event.transaction, event.product))
            case TransactionOpened():
                self._questions.asked((event.transaction, event.product))
                self._step(event, said.sequence)
            case PaymentSucceeded():
                self._paid[event.transaction] += 1
                self._step(event, said.sequence)
            case OrderReserved() | PayoutHeld() | PayoutCleared() | PayoutRejected():
                self._step(event, said.sequence)
            case ParcelRefunded() | TransactionSettled() | TransactionRefunded() | TransactionCancelled():
                self._step(event, said.sequence)
            case _:
                raise TypeError(event)

    def checks(self) -> Mapping[str, int]:
        """Count steps, questions and payments."""
        return {
            "illegal status transitions": sum(map(_illegal, self._steps.values())),
            "questions to products without exactly one answer": self._questions.uneven,
            "payments beyond one per order": sum(count - 1 for count in self._paid.values()),
        }

    def figures(self) -> Mapping[str, Mapping[str, int]]:
        """Nothing that another could disagree with."""
        return {}

    def _step(self, event: _Step, sequence: int) -> None:
        self._steps[event.transaction].append(sequence << _STEP_BITS | _NUMBERS[type(event)])


def _illegal(steps: "array[int]") -> int:
    way = (_BEFORE, *(step & ((1 << _STEP_BITS) - 1) for step in sorted(steps)))
    return sum(pair not in _LEGAL for pair in pairwise(way))
