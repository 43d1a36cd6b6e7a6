"""A buyer: its mandate, its cart, its money."""

from dataclasses import replace

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st
from pydantic import TypeAdapter

from agora.decision import NOTHING, Decision
from agora.event import Event
from market.buyers import (
    BuyerRegistered,
    BuyerRegistrationRefused,
    FundsHeld,
    FundsRefused,
    FundsReleased,
    Mandate,
    OrderRefused,
    RegisterBuyer,
)
from market.ids import TransactionId
from market.lines import LINES_MAX, Payment
from market.money import Money
from market.transactions import (
    OrderReserved,
    ParcelRefunded,
    PaymentSucceeded,
    TransactionCancelled,
    TransactionRefunded,
    TransactionRefused,
    TransactionSettled,
)
from services.buyer import decide as deciding
from services.buyer.decide import decide
from services.buyer.rows import RefusedOrder
from services.buyer.state import Buyer, Registered, Unregistered
from tests.services.words import (
    ANYTHING,
    DECLINED,
    GOOD,
    NOW,
    B,
    P,
    Q,
    R,
    S,
    T,
    check_out,
    gbp,
    given,
    line,
    parcel_refunded,
    placed,
    refunded,
    written,
)

BUYER = Registered(B, "GBP", budget_minor=1_000, mandate=ANYTHING)
PLACED = given(decide, BUYER, check_out(line(price=400)))
SETTLED = TransactionSettled(transaction=T, buyer=B, currency="GBP", payouts=())


def when(buyer: Buyer, event: Event) -> Decision[Buyer]:
    return decide(buyer, event, NOW)  # pyright: ignore[reportArgumentType] - a test may say anything


def registered(buyer: Buyer) -> Registered:
    assert isinstance(buyer, Registered)
    return buyer


def reserved(total: int = 400, payment: Payment = GOOD) -> OrderReserved:
    return OrderReserved(transaction=T, buyer=B, total=gbp(total), payment=payment)


def paid(order: str = T) -> PaymentSucceeded:
    return PaymentSucceeded(transaction=TransactionId(order), buyer=B, total=gbp(400), products=(P,), shares=())


def cancelled(order: str = T) -> TransactionCancelled:
    return TransactionCancelled(transaction=TransactionId(order), buyer=B, reason="timed out", products=(P,))


def refusal(buyer: Buyer, event: Event) -> str:
    """The reason for which an order is refused; nothing else may come of it."""
    decision = when(buyer, event)
    (refused,) = decision.publishes
    assert isinstance(refused, OrderRefused)
    assert written(decision) == [RefusedOrder(refused.buyer, refused.order, refused.reason, NOW)]
    assert decision.state is None
    return refused.reason


# Registration


def test_a_buyer_registers_once() -> None:
    asked = RegisterBuyer(buyer=B, currency="GBP", budget_minor=1_000, mandate=ANYTHING)
    first = when(Unregistered(), asked)
    assert first == Decision(BUYER, (BuyerRegistered(buyer=B, budget=gbp(1_000)),))
    assert when(BUYER, asked).publishes == (BuyerRegistrationRefused(buyer=B, reason="already registered"),)


@pytest.mark.parametrize(
    ("currency", "budget", "reason"),
    [("pounds", 1, "malformed currency"), ("GBP", -1, "amount out of range"), ("GBP", 10**16, "amount out of range")],
)
def test_an_unsound_registration_is_refused(currency: str, budget: int, reason: str) -> None:
    asked = RegisterBuyer(buyer=B, currency=currency, budget_minor=budget, mandate=ANYTHING)
    assert when(Unregistered(), asked).publishes == (BuyerRegistrationRefused(buyer=B, reason=reason),)


# Orders


def test_a_sound_order_is_placed_with_its_total() -> None:
    lines = (line(quantity=2, price=100, freight_minor=30, voucher_minor=10), line(Q, price=50, voucher_minor=90))
    decision = when(BUYER, check_out(*lines))
    assert decision.publishes == (placed(*lines),)
    assert registered(decision.state or BUYER).placed == {T: 220}


@pytest.mark.parametrize(
    ("unsound", "reason"),
    [
        ({"quantity": 0}, "quantity out of range"),
        ({"quantity": 10_001}, "quantity out of range"),
        ({"price_minor": -1}, "price out of range"),
        ({"price_minor": 10**30}, "price out of range"),
        ({"freight_minor": -1}, "freight out of range"),
        ({"voucher_minor": -1}, "voucher out of range"),
        ({"version": 0}, "version out of range"),
    ],
)
def test_an_unsound_line_is_refused_with_its_reason(unsound: dict[str, int], reason: str) -> None:
    assert refusal(BUYER, check_out(line(), replace(line(), **unsound))) == reason


def test_an_order_of_a_stranger_is_refused() -> None:
    assert refusal(Unregistered(), check_out(line())) == "unknown buyer"


def test_an_order_needs_lines_and_not_too_many() -> None:
    assert refusal(BUYER, check_out()) == "nothing to order"
    free = line(price=0)
    assert refusal(BUYER, check_out(*[free] * (LINES_MAX + 1))) == "too many lines"
    assert when(BUYER, check_out(*[free] * LINES_MAX)).state is not None


def test_an_order_is_paid_in_the_buyers_currency_by_a_known_method() -> None:
    assert refusal(BUYER, check_out(line(), currency="EUR")) == "foreign currency"
    assert refusal(BUYER, check_out(line(), payment=Payment("cash", 1, "tok"))) == "unknown payment method"
    assert refusal(BUYER, check_out(line(), payment=Payment("credit", 11, "tok"))) == "instalments out of range"
    assert refusal(BUYER, check_out(line(), payment=Payment("credit", 0, "tok"))) == "instalments out of range"


def test_a_mandate_limits_sellers_each_order_and_all_orders() -> None:
    mandated = replace(BUYER, mandate=Mandate(order_limit_minor=300, total_limit_minor=500, sellers=(S,)))
    assert refusal(mandated, check_out(line(seller=R))) == "seller outside the mandate"
    assert refusal(mandated, check_out(line(price=301))) == "above the mandate's limit per order"
    once = given(decide, mandated, check_out(line(price=300)))
    assert refusal(once, check_out(line(price=201), order="T2")) == "above the mandate's limit in all"
    assert when(once, check_out(line(price=200), order="T2")).state is not None


@pytest.mark.parametrize("steps", [(), (reserved(),), (reserved(), paid())])
def test_an_order_uses_up_the_budget_from_its_placing_on(steps: tuple[Event, ...]) -> None:
    buyer = given(decide, PLACED, *steps)
    assert refusal(buyer, check_out(line(price=601), order="T2")) == "insufficient funds"
    assert when(buyer, check_out(line(price=600), order="T2")).state is not None


def test_open_orders_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "OPEN_ORDERS_MAX", 2)
    full = given(decide, BUYER, check_out(line(price=1)), check_out(line(price=1), order="T2"))
    assert refusal(full, check_out(line(price=1), order="T3")) == "too many open orders"


@pytest.mark.parametrize("steps", [(), (reserved(),)])
def test_a_repeated_order_id_leaves_the_open_order_alone(steps: tuple[Event, ...]) -> None:
    assert refusal(given(decide, PLACED, *steps), check_out(line(price=1))) == "repeated order id"


def test_an_order_under_another_transactions_id_is_given_up() -> None:
    decision = when(PLACED, TransactionRefused(transaction=T, buyer=B, reason="repeated order id"))
    assert decision.publishes == (OrderRefused(buyer=B, order=T, reason="repeated order id"),)
    assert decision.state == BUYER
    assert written(decision) == [RefusedOrder(B, T, "repeated order id", NOW)]
    assert when(BUYER, TransactionRefused(transaction=T, buyer=B, reason="repeated order id")) is NOTHING


# Funds


def test_funds_are_held_then_spent() -> None:
    held = when(PLACED, reserved())
    assert held.publishes == (FundsHeld(transaction=T, buyer=B, amount=gbp(400)),)
    spent = registered(given(decide, PLACED, reserved(), paid()))
    assert (spent.placed, spent.held, spent.spent_minor, spent.paid) == ({}, {}, 400, 1)
    assert registered(given(decide, spent, SETTLED)).settled == 1


def test_a_declined_token_is_refused_and_stays_open_until_the_transaction_ends() -> None:
    decision = when(PLACED, reserved(payment=DECLINED))
    assert decision.publishes == (FundsRefused(transaction=T, buyer=B, reason="payment declined"),)
    assert decision.state is None


def test_funds_for_an_order_never_placed_are_refused() -> None:
    unknown = (FundsRefused(transaction=T, buyer=B, reason="unknown order"),)
    assert when(BUYER, reserved()).publishes == unknown
    assert when(PLACED, reserved(total=401)).publishes == unknown
    euros = OrderReserved(transaction=T, buyer=B, total=Money(400, "EUR"), payment=GOOD)
    assert when(PLACED, euros).publishes == unknown
    stranger = (FundsRefused(transaction=T, buyer=B, reason="unknown buyer"),)
    assert when(Unregistered(), reserved()).publishes == stranger


def test_a_cancelled_order_frees_what_was_placed_or_held() -> None:
    before = when(PLACED, cancelled())
    assert before == Decision(replace(BUYER, cancelled=1))
    after = when(given(decide, PLACED, reserved()), cancelled())
    released = FundsReleased(buyer=B, transaction=T, amount=gbp(400))
    assert after == Decision(replace(BUYER, cancelled=1), (released,))


@pytest.mark.parametrize("late", [cancelled(), paid()])
def test_the_end_of_an_order_is_heard_once(late: Event) -> None:
    assert when(given(decide, PLACED, cancelled()), late) is NOTHING
    assert when(given(decide, PLACED, reserved(), paid()), late) is NOTHING


@pytest.mark.parametrize("event", [paid(), cancelled(), parcel_refunded(1), refunded(1)])
def test_news_for_a_stranger_is_left_unheard(event: Event) -> None:
    assert when(Unregistered(), event) is NOTHING


# Properties

WORDS = ("check out", "reserve", "pay", "cancel", "settle", "refund", "refund a parcel")
steps = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(WORDS), st.integers(0, 600)),
    max_size=40,
)


@for_any(steps)
def test_a_buyer_never_commits_more_than_its_budget_and_never_loses_count(steps: list[tuple[str, str, int]]) -> None:
    buyer: Buyer = BUYER
    said: list[Event] = []
    back = 0
    for order, word, amount in steps:
        event: Event = {
            "check out": check_out(line(price=amount), order=order),
            "reserve": reserved(registered(buyer).placed.get(TransactionId(order), 0)).model_copy(
                update={"transaction": order}
            ),
            "pay": paid(order),
            "cancel": cancelled(order),
            "settle": SETTLED,
            "refund": refunded(amount, order=order),
            "refund a parcel": parcel_refunded(amount),
        }[word]
        decision = when(buyer, event)
        if isinstance(event, ParcelRefunded | TransactionRefunded) and decision.state is not None:
            back += event.amount.minor
        buyer = decision.state or buyer
        said.extend(decision.publishes)
        kept = registered(buyer)
        assert 0 <= kept.spent_minor <= kept.committed_minor <= kept.budget_minor
        assert kept.refunded <= kept.paid
        assert not kept.placed.keys() & kept.held.keys()
        adapter = TypeAdapter[Buyer](Buyer)
        assert adapter.validate_json(adapter.dump_json(buyer)) == buyer
    held = sum(event.amount.minor for event in said if isinstance(event, FundsHeld))
    released = sum(event.amount.minor for event in said if isinstance(event, FundsReleased))
    end = registered(buyer)
    assert held == released + end.spent_minor + back + sum(end.held.values())
