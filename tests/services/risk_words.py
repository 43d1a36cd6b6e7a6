"""Short words for what risk hears of the buyer ``B``; a card is a payment token."""

from datetime import timedelta

from agora.decision import Decision
from agora.event import Event
from market.buyers import BuyerRegistered, CheckOut, Mandate, OrderRefused, RegisterBuyer
from market.ids import ProductId, SellerId, TransactionId
from market.lines import Payment
from market.risks import FraudScored
from market.transactions import (
    PaymentSucceeded,
    Share,
    TransactionCancelled,
)
from services.risk.decide import Policy, decide
from services.risk.state import Buyer, Registered, Unregistered
from tests.services.words import NOW, B, S, T, gbp

MANDATE = Mandate(order_limit_minor=100_000, total_limit_minor=1_000_000)
WEEK = timedelta(days=7)


def asked(mandate: Mandate = MANDATE, budget: int = 1_000_000, currency: str = "GBP") -> RegisterBuyer:
    return RegisterBuyer(buyer=B, currency=currency, budget_minor=budget, mandate=mandate)


def granted(budget: int = 1_000_000) -> BuyerRegistered:
    return BuyerRegistered(buyer=B, budget=gbp(budget))


def ordered(order: str = T, card: str = "tok_own", ago: timedelta | None = None) -> CheckOut:
    return CheckOut(
        buyer=B,
        order=TransactionId(order),
        currency="GBP",
        payment=Payment("credit", 1, card),
        ordered_at=None if ago is None else NOW - ago,
    )


def paid(order: str = T, amount: int = 10_000, seller: str = S, product: str = "P") -> PaymentSucceeded:
    share = Share(SellerId(seller), amount)
    return PaymentSucceeded(
        transaction=TransactionId(order),
        buyer=B,
        total=gbp(amount),
        products=(ProductId(product),),
        shares=(share,),
    )


def refused(order: str = T, reason: str = "above the mandate's limit per order") -> OrderRefused:
    return OrderRefused(buyer=B, order=TransactionId(order), reason=reason)


def cancelled(order: str = T, reason: str = "payment declined") -> TransactionCancelled:
    return TransactionCancelled(transaction=TransactionId(order), buyer=B, reason=reason, products=())


def given(*events: Event, state: Buyer | None = None, policy: Policy = Policy()) -> Buyer:  # noqa: B008
    """A registered buyer (unless one is given) that has heard these events."""
    state = state or Registered(None)
    for event in events:
        state = when(state, event, policy).state or state
    return state


def when(state: Buyer, event: Event, policy: Policy = Policy()) -> Decision[Buyer]:  # noqa: B008
    return decide(state, event, NOW, policy)  # pyright: ignore[reportArgumentType] - a test may say anything


def registered(state: Buyer) -> Registered:
    assert isinstance(state, Registered)
    return state


def regular(payments: int = 5, amount: int = 10_000) -> Buyer:
    """A buyer with a payment every week, each of about this amount; the last was a week ago."""
    events: list[Event] = [asked(), granted()]
    for number in range(payments):
        events += [ordered(f"W{number}", ago=(payments - number) * WEEK), paid(f"W{number}", amount + number)]
    return given(*events, state=Unregistered())


def scored(decision: Decision[Buyer]) -> FraudScored:
    (score,) = [said for said in decision.publishes if isinstance(said, FraudScored)]
    return score


def rules(state: Buyer, *events: Event) -> set[str]:
    """The rules that speak against the last of these events, a payment."""
    before = given(*events[:-1], state=state)
    return {reason.rule for reason in scored(when(before, events[-1])).reasons}
