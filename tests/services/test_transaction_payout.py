"""A held payout: flagged payments wait for a reviewer's word."""

import pytest

from agora.decision import NOTHING, Decision
from agora.event import Event
from market.streams import BUYERS, TRANSACTIONS
from market.transactions import (
    HoldRefused,
    PayoutCleared,
    PayoutHeld,
    PayoutRejected,
    Returned,
    TransactionRefunded,
    TransactionSettled,
    VerdictRefused,
)
from services.transaction.decide import decide
from services.transaction.state import Carried, Held, Refunded, Settled, ShipmentEnd, Transaction, Unopened, Unshipped
from tests.services.deal import (
    CANCELLED,
    CLEAR,
    CLEARED,
    DELIVERED,
    FAILED,
    FLAGGED,
    HELD,
    HELD_ENDED,
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
from tests.services.words import NOW, B, P, Q, R, S, T, gbp, given

EVERYTHING = (Returned(P, 3), Returned(Q, 1))


def rejected(*returned: Returned) -> tuple[Event, Event]:
    refunded = TransactionRefunded(
        transaction=T, buyer=B, amount=gbp(613), reason="stolen card", sellers=(S, R), returned=returned
    )
    return PayoutRejected(transaction=T, buyer=B, reviewer="ann", reason="stolen card"), refunded


# Held


def test_a_flagged_payment_is_held_with_its_score_and_no_money_moves() -> None:
    assert when(PAID, FLAGGED) == Decision(HELD, (PayoutHeld(transaction=T, buyer=B, score=80),))


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (Unopened(), "unknown transaction"),
        (OPENED, "not paid"),
        (RESERVED, "not paid"),
        (HELD, "already held"),
        (HELD_ENDED, "already held"),
        (CLEARED, "already cleared"),
        (SETTLED, "already settled"),
        (REFUNDED, "already refunded"),
        (CANCELLED, "cancelled"),
    ],
)
def test_a_flag_that_finds_nothing_to_hold_is_told_why(state: Transaction, reason: str) -> None:
    assert when(state, FLAGGED) == Decision(None, (HoldRefused(transaction=T, reason=reason),))


@pytest.mark.parametrize(
    ("news", "ended"),
    [
        (DELIVERED, Carried()),
        (partly(R), Carried((R,))),
        (LOST, Carried((S, R))),
        (FAILED, Unshipped("no carrier")),
    ],
)
def test_how_the_shipment_ends_meanwhile_is_noted_for_the_reviewers_word(news: Event, ended: ShipmentEnd) -> None:
    assert when(HELD, news) == Decision(Held(ORDER, NOW, NOW, 80, ended))
    assert when(Held(ORDER, NOW, NOW, 80, ended), LOST) is NOTHING


# Cleared

CLEARED_BY_ANN = PayoutCleared(transaction=T, buyer=B, reviewer="ann")


def test_a_cleared_payout_goes_its_way_and_a_repeated_flag_does_not_hold_it_again() -> None:
    assert when(HELD, CLEAR) == Decision(CLEARED, (CLEARED_BY_ANN,))
    assert set(CLEARED_BY_ANN.concerns()) == {TRANSACTIONS(T), BUYERS(B)}
    assert isinstance(given(decide, HELD, CLEAR, FLAGGED, DELIVERED), Settled)


@pytest.mark.parametrize("news", [DELIVERED, partly(R), LOST, FAILED])
def test_a_payout_cleared_after_the_shipment_ends_at_once_as_it_would_have_without_the_hold(news: Event) -> None:
    unheld, cleared = when(PAID, news), when(given(decide, HELD, news), CLEAR)
    assert cleared.state == unheld.state
    assert cleared.publishes == (CLEARED_BY_ANN, *unheld.publishes)
    assert cleared.rows == unheld.rows


# Rejected


def test_a_rejected_payout_gives_the_buyer_its_money_back_and_the_products_their_units() -> None:
    decision = when(HELD, REJECT)
    assert decision.state == Refunded(ORDER, NOW, NOW, "stolen card", None)
    assert decision.publishes == rejected(*EVERYTHING)
    assert set(decision.publishes[0].concerns()) == {TRANSACTIONS(T), BUYERS(B)}
    assert entries(decision) == [("refunded", "escrow", -613), ("refunded", "buyer:B", 613)]


@pytest.mark.parametrize(
    ("news", "returned"),
    [
        (DELIVERED, EVERYTHING),
        (partly(R), (Returned(P, 3),)),
        (partly(S), (Returned(Q, 1),)),
        (LOST, ()),
        (FAILED, EVERYTHING),
    ],
)
def test_what_was_lost_before_the_rejection_does_not_come_back(news: Event, returned: tuple[Returned, ...]) -> None:
    decision = when(given(decide, HELD, news), REJECT)
    assert decision.publishes == rejected(*returned)
    assert entries(decision) == [("refunded", "escrow", -613), ("refunded", "buyer:B", 613)]


# Refused


@pytest.mark.parametrize("verdict", [CLEAR, REJECT])
@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (Unopened(), "unknown transaction"),
        (OPENED, "not held"),
        (RESERVED, "not held"),
        (PAID, "not held"),
        (CLEARED, "not held"),
        (SETTLED, "already settled"),
        (REFUNDED, "already refunded"),
        (CANCELLED, "cancelled"),
    ],
)
def test_a_verdict_on_what_is_not_held_is_refused_with_the_reason(
    state: Transaction, verdict: Event, reason: str
) -> None:
    assert when(state, verdict) == Decision(None, (VerdictRefused(transaction=T, reviewer="ann", reason=reason),))


def test_of_two_verdicts_the_first_counts() -> None:
    assert given(decide, HELD, REJECT, CLEAR) == given(decide, HELD, REJECT)
    settled = given(decide, HELD_ENDED, CLEAR)
    assert given(decide, settled, REJECT) == settled
    assert [type(said) for said in when(HELD_ENDED, CLEAR).publishes] == [PayoutCleared, TransactionSettled]
