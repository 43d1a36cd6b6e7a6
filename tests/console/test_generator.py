import hashlib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from console.generator import ORDERS_MAX, REAL_ORDERS, generate
from console.orders import OrderBook
from console.retail import read_orders

REAL_FILE = Path(__file__).parents[2].parent / "shared" / "data" / "online_retail_2010_12.csv.gz"
like_the_real_month = pytest.mark.skipif(
    not REAL_FILE.exists(), reason="the Online Retail month is not beside this checkout"
)
SEEDS = (0, 1, 7, 42, 2_010)
seeds = pytest.mark.parametrize("seed", SEEDS)


@cache
def real() -> OrderBook:
    return read_orders(REAL_FILE)


@cache
def made_up(seed: int) -> OrderBook:
    return generate(seed)


def quantiles(values: Iterable[int]) -> dict[int, int]:
    ordered = sorted(values)
    return {percent: ordered[round(percent / 100 * (len(ordered) - 1))] for percent in (10, 25, 50, 75, 90, 95, 99)}


def alike(ours: Iterable[int], theirs: Iterable[int], *, share: float, within: int) -> None:
    expected = quantiles(theirs)
    assert quantiles(ours) == {at: pytest.approx(value, rel=share, abs=within) for at, value in expected.items()}


def test_one_seed_gives_one_book_everywhere() -> None:
    digest = hashlib.sha256(repr(generate(7, 50).orders).encode()).hexdigest()
    assert digest[:16] == "5fb99d770ecd0b1e"
    assert generate(8, 50).orders != generate(7, 50).orders


@seeds
def test_orders_are_well_formed_and_in_order_of_time(seed: int) -> None:
    book = made_up(seed)
    assert len({order.id for order in book.orders}) == len(book.orders) == REAL_ORDERS
    assert [order.ordered_at for order in book.orders] == sorted(order.ordered_at for order in book.orders)
    assert {(order.ordered_at.year, order.ordered_at.month) for order in book.orders} == {(2010, 12)}
    lines = [line for order in book.orders for line in order.lines]
    assert all(line.quantity > 0 and line.price_minor > 0 for line in lines)
    assert all(line.seller == line.product[:2] for line in lines)
    assert not book.skipped
    assert not book.errors


@pytest.mark.parametrize("orders", [1, 2, 100, 3_000])
def test_as_many_orders_are_made_up_as_asked_for(orders: int) -> None:
    assert generate(1, orders).totals.orders == orders


@pytest.mark.parametrize(("seed", "orders"), [(-1, 10), (1, 0), (1, ORDERS_MAX + 1)])
def test_what_cannot_be_made_up_is_refused(seed: int, orders: int) -> None:
    with pytest.raises(ValueError, match="give a seed from 0"):
        generate(seed, orders)


@like_the_real_month
@seeds
def test_its_totals_are_those_of_the_real_month(seed: int) -> None:
    ours, theirs = made_up(seed).totals, real().totals
    assert ours.lines == pytest.approx(theirs.lines, rel=0.10)
    assert ours.buyers == pytest.approx(theirs.buyers, rel=0.10)
    assert ours.products == pytest.approx(theirs.products, rel=0.05)
    assert ours.sellers == pytest.approx(theirs.sellers, abs=4)
    assert ours.units == pytest.approx(theirs.units, rel=0.25)
    assert ours.value_minor == pytest.approx(theirs.value_minor, rel=0.25)


@like_the_real_month
@seeds
def test_orders_are_as_long_as_real_ones(seed: int) -> None:
    ours, theirs = (book.orders for book in (made_up(seed), real()))
    alike((len(one.lines) for one in ours), (len(one.lines) for one in theirs), share=0.20, within=1)
    assert 120 <= max(len(order.lines) for order in ours) <= 169


@like_the_real_month
@seeds
def test_quantities_and_prices_are_spread_as_real_ones(seed: int) -> None:
    ours, theirs = ([line for order in book.orders for line in order.lines] for book in (made_up(seed), real()))
    alike((one.quantity for one in ours), (one.quantity for one in theirs), share=0.35, within=1)
    alike((one.price_minor for one in ours), (one.price_minor for one in theirs), share=0.30, within=5)
    modes, real_modes = ({n for n, _ in Counter(x.quantity for x in some).most_common(8)} for some in (ours, theirs))
    assert len(modes & real_modes) >= 7
    assert max(line.quantity for line in ours) > 500


@like_the_real_month
@seeds
def test_products_and_sellers_are_as_popular_as_real_ones(seed: int) -> None:
    ours, theirs = made_up(seed), real()
    alike(
        (one.lines for one in ours.products.values()),
        (one.lines for one in theirs.products.values()),
        share=0.25,
        within=1,
    )
    for seller in ("22", "21", "84", "20", "85"):
        share, real_share = (book.sellers[seller].lines / book.totals.lines for book in (ours, theirs))
        assert share == pytest.approx(real_share, abs=0.02)


@like_the_real_month
def test_buyers_come_back_as_often_as_real_ones() -> None:
    # The busiest hundredth of one month is nine buyers, too few to compare; that of five months is not.
    ours = [buyer.orders for seed in SEEDS for buyer in made_up(seed).buyers.values()]
    alike(ours, (buyer.orders for buyer in real().buyers.values()), share=0, within=1)


@like_the_real_month
@seeds
def test_products_are_named_twice_and_priced_twice_as_often_as_real_ones(seed: int) -> None:
    ours, theirs = made_up(seed), real()
    assert named_twice(ours) == pytest.approx(named_twice(theirs), abs=0.04)
    assert priced_twice(ours) == pytest.approx(priced_twice(theirs), abs=0.04)


@like_the_real_month
@seeds
def test_trade_keeps_the_shop_s_days_and_hours(seed: int) -> None:
    ours, theirs = ([order.ordered_at for order in book.orders] for book in (made_up(seed), real()))
    assert {at.day for at in ours} == {at.day for at in theirs}
    alike((at.hour for at in ours), (at.hour for at in theirs), share=0, within=1)
    alike((at.day for at in ours), (at.day for at in theirs), share=0, within=2)


def named_twice(book: OrderBook) -> float:
    return sum(len({line.product for line in one.lines}) < len(one.lines) for one in book.orders) / len(book.orders)


def priced_twice(book: OrderBook) -> float:
    return sum(len(product.prices_minor) > 1 for product in book.products.values()) / len(book.products)
