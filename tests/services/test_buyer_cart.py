"""A buyer's cart: it shows what its sellers last said, or does not hold the product at all."""

from dataclasses import replace

import pytest

from agora.decision import NOTHING, Decision
from agora.event import Event
from market.buyers import AddToCart, CartChanged, CartRefused, ChangeCartLine, OrderRefused, RemoveFromCart
from market.ids import ProductId
from market.lines import LINES_MAX, Line, Payment
from market.products import PriceChanged, ProductQuoted, ProductReplaced
from market.sellers import ProductUnwatched, ProductWatched, WatchRefused
from services.buyer.decide import decide
from services.buyer.state import Buyer, Registered, Unregistered
from tests.services.words import ANYTHING, NOW, B, P, Q, R, S, T, check_out, given, line, placed

BUYER = Registered(B, "GBP", budget_minor=1_000, mandate=ANYTHING)


def when(buyer: Buyer, event: Event) -> Decision[Buyer]:
    return decide(buyer, event, NOW)  # pyright: ignore[reportArgumentType] - a test may say anything


def registered(buyer: Buyer) -> Registered:
    assert isinstance(buyer, Registered)
    return buyer


def quoted(*prices: int, version: int = 1, update: int = 1) -> ProductQuoted:
    return ProductQuoted(product=P, seller=S, buyer=B, prices_minor=prices, product_version=version, update=update)


def changed(shown: Line) -> CartChanged:
    return CartChanged(
        buyer=B, product=P, product_version=shown.version, quantity=shown.quantity, price_minor=shown.price_minor
    )


CART = given(decide, BUYER, AddToCart(buyer=B, line=line(quantity=2)))
WATCHED = ProductWatched(seller=S, product=P, buyer=B)
UNWATCHED = ProductUnwatched(seller=S, product=P, buyer=B)


def in_cart(buyer: Buyer) -> Line:
    return registered(buyer).cart[P].line


def test_what_is_put_into_the_cart_is_watched_and_what_leaves_it_is_not() -> None:
    assert when(BUYER, AddToCart(buyer=B, line=line())).publishes == (changed(line()), WATCHED)
    removed = when(CART, RemoveFromCart(buyer=B, product=P))
    assert removed == Decision(BUYER, (changed(line(quantity=0)), UNWATCHED))


def test_a_cart_line_changes_its_quantity() -> None:
    decision = when(CART, ChangeCartLine(buyer=B, product=P, quantity=7))
    assert decision.publishes == (changed(line(quantity=7)),)
    assert in_cart(decision.state or CART) == line(quantity=7)


@pytest.mark.parametrize(
    ("buyer", "command", "reason"),
    [
        (CART, AddToCart(buyer=B, line=line()), "already in the cart"),
        (BUYER, AddToCart(buyer=B, line=line(quantity=0)), "quantity out of range"),
        (CART, ChangeCartLine(buyer=B, product=P, quantity=-1), "quantity out of range"),
        (BUYER, ChangeCartLine(buyer=B, product=P, quantity=1), "not in the cart"),
        (BUYER, RemoveFromCart(buyer=B, product=P), "not in the cart"),
        (Unregistered(), RemoveFromCart(buyer=B, product=P), "unknown buyer"),
        (Unregistered(), AddToCart(buyer=B, line=line()), "unknown buyer"),
    ],
)
def test_an_unsound_cart_command_is_refused(buyer: Buyer, command: Event, reason: str) -> None:
    assert when(buyer, command) == Decision(None, (CartRefused(buyer=B, product=P, reason=reason),))


def test_a_cart_has_a_limit() -> None:
    entry = registered(CART).cart[P]
    full = replace(BUYER, cart={ProductId(f"{number}"): entry for number in range(LINES_MAX)})
    refused = CartRefused(buyer=B, product=P, reason="cart is full")
    assert when(full, AddToCart(buyer=B, line=line())).publishes == (refused,)


def test_a_cart_is_checked_out_whole_and_left_empty() -> None:
    decision = when(CART, check_out())
    assert decision.publishes == (placed(line(quantity=2)), UNWATCHED)
    assert registered(decision.state or CART).cart == {}


def test_a_cart_stays_as_it_is_when_its_order_is_refused_or_other_lines_are_ordered() -> None:
    refused = OrderRefused(buyer=B, order=T, reason="unknown payment method")
    decision = when(CART, check_out(payment=Payment("cash", 1, "tok")))
    assert (decision.state, decision.publishes) == (None, (refused,))
    assert registered(given(decide, CART, check_out(line(Q)))).cart == registered(CART).cart


def test_a_cart_takes_over_the_sellers_word() -> None:
    told = given(decide, CART, quoted(120))
    assert in_cart(told) == line(quantity=2, price=120)
    repriced = PriceChanged(product=P, seller=S, price_minor=130, product_version=1, update=2, watchers=(B,))
    assert in_cart(given(decide, told, repriced)) == line(quantity=2, price=130)
    replaced = ProductReplaced(product=P, seller=S, prices_minor=(140,), product_version=2, stock=None, update=3)
    assert when(told, replaced).publishes == (changed(line(quantity=2, price=140, version=2)),)


def test_a_cart_keeps_its_own_choice_from_a_price_list() -> None:
    decision = when(CART, quoted(120, 100))
    assert in_cart(decision.state or BUYER) == line(quantity=2)
    assert decision.publishes == ()


def test_a_cart_ignores_older_updates_other_sellers_and_products_that_left() -> None:
    told = given(decide, CART, quoted(120, update=5))
    assert when(told, quoted(110, update=4)) is NOTHING
    assert when(told, quoted(120, update=5)) is NOTHING
    foreign = PriceChanged(product=P, seller=R, price_minor=1, product_version=1, update=9)
    assert when(told, foreign) is NOTHING
    assert when(BUYER, quoted(110)) is NOTHING


def test_a_new_quantity_does_not_make_a_cart_forget_what_it_was_told() -> None:
    told = given(decide, CART, quoted(120, update=5), ChangeCartLine(buyer=B, product=P, quantity=7))
    assert when(told, quoted(110, update=4)) is NOTHING


def test_a_product_that_cannot_be_watched_leaves_the_cart() -> None:
    lost = WatchRefused(seller=S, product=P, buyer=B, reason="too many watchers")
    gone = CartRefused(buyer=B, product=P, reason="too many watchers")
    assert when(CART, lost) == Decision(BUYER, (gone, UNWATCHED))
    assert when(BUYER, lost) is NOTHING
    assert when(CART, WatchRefused(seller=R, product=P, buyer=B, reason="unknown seller")) is NOTHING


def test_a_stranger_has_no_cart_to_update() -> None:
    assert when(Unregistered(), quoted(1)) is NOTHING
