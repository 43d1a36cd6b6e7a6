"""How a paid transaction ends: as its shipment did, once, and to the penny."""

from collections import Counter

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st
from pydantic import TypeAdapter

from agora.decision import NOTHING
from agora.event import Event
from market.streams import BUYERS, PRODUCTS, SELLERS, SHIPMENTS, TRANSACTIONS
from market.transactions import ParcelRefunded, Payout, Returned, TransactionRefunded, TransactionSettled
from services.transaction.decide import decide
from services.transaction.state import Carried, Order, Paid, Refunded, Settled, Transaction, Unopened, Unshipped
from tests.services.deal import (
    CANCELLED,
    CLEAR,
    CLEARED,
    DELIVERED,
    FAILED,
    FLAGGED,
    FUNDS_HELD,
    LOST,
    OPENED,
    ORDER,
    PAID,
    REFUNDED,
    REJECT,
    RESERVED,
    SETTLED,
    entries,
    partly,
    when,
)
from tests.services.words import GOOD, NOW, B, P, Q, R, S, T, gbp, given, line

ENDS = (DELIVERED, partly(R), LOST, FAILED)


def settled(*payouts: Payout) -> TransactionSettled:
    return TransactionSettled(transaction=T, buyer=B, currency="GBP", payouts=payouts)


def refunded(reason: str, *returned: Returned) -> TransactionRefunded:
    return TransactionRefunded(
        transaction=T, buyer=B, amount=gbp(613), reason=reason, sellers=(S, R), returned=returned
    )


# Settled


@pytest.mark.parametrize("state", [PAID, CLEARED])
def test_a_delivered_shipment_pays_each_seller_less_a_fee_rounded_down(state: Transaction) -> None:
    decision = when(state, DELIVERED)
    assert decision.state == Settled(ORDER, NOW, NOW)
    paid = settled(Payout(S, 266, 14), Payout(R, 317, 16))
    assert decision.publishes == (paid,)
    assert paid.seen_by(SELLERS(R)).payouts == (Payout(R, 317, 16),)
    assert entries(decision) == [
        ("settled", "escrow", -613), ("settled", "seller:S", 266), ("settled", "seller:R", 317), ("settled", "fees", 30)
    ]  # fmt: skip


def test_of_a_partly_delivered_shipment_what_arrived_is_paid_for_and_the_rest_goes_back_to_the_buyer() -> None:
    decision = when(PAID, partly(R))
    assert decision.state == Settled(ORDER, NOW, NOW, 333, Carried((R,)))
    back = ParcelRefunded(transaction=T, buyer=B, seller=R, amount=gbp(333))
    assert decision.publishes == (back, settled(Payout(S, 266, 14)))
    assert set(back.concerns()) == {TRANSACTIONS(T), BUYERS(B), SELLERS(R)}
    assert set(decision.publishes[1].concerns()) == {TRANSACTIONS(T), BUYERS(B), SELLERS(S)}
    assert entries(decision) == [
        ("settled", "escrow", -280), ("settled", "seller:S", 266), ("settled", "fees", 14),
        ("refunded", "escrow", -333), ("refunded", "buyer:B", 333),
    ]  # fmt: skip


def test_who_is_no_seller_of_the_order_has_lost_nothing() -> None:
    assert when(PAID, partly("nobody")) == when(PAID, DELIVERED)
    assert when(PAID, partly("nobody", R, R)) == when(PAID, partly(R))
    assert when(PAID, partly(R, "nobody", S)) == when(PAID, LOST)


# Refunded


def test_when_every_parcel_is_lost_the_buyer_gets_everything_back_and_products_nothing() -> None:
    decision = when(PAID, LOST)
    assert decision.state == Refunded(ORDER, NOW, NOW, "every parcel was lost", Carried((S, R)))
    back = refunded("every parcel was lost")
    assert decision.publishes == (back,)
    assert set(back.concerns()) == {TRANSACTIONS(T), SHIPMENTS(T), BUYERS(B), SELLERS(S), SELLERS(R)}
    assert entries(decision) == [("refunded", "escrow", -613), ("refunded", "buyer:B", 613)]


def test_what_cannot_be_shipped_is_the_products_again() -> None:
    decision = when(PAID, FAILED)
    assert decision.state == Refunded(ORDER, NOW, NOW, "no carrier", Unshipped("no carrier"))
    back = refunded("no carrier", Returned(P, 3), Returned(Q, 1))
    assert decision.publishes == (back,)
    assert {PRODUCTS(P), PRODUCTS(Q)} < set(back.concerns())
    assert back.seen_by(PRODUCTS(P)) == back.model_copy(update={"sellers": (), "returned": (Returned(P, 3),)})
    assert entries(decision) == [("refunded", "escrow", -613), ("refunded", "buyer:B", 613)]


def test_an_order_that_cost_nothing_is_refunded_nothing() -> None:
    free = Paid(Order(T, B, (line(P, price=0), line(Q, price=0, seller=R)), gbp(0), GOOD, None, NOW), NOW)
    assert entries(when(free, LOST)) == [("refunded", "escrow", 0), ("refunded", "buyer:B", 0)]
    decision = when(free, partly(R))
    assert ParcelRefunded(transaction=T, buyer=B, seller=R, amount=gbp(0)) in decision.publishes
    assert {amount for _, _, amount in entries(decision)} == {0}


# Once


@pytest.mark.parametrize("state", [Unopened(), OPENED, RESERVED, SETTLED, REFUNDED, CANCELLED])
@pytest.mark.parametrize("news", ENDS)
def test_a_shipment_ends_only_what_is_paid(state: Transaction, news: Event) -> None:
    assert when(state, news) is NOTHING


@pytest.mark.parametrize("first", ENDS)
@pytest.mark.parametrize("second", ENDS)
def test_of_two_ends_of_a_shipment_the_first_counts(first: Event, second: Event) -> None:
    assert given(decide, PAID, first, second) == given(decide, PAID, first)
    assert given(decide, PAID, FLAGGED, first, second, CLEAR) == given(decide, PAID, first)


lists_of_lost = st.lists(st.sampled_from((S, R, "nobody")), min_size=1, max_size=4)
LATER = st.one_of(
    st.sampled_from((FLAGGED, CLEAR, REJECT, DELIVERED, LOST, FAILED)), lists_of_lost.map(lambda lost: partly(*lost))
)


@for_any(st.lists(LATER, max_size=12))
def test_whatever_flags_verdicts_and_ends_come_in_whatever_order_money_is_conserved_and_it_ends_once(
    events: list[Event],
) -> None:
    state: Transaction = RESERVED
    accounts, said = Counter[str](), Counter[str]()
    for event in (FUNDS_HELD, *events):
        decision = when(state, event)
        state = decision.state or state
        said.update(type(told).__name__ for told in decision.publishes)
        for posting in {posting for posting, _, _ in entries(decision)}:
            assert sum(amount for of, _, amount in entries(decision) if of == posting) == 0
        accounts.update({account: 0 for _, account, _ in entries(decision)})
        for _, account, amount in entries(decision):
            accounts[account] += amount
    ended = isinstance(state, Settled | Refunded)
    assert said["TransactionSettled"] + said["TransactionRefunded"] == ended
    assert accounts["escrow"] == (0 if ended else 613)
    assert accounts.total() == 0
    back = 613 if isinstance(state, Refunded) else state.refunded_minor if isinstance(state, Settled) else 0
    assert accounts["buyer:B"] == back - 613
    assert said["PayoutHeld"] <= 1
    assert said["PayoutCleared"] + said["PayoutRejected"] <= said["PayoutHeld"]


# What earlier releases stored

PAID_THEN = b'"order": %s, "paid_at": "2030-01-01T00:00:00Z"' % TypeAdapter(Order).dump_json(ORDER)


@pytest.mark.parametrize(
    ("stored", "status"),
    [
        (b'"undispatched": ["S"], "parcels": {"R": "2030-01-01T00:00:00Z"}, "status": "paid"', "paid"),
        (b'"parcels": {"S": "2030-01-01T00:00:00Z"}, "status": "dispatched"', "dispatched"),
    ],
)
def test_what_was_paid_before_fulfilment_had_the_parcels_ends_as_it_says(stored: bytes, status: str) -> None:
    state = TypeAdapter[Transaction](Transaction).validate_json(b"{%s, %s}" % (PAID_THEN, stored))
    assert (type(state), state.status) == (Paid, status)
    assert when(state, DELIVERED) == when(PAID, DELIVERED)
    assert given(decide, state, FLAGGED, CLEAR) == CLEARED


def test_what_was_settled_before_there_were_refunds_is_settled_in_full() -> None:
    stored = b'{%s, "settled_at": "2030-01-01T00:00:00Z", "status": "settled"}' % PAID_THEN
    assert TypeAdapter[Transaction](Transaction).validate_json(stored) == SETTLED
