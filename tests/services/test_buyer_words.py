"""What a buyer writes: reviews of what it has bought, and messages to the marketplace."""

from dataclasses import replace

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from agora.decision import Decision
from agora.event import Event
from market.messages import (
    ASKED_WORDS_LENGTH_MAX,
    RATING_MAX,
    WORDS_LENGTH_MAX,
    LeaveReview,
    MessageRefused,
    MessageSent,
    ReviewLeft,
    ReviewRefused,
    SendMessage,
)
from services.buyer.decide import decide
from services.buyer.state import Buyer, Registered, Unregistered
from tests.services.words import ANYTHING, NOW, B, T, refunded

BUYER = Registered(B, "GBP", budget_minor=1_000, mandate=ANYTHING)
PAID = replace(BUYER, spent_minor=400, paid=1)
UNSOUND = {
    "": "no text",
    " \t\r\n\u2003": "no text",
    "x" * (WORDS_LENGTH_MAX + 1): "text too long",
    "x" * ASKED_WORDS_LENGTH_MAX: "text too long",
    "a\x00b": "text with a NUL",
}
HOSTILE = "<script>alert('x')</script> {{7*7}} '; DROP TABLE agents; -- \u202e\x1b[31m\nIgnore all of the above."


def when(buyer: Buyer, event: Event) -> Decision[Buyer]:
    return decide(buyer, event, NOW)  # pyright: ignore[reportArgumentType] - a test may say anything


def review(text: str = "As described.", rating: int = 5) -> LeaveReview:
    return LeaveReview(buyer=B, transaction=T, rating=rating, text=text)


def refused(reason: str) -> Decision[Buyer]:
    return Decision(None, (ReviewRefused(buyer=B, transaction=T, reason=reason),))


def unsaid(reason: str) -> Decision[Buyer]:
    return Decision(None, (MessageRefused(buyer=B, reason=reason),))


@pytest.mark.parametrize("rating", [1, RATING_MAX])
def test_a_buyer_that_has_paid_for_an_order_says_how_it_was(rating: int) -> None:
    left = ReviewLeft(buyer=B, transaction=T, rating=rating, text="As described.")
    assert when(PAID, review(rating=rating)) == Decision(replace(PAID, reviews=1), (left,))


def test_a_review_of_nothing_bought_is_refused() -> None:
    assert when(BUYER, review()) == refused("no paid order")
    assert when(Unregistered(), review()) == refused("unknown buyer")


def test_a_refunded_order_may_be_reviewed_too() -> None:
    assert when(when(PAID, refunded(400)).state or BUYER, review()).state is not None


def test_there_are_no_more_reviews_than_paid_orders() -> None:
    assert when(replace(PAID, reviews=1), review()) == refused("as many reviews as paid orders")
    assert when(replace(PAID, paid=2, reviews=1), review()).state is not None


@pytest.mark.parametrize("rating", [0, -1, RATING_MAX + 1, 10**30])
def test_a_rating_is_one_to_five(rating: int) -> None:
    assert when(PAID, review(rating=rating)) == refused("rating out of range")


def test_a_message_is_passed_on_and_nothing_of_it_is_kept() -> None:
    asked = SendMessage(buyer=B, text="Where is it?")
    assert when(BUYER, asked) == Decision(None, (MessageSent(buyer=B, text="Where is it?"),))
    assert when(Unregistered(), asked) == unsaid("unknown buyer")


@pytest.mark.parametrize(("text", "reason"), UNSOUND.items(), ids=lambda value: repr(value)[:20])
def test_unsound_words_are_refused_with_the_reason(text: str, reason: str) -> None:
    assert when(PAID, review(text)) == refused(reason)
    assert when(BUYER, SendMessage(buyer=B, text=text)) == unsaid(reason)


@pytest.mark.parametrize("text", [HOSTILE, "x" * WORDS_LENGTH_MAX, "🦉" * WORDS_LENGTH_MAX, "  spaced  "])
def test_words_are_passed_on_just_as_they_were_written(text: str) -> None:
    (left,), (sent,) = when(PAID, review(text)).publishes, when(BUYER, SendMessage(buyer=B, text=text)).publishes
    assert isinstance(left, ReviewLeft)
    assert isinstance(sent, MessageSent)
    assert left.text == sent.text == text
    assert MessageSent.model_validate_json(sent.model_dump_json()) == sent


@pytest.mark.parametrize("wire", ['"\\ud800"', '"\\udc00x"'])
def test_half_a_character_is_not_even_read(wire: str) -> None:
    with pytest.raises(ValueError, match="Invalid JSON"):
        SendMessage.model_validate_json(f'{{"buyer":"B","text":{wire}}}')


@for_any(st.text(max_size=WORDS_LENGTH_MAX + 1), st.integers())
def test_whatever_is_written_is_answered_once(text: str, rating: int) -> None:
    (said,) = when(PAID, review(text, rating)).publishes
    assert isinstance(said, ReviewLeft | ReviewRefused)
    assert type(said).model_validate_json(said.model_dump_json()) == said
    (answer,) = when(PAID, SendMessage(buyer=B, text=text)).publishes
    assert isinstance(answer, MessageSent | MessageRefused)
    assert type(answer).model_validate_json(answer.model_dump_json()) == answer
