"""A transaction: one order, from its placing to its settlement or its undoing."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st
from pydantic import TypeAdapter

from agora.decision import NOTHING, Decision, Forget, Remind
from agora.event import Event
from market.buyers import FundsHeld, FundsRefused
from market.ids import SellerId
from market.products import StockRefused, StockReserved
from market.streams import BUYERS, PRODUCTS, SELLERS, TRANSACTIONS
from market.transactions import (
    ConfirmDelivery,
    DeliveryDue,
    DeliveryRefused,
    OrderDelivered,
    OrderDispatched,
    OrderReserved,
    PaymentSucceeded,
    Payout,
    Share,
    TransactionCancelled,
    TransactionOpened,
    TransactionRefused,
    TransactionSettled,
    TransactionTimedOut,
)
from services.transaction.decide import Policy, decide
from services.transaction.rows import LedgerEntry, Shipment
from services.transaction.state import (
    Cancelled,
    Dispatched,
    Opened,
    Order,
    Paid,
    Reserved,
    Settled,
    Transaction,
    Unopened,
)
from tests.services.words import GOOD, NOW, B, C, P, Q, R, S, T, gbp, given, line, placed, written

LINES = (line(P, price=100), line(Q, price=333, seller=R), line(P, quantity=2, price=90))
ORDER = Order(T, B, LINES, gbp(613), GOOD, None, NOW)
P_RESERVED = StockReserved(transaction=T, product=P, quantity=3)
Q_RESERVED = StockReserved(transaction=T, product=Q, quantity=1)
Q_REFUSED = StockRefused(transaction=T, product=Q, reason="out of stock")
HELD = FundsHeld(transaction=T, buyer=B, amount=gbp(613))
DECLINED = FundsRefused(transaction=T, buyer=B, reason="payment declined")
TIMED_OUT = TransactionTimedOut(transaction=T)
S_SENT = OrderDispatched(transaction=T, seller=S)
R_SENT = OrderDispatched(transaction=T, seller=R)
S_ARRIVED = ConfirmDelivery(transaction=T, seller=S)
R_ARRIVED = ConfirmDelivery(transaction=T, seller=R)
DUE = DeliveryDue(transaction=T)

OPENED = Opened(ORDER, (P, Q))
RESERVED = Reserved(ORDER)
PAID = Paid(ORDER, NOW, (S, R), {})
DISPATCHED = Dispatched(ORDER, NOW, {S: NOW, R: NOW})
SETTLED = Settled(ORDER, NOW, NOW)
CANCELLED = Cancelled(ORDER, "out of stock", NOW)
EVERY = (Unopened(), OPENED, RESERVED, PAID, DISPATCHED, SETTLED, CANCELLED)


def when(state: Transaction, event: Event, policy: Policy = Policy()) -> Decision[Transaction]:  # noqa: B008
    return decide(state, event, NOW, policy)  # pyright: ignore[reportArgumentType] - a test may say anything


def entries(decision: Decision[Transaction]) -> list[tuple[str, str, int]]:
    rows = [row for row in written(decision) if isinstance(row, LedgerEntry)]
    assert [row.entry for row in rows] == list(range(len(rows)))
    return [(row.posting, row.account, row.amount_minor) for row in rows]


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
    decision = when(RESERVED, HELD)
    assert decision.state == PAID
    paid = PaymentSucceeded(
        transaction=T, buyer=B, total=gbp(613), products=(P, Q), shares=(Share(S, 280), Share(R, 333))
    )
    assert decision.publishes == (paid,)
    assert list(paid.concerns()) == [
        TRANSACTIONS(T), BUYERS(B), PRODUCTS(P), PRODUCTS(Q), SELLERS(S), SELLERS(R)
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


@pytest.mark.parametrize("state", [Unopened(), PAID, DISPATCHED, SETTLED, CANCELLED])
@pytest.mark.parametrize("late", [P_RESERVED, Q_REFUSED, HELD, DECLINED, TIMED_OUT])
def test_an_answer_that_comes_too_late_is_left_unheard(state: Transaction, late: Event) -> None:
    assert when(state, late) is NOTHING


@pytest.mark.parametrize("state", [state for state in EVERY if state != PAID])
def test_only_a_paid_order_is_dispatched(state: Transaction) -> None:
    assert when(state, S_SENT) is NOTHING


# Delivery


def test_parcels_go_out_one_by_one_and_then_have_a_time_to_arrive() -> None:
    first = when(PAID, S_SENT)
    assert first.state == Paid(ORDER, NOW, (R,), {S: NOW})
    assert written(first) == [Shipment(T, S, NOW)]
    assert first.reminders == ()
    last = when(given(decide, PAID, S_SENT), R_SENT)
    assert last.state == DISPATCHED
    assert last.reminders == (Remind("delivery", NOW + timedelta(seconds=10), DUE),)


@pytest.mark.parametrize("sender", [S_SENT, OrderDispatched(transaction=T, seller=SellerId("nobody"))])
def test_a_parcel_is_sent_once_and_only_by_a_seller_of_the_order(sender: OrderDispatched) -> None:
    assert when(given(decide, PAID, S_SENT), sender) is NOTHING


def test_parcels_confirmed_one_by_one_settle_with_the_last() -> None:
    first = when(DISPATCHED, R_ARRIVED)
    assert first.state == Dispatched(ORDER, NOW, {S: NOW})
    assert first.publishes == (OrderDelivered(transaction=T, seller=R),)
    assert written(first) == [Shipment(T, R, NOW, NOW)]
    last = when(Dispatched(ORDER, NOW, {S: NOW}), S_ARRIVED)
    assert last.state == SETTLED
    assert last.reminders == (Forget("delivery"),)


def test_settlement_pays_each_seller_less_a_fee_rounded_down() -> None:
    decision = when(DISPATCHED, DUE)
    settled = TransactionSettled(
        transaction=T, buyer=B, currency="GBP", payouts=(Payout(S, 266, 14), Payout(R, 317, 16))
    )
    delivered = (OrderDelivered(transaction=T, seller=S), OrderDelivered(transaction=T, seller=R))
    assert decision.publishes == (*delivered, settled)
    assert settled.seen_by(SELLERS(R)).payouts == (Payout(R, 317, 16),)
    assert entries(decision) == [
        ("settled", "escrow", -613), ("settled", "seller:S", 266), ("settled", "seller:R", 317), ("settled", "fees", 30)
    ]  # fmt: skip
    assert written(decision)[:2] == [Shipment(T, S, NOW, NOW), Shipment(T, R, NOW, NOW)]


def test_a_parcel_may_arrive_before_another_is_sent() -> None:
    early = given(decide, PAID, S_SENT, S_ARRIVED)
    assert early == Paid(ORDER, NOW, (R,), {})
    assert given(decide, early, R_SENT) == Dispatched(ORDER, NOW, {R: NOW})
    assert isinstance(given(decide, early, R_SENT, R_ARRIVED), Settled)


@pytest.mark.parametrize(
    ("state", "seller", "reason"),
    [
        (Unopened(), S, "unknown transaction"),
        (DISPATCHED, SellerId("nobody"), "not a seller of this order"),
        (OPENED, S, "not dispatched"),
        (RESERVED, S, "not dispatched"),
        (PAID, S, "not dispatched"),
        (replace(PAID, undispatched=(R,)), S, "already delivered"),
        (replace(DISPATCHED, parcels={R: NOW}), S, "already delivered"),
        (SETTLED, S, "already delivered"),
        (CANCELLED, S, "cancelled"),
    ],
)
def test_a_parcel_that_is_not_on_its_way_cannot_arrive(state: Transaction, seller: SellerId, reason: str) -> None:
    refused = DeliveryRefused(transaction=T, seller=seller, reason=reason)
    assert when(state, ConfirmDelivery(transaction=T, seller=seller)) == Decision(None, (refused,))


@pytest.mark.parametrize("state", [state for state in EVERY if state != DISPATCHED])
def test_delivery_is_due_only_while_parcels_are_on_their_way(state: Transaction) -> None:
    assert when(state, DUE) is NOTHING


# Properties

ALL = (P_RESERVED, Q_RESERVED, Q_REFUSED, HELD, DECLINED, TIMED_OUT, S_SENT, R_SENT, S_ARRIVED, R_ARRIVED, DUE)
NEXT = {
    "unopened": {"opened"},
    "opened": {"opened", "reserved", "cancelled"},
    "reserved": {"paid", "cancelled"},
    "paid": {"paid", "dispatched"},
    "dispatched": {"dispatched", "settled"},
}


@for_any(st.lists(st.sampled_from((placed(*LINES), *ALL)), max_size=40))
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
    outcomes = said["TransactionSettled"] + said["TransactionCancelled"]
    assert outcomes == (state.status in {"settled", "cancelled"})
    assert said["PaymentSucceeded"] + said["TransactionCancelled"] <= 1
