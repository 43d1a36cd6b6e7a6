"""Events about words: what buyers write, and what is written to them. A buyer's text is never to be trusted."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from market.buyers import AboutBuyer
from market.ids import TransactionId
from market.money import Money

WORDS_LENGTH_MAX: Final = 2_000
"""Characters in a review or a message."""
ASKED_WORDS_LENGTH_MAX: Final = 20_000
"""A command may hold more, so that too many are refused with a reason."""
WRITTEN_LENGTH_MAX: Final = 4_000
"""Characters in what is written to a buyer."""
RATING_MAX: Final = 5

Words = Annotated[str, StringConstraints(min_length=1, max_length=WORDS_LENGTH_MAX)]
AskedWords = Annotated[str, StringConstraints(min_length=0, max_length=ASKED_WORDS_LENGTH_MAX)]
Written = Annotated[str, StringConstraints(min_length=1, max_length=WRITTEN_LENGTH_MAX)]
Rating = Annotated[int, Field(ge=1, le=RATING_MAX)]
"""Stars, from 1 for the worst."""
Tone = Literal["warm", "plain", "sorry"]


@dataclass(frozen=True, slots=True)
class Voucher:
    """Goodwill: an amount off a later order, under this code, until then."""

    code: str
    amount: Money
    valid_until: AwareDatetime


class LeaveReview(AboutBuyer, command=True):
    """Say how an order was, with one to five stars."""

    transaction: TransactionId
    rating: int
    text: AskedWords


class ReviewLeft(AboutBuyer):
    """A buyer has said how an order was."""

    transaction: TransactionId
    rating: Rating
    text: Words


class ReviewRefused(AboutBuyer):
    """A review was not taken."""

    transaction: TransactionId
    reason: str


class SendMessage(AboutBuyer, command=True):
    """Write to the marketplace."""

    text: AskedWords


class MessageSent(AboutBuyer):
    """A buyer has written to the marketplace."""

    text: Words


class MessageRefused(AboutBuyer):
    """A message was not taken."""

    reason: str


class ConfirmationWorded(AboutBuyer):
    """A language model has worded a confirmation (what came of asking it)."""

    transaction: TransactionId
    text: Written


class WordingFailed(AboutBuyer):
    """A language model has not worded a confirmation (what came of asking it)."""

    transaction: TransactionId
    reason: str


class ConfirmationComposed(AboutBuyer):
    """What a buyer is told of its payment: plain text, in a tone that fits how it has fared, safe to show as HTML."""

    transaction: TransactionId
    tone: Tone
    subject: str
    text: Written
    voucher: Voucher | None = None
