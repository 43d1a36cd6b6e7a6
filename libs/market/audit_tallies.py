"""What the log adds up to, for the services that count along."""

from collections import Counter
from collections.abc import Mapping

from agora.audit import Said
from agora.event import Event, Stream
from market.buyers import OrderRefused
from market.streams import BUYERS, SELLERS
from market.transactions import PaymentSucceeded, TransactionCancelled, TransactionSettled


class Tallies:
    """What buyers and sellers were told of their orders."""

    hears: Mapping[Stream, tuple[type[Event], ...]] = {
        BUYERS: (PaymentSucceeded, TransactionSettled, TransactionCancelled, OrderRefused),
        SELLERS: (PaymentSucceeded, TransactionSettled),
    }

    def __init__(self) -> None:
        self._orders = {kind: Counter[str]() for kind in self.hears[BUYERS]}
        self._spent = Counter[str]()
        self._open = Counter[str]()

    def hear(self, said: Said) -> None:
        """Take in one event."""
        event = said.event
        if said.stream == SELLERS.name:
            self._open[said.subject] += 1 if isinstance(event, PaymentSucceeded) else -1
            return
        self._orders[type(event)][said.subject] += 1
        if isinstance(event, PaymentSucceeded):
            self._spent[said.subject] += event.total.minor

    def checks(self) -> Mapping[str, int]:
        """Nothing of its own: services are compared with it."""
        return {}

    def figures(self) -> Mapping[str, Mapping[str, int]]:
        """Give what was told, by whom it was told to; who was told nothing is left out."""
        return {
            "paid orders by buyer": self._orders[PaymentSucceeded],
            "settled orders by buyer": self._orders[TransactionSettled],
            "cancelled orders by buyer": self._orders[TransactionCancelled],
            "refused orders by buyer": self._orders[OrderRefused],
            "spent by buyer": {buyer: spent for buyer, spent in self._spent.items() if spent},
            "open orders by seller": {seller: orders for seller, orders in self._open.items() if orders},
        }
