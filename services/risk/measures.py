"""What can be measured of a payment against what its buyer has done before; the rules judge these figures."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Final

from market.transactions import PaymentSucceeded
from services.risk.habits import trusts
from services.risk.state import Habits, Recent, Registered

MINUTE: Final = 60
TEN_MINUTES: Final = 600
HOUR: Final = 3_600
DAY: Final = 86_400
SMALL_PART: Final = 20
"""A payment is small beside another that is at least so many times as much."""


@dataclass(frozen=True, slots=True)
class Measures:
    """A payment in figures. Windows count what lies less than their length away on either side, as news may be late.

    Where a buyer has no habits yet, or no mandate is known, what would be measured against them is 0 or false.
    """

    amount_minor: int = 0
    sellers: int = 1
    in_minute: int = 1
    in_ten_minutes: int = 1
    in_hour: int = 1
    in_day: int = 1
    paid_before: int = 0
    percent_of_mean: int = 0
    percent_of_largest: int = 0
    deviations: int = 0
    """Whole standard deviations of the buyer's amounts above their mean."""
    days_idle: int = 0
    new_token: bool = False
    """It has another token than this one, of which it is not known yet whether it is the buyer's."""
    new_sellers: bool = False
    """None of its sellers has been paid before."""
    new_products: bool = False
    """None of its products has been bought before."""
    percent_of_order_limit: int = 0
    percent_of_total_limit: int = 0
    """What the buyer has spent with this payment, of what its mandate allows in all."""
    refused_in_day: int = 0
    declined_in_day: int = 0
    small_before: int = 0
    """Payments in a row right before this one, within an hour, that are small beside it."""
    rejected: int = 0


def measured(buyer: Registered, event: PaymentSucceeded, token: str, at: int) -> Measures:
    """Measure a payment made at this time with the token of this digest."""
    amount, habits, recent, limits = event.total.minor, buyer.habits, buyer.recent, buyer.limits
    known, has_habits = habits.payments, habits.payments > 0
    return Measures(
        amount_minor=amount,
        sellers=len(event.shares),
        in_minute=1 + _around(recent.times, at, MINUTE),
        in_ten_minutes=1 + _around(recent.times, at, TEN_MINUTES),
        in_hour=1 + _around(recent.times, at, HOUR),
        in_day=1 + _around(recent.times, at, DAY),
        paid_before=known,
        percent_of_mean=_percent(amount * known, habits.sum_minor),
        percent_of_largest=_percent(amount, habits.largest_minor),
        deviations=_deviations(habits, amount),
        days_idle=_days_idle(recent, at),
        new_token=not trusts(buyer, token, at),
        new_sellers=has_habits and {share.seller for share in event.shares}.isdisjoint(habits.sellers),
        new_products=has_habits and set(event.products).isdisjoint(habits.products),
        percent_of_order_limit=_percent(amount, limits.order_minor) if limits else 0,
        percent_of_total_limit=_percent(buyer.spent_minor + amount, limits.total_minor) if limits else 0,
        refused_in_day=_around(buyer.refused, at, DAY),
        declined_in_day=_around(buyer.declined, at, DAY),
        small_before=_small_before(recent, amount, at),
        rejected=buyer.rejected,
    )


def _around(times: Sequence[int], at: int, seconds: int) -> int:
    """Count the times less than so many seconds away; they are in order."""
    return bisect_left(times, at + seconds) - bisect_right(times, at - seconds)


def _percent(part: int, whole: int) -> int:
    return 100 * part // whole if whole > 0 else 0


def _deviations(habits: Habits, amount: int) -> int:
    """Reckon in whole numbers: with n amounts of sum s, (n·amount - s)² against n·squares - s²."""
    count, total = habits.payments, habits.sum_minor
    above = count * amount - total
    spread = count * habits.squares - total * total
    return isqrt(above * above // spread) if above > 0 and spread > 0 else 0


def _days_idle(recent: Recent, at: int) -> int:
    """Whole days since the payment before; 0 without one."""
    before = bisect_right(recent.times, at)
    return (at - recent.times[before - 1]) // DAY if before else 0


def _small_before(recent: Recent, amount: int, at: int) -> int:
    count = 0
    for place in range(bisect_right(recent.times, at) - 1, -1, -1):
        if at - recent.times[place] >= HOUR or recent.amounts[place] * SMALL_PART > amount:
            break
        count += 1
    return count
