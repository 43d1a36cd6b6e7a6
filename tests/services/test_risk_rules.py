"""Each rule of risk, by its name: the least that makes it apply, and just less, which does not."""

from dataclasses import replace
from typing import Final

import pytest

from market.language import TEXT_LENGTH_MAX
from market.risks import REASONS_MAX, SCORE_MAX
from services.risk.measures import Measures
from services.risk.rules import RULES, judged

JUST_ENOUGH_AND_JUST_TOO_LITTLE: Final[dict[str, tuple[Measures, tuple[Measures, ...]]]] = {
    "burst in a minute": (Measures(in_minute=3), (Measures(in_minute=2),)),
    "burst in ten minutes": (Measures(in_ten_minutes=5), (Measures(in_ten_minutes=4),)),
    "long burst in ten minutes": (Measures(in_ten_minutes=7), (Measures(in_ten_minutes=6),)),
    "burst in an hour": (Measures(in_hour=8), (Measures(in_hour=7),)),
    "burst in a day": (Measures(in_day=12), (Measures(in_day=11),)),
    "far above its own history": (
        Measures(paid_before=3, deviations=4, percent_of_mean=300),
        (
            Measures(paid_before=2, deviations=4, percent_of_mean=300),
            Measures(paid_before=3, deviations=3, percent_of_mean=300),
            Measures(paid_before=3, deviations=4, percent_of_mean=299),
        ),
    ),
    "by far its largest payment": (
        Measures(paid_before=3, percent_of_largest=300),
        (Measures(paid_before=2, percent_of_largest=300), Measures(paid_before=3, percent_of_largest=299)),
    ),
    "first payment very large": (
        Measures(amount_minor=200_000),
        (Measures(amount_minor=199_999), Measures(amount_minor=200_000, paid_before=1)),
    ),
    "small payments, then a large one": (
        Measures(small_before=3, amount_minor=20_000),
        (Measures(small_before=2, amount_minor=20_000), Measures(small_before=3, amount_minor=19_999)),
    ),
    "new payment token": (Measures(new_token=True), (Measures(),)),
    "no seller known": (Measures(new_sellers=True), (Measures(),)),
    "no product known": (Measures(new_products=True, paid_before=3), (Measures(new_products=True, paid_before=2),)),
    "takeover: new token, no seller known, high amount": (
        Measures(new_token=True, new_sellers=True, percent_of_mean=120, amount_minor=30_000),
        (
            Measures(new_sellers=True, percent_of_mean=120, amount_minor=30_000),
            Measures(new_token=True, percent_of_mean=120, amount_minor=30_000),
            Measures(new_token=True, new_sellers=True, percent_of_mean=119, amount_minor=30_000),
            Measures(new_token=True, new_sellers=True, percent_of_mean=120, amount_minor=29_999),
        ),
    ),
    "new token in a hurry": (
        Measures(new_token=True, in_ten_minutes=3),
        (Measures(in_ten_minutes=3), Measures(new_token=True, in_ten_minutes=2)),
    ),
    "dormant account woken": (
        Measures(days_idle=60, paid_before=3),
        (Measures(days_idle=59, paid_before=3), Measures(days_idle=60, paid_before=2)),
    ),
    "just under the mandate's limit": (Measures(percent_of_order_limit=85), (Measures(percent_of_order_limit=84),)),
    "mule: fresh account, just under its limit, one seller": (
        Measures(paid_before=1, percent_of_order_limit=85, amount_minor=30_000),
        (
            Measures(paid_before=2, percent_of_order_limit=85, amount_minor=30_000),
            Measures(paid_before=1, percent_of_order_limit=84, amount_minor=30_000),
            Measures(paid_before=1, percent_of_order_limit=85, amount_minor=29_999),
            Measures(paid_before=1, percent_of_order_limit=85, amount_minor=30_000, sellers=2),
        ),
    ),
    "mandate nearly used up": (Measures(percent_of_total_limit=90), (Measures(percent_of_total_limit=89),)),
    "refused by the mandate lately": (Measures(refused_in_day=1), (Measures(),)),
    "feeling for the mandate's limit": (Measures(refused_in_day=3), (Measures(refused_in_day=2),)),
    "payment declined lately": (Measures(declined_in_day=1), (Measures(),)),
    "payments declined again and again": (Measures(declined_in_day=3), (Measures(declined_in_day=2),)),
    "an earlier payment was rejected": (Measures(rejected=1), (Measures(),)),
}
EVERYTHING: Final = Measures(
    amount_minor=10**15, sellers=1, in_minute=32, in_ten_minutes=32, in_hour=32, in_day=32, paid_before=1_000,
    percent_of_mean=10**9, percent_of_largest=10**9, deviations=10**6, days_idle=10**6, new_token=True,
    new_sellers=True, new_products=True, percent_of_order_limit=100, percent_of_total_limit=100, refused_in_day=16,
    declined_in_day=16, small_before=32, rejected=9,
)  # fmt: skip


def names(measures: Measures) -> list[str]:
    return [reason.rule for reason in judged(measures)[1]]


def test_no_rule_is_without_its_test_and_no_test_without_its_rule() -> None:
    assert [rule.name for rule in RULES] == list(JUST_ENOUGH_AND_JUST_TOO_LITTLE)


@pytest.mark.parametrize("name", JUST_ENOUGH_AND_JUST_TOO_LITTLE)
def test_a_rule_applies_from_its_bound_on_and_not_before(name: str) -> None:
    enough, too_little = JUST_ENOUGH_AND_JUST_TOO_LITTLE[name]
    assert name in names(enough)
    assert too_little
    for measures in too_little:
        assert name not in names(measures)


def test_nothing_speaks_against_an_ordinary_payment() -> None:
    assert judged(Measures(amount_minor=199_999)) == (0, ())
    assert judged(Measures(amount_minor=30_000, paid_before=40, percent_of_mean=110, percent_of_largest=90)) == (0, ())


def test_a_score_is_the_points_of_its_reasons_heaviest_first() -> None:
    score, reasons = judged(Measures(new_token=True, new_sellers=True, rejected=1))
    points = {rule.name: rule.points for rule in RULES}
    assert [reason.rule for reason in reasons] == [
        "an earlier payment was rejected",
        "new payment token",
        "no seller known",
    ]
    assert [reason.points for reason in reasons] == [points[reason.rule] for reason in reasons]
    assert score == sum(reason.points for reason in reasons) < SCORE_MAX


def test_a_score_never_exceeds_the_highest_there_is() -> None:
    score, reasons = judged(EVERYTHING)
    assert sum(reason.points for reason in reasons) > SCORE_MAX
    assert score == SCORE_MAX


def test_the_pace_of_payments_alone_is_never_held_to_be_certainly_a_fraud() -> None:
    """So that at the highest threshold nobody is flagged for trading fast, wherever it buys."""
    pace = Measures(in_minute=32, in_ten_minutes=32, in_hour=32, in_day=32)
    score, _ = judged(replace(pace, paid_before=32, new_sellers=True, new_products=True))
    assert judged(pace)[0] < score < SCORE_MAX


def test_every_rule_fits_its_event() -> None:
    assert len(RULES) <= REASONS_MAX
    assert all(0 < rule.points <= SCORE_MAX for rule in RULES)
    assert all(0 < len(rule.name) <= TEXT_LENGTH_MAX for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)
