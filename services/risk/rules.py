# ruff: noqa: PLR2004 - bounds are what this file is about
"""The rules of risk, as data: what speaks against a payment, and how heavily.

A score is the points of all rules that apply, 100 at most. A buyer without habits is not suspicious for being new:
what is measured against habits does not apply to it. The weights were set on planted fraud (``tests/fraud``) of other
seeds than those its figures are reported on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from market.risks import SCORE_MAX, Reason
from services.risk.measures import Measures

LARGE_MINOR: Final = 200_000
"""A large amount for anybody, in minor units (pounds: £2,000)."""
NOTEWORTHY_MINOR: Final = 30_000
"""Below this, nobody takes the trouble of a fraud in one payment."""
FEW_PAYMENTS: Final = 2
SOME_PAYMENTS: Final = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """A name people read, the points it adds, and when it applies."""

    name: str
    points: int
    applies: Callable[[Measures], bool]


RULES: Final = (
    # How often: a shop splits an order into a few invoices; nobody splits one into seven.
    Rule("burst in a minute", 15, lambda it: it.in_minute >= 3),
    Rule("burst in ten minutes", 35, lambda it: it.in_ten_minutes >= 5),
    Rule("long burst in ten minutes", 20, lambda it: it.in_ten_minutes >= 7),
    Rule("burst in an hour", 5, lambda it: it.in_hour >= 8),
    Rule("burst in a day", 5, lambda it: it.in_day >= 12),
    # How much, against what the buyer spends else.
    Rule(
        "far above its own history",
        15,
        lambda it: it.paid_before >= SOME_PAYMENTS and it.deviations >= 4 and it.percent_of_mean >= 300,
    ),
    Rule("by far its largest payment", 10, lambda it: it.paid_before >= SOME_PAYMENTS and it.percent_of_largest >= 300),
    Rule("first payment very large", 15, lambda it: it.paid_before == 0 and it.amount_minor >= LARGE_MINOR),
    Rule("small payments, then a large one", 35, lambda it: it.small_before >= 3 and it.amount_minor >= 20_000),
    # Who: somebody else at the buyer's account.
    Rule("new payment token", 15, lambda it: it.new_token),
    Rule("no seller known", 10, lambda it: it.new_sellers),
    Rule("no product known", 5, lambda it: it.new_products and it.paid_before >= SOME_PAYMENTS),
    Rule(
        "takeover: new token, no seller known, high amount",
        35,
        lambda it: (
            it.new_token and it.new_sellers and it.percent_of_mean >= 120 and it.amount_minor >= NOTEWORTHY_MINOR
        ),
    ),
    Rule("new token in a hurry", 40, lambda it: it.new_token and it.in_ten_minutes >= 3),
    Rule("dormant account woken", 15, lambda it: it.days_idle >= 60 and it.paid_before >= SOME_PAYMENTS),
    # The mandate, which a mule uses up.
    Rule("just under the mandate's limit", 15, lambda it: it.percent_of_order_limit >= 85),
    Rule(
        "mule: fresh account, just under its limit, one seller",
        35,
        lambda it: (
            it.paid_before < FEW_PAYMENTS
            and it.percent_of_order_limit >= 85
            and it.sellers == 1
            and it.amount_minor >= NOTEWORTHY_MINOR
        ),
    ),
    Rule("mandate nearly used up", 10, lambda it: it.percent_of_total_limit >= 90),
    # What happened before.
    Rule("refused by the mandate lately", 10, lambda it: it.refused_in_day >= 1),
    Rule("feeling for the mandate's limit", 20, lambda it: it.refused_in_day >= 3),
    Rule("payment declined lately", 10, lambda it: it.declined_in_day >= 1),
    Rule("payments declined again and again", 25, lambda it: it.declined_in_day >= 3),
    Rule("an earlier payment was rejected", 40, lambda it: it.rejected >= 1),
)

_HEAVIEST_FIRST: Final = tuple((rule.applies, Reason(rule.name, rule.points)) for rule in sorted(
    RULES, key=lambda rule: -rule.points
))  # fmt: skip


def judged(measures: Measures) -> tuple[int, tuple[Reason, ...]]:
    """The score of a payment, and the rules that apply, heaviest first."""
    reasons = tuple(reason for applies, reason in _HEAVIEST_FIRST if applies(measures))
    return min(SCORE_MAX, sum(reason.points for reason in reasons)), reasons
