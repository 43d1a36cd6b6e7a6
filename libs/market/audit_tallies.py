"""What the log adds up to, for the services that count along."""

from collections import Counter
from collections.abc import Mapping

from agora.audit import Said
from agora.event import Event, Stream
from market.buyers import OrderRefused
from market.streams import BUYERS, SELLERS
from market.transactions import (
    ParcelRefunded,
    PaymentSucceeded,
    TransactionCancelled,
    TransactionRefunded,
    TransactionSettled,
)


class Tallies:
    """What buyers and sellers were told of their orders."""

    hears: Mapping[Stream, tuple[type[Event], ...]] = {
        BUYERS: (
            PaymentSucceeded,
            ParcelRefunded,
            TransactionSettled,
            TransactionRefunded,
            TransactionCancelled,
            OrderRefused,
        ),
        SELLERS: (PaymentSucceeded, ParcelRefunded, TransactionSettled, TransactionRefunded),
    }

    def __init__(self) -> None:
        self._told = {kind: Counter[str]() for kind in self.hears[BUYERS]}
        self._spent = Counter[str]()
        self._open = Counter[str]()

    def hear(self, said: Said) -> None:
        """Take in one event."""
        event = said.event
        if said.stream == SELLERS.name:
            self._open[said.subject] += 1 if isinstance(event, PaymentSucceeded) else -1
            return
        self._told[type(event)][said.subject] += 1
        match event:
            case PaymentSucceeded(total=paid):
                self._spent[said.subject] += paid.minor
            case ParcelRefunded(amount=back) | TransactionRefunded(amount=back):
                self._spent[said.subject] -= back.minor
            case _:
                pass

    def checks(self) -> Mapping[str, int]:
        """Nothing of its own: services are compared with it."""
        return {}

    def figures(self) -> Mapping[str, Mapping[str, int]]:
        """Give what was told, by whom it was told to; who was told nothing is left out."""
        return {
            "paid orders by buyer": self._told[PaymentSucceeded],
            "settled orders by buyer": self._told[TransactionSettled],
            "refunded orders by buyer": self._told[TransactionRefunded],
            "cancelled orders by buyer": self._told[TransactionCancelled],
            "refused orders by buyer": self._told[OrderRefused],
            "spent by buyer": {buyer: spent for buyer, spent in self._spent.items() if spent},
            "open orders by seller": {seller: orders for seller, orders in self._open.items() if orders},
        }
