"""A return: a buyer gives back what it has paid for, as long as it is under way."""

import pytest

from agora.decision import Decision
from market.ids import BuyerId
from market.streams import BUYERS, TRANSACTIONS
from market.transactions import RequestReturn, Returned, ReturnRefused, TransactionRefunded
from services.transaction.decide import decide
from services.transaction.state import Refunded, Transaction, Unopened
from tests.services.deal import (
    CANCELLED,
    CLEARED,
    DELIVERED,
    EVERY,
    HELD,
    HELD_ENDED,
    OPENED,
    ORDER,
    PAID,
    REFUNDED,
    RESERVED,
    RETURN,
    SETTLED,
    entries,
    when,
)
from tests.services.words import NOW, B, P, Q, R, S, T, gbp, given

ANOTHER = BuyerId("another")


@pytest.mark.parametrize("paid", [PAID, CLEARED])
def test_what_is_under_way_is_refunded_in_full_and_its_units_are_the_products_again(paid: Transaction) -> None:
    decision = when(paid, RETURN)
    assert decision.state == Refunded(ORDER, NOW, NOW, "changed my mind", None)
    assert decision.publishes == (
        TransactionRefunded(
            transaction=T,
            buyer=B,
            amount=gbp(613),
            reason="changed my mind",
            sellers=(S, R),
            returned=(Returned(P, 3), Returned(Q, 1)),
        ),
    )
    assert entries(decision) == [("refunded", "escrow", -613), ("refunded", "buyer:B", 613)]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (Unopened(), "no order of this buyer's"),
        (OPENED, "not paid"),
        (RESERVED, "not paid"),
        (HELD, "held for a reviewer"),
        (HELD_ENDED, "held for a reviewer"),
        (SETTLED, "already settled"),
        (REFUNDED, "already refunded"),
        (CANCELLED, "cancelled"),
    ],
)
def test_what_cannot_be_given_back_is_refused_with_the_reason(state: Transaction, reason: str) -> None:
    refused = ReturnRefused(transaction=T, buyer=B, reason=reason)
    assert when(state, RETURN) == Decision(None, (refused,))
    assert set(refused.concerns()) == {TRANSACTIONS(T), BUYERS(B)}


@pytest.mark.parametrize("state", EVERY)
def test_another_buyer_gives_nothing_back_and_learns_nothing(state: Transaction) -> None:
    decision = when(state, RequestReturn(transaction=T, buyer=ANOTHER, reason="mine now"))
    reason = "no order of this buyer's"
    assert decision == Decision(None, (ReturnRefused(transaction=T, buyer=ANOTHER, reason=reason),))


def test_what_arrives_after_all_changes_nothing() -> None:
    assert given(decide, PAID, RETURN, DELIVERED) == given(decide, PAID, RETURN)
    assert isinstance(given(decide, PAID, DELIVERED, RETURN), type(SETTLED))
