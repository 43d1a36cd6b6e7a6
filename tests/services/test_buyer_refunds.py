"""What a buyer gets back: a lost parcel's share, or all that an undone order cost."""

import pytest
from pydantic import TypeAdapter

from agora.decision import NOTHING, Decision
from agora.event import Event
from market.buyers import OrderRefused
from market.transactions import OrderReserved, PaymentSucceeded, TransactionSettled
from services.buyer.decide import decide
from services.buyer.state import Buyer, Registered
from tests.services.words import ANYTHING, GOOD, NOW, B, P, T, check_out, gbp, given, line, parcel_refunded, refunded

BUYER = Registered(B, "GBP", budget_minor=1_000, mandate=ANYTHING)
RESERVED = OrderReserved(transaction=T, buyer=B, total=gbp(400), payment=GOOD)
PAYMENT = PaymentSucceeded(transaction=T, buyer=B, total=gbp(400), products=(P,), shares=())
SETTLED = TransactionSettled(transaction=T, buyer=B, currency="GBP", payouts=())
HELD = given(decide, BUYER, check_out(line(price=400)), RESERVED)
PAID = given(decide, HELD, PAYMENT)


def when(buyer: Buyer, event: Event) -> Decision[Buyer]:
    return decide(buyer, event, NOW)  # pyright: ignore[reportArgumentType] - a test may say anything


def after(buyer: Buyer, *events: Event) -> Registered:
    state = given(decide, buyer, *events)
    assert isinstance(state, Registered)
    return state


def test_a_lost_parcel_is_paid_back_and_the_order_settles_all_the_same() -> None:
    ended = after(PAID, parcel_refunded(150), SETTLED)
    assert (ended.spent_minor, ended.paid, ended.settled, ended.refunded) == (250, 1, 1, 0)


def test_a_refunded_order_is_paid_back_and_counted_and_its_money_can_be_spent_again() -> None:
    ended = after(PAID, refunded(400))
    assert (ended.spent_minor, ended.paid, ended.settled, ended.refunded) == (0, 1, 0, 1)
    whole = check_out(line(price=1_000), order="T2")
    (too_much,) = when(PAID, whole).publishes
    assert too_much == OrderRefused(buyer=B, order=whole.order, reason="insufficient funds")
    assert after(ended, whole).placed == {whole.order: 1_000}


@pytest.mark.parametrize(
    "news", [parcel_refunded(401), parcel_refunded(1, currency="EUR"), refunded(400, currency="EUR")]
)
def test_what_was_never_spent_is_not_paid_back(news: Event) -> None:
    assert when(PAID, news) is NOTHING


def test_no_more_orders_are_refunded_than_were_paid_and_not_settled() -> None:
    assert when(HELD, refunded(0)) is NOTHING
    assert when(after(PAID, SETTLED), refunded(0)) is NOTHING
    assert when(after(PAID, refunded(200)), refunded(200)) is NOTHING


def test_a_buyer_stored_before_there_were_refunds_opens_as_one_without_any() -> None:
    adapter = TypeAdapter[Buyer](Buyer)
    stored = adapter.dump_python(BUYER, mode="json")
    del stored["refunded"], stored["reviews"]
    assert adapter.validate_python(stored) == BUYER
