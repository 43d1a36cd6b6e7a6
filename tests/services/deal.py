"""One order of ``B``'s from ``S`` and ``R``, as a transaction in each of its states, and what it may hear."""

from typing import Final

from agora.decision import Decision
from agora.event import Event
from market.buyers import FundsHeld, FundsRefused
from market.ids import SellerId
from market.products import StockRefused, StockReserved
from market.risks import Reason, TransactionFlagged
from market.shipments import ShipmentDelivered, ShipmentFailed, ShipmentLost, ShipmentPartlyDelivered
from market.transactions import ClearPayout, RejectPayout, RequestReturn, TransactionTimedOut
from services.transaction.decide import POLICY, Policy, decide
from services.transaction.rows import LedgerEntry
from services.transaction.state import (
    Cancelled,
    Carried,
    Held,
    Opened,
    Order,
    Paid,
    Refunded,
    Reserved,
    Settled,
    Transaction,
    Unopened,
)
from tests.services.words import GOOD, NOW, B, P, Q, R, T, gbp, line, written

LINES: Final = (line(P, price=100), line(Q, price=333, seller=R), line(P, quantity=2, price=90))
"""``S`` sells three of ``P`` for 280 in all, ``R`` one ``Q`` for 333."""
ORDER: Final = Order(T, B, LINES, gbp(613), GOOD, None, NOW)

P_RESERVED: Final = StockReserved(transaction=T, product=P, quantity=3)
Q_RESERVED: Final = StockReserved(transaction=T, product=Q, quantity=1)
Q_REFUSED: Final = StockRefused(transaction=T, product=Q, reason="out of stock")
FUNDS_HELD: Final = FundsHeld(transaction=T, buyer=B, amount=gbp(613))
DECLINED: Final = FundsRefused(transaction=T, buyer=B, reason="payment declined")
TIMED_OUT: Final = TransactionTimedOut(transaction=T)
FLAGGED: Final = TransactionFlagged(transaction=T, buyer=B, score=80, reasons=(Reason("many orders", 80),))
CLEAR: Final = ClearPayout(transaction=T, reviewer="ann")
REJECT: Final = RejectPayout(transaction=T, reviewer="ann", reason="stolen card")
RETURN: Final = RequestReturn(transaction=T, buyer=B, reason="changed my mind")
DELIVERED: Final = ShipmentDelivered(transaction=T)
LOST: Final = ShipmentLost(transaction=T)
FAILED: Final = ShipmentFailed(transaction=T, reason="no carrier")

OPENED: Final = Opened(ORDER, (P, Q))
RESERVED: Final = Reserved(ORDER)
PAID: Final = Paid(ORDER, NOW)
CLEARED: Final = Paid(ORDER, NOW, cleared=True)
HELD: Final = Held(ORDER, NOW, NOW, 80)
HELD_ENDED: Final = Held(ORDER, NOW, NOW, 80, Carried())
SETTLED: Final = Settled(ORDER, NOW, NOW)
REFUNDED: Final = Refunded(ORDER, NOW, NOW, "stolen card", None)
CANCELLED: Final = Cancelled(ORDER, "out of stock", NOW)
EVERY: Final = (
    Unopened(), OPENED, RESERVED, PAID, CLEARED, HELD, HELD_ENDED, SETTLED, REFUNDED, CANCELLED
)  # fmt: skip


def partly(*lost: str) -> ShipmentPartlyDelivered:
    """These sellers' parcels are lost."""
    return ShipmentPartlyDelivered(transaction=T, lost=tuple(map(SellerId, lost)))


def when(state: Transaction, event: Event, policy: Policy = POLICY) -> Decision[Transaction]:
    """One turn."""
    return decide(state, event, NOW, policy)  # pyright: ignore[reportArgumentType] - a test may say anything


def entries(decision: Decision[Transaction]) -> list[tuple[str, str, int]]:
    """Posting, account and amount of everything a decision posts; the entries of each posting are counted from 0."""
    rows = [row for row in written(decision) if isinstance(row, LedgerEntry)]
    for posting in {row.posting for row in rows}:
        numbers = [row.entry for row in rows if row.posting == posting]
        assert numbers == list(range(len(numbers)))
    return [(row.posting, row.account, row.amount_minor) for row in rows]
