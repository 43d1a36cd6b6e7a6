"""Follows what becomes of orders, as the market's streams tell it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Self

import msgspec

from agora.envelope import Undecodable, envelope_of
from agora.ports import Record
from agora.versions import split
from console.listen import Listener
from console.site import Site
from market.buyers import OrderRefused
from market.risks import TransactionFlagged
from market.streams import BUYERS, TRANSACTIONS
from market.transactions import (
    OrderPlaced,
    ParcelRefunded,
    PaymentSucceeded,
    PayoutCleared,
    PayoutHeld,
    PayoutRejected,
    TransactionCancelled,
    TransactionRefunded,
    TransactionSettled,
)

End = Literal["settled", "refunded", "refused"]
Payout = Literal["free", "held", "cleared", "rejected"]


class _Amount(msgspec.Struct):
    minor: int = 0


class _Told(msgspec.Struct):
    """What the events followed here say of an order, under either of its names."""

    transaction: str = ""
    order: str = ""
    reason: str = ""
    seller: str = ""
    amount: _Amount = msgspec.field(default_factory=_Amount)


@dataclass(frozen=True, slots=True)
class Fate:
    """What has become of one order so far. Times are seconds since 1970, 0 while it has not happened.

    One that was ``turned_away`` at the door has no part in what is said under its id, which is another order's.
    ``parcels_refunded`` are amounts in minor units by seller: parcels of an order that is settled without them.
    """

    submitted_at: float = 0.0
    placed: bool = False
    paid_at: float = 0.0
    flagged: bool = False
    payout: Payout = "free"
    parcels_refunded: Mapping[str, int] = field(default_factory=dict[str, int])
    end: End | None = None
    reason: str = ""
    turned_away: bool = False

    @property
    def is_held(self) -> bool:
        """Tell whether it waits for a reviewer."""
        return self.payout == "held" and self.end is None


@dataclass(slots=True)
class Tally:
    """How many of the followed orders have come how far; ``latencies`` are seconds from submission to payment.

    ``moves`` grows whenever one of them has come further.
    """

    placed: int = 0
    paid: int = 0
    flagged: int = 0
    held: int = 0
    settled: int = 0
    refunded: int = 0
    refused: int = 0
    moves: int = field(default=0, compare=False)
    latencies: list[float] = field(default_factory=list[float])

    @property
    def ended(self) -> int:
        """Orders with a final outcome."""
        return self.settled + self.refunded + self.refused

    def count(self, fate: Fate, sign: Literal[1, -1]) -> None:
        """Count an order with all that has become of it, or no longer."""
        self.placed += sign * fate.placed
        self.paid += sign * (fate.paid_at > 0)
        self.flagged += sign * fate.flagged
        self.held += sign * fate.is_held
        self.settled += sign * (fate.end == "settled")
        self.refunded += sign * (fate.end == "refunded")
        self.refused += sign * (fate.end == "refused")


NAMES: Final = frozenset(
    event.__name__
    for event in (
        OrderPlaced,
        OrderRefused,
        PaymentSucceeded,
        TransactionFlagged,
        PayoutHeld,
        PayoutCleared,
        PayoutRejected,
        ParcelRefunded,
        TransactionSettled,
        TransactionRefunded,
        TransactionCancelled,
    )
)
"""The events that say what becomes of an order."""
_told: Final = msgspec.json.Decoder(_Told)


class Fates:
    """What becomes of some orders. ``held`` is given each of them once whose payout begins to be held."""

    def __init__(self, orders: Iterable[str]) -> None:
        self.fates = {order: Fate() for order in orders}
        self.changed = asyncio.Event()
        self.tally = Tally()
        self.held = asyncio.Queue[str]()

    def submit(self, order: str, at: float) -> None:
        """It is being asked for, at so many seconds since 1970."""
        self._become(order, replace(self.fates[order], submitted_at=at))

    def turn_away(self, order: str, reason: str) -> None:
        """The door did not let it in."""
        self._become(order, Fate(end="refused", reason=reason, turned_away=True))
        self.changed.set()

    def note(self, name: str, data: bytes | msgspec.Raw, at: float) -> None:
        """Note what an event named so says of an order that is followed; raises ``msgspec.MsgspecError``."""
        if name not in NAMES:
            return
        told = _told.decode(data)
        order = told.transaction or told.order
        fate = self.fates.get(order)
        if fate is not None and not fate.turned_away:
            self._become(order, _next(fate, name, told, at))

    def _become(self, order: str, fate: Fate) -> None:
        was, self.fates[order] = self.fates[order], fate
        self.tally.moves += fate != was
        self.tally.count(was, -1)
        self.tally.count(fate, 1)
        if fate.is_held and not was.is_held:
            self.held.put_nowait(order)
        if 0 < fate.submitted_at < fate.paid_at and not was.paid_at:
            self.tally.latencies.append(fate.paid_at - fate.submitted_at)


class Follower(Fates):
    """Listens to buyers and transactions."""

    def __init__(self, site: Site, orders: Iterable[str], waiting: Callable[[str], None], *, from_start: bool) -> None:
        super().__init__(orders)
        self._listener = Listener(site, (BUYERS, TRANSACTIONS), self._hear_all, waiting, from_start=from_start)

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._listener.__aexit__(*error)

    def hear(self, record: Record) -> None:
        """Note what a record says of an order that is followed."""
        try:
            envelope = envelope_of(record)
            name, _ = split(envelope.type)
            self.note(name, envelope.data, record.timestamp / 1000)
        except (Undecodable, msgspec.MsgspecError):
            return  # a foreign record; the services keep it as a dead letter

    def _hear_all(self, records: Sequence[Record]) -> None:
        for record in records:
            self.hear(record)
        self.changed.set()


def _next(fate: Fate, name: str, told: _Told, at: float) -> Fate:
    """What a fate becomes with one more event, which may have been heard before."""
    match name:
        case OrderPlaced.__name__:
            return replace(fate, placed=True)
        case PaymentSucceeded.__name__:
            return replace(fate, paid_at=fate.paid_at or at)
        case TransactionFlagged.__name__:
            return replace(fate, flagged=True)
        case PayoutHeld.__name__ | PayoutCleared.__name__ | PayoutRejected.__name__:
            return replace(fate, payout=_payout(fate, name))
        case ParcelRefunded.__name__:
            return replace(fate, parcels_refunded={**fate.parcels_refunded, told.seller: told.amount.minor})
        case _:
            return _end(fate, name, told.reason)


def _payout(fate: Fate, name: str) -> Payout:
    if name == PayoutCleared.__name__:
        return "cleared"
    if name == PayoutRejected.__name__:
        return "rejected"
    return "held" if fate.payout == "free" else fate.payout


def _end(fate: Fate, name: str, reason: str) -> Fate:
    """How it ended. Whatever was refused under this id, another time, does not undo what it came to."""
    if name == TransactionSettled.__name__:
        return replace(fate, end="settled", reason="")
    if name == TransactionRefunded.__name__:
        return replace(fate, end="refunded", reason=reason)
    return fate if fate.end else replace(fate, end="refused", reason=reason)
