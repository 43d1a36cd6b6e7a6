"""Short words for given / when / then with the concierge: what buyer ``B`` goes through, and what it is told."""

from dataclasses import replace
from datetime import datetime

from agora.decision import Decision
from agora.event import Event
from market.buyers import OrderRefused
from market.ids import TransactionId
from market.messages import ConfirmationComposed, MessageSent, ReviewLeft
from market.money import Money
from market.shipments import ParcelLate, ParcelLost
from market.transactions import (
    PaymentSucceeded,
    Payout,
    TransactionCancelled,
    TransactionRefunded,
    TransactionSettled,
)
from services.concierge.decide import decide
from services.concierge.goodwill import POLICY, Policy
from services.concierge.state import (
    Buyer,
    Known,
    Stranger,
)
from tests.services.words import NOW, B, S, T, gbp, given

RICH = replace(POLICY, vouchers_max=1_000, goodwill_minor_max=10**6)
"""A mandate that no test exhausts."""


def paid(transaction: str = T, minor: int = 2_000, currency: str = "GBP") -> PaymentSucceeded:
    total = Money(minor, currency)
    return PaymentSucceeded(transaction=TransactionId(transaction), buyer=B, total=total, products=(), shares=())


def late(transaction: str = "L") -> ParcelLate:
    return ParcelLate(transaction=TransactionId(transaction), buyer=B, seller=S, promised_at=NOW)


def lost(transaction: str = "L") -> ParcelLost:
    return ParcelLost(transaction=TransactionId(transaction), buyer=B, seller=S, reason="fell off a ship")


def settled(transaction: str = "X") -> TransactionSettled:
    payouts = (Payout(S, 95, 5),)
    return TransactionSettled(transaction=TransactionId(transaction), buyer=B, currency="GBP", payouts=payouts)


def message(text: str) -> MessageSent:
    return MessageSent(buyer=B, text=text)


def review(rating: int, text: str = "A mug.") -> ReviewLeft:
    return ReviewLeft(buyer=B, transaction=T, rating=rating, text=text)


REFUSED = OrderRefused(buyer=B, order=T, reason="over the budget")
CANCELLED = TransactionCancelled(transaction=T, buyer=B, reason="out of stock", products=())
REFUNDED = TransactionRefunded(transaction=T, buyer=B, amount=gbp(5), reason="lost", sellers=(), returned=())


def after(*events: Event) -> Known:
    state = given(decide, Stranger(), *events)
    assert isinstance(state, Known)
    return state


def when(buyer: Buyer, event: Event, now: datetime = NOW, policy: Policy = POLICY) -> Decision[Buyer]:
    return decide(buyer, event, now, policy)  # pyright: ignore[reportArgumentType] - a test may say anything


def said(decision: Decision[Buyer]) -> ConfirmationComposed:
    (composed,) = decision.publishes
    assert isinstance(composed, ConfirmationComposed)
    return composed


def told(
    buyer: Buyer, event: Event | None = None, now: datetime = NOW, policy: Policy = POLICY
) -> ConfirmationComposed:
    return said(when(buyer, event or paid(), now, policy))


def become(decision: Decision[Buyer]) -> Known:
    assert isinstance(decision.state, Known)
    return decision.state
