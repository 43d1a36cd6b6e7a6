"""A product: what it costs and how much of it there is."""

from dataclasses import replace

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st
from pydantic import TypeAdapter

from agora.decision import NOTHING, Decision
from agora.event import Event
from market.ids import TransactionId
from market.lines import Line
from market.products import (
    PriceChanged,
    ProductListed,
    ProductReplaced,
    Replenish,
    ReplenishmentRefused,
    StockRefused,
    StockReplenished,
    StockReserved,
)
from market.sellers import ProductTaken
from market.streams import PRODUCTS
from market.transactions import PaymentSucceeded, Returned, TransactionCancelled, TransactionOpened
from services.product import decide as deciding
from services.product.decide import decide
from services.product.state import Listed, Product, Unlisted
from tests.services.words import NOW, B, P, Q, R, S, T, gbp, given, line, refunded

SHELF = Listed(P, S, "GBP", (100, 90), version=1, update=1, stock=5)


def when(product: Product, event: Event) -> Decision[Product]:
    return decide(product, event, NOW)  # pyright: ignore[reportArgumentType] - a test may say anything


def listed(product: Product | None) -> Listed:
    assert isinstance(product, Listed)
    return product


def opened(*lines: Line, order: str = T, currency: str = "GBP") -> TransactionOpened:
    return TransactionOpened(transaction=TransactionId(order), product=P, currency=currency, lines=lines)


def paid(order: str = T) -> PaymentSucceeded:
    return PaymentSucceeded(transaction=TransactionId(order), buyer=B, total=gbp(1), products=(), shares=())


def cancelled(order: str = T) -> TransactionCancelled:
    return TransactionCancelled(transaction=TransactionId(order), buyer=B, reason="timed out", products=())


def back(quantity: int) -> Event:
    return refunded(1, *[Returned(P, quantity)] * bool(quantity)).seen_by(PRODUCTS(P))


def refusal(product: Product, event: TransactionOpened) -> str:
    """The reason for which stock is refused; nothing else may come of it but what was asked and what is left."""
    decision = when(product, event)
    (refused,) = decision.publishes
    assert isinstance(refused, StockRefused)
    asked = sum(one.quantity for one in event.lines)
    left = None if isinstance(product, Unlisted) else product.available
    said = StockRefused(transaction=T, product=P, reason=refused.reason, asked=asked, left=left)
    assert decision == Decision(None, (said,))
    return refused.reason


def replaced(stock: int | None, seller: str = S) -> Event:
    return ProductReplaced.model_validate(
        {"product": P, "seller": seller, "prices_minor": (70,), "product_version": 2, "stock": stock, "update": 3}
    )


def test_a_product_belongs_to_the_first_seller_that_lists_it() -> None:
    event = ProductListed(
        product=P, seller=S, currency="GBP", prices_minor=(100, 90), product_version=1, stock=5, update=1
    )
    assert when(Unlisted(), event) == Decision(SHELF)
    later = event.model_copy(update={"seller": R})
    assert when(SHELF, later) == Decision(None, (ProductTaken(seller=R, product=P),))


def test_a_product_is_never_promised_twice() -> None:
    shelf = replace(SHELF, stock=1)
    first = when(shelf, opened(line()))
    assert first.publishes == (StockReserved(transaction=T, product=P, quantity=1),)
    second = when(first.state or shelf, opened(line(), order="T2"))
    refused = StockRefused(transaction=TransactionId("T2"), product=P, reason="out of stock", asked=1, left=0)
    assert second.publishes == (refused,)


def test_the_lines_of_one_product_are_promised_together_or_not_at_all() -> None:
    both = when(SHELF, opened(line(quantity=2), line(quantity=3, price=90)))
    assert both.publishes == (StockReserved(transaction=T, product=P, quantity=5),)
    assert refusal(SHELF, opened(line(quantity=3), line(quantity=3))) == "out of stock"
    assert refusal(SHELF, opened(line(), line(price=1))) == "price not on the price list"


def test_stock_is_refused_with_its_reason() -> None:
    assert refusal(Unlisted(), opened(line())) == "unknown product"
    assert refusal(SHELF, opened(line(seller=R))) == "not sold by this seller"
    assert refusal(SHELF, opened(line(version=2))) == "superseded version"
    assert refusal(SHELF, opened(line(price=101))) == "price not on the price list"
    assert refusal(SHELF, opened(line(), currency="EUR")) == "foreign currency"
    assert refusal(SHELF, opened(line(quantity=6))) == "out of stock"


def test_open_reservations_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "RESERVATIONS_MAX", 1)
    full = given(decide, SHELF, opened(line(), order="T2"))
    assert refusal(full, opened(line())) == "too many open reservations"


def test_a_question_asked_again_promises_nothing_more() -> None:
    assert when(given(decide, SHELF, opened(line())), opened(line())) is NOTHING


def test_paid_stock_leaves_the_shelf() -> None:
    sold = given(decide, SHELF, opened(line(quantity=2)), paid())
    assert sold == replace(SHELF, stock=3, sold=2)


def test_a_cancelled_transactions_stock_is_free_again() -> None:
    assert given(decide, SHELF, opened(line(quantity=2)), cancelled()) == SHELF


def test_returned_units_are_stock_again() -> None:
    sold = given(decide, SHELF, opened(line(quantity=2)), paid())
    back = refunded(200, Returned(Q, 9), Returned(P, 2)).seen_by(PRODUCTS(P))
    assert when(sold, back) == Decision(SHELF)


def test_returned_units_are_sold_in_the_version_of_today() -> None:
    sold = given(decide, SHELF, opened(line(quantity=2)), paid(), replaced(stock=0), back(2))
    assert when(sold, opened(line(quantity=2, price=70, version=2), order="T2")).publishes == (
        StockReserved(transaction=TransactionId("T2"), product=P, quantity=2),
    )


@pytest.mark.parametrize("quantity", [0, 3])
def test_what_was_never_sold_does_not_come_back(quantity: int) -> None:
    sold = given(decide, SHELF, opened(line(quantity=2)), paid())
    assert when(sold, back(quantity)) is NOTHING


@pytest.mark.parametrize("event", [paid(), cancelled(), back(1)])
def test_the_end_of_a_transaction_that_was_promised_nothing_changes_nothing(event: Event) -> None:
    assert when(SHELF, event) is NOTHING
    assert when(Unlisted(), event) is NOTHING


def test_a_changed_price_is_the_only_one() -> None:
    repriced = PriceChanged(product=P, seller=S, price_minor=80, product_version=1, update=2)
    shelf = given(decide, SHELF, repriced)
    assert refusal(shelf, opened(line(price=100))) == "price not on the price list"
    assert when(shelf, opened(line(price=80))).state is not None
    assert listed(shelf).update == 2


def test_a_replaced_version_can_no_longer_be_sold_but_its_promises_are_kept() -> None:
    shelf = listed(given(decide, SHELF, opened(line(quantity=2), order="T2"), replaced(stock=10)))
    assert refusal(shelf, opened(line(price=70))) == "superseded version"
    assert (shelf.stock, shelf.reserved, shelf.available) == (12, 2, 10)
    assert listed(given(decide, shelf, paid("T2"))).sold == 2
    assert listed(given(decide, SHELF, replaced(stock=None))).stock == 5


def test_another_sellers_word_is_not_heard() -> None:
    assert when(SHELF, PriceChanged(product=P, seller=R, price_minor=1, product_version=1, update=9)) is NOTHING
    assert when(SHELF, replaced(stock=1, seller=R)) is NOTHING
    assert when(Unlisted(), replaced(stock=1)) is NOTHING


def test_stock_is_replenished() -> None:
    decision = when(SHELF, Replenish(product=P, quantity=3))
    assert decision == Decision(replace(SHELF, stock=8), (StockReplenished(product=P, quantity=3),))


@pytest.mark.parametrize(
    ("product", "quantity", "reason"),
    [
        (Unlisted(), 1, "unknown product"),
        (SHELF, 0, "quantity out of range"),
        (SHELF, -1, "quantity out of range"),
        (SHELF, 10**30, "quantity out of range"),
        (replace(SHELF, stock=10**12), 1, "too much stock"),
    ],
)
def test_an_unsound_replenishment_is_refused(product: Product, quantity: int, reason: str) -> None:
    refused = ReplenishmentRefused(product=P, reason=reason)
    assert when(product, Replenish(product=P, quantity=quantity)) == Decision(None, (refused,))


words = st.one_of(
    st.tuples(st.sampled_from("ABC"), st.integers(1, 9)).map(lambda it: opened(line(quantity=it[1]), order=it[0])),
    st.builds(paid, st.sampled_from("ABC")),
    st.builds(cancelled, st.sampled_from("ABC")),
    st.builds(back, st.integers(0, 9)),
    st.builds(Replenish, product=st.just(P), quantity=st.integers(-2, 9)),
    st.builds(replaced, st.none() | st.integers(0, 9)),
)


@for_any(st.lists(words, max_size=40))
def test_stock_is_never_below_what_is_promised_and_never_below_zero(events: list[Event]) -> None:
    adapter = TypeAdapter[Product](Product)
    product: Product = SHELF
    for event in events:
        product = when(product, event).state or product
        shelf = listed(product)
        assert 0 <= shelf.reserved <= shelf.stock
        assert shelf.sold >= 0
        assert shelf.reserved == sum(shelf.reservations.values())
        assert adapter.validate_json(adapter.dump_json(product)) == product
