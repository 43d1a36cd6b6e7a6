"""Where the carrier says that parcels are, and what a shipment makes of it, sense or nonsense."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agora.decision import NOTHING, Decision, Put, Remind
from agora.event import Event
from market.ids import SellerId
from market.shipments import (
    ParcelLate,
    ParcelLost,
    ParcelReport,
    ParcelsTracked,
    ShipmentDelivered,
    ShipmentLost,
    ShipmentPartlyDelivered,
    TrackingFailed,
)
from services.fulfilment.arrivals import Policy
from services.fulfilment.decide import decide
from services.fulfilment.rows import ParcelRow
from services.fulfilment.state import Ended, Shipment, Shipping, Unpaid
from tests.services.test_fulfilment import (
    BOOKED,
    DUE,
    EVERY,
    LATER,
    PAID,
    R_SENT,
    S_ARRIVED,
    S_SENT,
    TOMORROW,
    after,
    delivered,
    when,
)
from tests.services.words import NOW, B, R, S, T

HOUR = timedelta(hours=1)
POLICY = Policy(retry_after=HOUR, lost_after=timedelta(days=7))
SILENCE = TrackingFailed(transaction=T, reason="no answer")
ASKED = after(PAID, BOOKED, S_SENT, R_SENT, DUE)


def said(**reports: str | tuple[str, datetime]) -> ParcelsTracked:
    """What the carrier says, such as ``S="delivered"``."""
    given = {seller: word if isinstance(word, tuple) else (word, None) for seller, word in reports.items()}
    told: list[Any] = [ParcelReport(SellerId(seller), word, at) for seller, (word, at) in given.items()]  # pyright: ignore[reportArgumentType]
    return ParcelsTracked(transaction=T, reports=tuple(told))


def hear(state: Shipment, event: Event, now: datetime = NOW, policy: Policy = POLICY) -> Decision[Shipment]:
    return decide(state, event, now, policy)  # pyright: ignore[reportArgumentType] - a test may say anything


def lost(seller: SellerId, reason: str = "lost by the carrier") -> ParcelLost:
    return ParcelLost(transaction=T, buyer=B, seller=seller, reason=reason)


def late(seller: SellerId, promised_at: datetime, expected_at: datetime | None = None) -> ParcelLate:
    return ParcelLate(transaction=T, buyer=B, seller=seller, promised_at=promised_at, expected_at=expected_at)


def remind(at: datetime) -> tuple[Remind]:
    return (Remind("tracking", at, DUE),)


# The ends


def test_a_shipment_is_delivered_once_every_parcel_is() -> None:
    decision = hear(ASKED, said(S="delivered", R="delivered"), LATER)
    assert decision.state == Ended((S, R), ())
    assert decision.publishes == (delivered(S), delivered(R), ShipmentDelivered(transaction=T))
    assert (decision.reminders, decision.activities) == ((), ())
    assert decision.rows == (
        Put(ParcelRow(T, S, "Post", "SP-1", TOMORROW, dispatched_at=NOW, delivered_at=LATER)),
        Put(ParcelRow(T, R, "Post", "SP-2", LATER, dispatched_at=NOW, delivered_at=LATER)),
    )


def test_a_shipment_is_partly_delivered_when_some_parcels_are_lost() -> None:
    decision = hear(ASKED, said(R="lost", S="delivered"), LATER)
    assert decision.state == Ended((S,), (R,))
    assert decision.publishes == (delivered(S), lost(R), ShipmentPartlyDelivered(transaction=T, lost=(R,)))
    assert decision.rows[1] == Put(ParcelRow(T, R, "Post", "SP-2", LATER, dispatched_at=NOW, lost_at=LATER))


def test_a_shipment_is_lost_when_no_parcel_arrives() -> None:
    decision = hear(ASKED, said(S="lost", R="lost"))
    assert decision.state == Ended((), (S, R))
    assert decision.publishes == (lost(S), lost(R), ShipmentLost(transaction=T))


def test_a_shipment_does_not_end_before_its_last_parcel_is_dispatched() -> None:
    decision = hear(EVERY["the carrier asked"], said(S="delivered"))
    assert decision.publishes == (delivered(S),)
    assert decision.reminders == ()
    state = given_hour_by_hour(EVERY["the carrier asked"], said(S="lost"), R_SENT, DUE)
    assert hear(state, said(R="delivered")).publishes == (
        delivered(R),
        ShipmentPartlyDelivered(transaction=T, lost=(S,)),
    )


# Late parcels


def test_a_late_parcel_is_told_once_and_asked_about_when_it_is_expected() -> None:
    expected = TOMORROW + 5 * HOUR
    first = hear(ASKED, said(S=("in transit", expected), R="in transit"), TOMORROW)
    assert first.publishes == (late(S, TOMORROW, expected),)
    assert first.rows == (Put(ParcelRow(T, S, "Post", "SP-1", TOMORROW, dispatched_at=NOW, late=True)),)
    assert first.reminders == remind(expected)
    assert isinstance(first.state, Shipping)
    again = given_hour_by_hour(first.state, DUE)
    second = hear(again, said(S=("in transit", expected + HOUR), R="in transit"), expected)
    assert second.publishes == ()
    assert second.reminders == remind(expected + HOUR)


def test_a_date_that_is_over_is_not_an_expectation() -> None:
    decision = hear(ASKED, said(S=("in transit", NOW), R="in transit"), TOMORROW)
    assert decision.publishes == (late(S, TOMORROW),)
    assert decision.reminders == remind(TOMORROW + HOUR)


def test_a_parcel_is_not_late_before_its_promise() -> None:
    decision = hear(ASKED, said(S="in transit", R=("in transit", LATER + HOUR)), TOMORROW - HOUR / 2)
    assert decision.publishes == ()
    assert decision.reminders == remind(TOMORROW + HOUR / 2)


def test_the_carrier_has_some_peace_between_two_questions() -> None:
    decision = hear(ASKED, said(S=("in transit", TOMORROW + timedelta(seconds=1)), R="in transit"), TOMORROW)
    assert decision.reminders == remind(TOMORROW + POLICY.retry_after)


def test_a_parcel_dispatched_while_the_carrier_was_asked_is_asked_about_when_promised() -> None:
    asked = EVERY["the carrier asked"]
    assert isinstance(asked, Shipping)
    promise = LATER - HOUR / 2
    booked = replace(asked, booked={R: replace(asked.booked[R], promised_at=promise)})
    sent = decide(booked, R_SENT, NOW + HOUR).state
    assert sent is not None
    assert hear(sent, said(S="delivered"), promise - HOUR / 4).reminders == remind(promise)
    assert hear(sent, said(S="delivered"), promise + HOUR / 4).reminders == remind(promise + HOUR / 4)


def test_silence_is_not_lateness_and_is_asked_again() -> None:
    decision = hear(ASKED, SILENCE, TOMORROW)
    assert decision.publishes == ()
    assert decision.reminders == remind(TOMORROW + HOUR)


# Parcels that never arrive


@pytest.mark.parametrize("answer", [SILENCE, said(), said(S=("in transit", LATER + timedelta(days=99)))])
def test_a_parcel_that_is_out_for_too_long_is_presumed_lost(answer: Event) -> None:
    over = TOMORROW + POLICY.lost_after
    assert lost(S, "never arrived") not in hear(ASKED, answer, over - timedelta(microseconds=1)).publishes
    decision = hear(ASKED, answer, over)
    assert decision.publishes == (lost(S, "never arrived"),)


def test_a_parcel_that_arrives_at_last_is_not_presumed_lost() -> None:
    long_after = LATER + 2 * POLICY.lost_after
    assert hear(ASKED, said(S="delivered", R="delivered"), long_after).state == Ended((S, R), ())


def test_the_carrier_is_asked_once_more_before_a_parcel_is_presumed_lost() -> None:
    decision = hear(ASKED, said(S=("in transit", LATER + timedelta(days=99)), R="delivered"), LATER)
    assert decision.reminders == remind(TOMORROW + POLICY.lost_after)


def test_a_parcel_dispatched_after_its_promise_has_as_long_as_any_other() -> None:
    sent_at = LATER + 2 * POLICY.lost_after
    sent = decide(decide(EVERY["booked"], S_SENT, sent_at).state or Unpaid(), DUE, sent_at).state
    assert sent is not None
    assert hear(sent, SILENCE, sent_at + POLICY.lost_after - HOUR).publishes == ()
    assert hear(sent, SILENCE, sent_at + POLICY.lost_after).publishes == (lost(S, "never arrived"),)


@pytest.mark.parametrize("answer", [SILENCE, said(), said(S="in transit", R="in transit")])
def test_a_carrier_that_never_says_what_became_of_a_parcel_is_asked_a_bounded_number_of_times(answer: Event) -> None:
    state, now, questions = ASKED, TOMORROW, 0
    while isinstance(state, Shipping):
        decision = hear(state, answer, now)
        state = decision.state or state
        if isinstance(state, Shipping):
            (reminder,) = decision.reminders
            assert isinstance(reminder, Remind)
            assert reminder.at >= now + POLICY.retry_after
            now = reminder.at
            state = hear(state, DUE, now).state or state
            questions += 1
    assert state == Ended((), (S, R))
    assert questions <= (LATER + POLICY.lost_after - TOMORROW) / POLICY.retry_after + 1


def test_a_policy_without_peace_or_patience_is_refused() -> None:
    for policy in ({"retry_after": timedelta(0)}, {"lost_after": timedelta(0)}):
        with pytest.raises(ValueError, match="some time"):
            Policy(**policy)


# Nonsense


def test_what_is_said_of_strangers_changes_nothing() -> None:
    nonsense = said(X="delivered", S="delivered", R="in transit")
    assert hear(ASKED, nonsense).publishes == (delivered(S),)


def test_what_is_said_of_a_parcel_not_dispatched_changes_nothing() -> None:
    decision = hear(EVERY["the carrier asked"], said(R="delivered", S="in transit"))
    assert decision.publishes == ()
    assert isinstance(decision.state, Shipping)
    assert set(decision.state.booked) == {R}


@pytest.mark.parametrize("word", ["lost", "delivered", "in transit"])
def test_what_is_said_of_a_parcel_that_has_ended_changes_nothing(word: str) -> None:
    for first in ("delivered", "lost"):
        ended = given_hour_by_hour(ASKED, said(S=first, R="in transit"), DUE)
        decision = hear(ended, said(S=word, R="in transit"))
        assert decision.publishes == ()
        assert decision.rows == ()


def test_the_first_of_two_words_on_a_parcel_counts() -> None:
    reports = (ParcelReport(S, "delivered"), ParcelReport(S, "lost"), ParcelReport(R, "lost"), ParcelReport(R, "lost"))
    decision = hear(ASKED, ParcelsTracked(transaction=T, reports=reports))
    assert decision.publishes[:2] == (delivered(S), lost(R))


@pytest.mark.parametrize("answer", [said(S="lost"), SILENCE])
@pytest.mark.parametrize("state", ["unpaid", "booking", "ended", "failed", "recalled"])
def test_an_answer_that_nobody_waits_for_changes_nothing(state: str, answer: Event) -> None:
    assert hear(EVERY[state], answer) == NOTHING


def test_a_lost_parcel_cannot_be_confirmed() -> None:
    state = hear(ASKED, said(S="lost")).state
    assert state is not None
    (refused,) = when(state, S_ARRIVED).publishes
    assert getattr(refused, "reason", "") == "lost"


def given_hour_by_hour(state: Shipment, *events: Event) -> Shipment:
    for hours, event in enumerate(events):
        state = hear(state, event, NOW + hours * HOUR).state or state
    return state
