"""What a buyer writes: reviews of what it has bought, and messages to the marketplace.

The words are passed on as the buyer wrote them, and whoever shows them escapes them. None are kept here: a buyer only
counts its reviews, as it keeps no paid order by which to tell whether one is reviewed twice.
"""

from dataclasses import replace
from typing import TypeAlias

from agora.decision import Decision, become, publish
from market.messages import (
    RATING_MAX,
    WORDS_LENGTH_MAX,
    LeaveReview,
    MessageRefused,
    MessageSent,
    ReviewLeft,
    ReviewRefused,
    SendMessage,
)
from services.buyer.state import Buyer, Registered

WordsCommand: TypeAlias = LeaveReview | SendMessage


def obey(buyer: Registered, command: WordsCommand) -> Decision[Buyer]:
    """Pass on what the buyer has written, or refuse it."""
    match command:
        case LeaveReview():
            return _review(buyer, command)
        case SendMessage(text=text):
            if fault := _text_fault(text):
                return refuse(command, fault)
            return publish(MessageSent(buyer=buyer.buyer, text=text))


def refuse(command: WordsCommand, reason: str) -> Decision[Buyer]:
    """Pass nothing on."""
    if isinstance(command, SendMessage):
        return publish(MessageRefused(buyer=command.buyer, reason=reason))
    return publish(ReviewRefused(buyer=command.buyer, transaction=command.transaction, reason=reason))


def _review(buyer: Registered, command: LeaveReview) -> Decision[Buyer]:
    if fault := _review_fault(buyer, command):
        return refuse(command, fault)
    left = ReviewLeft(buyer=buyer.buyer, transaction=command.transaction, rating=command.rating, text=command.text)
    return become(replace(buyer, reviews=buyer.reviews + 1), left)


def _review_fault(buyer: Registered, command: LeaveReview) -> str | None:
    if not buyer.paid:
        return "no paid order"
    if buyer.reviews >= buyer.paid:
        return "as many reviews as paid orders"
    if not 1 <= command.rating <= RATING_MAX:
        return "rating out of range"
    return _text_fault(command.text)


def _text_fault(text: str) -> str | None:
    """Say why text is not passed on. JSON can carry NUL, but PostgreSQL keeps none, so some listener could not.

    A lone surrogate never comes this far: no event can be read that holds one.
    """
    if not text.strip():
        return "no text"
    if len(text) > WORDS_LENGTH_MAX:
        return "text too long"
    return "text with a NUL" if "\x00" in text else None
