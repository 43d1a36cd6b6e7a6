"""Events about risk: how likely a payment is a fraud."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from market.ids import BuyerId
from market.transactions import AboutTransaction

SCORE_MAX: Final = 100
REASONS_MAX: Final = 32

Score = Annotated[int, Field(ge=0, le=SCORE_MAX)]
"""0 for nothing unusual, 100 for certainly a fraud."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A rule that speaks against a payment, and the points it adds to the score."""

    rule: str
    points: Score


Reasons = Annotated[tuple[Reason, ...], Field(max_length=REASONS_MAX)]
"""The rules that apply, heaviest first."""


class FraudScored(AboutTransaction):
    """How likely the payment is a fraud, and why."""

    buyer: BuyerId
    score: Score
    reasons: Reasons


class TransactionFlagged(AboutTransaction):
    """The payment is too likely a fraud to be paid out unseen."""

    buyer: BuyerId
    score: Score
    reasons: Reasons
