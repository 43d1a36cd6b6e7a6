"""What is measured of a payment, against what its buyer has done before."""

from dataclasses import replace
from statistics import pstdev
from typing import Final

import pytest

from services.risk.habits import learnt, remembered
from services.risk.measures import DAY, HOUR, Measures, measured
from services.risk.state import Habits, Limits, Recent, Registered
from tests.services.risk_words import paid
from tests.services.words import S

AT: Final = 1_900_000_000
AMOUNTS: Final = (9_000, 10_000, 11_000, 10_500, 9_500)


def buyer(*amounts: int) -> Registered:
    """A buyer with these amounts as its habits, always at ``S``, of product ``P``."""
    habits = Habits()
    for amount in amounts:
        habits = learnt(habits, amount, (S,), paid().products)
    return Registered(None, habits=habits)


def recently(*payments: tuple[int, int]) -> Registered:
    """A buyer that paid these amounts so many seconds ago."""
    recent = Recent()
    for ago, amount in payments:
        recent = remembered(recent, AT - ago, amount)
    return Registered(None, recent=recent)


def measure(state: Registered, amount: int = 10_000, seller: str = S, product: str = "P") -> Measures:
    return measured(state, paid(amount=amount, seller=seller, product=product), "any", AT)


def test_nothing_is_measured_against_habits_or_a_mandate_that_nobody_knows() -> None:
    assert measure(Registered(None)) == Measures(amount_minor=10_000)


@pytest.mark.parametrize("amount", [10_000, 12_000, 13_000, 20_000])
def test_deviations_are_whole_standard_deviations_above_the_mean(amount: int) -> None:
    above = (amount - sum(AMOUNTS) / len(AMOUNTS)) / pstdev(AMOUNTS)
    assert measure(buyer(*AMOUNTS), amount).deviations == int(above)


def test_amounts_are_measured_against_the_mean_and_the_largest_in_percent() -> None:
    found = measure(buyer(*AMOUNTS), 33_000)
    assert (found.percent_of_mean, found.percent_of_largest, found.paid_before) == (330, 300, 5)
    assert measure(buyer(*AMOUNTS), 500).deviations == 0
    assert measure(buyer(100, 100), 10_000).deviations == 0, "nothing can be said of amounts that never differ"


def test_sellers_and_products_are_new_if_not_one_is_known() -> None:
    found = measure(buyer(1))
    assert (found.new_sellers, found.new_products) == (False, False)
    found = measure(buyer(1), seller="Z", product="Z")
    assert (found.new_sellers, found.new_products) == (True, True)


def test_windows_count_what_lies_less_than_their_length_away_on_either_side() -> None:
    found = measure(recently((59, 1), (60, 1), (-59, 1), (-60, 1), (599, 1), (3_599, 1), (DAY - 1, 1), (DAY, 1)))
    assert (found.in_minute, found.in_ten_minutes, found.in_hour, found.in_day) == (3, 6, 7, 8)


def test_small_payments_count_in_a_row_and_within_an_hour() -> None:
    assert measure(recently((40, 500), (30, 500), (20, 500), (10, 400)), 10_000).small_before == 4
    assert measure(recently((40, 500), (30, 501), (20, 500), (10, 400)), 10_000).small_before == 2
    assert measure(recently((HOUR, 1), (HOUR - 1, 1), (-10, 1)), 10_000).small_before == 1


def test_idleness_is_whole_days_since_the_payment_before() -> None:
    assert measure(recently((3 * DAY - 1, 1))).days_idle == 2
    assert measure(recently((9 * DAY, 1), (3 * DAY, 1), (-DAY, 1))).days_idle == 3


def test_a_mandate_is_measured_by_this_payment_and_by_all_that_is_spent_with_it() -> None:
    limited = replace(buyer(), limits=Limits(50_000, 20_000, 50_000), spent_minor=30_000)
    found = measure(limited, 17_000)
    assert (found.percent_of_order_limit, found.percent_of_total_limit) == (85, 94)
    assert measure(replace(limited, limits=Limits(0, 0, 0))).percent_of_order_limit == 0


def test_setbacks_count_for_a_day() -> None:
    beaten = Registered(None, refused=(AT - DAY, AT - DAY + 1), declined=(AT - 2, AT - 1, AT), rejected=2)
    found = measure(beaten)
    assert (found.refused_in_day, found.declined_in_day, found.rejected) == (1, 3, 2)
