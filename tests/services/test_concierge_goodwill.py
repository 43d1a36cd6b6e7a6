"""What the concierge apologises for, and what an apology may cost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agora.decision import Append
from agora.event import Event
from market.messages import Voucher
from market.transactions import (
    PaymentSucceeded,
)
from services.concierge.goodwill import POLICY, Policy
from services.concierge.rows import Confirmation
from services.concierge.state import (
    Buyer,
    Grievance,
    Known,
    Stranger,
)
from tests.services.concierge_words import (
    REFUNDED,
    RICH,
    after,
    become,
    late,
    lost,
    message,
    paid,
    review,
    said,
    told,
    when,
)
from tests.services.words import NOW, B, T, gbp


def given_minor(*rounds: tuple[Event, PaymentSucceeded], policy: Policy) -> list[int | None]:
    """What each payment's voucher is worth when something happens before each."""
    known: Buyer = Stranger()
    amounts: list[int | None] = []
    for before, payment in rounds:
        decision = when(become(when(known, before)), payment, policy=policy)
        voucher = said(decision).voucher
        amounts.append(voucher.amount.minor if voucher else None)
        known = become(decision)
    return amounts


def test_a_delay_and_a_loss_are_named_in_the_apology() -> None:
    assert "A parcel of your order L did not come when it was promised. We are sorry." in told(after(late())).text
    assert "A parcel of your order L was lost on its way to you. We are sorry." in told(after(late(), lost())).text
    assert "Not everything has gone as you could expect of us lately. We are sorry." in told(after(REFUNDED)).text


def test_an_apology_carries_a_voucher_within_the_mandate() -> None:
    decision = when(after(late()), paid(minor=2_000))
    composed, voucher = said(decision), said(decision).voucher
    assert voucher is not None
    assert voucher == Voucher(voucher.code, gbp(200), NOW + POLICY.voucher_validity)  # a tenth of 20.00
    for what in (voucher.code, "2.00 GBP", "2030-04-01"):  # ninety days from the first of January
        assert what in composed.text
    row = Confirmation(T, B, "sorry", False, voucher.code, 200, 200, "GBP", voucher.valid_until, NOW)  # noqa: FBT003
    assert decision.rows == (Append(row),)
    assert (become(decision).vouchers, become(decision).goodwill_minor) == (1, 200)


@pytest.mark.parametrize(
    ("limits", "total_minor", "worth_minor"),
    [
        ({}, 100_000, 500),
        ({"voucher_minor_max": 50}, 2_000, 50),
        ({"voucher_basis_points_max": 333}, 2_000, 66),
        ({"goodwill_minor_max": 150}, 2_000, 150),
        ({}, 9, None),
        ({"voucher_minor_max": 0}, 2_000, None),
        ({"vouchers_max": 0}, 2_000, None),
        ({"voucher_basis_points_max": 0}, 2_000, None),
    ],
)
def test_the_tightest_limit_of_the_mandate_holds(
    limits: dict[str, int], total_minor: int, worth_minor: int | None
) -> None:
    policy = replace(POLICY, **limits)
    assert given_minor((late(), paid(minor=total_minor)), policy=policy) == [worth_minor]
    composed = told(after(late()), paid(minor=total_minor), policy=policy)
    assert composed.tone == "sorry"
    assert ("voucher" in composed.text) == (worth_minor is not None)


def test_a_buyer_is_given_no_more_than_the_mandate_in_all() -> None:
    rounds = [(late(f"L-{number}"), paid(f"T-{number}", 100_000)) for number in range(6)]
    policy = replace(POLICY, vouchers_max=4, goodwill_minor_max=1_100)
    assert given_minor(*rounds, policy=policy) == [500, 500, 100, None, None, None]
    assert given_minor(*rounds, policy=replace(RICH, vouchers_max=2)) == [500, 500, None, None, None, None]


@pytest.mark.parametrize("again", [late, lost])
def test_the_same_grievance_is_not_paid_twice(again: Callable[[str], Event]) -> None:
    rounds = [(late("L"), paid("T-1")), (again("L"), paid("T-2")), (late("M"), paid("T-3"))]
    assert given_minor(*rounds, policy=RICH) == [200, None, 200]


def test_several_grievances_are_answered_by_one_apology() -> None:
    decision = when(after(late("L"), lost("M"), late("N")), paid("T-1"), policy=RICH)
    assert become(decision).vouchers == 1
    assert become(decision).grievances == ()
    assert told(become(decision), paid("T-2"), policy=RICH).voucher is None


def test_what_a_buyer_writes_never_earns_a_voucher() -> None:
    furious = after(
        review(1, "Terrible rubbish, I am furious."), message("I want my money back, this is awful!"), REFUNDED
    )
    assert told(furious, policy=RICH).tone == "sorry"
    assert told(furious, policy=RICH).voucher is None


def test_an_old_grievance_is_no_longer_apologised_for_nor_kept() -> None:
    later = NOW + POLICY.grievance_lasts + timedelta(seconds=1)
    decision = when(after(late()), paid(), later, RICH)
    assert told(after(late()), now=later).tone == "plain"
    assert become(decision).grievances == ()
    assert become(decision).vouchers == 0


def test_a_voucher_code_follows_from_its_cause_and_shows_nothing_of_it() -> None:
    codes = [told(after(late()), paid(transaction)).voucher for transaction in ("T-1", "T-1", "T-2", "<\x1b>")]
    assert codes[0] == codes[1]
    assert len({voucher.code for voucher in codes if voucher}) == 3
    assert all(voucher and voucher.code.removeprefix("SORRY-").isalnum() for voucher in codes)


def test_at_the_end_of_time_a_voucher_is_valid_until_then() -> None:
    end = datetime.max.replace(tzinfo=NOW.tzinfo)
    voucher = told(Known(end, grievances=(Grievance(T, "late", end),)), paid(), end).voucher
    assert voucher is not None
    assert voucher.valid_until == end


@pytest.mark.parametrize(
    "unsound",
    [
        {"voucher_basis_points_max": 10_001},
        {"voucher_basis_points_max": -1},
        {"voucher_minor_max": -1},
        {"vouchers_max": -1},
        {"goodwill_minor_max": 10**16},
        {"mood_half_life": timedelta()},
        {"voucher_validity": timedelta(-1)},
        {"grievance_lasts": timedelta(-1)},
    ],
)
def test_an_unsound_mandate_is_refused(unsound: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Policy(**unsound)
