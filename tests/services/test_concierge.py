"""The concierge: one confirmation for each payment, in a tone that fits."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from agora.decision import Append, Decision
from agora.event import Event
from market.money import Money
from services.concierge import decide as concierge
from services.concierge.decide import decide
from services.concierge.goodwill import POLICY
from services.concierge.rows import Confirmation
from services.concierge.state import (
    ANSWERED_MAX,
    GRIEVANCES_MAX,
    MOMENTS_MAX,
    Buyer,
    Known,
    Moment,
    Stranger,
)
from tests.services.concierge_words import (
    CANCELLED,
    REFUNDED,
    REFUSED,
    RICH,
    after,
    become,
    late,
    lost,
    message,
    paid,
    review,
    said,
    settled,
    told,
    when,
)
from tests.services.words import NOW, B, T, gbp, given

WEEK = POLICY.mood_half_life


# The confirmation


def test_a_payment_is_confirmed_at_once_and_written_down() -> None:
    decision = when(Stranger(), paid(minor=1_250))
    composed = said(decision)
    assert (composed.buyer, composed.transaction, composed.tone, composed.voucher) == (B, T, "plain", None)
    assert composed.subject == "Your order T is paid"
    assert "12.50 GBP" in composed.text
    row = Confirmation(T, B, "plain", False, None, None, None, None, None, NOW)  # noqa: FBT003 - a row, in its order
    assert decision == Decision(Known(NOW, paid=1), (composed,), rows=(Append(row),))


@pytest.mark.parametrize(
    ("money", "shown"),
    [
        (gbp(5), "0.05 GBP"),
        (gbp(123_456), "1234.56 GBP"),
        (Money(1_250, "JPY"), "1250 JPY"),
        (Money(1_250, "KWD"), "1.250 KWD"),
    ],
)
def test_an_amount_is_shown_in_the_units_of_its_currency(money: Money, shown: str) -> None:
    assert f"Order T: {shown} paid." in told(Stranger(), paid(minor=money.minor, currency=money.currency)).text


def test_everything_a_buyer_goes_through_is_counted_and_only_payments_are_answered() -> None:
    silent = (settled(), REFUSED, CANCELLED, REFUNDED, late(), lost(), review(3), message("A mug."))
    for event in silent:
        assert when(Stranger(), event).publishes == ()
    kept = after(*silent, settled(), paid())
    once = dict.fromkeys(("refused", "cancelled", "refunded", "late", "lost", "review", "message"), 1)
    assert kept.counts == {**once, "settled": 2}
    assert kept.paid == 1


# The tone


@pytest.mark.parametrize(
    ("events", "tone"),
    [
        ((), "plain"),
        ((settled(),), "warm"),
        ((review(5),), "warm"),
        ((message("Thank you, you were wonderful!"),), "warm"),
        ((REFUSED,), "plain"),
        ((REFUSED, CANCELLED), "plain"),
        ((REFUSED, CANCELLED, REFUSED), "sorry"),
        ((REFUNDED,), "sorry"),
        ((late(),), "sorry"),
        ((lost(),), "sorry"),
        ((review(1),), "sorry"),
        ((message("This is terrible, I am very angry."),), "sorry"),
        ((message("When does it come?"),), "plain"),
        ((message("Das ist furchtbar, ich bin sehr wütend."),), "plain"),
        ((settled(), settled(), settled(), late()), "sorry"),
    ],
)
def test_the_tone_fits_how_the_buyer_has_fared(events: tuple[Event, ...], tone: str) -> None:
    assert told(after(*events) if events else Stranger()).tone == tone


def test_a_text_in_an_unknown_language_moves_nothing_and_says_so() -> None:
    known = after(message("Die Tasse kam leider zerbrochen an, ich bin sehr enttäuscht."))
    assert known.mood_points == 0
    assert known.moments == (Moment("message", NOW, 0, reading="language unknown"),)


def test_the_stars_of_a_review_count_for_more_than_its_words() -> None:
    assert after(review(1, "I love it, great, wonderful!")).mood_points < 0
    assert after(review(5, "Terrible, awful rubbish.")).mood_points > 0
    assert after(review(5, "Terrible, awful rubbish.")).mood_points < after(review(5)).mood_points


def test_a_mood_fades() -> None:
    angry = after(review(1))
    assert told(angry).tone == "sorry"
    assert told(angry, now=NOW + 2 * WEEK).tone == "plain"


@pytest.mark.parametrize("points", [-9_999, -1, 0, 1, 8_000])
def test_a_mood_halves_with_every_half_life_and_never_changes_sides(points: int) -> None:
    known = Known(NOW, points)
    for halvings in range(1, 5):
        left = known.mood(NOW + halvings * WEEK, WEEK)
        assert abs(left) == abs(points) >> halvings
        assert left * points >= 0
    steps = [abs(known.mood(NOW + day * timedelta(days=1), WEEK)) for day in range(70)]
    assert steps == sorted(steps, reverse=True)
    assert known.mood(NOW + 10_000 * WEEK, WEEK) == 0
    assert known.mood(NOW - WEEK, WEEK) == points


def test_a_mood_fades_evenly_within_a_half_life() -> None:
    assert [Known(NOW, 8_000).mood(NOW + quarter * WEEK / 4, WEEK) for quarter in range(5)] == [
        *(8_000, 7_000, 6_000, 5_000, 4_000)
    ]


def test_recent_things_weigh_more() -> None:
    before, since = NOW - 2 * WEEK, NOW
    worse_last = given(decide, given(decide, Stranger(), review(5), now=before), review(1), now=since)
    better_last = given(decide, given(decide, Stranger(), review(1), now=before), review(5), now=since)
    assert isinstance(worse_last, Known)
    assert isinstance(better_last, Known)
    assert worse_last.mood_points < 0 < better_last.mood_points


# Limits


def test_what_is_kept_is_bounded_and_opens_again_as_it_was() -> None:
    adapter = TypeAdapter[Buyer](Buyer)
    known: Buyer = Stranger()
    for number in range(3 * ANSWERED_MAX):
        for event in (late(f"L-{number}"), lost(f"M-{number}"), review(1, "bad"), message("bad")):
            known = become(when(known, event))
        if number % 2 == 0:
            known = become(when(known, paid(f"T-{number}"), policy=RICH))
        assert adapter.validate_json(adapter.dump_json(known)) == known
        assert len(known.grievances) <= GRIEVANCES_MAX
    assert isinstance(known, Known)
    assert len(known.moments) == MOMENTS_MAX
    assert len(known.answered) == ANSWERED_MAX
    assert known.mood_points == -10_000
    assert set(known.counts) <= {*concierge.POINTS, "review", "message"}
