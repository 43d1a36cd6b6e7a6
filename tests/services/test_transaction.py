"""A transaction until it is paid or undone, and what holds from its placing to its end."""

from collections import Counter
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st
from pydantic import TypeAdapter

from agora.decision import NOTHING, Decision, Forget, Remind
from agora.event import Event
from market.streams import BUYERS, PRODUCTS, SELLERS, SHIPMENTS, TRANSACTIONS
from market.transactions import (
    OrderReserved,
    PaymentSucceeded,
    Share,
    TransactionCancelled,
    TransactionOpened,
    TransactionRefused,
)
from services.transaction.decide import Consumes, decide
from services.transaction.state import Cancelled, Opened, Transaction, Unopened
from tests.services.deal import (
    CLEAR,
    DECLINED,
    DELIVERED,
    EVERY,
    FAILED,
    FLAGGED,
    FUNDS_HELD,
    LINES,
    LOST,
    OPENED,
    ORDER,
    P_RESERVED,
    PAID,
    Q_REFUSED,
    Q_RESERVED,
    REJECT,
    RESERVED,
    RETURN,
    TIMED_OUT,
    entries,
    partly,
    when,
)
from tests.services.words import GOOD, NOW, B, C, P, Q, R, S, T, gbp, given, line, placed

# Opening


def test_an_order_asks_every_product_once_for_all_its_units() -> None:
    decision = when(Unopened(), placed(*LINES))
    assert decision.state == OPENED
    assert decision.publishes == (
        TransactionOpened(transaction=T, product=P, currency="GBP", lines=(LINES[0], LINES[2])),
        TransactionOpened(transaction=T, product=Q, currency="GBP", lines=(LINES[1],)),
    )
    assert decision.reminders == (Remind("time limit", NOW + timedelta(seconds=60), TIMED_OUT),)


@pytest.mark.parametrize("state", EVERY[1:])
def test_a_repeated_order_id_is_refused_to_whoever_placed_it_again(state: Transaction) -> None:
    refused = TransactionRefused(transaction=T, buyer=C, reason="repeated order id")
    assert when(state, placed(line(), buyer=C)) == Decision(None, (refused,))
    assert list(refused.concerns()) == [BUYERS(C)]


# Stock and funds


def test_the_buyer_is_asked_once_every_product_has_promised() -> None:
    first = when(OPENED, Q_RESERVED)
    assert first == Decision(Opened(ORDER, (P,)))
    asked = OrderReserved(transaction=T, buyer=B, total=gbp(613), payment=GOOD)
    assert when(Opened(ORDER, (P,)), P_RESERVED) == Decision(RESERVED, (asked,))


def test_a_promise_heard_twice_counts_once() -> None:
    assert given(decide, OPENED, Q_RESERVED, Q_RESERVED) == Opened(ORDER, (P,))


def test_held_funds_go_into_escrow_and_everyone_concerned_hears_of_it() -> None:
    decision = when(RESERVED, FUNDS_HELD)
    assert decision.state == PAID
    paid = PaymentSucceeded(
        transaction=T, buyer=B, total=gbp(613), products=(P, Q), shares=(Share(S, 280), Share(R, 333))
    )
    assert decision.publishes == (paid,)
    assert list(paid.concerns()) == [
        TRANSACTIONS(T), SHIPMENTS(T), BUYERS(B), PRODUCTS(P), PRODUCTS(Q), SELLERS(S), SELLERS(R)
    ]  # fmt: skip
    assert paid.seen_by(SELLERS(R)) == paid.model_copy(update={"products": (), "shares": (Share(R, 333),)})
    assert paid.seen_by(PRODUCTS(Q)) == paid.model_copy(update={"products": (), "shares": ()})
    assert paid.seen_by(BUYERS(B)) is paid
    assert decision.reminders == (Forget("time limit"),)
    assert entries(decision) == [("captured", "buyer:B", -613), ("captured", "escrow", 613)]


@pytest.mark.parametrize(
    ("state", "event", "reason"),
    [
        (OPENED, Q_REFUSED, "out of stock"),
        (OPENED, TIMED_OUT, "timed out"),
        (RESERVED, TIMED_OUT, "timed out"),
        (RESERVED, DECLINED, "payment declined"),
    ],
)
def test_the_first_refusal_or_the_time_limit_undoes_everything(state: Transaction, event: Event, reason: str) -> None:
    decision = when(state, event)
    cancelled = TransactionCancelled(transaction=T, buyer=B, reason=reason, products=(P, Q))
    assert decision == Decision(Cancelled(ORDER, reason, NOW), (cancelled,), (Forget("time limit"),))
    assert set(cancelled.concerns()) == {TRANSACTIONS(T), BUYERS(B), PRODUCTS(P), PRODUCTS(Q)}
    assert cancelled.seen_by(PRODUCTS(P)) == cancelled.model_copy(update={"products": ()})


@pytest.mark.parametrize("state", [state for state in EVERY if state not in (OPENED, RESERVED)])
@pytest.mark.parametrize("late", [P_RESERVED, Q_REFUSED, FUNDS_HELD, DECLINED, TIMED_OUT])
def test_an_answer_that_comes_too_late_is_left_unheard(state: Transaction, late: Event) -> None:
    assert when(state, late) is NOTHING


# From beginning to end

HEARD = (
    placed(*LINES), P_RESERVED, Q_RESERVED, Q_REFUSED, FUNDS_HELD, DECLINED, TIMED_OUT, FLAGGED, CLEAR, REJECT, RETURN,
    DELIVERED, partly(R), LOST, FAILED,
)  # fmt: skip
ENDS = {"TransactionSettled": "settled", "TransactionRefunded": "refunded", "TransactionCancelled": "cancelled"}
NEXT = {
    "unopened": {"opened"},
    "opened": {"opened", "reserved", "cancelled"},
    "reserved": {"paid", "cancelled"},
    "paid": {"held", "settled", "refunded"},
    "held": {"held", "paid", "settled", "refunded"},
}


def test_every_event_it_hears_is_among_those_of_these_tests() -> None:
    assert {type(event) for event in HEARD} == set(get_args(Consumes))


@for_any(st.lists(st.sampled_from(HEARD), max_size=40))
def test_whatever_is_said_in_whatever_order_only_legal_steps_are_taken(events: list[Event]) -> None:
    adapter = TypeAdapter[Transaction](Transaction)
    state: Transaction = Unopened()
    said = Counter[str]()
    for event in events:
        decision = when(state, event)
        said.update(type(told).__name__ for told in decision.publishes)
        if decision.state is not None:
            assert decision.state.status in NEXT.get(state.status, ())
            state = decision.state
        assert adapter.validate_json(adapter.dump_json(state)) == state
    assert {end: said[end] for end in ENDS} == {end: int(state.status == status) for end, status in ENDS.items()}
    assert said["PaymentSucceeded"] + said["TransactionCancelled"] <= 1
