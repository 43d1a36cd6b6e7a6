"""Held payouts: a flagged payment waits for a reviewer, who clears the payout or rejects it.

A payout is held once: what a reviewer has cleared, no repeated flag holds again.
"""

from datetime import datetime
from typing import TypeAlias

from agora.decision import Decision, become, publish
from market.risks import TransactionFlagged
from market.transactions import (
    ClearPayout,
    HoldRefused,
    PayoutCleared,
    PayoutHeld,
    PayoutRejected,
    RejectPayout,
    VerdictRefused,
)
from services.transaction import ending
from services.transaction.state import Cancelled, Held, Opened, Paid, Refunded, Reserved, Settled, Transaction, Unopened

Verdict: TypeAlias = ClearPayout | RejectPayout


def hold(state: Transaction, flag: TransactionFlagged, now: datetime) -> Decision[Transaction]:
    """Keep the money in escrow until a reviewer has spoken."""
    if isinstance(state, Paid) and not state.cleared:
        held = PayoutHeld(transaction=flag.transaction, buyer=state.order.buyer, score=flag.score)
        return become(Held(state.order, state.paid_at, now, flag.score), held)
    return publish(HoldRefused(transaction=flag.transaction, reason=_why_not_held(state)))


def judge(state: Transaction, verdict: Verdict, now: datetime, fee_basis_points: int) -> Decision[Transaction]:
    """Do with a held payout as the reviewer says."""
    if not isinstance(state, Held):
        reason = _why_not_judged(state)
        return publish(VerdictRefused(transaction=verdict.transaction, reviewer=verdict.reviewer, reason=reason))
    match verdict:
        case ClearPayout():
            return _clear(state, verdict, now, fee_basis_points)
        case RejectPayout():
            return _reject(state, verdict, now)


def _clear(held: Held, verdict: ClearPayout, now: datetime, fee_basis_points: int) -> Decision[Transaction]:
    """Go on as if nothing had been held; end at once if the shipment has ended meanwhile."""
    order = held.order
    cleared = PayoutCleared(transaction=order.transaction, buyer=order.buyer, reviewer=verdict.reviewer)
    if held.ended is None:
        return become(Paid(order, held.paid_at, cleared=True), cleared)
    return ending.end(held, held.ended, now, fee_basis_points, cleared)


def _reject(held: Held, verdict: RejectPayout, now: datetime) -> Decision[Transaction]:
    order = held.order
    rejected = PayoutRejected(
        transaction=order.transaction, buyer=order.buyer, reviewer=verdict.reviewer, reason=verdict.reason
    )
    return ending.refund(held, held.ended, verdict.reason, now, rejected)


def _why_not_held(state: Transaction) -> str:
    match state:
        case Opened() | Reserved():
            return "not paid"
        case Paid():
            return "already cleared"
        case Held():
            return "already held"
        case Unopened() | Settled() | Refunded() | Cancelled():
            return _why_nothing_is_left(state)


def _why_not_judged(state: Unopened | Opened | Reserved | Paid | Settled | Refunded | Cancelled) -> str:
    if isinstance(state, Opened | Reserved | Paid):
        return "not held"
    return _why_nothing_is_left(state)


def _why_nothing_is_left(state: Unopened | Settled | Refunded | Cancelled) -> str:
    match state:
        case Unopened():
            return "unknown transaction"
        case Settled():
            return "already settled"
        case Refunded():
            return "already refunded"
        case Cancelled():
            return "cancelled"
