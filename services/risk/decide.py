"""Risk: how likely a buyer's payment is a fraud, judged by what this buyer has done before.

It hears what the buyer hears, for itself, and answers every payment with a score. A payment is as old as its checkout
says (``ordered_at``), so that a replayed month counts as a month; a checkout that does not say, or that names the
future, is made now. Whoever may set ``ordered_at`` can spread a burst over days: the door must let only trusted
importers set it.

A checkout is a command: it may be refused, repeated or hostile. What it says counts only for a payment that comes of
it, and of several with one order id the first that is pending counts.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final, TypeAlias

from agora.decision import NOTHING, Append, Decision, become
from market.buyers import BuyerRegistered, CheckOut, OrderRefused, RegisterBuyer
from market.ids import TransactionId
from market.money import AMOUNT_MINOR_MAX, is_currency
from market.risks import SCORE_MAX, FraudScored, TransactionFlagged
from market.transactions import (
    ParcelRefunded,
    PaymentSucceeded,
    PayoutCleared,
    PayoutRejected,
    TransactionCancelled,
    TransactionRefunded,
    TransactionRefused,
)
from services.risk.habits import acquainted, learnt, remembered, trusts
from services.risk.measures import measured
from services.risk.rows import ScoredPayment
from services.risk.rules import judged
from services.risk.state import (
    NAMES_PER_SUSPECT_MAX,
    PENDING_MAX,
    SETBACKS_MAX,
    SUSPECTS_MAX,
    Buyer,
    Limits,
    Pending,
    Registered,
    Suspect,
    Unregistered,
)

Consumes: TypeAlias = (
    RegisterBuyer
    | BuyerRegistered
    | CheckOut
    | OrderRefused
    | PaymentSucceeded
    | TransactionCancelled
    | TransactionRefused
    | PayoutCleared
    | PayoutRejected
    | ParcelRefunded
    | TransactionRefunded
)
Publishes: TypeAlias = FraudScored | TransactionFlagged

REPEATED: Final = "repeated order id"
"""Such a refusal is about a later checkout; the first of that id goes on."""
BEYOND_MEANS: Final = frozenset(
    {"above the mandate's limit per order", "above the mandate's limit in all", "insufficient funds"}
)
DECLINED: Final = "payment declined"


@dataclass(frozen=True, slots=True)
class Policy:
    """The house rules: from which score on a payment is flagged."""

    threshold: int = 50

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= SCORE_MAX:
            raise ValueError(f"a risk threshold of {self.threshold} is no score: give a number from 0 to {SCORE_MAX}")


POLICY: Final = Policy()


def decide(buyer: Buyer, event: Consumes, now: datetime, policy: Policy = POLICY) -> Decision[Buyer]:
    """Take one turn for a buyer."""
    match event:
        case CheckOut():
            return _expect(buyer, event, now)
        case PaymentSucceeded():
            return _score(buyer, event, now, policy)
        case RegisterBuyer():
            return _ask(buyer, event)
        case BuyerRegistered():
            return _register(buyer, event)
        case OrderRefused():
            return _refuse(buyer, event, now)
        case TransactionCancelled() | TransactionRefused():
            return _give_up(buyer, event, now)
        case PayoutCleared():
            return _clear(buyer, event.transaction)
        case PayoutRejected():
            return _reject(buyer, event.transaction)
        case ParcelRefunded() | TransactionRefunded():
            return _refund(buyer, event.amount.minor)


# Registration


def _ask(buyer: Buyer, event: RegisterBuyer) -> Decision[Buyer]:
    """Note the first mandate that can be granted; whether it was is not said before ``BuyerRegistered``."""
    mandate = event.mandate
    amounts = (event.budget_minor, mandate.order_limit_minor, mandate.total_limit_minor)
    sound = is_currency(event.currency) and all(0 <= amount <= AMOUNT_MINOR_MAX for amount in amounts)
    if isinstance(buyer, Registered) or buyer.asked or not sound:
        return NOTHING
    return become(replace(buyer, asked=Limits(*amounts)))


def _register(buyer: Buyer, event: BuyerRegistered) -> Decision[Buyer]:
    if isinstance(buyer, Registered):
        return NOTHING
    granted = buyer.asked is not None and buyer.asked.budget_minor == event.budget.minor
    return become(Registered(buyer.asked if granted else None, buyer.pending))


# Checkouts


def _expect(buyer: Buyer, event: CheckOut, now: datetime) -> Decision[Buyer]:
    if isinstance(buyer, Unregistered) and buyer.asked is None:
        return NOTHING  # nobody can pay for it
    if _pending(buyer, event.order):
        return NOTHING
    at = _seconds(min(event.ordered_at, now)) if event.ordered_at else None
    pending = Pending(event.order, _digest(event.payment.token), at)
    return become(replace(buyer, pending=(*buyer.pending, pending)[-PENDING_MAX:]))


def _refuse(buyer: Buyer, event: OrderRefused, now: datetime) -> Decision[Buyer]:
    if event.reason == REPEATED:
        return NOTHING
    if event.reason not in BEYOND_MEANS or isinstance(buyer, Unregistered):
        return _end(buyer, event.order)
    times = _with_setback(buyer.refused, _time_of(_pending(buyer, event.order), now))
    return become(replace(buyer, pending=_without(buyer, event.order), refused=times))


def _give_up(buyer: Buyer, event: TransactionCancelled | TransactionRefused, now: datetime) -> Decision[Buyer]:
    if event.reason != DECLINED or isinstance(buyer, Unregistered):
        return _end(buyer, event.transaction)
    times = _with_setback(buyer.declined, _time_of(_pending(buyer, event.transaction), now))
    return become(replace(buyer, pending=_without(buyer, event.transaction), declined=times))


def _end(buyer: Buyer, order: TransactionId) -> Decision[Buyer]:
    return become(replace(buyer, pending=_without(buyer, order))) if _pending(buyer, order) else NOTHING


# Payments


def _score(buyer: Buyer, event: PaymentSucceeded, now: datetime, policy: Policy) -> Decision[Buyer]:
    """Judge a payment by all that was before it. One whose checkout nobody heard of has a token nobody knows.

    What is flagged, or paid with a token not trusted yet, may be a thief's and is not learnt as the buyer's habit.
    """
    known = buyer if isinstance(buyer, Registered) else Registered(buyer.asked, buyer.pending)
    pending = _pending(known, event.transaction)
    token, at = pending.token if pending else "", _time_of(pending, now)
    score, reasons = judged(measured(known, event, token, at))
    flagged = score >= policy.threshold
    scored = FraudScored(transaction=event.transaction, buyer=event.buyer, score=score, reasons=reasons)
    row = Append(_row(event, scored, policy.threshold, at, now))
    after = replace(
        _suspecting(known, event, token) if flagged else _trusting(known, event, token, at),
        pending=_without(known, event.transaction),
        recent=remembered(known.recent, at, event.total.minor),
        spent_minor=known.spent_minor + event.total.minor,
    )
    if not flagged:
        return become(after, scored, rows=(row,))
    held = TransactionFlagged(transaction=event.transaction, buyer=event.buyer, score=score, reasons=reasons)
    return become(after, scored, held, rows=(row,))


def _row(event: PaymentSucceeded, scored: FraudScored, threshold: int, at: int, now: datetime) -> ScoredPayment:
    return ScoredPayment(
        transaction=event.transaction,
        buyer=event.buyer,
        amount_minor=event.total.minor,
        currency=event.total.currency,
        score=scored.score,
        threshold=threshold,
        flagged=scored.score >= threshold,
        reasons="; ".join(f"{reason.rule} {reason.points}" for reason in scored.reasons),
        paid_at=datetime.fromtimestamp(at, UTC),
        scored_at=now,
    )


def _suspecting(buyer: Registered, event: PaymentSucceeded, token: str) -> Registered:
    """Wait for a verdict."""
    sellers = tuple(share.seller for share in event.shares[:NAMES_PER_SUSPECT_MAX])
    products = event.products[:NAMES_PER_SUSPECT_MAX]
    suspect = Suspect(event.transaction, event.total.minor, token, sellers, products)
    return replace(buyer, suspects=(*buyer.suspects, suspect)[-SUSPECTS_MAX:])


def _trusting(buyer: Registered, event: PaymentSucceeded, token: str, at: int) -> Registered:
    tokens = acquainted(buyer.tokens, token, at)
    if not trusts(buyer, token, at):
        return replace(buyer, tokens=tokens)
    sellers = tuple(share.seller for share in event.shares)
    return replace(buyer, tokens=tokens, habits=learnt(buyer.habits, event.total.minor, sellers, event.products))


# Verdicts and refunds


def _clear(buyer: Buyer, transaction: TransactionId) -> Decision[Buyer]:
    """Learn from the reviewer: this was the buyer itself."""
    suspect = _suspect(buyer, transaction)
    if isinstance(buyer, Unregistered) or suspect is None:
        return NOTHING
    habits = learnt(buyer.habits, suspect.amount_minor, suspect.sellers, suspect.products)
    others = tuple(one for one in buyer.tokens if one.digest != suspect.token)
    suspects = tuple(one for one in buyer.suspects if one is not suspect)
    return become(replace(buyer, habits=habits, tokens=acquainted(others, suspect.token, 0), suspects=suspects))


def _reject(buyer: Buyer, transaction: TransactionId) -> Decision[Buyer]:
    if isinstance(buyer, Unregistered):
        return NOTHING
    suspects = tuple(one for one in buyer.suspects if one.transaction != transaction)
    return become(replace(buyer, suspects=suspects, rejected=buyer.rejected + 1))


def _refund(buyer: Buyer, amount_minor: int) -> Decision[Buyer]:
    if isinstance(buyer, Unregistered):
        return NOTHING
    return become(replace(buyer, spent_minor=max(0, buyer.spent_minor - amount_minor)))


# Looking things up


def _pending(buyer: Buyer, order: TransactionId) -> Pending | None:
    return next((one for one in buyer.pending if one.order == order), None)


def _without(buyer: Buyer, order: TransactionId) -> tuple[Pending, ...]:
    return tuple(one for one in buyer.pending if one.order != order)


def _suspect(buyer: Buyer, transaction: TransactionId) -> Suspect | None:
    suspects = buyer.suspects if isinstance(buyer, Registered) else ()
    return next((one for one in suspects if one.transaction == transaction), None)


def _time_of(pending: Pending | None, now: datetime) -> int:
    return _seconds(now) if pending is None or pending.at is None else pending.at


def _seconds(at: datetime) -> int:
    """Whole seconds since 1970, which is also as old as anything gets."""
    return max(0, int(at.timestamp()))


def _with_setback(times: tuple[int, ...], at: int) -> tuple[int, ...]:
    return tuple(sorted((*times, at)))[-SETBACKS_MAX:]


def _digest(token: str) -> str:
    """Enough to know a token again; the token itself is nobody's business here."""
    return blake2b(token.encode(), digest_size=8).hexdigest()
