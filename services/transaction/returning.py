"""Returns: a buyer gives back what it has paid for, as long as it is under way.

What has been settled is the seller's money, so it stays; a held payout is for its reviewer to judge.
"""

from datetime import datetime

from agora.decision import Decision, publish
from market.transactions import RequestReturn, ReturnRefused
from services.transaction import ending
from services.transaction.state import Cancelled, Held, Opened, Paid, Refunded, Reserved, Settled, Transaction, Unopened


def give_back(state: Transaction, asked: RequestReturn, now: datetime) -> Decision[Transaction]:
    """Refund the order's own buyer in full; its parcels are called back, and its units are the products' again."""
    if isinstance(state, Paid) and state.order.buyer == asked.buyer:
        return ending.refund(state, None, asked.reason, now)
    return publish(ReturnRefused(transaction=asked.transaction, buyer=asked.buyer, reason=_why_not(state, asked)))


def _why_not(state: Transaction, asked: RequestReturn) -> str:
    if isinstance(state, Unopened) or state.order.buyer != asked.buyer:
        return "no order of this buyer's"  # says nothing of what others have ordered
    match state:
        case Opened() | Reserved():
            return "not paid"
        case Paid() | Held():
            return "held for a reviewer"
        case Settled():
            return "already settled"
        case Refunded():
            return "already refunded"
        case Cancelled():
            return "cancelled"
