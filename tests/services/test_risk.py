"""Risk: every payment gets one score, by what its buyer has done before."""

from datetime import timedelta

import pytest

from agora.decision import NOTHING, Append
from agora.event import Event
from market.buyers import Mandate
from market.risks import FraudScored, TransactionFlagged
from market.transactions import (
    TransactionRefused,
)
from services.risk.decide import Policy
from services.risk.rows import ScoredPayment
from services.risk.state import Buyer, Registered, Unregistered
from tests.services.risk_words import (
    asked,
    cancelled,
    given,
    granted,
    ordered,
    paid,
    refused,
    registered,
    regular,
    rules,
    scored,
    when,
)
from tests.services.words import NOW, B, T, written

# Scores


def test_an_ordinary_first_order_is_scored_and_nothing_speaks_against_it() -> None:
    state = given(asked(), granted(), ordered(), state=Unregistered())
    decision = when(state, paid())
    assert decision.publishes == (FraudScored(transaction=T, buyer=B, score=0, reasons=()),)
    assert written(decision) == [
        ScoredPayment(T, B, 10_000, "GBP", 0, 50, flagged=False, reasons="", paid_at=NOW, scored_at=NOW)
    ]


@pytest.mark.parametrize("state", [Unregistered(), given(asked(), state=Unregistered()), given(), regular()])
def test_every_payment_is_scored_once_whatever_was_heard_before(state: Buyer) -> None:
    decision = when(state, paid())
    scored(decision)
    assert isinstance(decision.state, Registered)
    (row,) = decision.rows
    assert isinstance(row, Append)


def test_a_payment_is_flagged_from_the_threshold_on() -> None:
    below = when(given(paid("first")), paid(seller="unknown"), Policy(threshold=11))
    assert [type(said) for said in below.publishes] == [FraudScored]
    flagged = when(given(paid("first")), paid(seller="unknown"), Policy(threshold=10))
    score = scored(flagged)
    told = TransactionFlagged(transaction=T, buyer=B, score=score.score, reasons=score.reasons)
    assert score.score == 10
    assert flagged.publishes == (score, told)
    (row,) = written(flagged)
    assert row == ScoredPayment(
        T, B, 10_000, "GBP", 10, 10, flagged=True, reasons="no seller known 10", paid_at=NOW, scored_at=NOW
    )


@pytest.mark.parametrize("threshold", [-1, 101])
def test_a_threshold_that_is_no_score_is_refused(threshold: int) -> None:
    with pytest.raises(ValueError, match=f"threshold of {threshold} is no score"):
        Policy(threshold)


def test_a_takeover_of_an_account_with_habits_is_flagged() -> None:
    decision = when(given(ordered(card="tok_thief"), state=regular()), paid(amount=60_000, seller="Z", product="Z"))
    assert scored(decision).reasons[0].rule == "takeover: new token, no seller known, high amount"
    assert isinstance(decision.publishes[1], TransactionFlagged)


def test_a_fresh_buyer_that_spends_all_it_may_at_one_seller_is_flagged_and_one_that_does_not_is_not() -> None:
    state = given(asked(), granted(), ordered(), state=Unregistered())
    assert isinstance(when(state, paid(amount=95_000)).publishes[-1], TransactionFlagged)
    assert len(when(state, paid(amount=50_000)).publishes) == 1


# Time


def test_a_payment_is_as_old_as_its_checkout_says_so_a_replayed_month_is_no_burst() -> None:
    assert not rules(regular(payments=20), ordered(ago=timedelta()), paid())


def test_payments_without_a_date_are_made_now_so_they_are_a_burst() -> None:
    events = [event for number in range(7) for event in (ordered(f"O{number}"), paid(f"O{number}"))]
    assert rules(given(), *events) == {"burst in a minute", "burst in ten minutes", "long burst in ten minutes"}


def test_news_that_come_out_of_order_are_put_in_theirs() -> None:
    def heard(*minutes: int) -> Buyer:
        return given(
            *(
                event
                for minute in minutes
                for event in (ordered(f"O{minute}", ago=timedelta(minutes=minute)), paid(f"O{minute}", 1_000 + minute))
            )
        )

    assert registered(heard(3, 9, 6, 0)).recent == registered(heard(9, 6, 3, 0)).recent
    late = given(ordered("late", ago=timedelta(minutes=5)), state=heard(9, 6, 3, 0))
    assert "burst in ten minutes" in {reason.rule for reason in scored(when(late, paid("late"))).reasons}


def test_a_checkout_cannot_be_of_the_future() -> None:
    (row,) = written(when(given(ordered(ago=timedelta(days=-400))), paid()))
    assert isinstance(row, ScoredPayment)
    assert row.paid_at == NOW


def test_a_dormant_account_that_wakes_is_noticed() -> None:
    events = [
        event
        for number in range(3)
        for event in (ordered(f"O{number}", ago=timedelta(days=90 - number)), paid(f"O{number}"))
    ]
    assert rules(given(), *events, paid()) == {"new payment token", "dormant account woken"}


# Registration


def test_a_mandate_counts_once_it_was_granted_and_only_the_one_that_can_have_been() -> None:
    first, second = asked(), asked(Mandate(1, 1), budget=5)
    limits = registered(given(first, second, granted(), state=Unregistered())).limits
    assert limits is not None
    assert (limits.order_minor, limits.total_minor) == (100_000, 1_000_000)
    unsound = [asked(currency="pounds"), asked(Mandate(-1, 1)), asked(Mandate(1, 10**16))]
    assert given(*unsound, state=Unregistered()) == Unregistered()
    assert registered(given(asked(budget=7), granted(), state=Unregistered())).limits is None


def test_a_buyer_is_registered_once() -> None:
    state = regular()
    assert when(state, asked(Mandate(1, 1))) is NOTHING
    assert when(state, granted()) is NOTHING


# Checkouts


def test_of_several_checkouts_with_one_id_the_first_that_is_pending_counts() -> None:
    repeated = refused(reason="repeated order id")
    assert rules(regular(), ordered(card="tok_thief"), ordered(), repeated, paid()) == {"new payment token"}
    assert rules(regular(), ordered(), ordered(card="tok_thief"), repeated, paid()) == set()
    assert rules(regular(), ordered(card="tok_thief"), refused(reason="foreign currency"), ordered(), paid()) == set()
    assert len(given(ordered(), ordered(card="tok_thief")).pending) == 1


def test_a_payment_whose_checkout_nobody_heard_of_has_a_token_nobody_knows() -> None:
    assert rules(regular(), paid()) == {"new payment token"}


@pytest.mark.parametrize(
    "end",
    [
        paid(),
        refused(),
        refused(reason="too many lines"),
        cancelled(),
        cancelled(reason="out of stock"),
        TransactionRefused(transaction=T, buyer=B, reason="repeated order id"),
    ],
)
def test_a_checkout_is_forgotten_once_it_has_ended(end: Event) -> None:
    assert registered(given(ordered("other"), ordered(), end)).pending == registered(given(ordered("other"))).pending


def test_a_buyer_that_cannot_pay_leaves_no_trace() -> None:
    assert when(Unregistered(), ordered()) is NOTHING
    assert when(Unregistered(), refused()) is NOTHING


def test_a_checkout_heard_before_the_registration_is_remembered() -> None:
    state = given(asked(), ordered(), granted(), state=Unregistered())
    assert [one.order for one in state.pending] == [T]
