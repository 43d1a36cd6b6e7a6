"""What risk learns of a buyer: from setbacks, from payments, and from a reviewer."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from agora.decision import NOTHING
from agora.event import Event
from market.ids import TransactionId
from market.risks import TransactionFlagged
from market.transactions import (
    ParcelRefunded,
    PayoutCleared,
    PayoutRejected,
    TransactionRefunded,
)
from services.risk.state import Buyer, Unregistered
from tests.services.risk_words import (
    cancelled,
    given,
    ordered,
    paid,
    refused,
    registered,
    regular,
    rules,
    when,
)
from tests.services.words import B, S, T, gbp

# Setbacks


def test_refusals_by_the_mandate_and_declined_payments_speak_against_the_next_payment_for_a_day() -> None:
    own = ordered(ago=timedelta(hours=1))
    tried = ordered("X", ago=timedelta(hours=24)), refused("X")
    assert rules(regular(), *tried, own, paid()) == {"refused by the mandate lately"}
    assert rules(regular(), ordered("X", ago=timedelta(hours=26)), refused("X"), own, paid()) == set()
    assert rules(regular(), ordered("X", ago=timedelta(hours=24)), cancelled("X"), own, paid()) == {
        "payment declined lately"
    }


def test_a_refusal_for_any_other_reason_speaks_against_nobody() -> None:
    events = refused("X", reason="too many lines"), cancelled("Y", reason="out of stock")
    assert rules(regular(), ordered("X"), ordered("Y"), *events, ordered(), paid()) == set()


# Learning


def test_what_was_flagged_is_not_learnt_so_the_next_theft_is_flagged_as_well() -> None:
    thefts = [ordered("X1", "tok_thief"), paid("X1", 60_000, "Z"), ordered("X2", "tok_thief")]
    again = when(given(*thefts, state=regular()), paid("X2", 60_000, "Z"))
    assert isinstance(again.publishes[-1], TransactionFlagged)


def test_trying_a_stolen_card_with_small_payments_does_not_make_it_the_buyers_own() -> None:
    tries = [
        event
        for number in range(3)
        for event in (
            ordered(f"X{number}", "tok_thief", timedelta(minutes=90 - 20 * number)),
            paid(f"X{number}", 300, "Z"),
        )
    ]
    found = rules(
        regular(), *tries, ordered(card="tok_thief", ago=timedelta(minutes=40)), paid(amount=60_000, seller="Z")
    )
    assert "takeover: new token, no seller known, high amount" in found
    assert "small payments, then a large one" in found


def test_a_second_card_is_the_buyers_own_after_a_quiet_day() -> None:
    second = ordered("X", "tok_second", timedelta(days=2)), paid("X")
    assert rules(regular(), *second, ordered(card="tok_second"), paid()) == set()
    second = ordered("X", "tok_second", timedelta(hours=23)), paid("X")
    assert rules(regular(), *second, ordered(card="tok_second"), paid()) == {"new payment token"}


def test_a_cleared_payment_is_learnt() -> None:
    theft = ordered("X", "tok_new", timedelta(hours=9)), paid("X", 60_000, "Z", "Z")
    cleared = PayoutCleared(transaction=TransactionId("X"), buyer=B, reviewer="R")
    again = ordered(card="tok_new"), paid(amount=20_000, seller="Z", product="Z")
    assert {"new payment token", "no seller known"} <= rules(regular(), *theft, *again)
    assert rules(regular(), *theft, cleared, *again) == set()
    assert when(given(*theft, cleared, state=regular()), cleared) is NOTHING


def test_a_rejected_payment_is_held_against_the_buyer_from_then_on() -> None:
    theft = ordered("X", "tok_thief"), paid("X", 60_000, "Z")
    rejected = PayoutRejected(transaction=TransactionId("X"), buyer=B, reviewer="R", reason="stolen")
    state = given(*theft, rejected, state=regular())
    assert registered(state).suspects == ()
    assert "an earlier payment was rejected" in rules(state, ordered(ago=timedelta()), paid())


def test_what_comes_back_is_not_spent() -> None:
    refunds: dict[str, Any] = {"transaction": T, "buyer": B, "amount": gbp(4_000)}
    parcel = ParcelRefunded(seller=S, **refunds)
    whole = TransactionRefunded(reason="lost", sellers=(), returned=(), **refunds)
    assert registered(given(paid(), parcel)).spent_minor == 6_000
    assert registered(given(paid(), parcel, whole, whole)).spent_minor == 0


@pytest.mark.parametrize(
    "event",
    [
        PayoutCleared(transaction=T, buyer=B, reviewer="R"),
        PayoutRejected(transaction=T, buyer=B, reviewer="R", reason="stolen"),
        ParcelRefunded(transaction=T, buyer=B, seller=S, amount=gbp(1)),
    ],
)
def test_nobody_knows_a_buyer_that_nobody_registered(event: Event) -> None:
    assert when(Unregistered(), event) is NOTHING


def test_the_payment_token_itself_is_not_kept() -> None:
    state = given(ordered(card="tok_secret"), paid(), ordered("X", card="tok_secret"))
    assert b"tok_secret" not in TypeAdapter[Buyer](Buyer).dump_json(state)
