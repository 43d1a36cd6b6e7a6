"""A seller: its catalogue, and the orders it has to fill."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st
from pydantic import TypeAdapter

from agora.decision import NOTHING, Append, Decision, Put, Remove
from agora.event import Event
from market.ids import BuyerId
from market.products import PriceChanged, ProductListed, ProductQuoted, ProductReplaced
from market.sellers import (
    ChangePrice,
    ListingRefused,
    ListProduct,
    PriceChangeRefused,
    ProductTaken,
    ProductUnwatched,
    ProductWatched,
    RegisterSeller,
    ReplacementRefused,
    ReplaceProduct,
    SellerRegistered,
    SellerRegistrationRefused,
    WatchRefused,
)
from market.shipments import Parcel, ParcelDispatched, ShipmentPlanned
from market.streams import BUYERS, PRODUCTS, SELLERS
from market.transactions import PaymentSucceeded, Payout, Share, TransactionSettled
from services.seller import catalogue
from services.seller.decide import decide
from services.seller.rows import OpenOrder, Sale
from services.seller.state import Offer, Registered, Seller, Unregistered
from tests.services.words import NOW, B, C, P, Q, R, S, T, gbp, given, parcel_refunded, refunded

SELLER = Registered(S, "GBP")
LIST = ListProduct(seller=S, product=P, prices_minor=(100, 90), stock=5)
OFFERING = given(decide, SELLER, LIST)
WATCH = ProductWatched(seller=S, product=P, buyer=B)


def when(seller: Seller, event: Event) -> Decision[Seller]:
    return decide(seller, event, NOW)  # pyright: ignore[reportArgumentType] - a test may say anything


def registered(seller: Seller | None) -> Registered:
    assert isinstance(seller, Registered)
    return seller


def quote(buyer: BuyerId = B, update: int = 1, **more: Any) -> ProductQuoted:
    said = {"product": P, "seller": S, "buyer": buyer, "prices_minor": (100, 90), "product_version": 1}
    return ProductQuoted.model_validate({**said, "update": update, **more})


# Registration


def test_a_seller_registers_once_in_a_sound_currency() -> None:
    asked = RegisterSeller(seller=S, currency="GBP")
    assert when(Unregistered(), asked) == Decision(SELLER, (SellerRegistered(seller=S, currency="GBP"),))
    again = SellerRegistrationRefused(seller=S, reason="already registered")
    assert when(OFFERING, asked) == Decision(None, (again,))
    unsound = SellerRegistrationRefused(seller=S, reason="malformed currency")
    assert when(Unregistered(), RegisterSeller(seller=S, currency="gbp")) == Decision(None, (unsound,))


# The catalogue


def test_a_seller_numbers_what_it_says() -> None:
    listed = when(SELLER, LIST)
    assert listed.publishes == (
        ProductListed(
            product=P, seller=S, currency="GBP", prices_minor=(100, 90), product_version=1, stock=5, update=1
        ),
    )
    replaced = when(OFFERING, ReplaceProduct(seller=S, product=P, prices_minor=(70,), stock=3))
    assert replaced.publishes == (
        ProductReplaced(product=P, seller=S, prices_minor=(70,), product_version=2, stock=3, update=2),
    )
    repriced = when(registered(replaced.state), ChangePrice(seller=S, product=P, price_minor=80))
    assert repriced.publishes == (PriceChanged(product=P, seller=S, price_minor=80, product_version=2, update=3),)
    assert registered(repriced.state).offers == {P: Offer((80,), version=2, update=3)}


@pytest.mark.parametrize(
    ("unsound", "reason"),
    [
        ({"prices_minor": ()}, "no price"),
        ({"prices_minor": (-1,)}, "price out of range"),
        ({"prices_minor": (1, 10**30)}, "price out of range"),
        ({"stock": -1}, "stock out of range"),
        ({"stock": 10**30}, "stock out of range"),
    ],
)
def test_an_unsound_offer_is_refused(unsound: dict[str, Any], reason: str) -> None:
    listing = LIST.model_copy(update={"product": Q, **unsound})
    assert when(OFFERING, listing) == Decision(None, (ListingRefused(seller=S, product=Q, reason=reason),))
    replacement = ReplaceProduct.model_validate({"seller": S, "product": P, "prices_minor": (1,), **unsound})
    refused = ReplacementRefused(seller=S, product=P, reason=reason)
    assert when(OFFERING, replacement) == Decision(None, (refused,))


def test_an_unsound_price_is_refused() -> None:
    refused = PriceChangeRefused(seller=S, product=P, reason="price out of range")
    assert when(OFFERING, ChangePrice(seller=S, product=P, price_minor=-1)) == Decision(None, (refused,))


@pytest.mark.parametrize(("seller", "reason"), [(Unregistered(), "unknown seller"), (SELLER, "unknown product")])
def test_what_is_not_offered_cannot_be_changed_or_watched(seller: Seller, reason: str) -> None:
    told: list[tuple[Event, Event]] = [
        (ChangePrice(seller=S, product=P, price_minor=1), PriceChangeRefused(seller=S, product=P, reason=reason)),
        (
            ReplaceProduct(seller=S, product=P, prices_minor=(1,)),
            ReplacementRefused(seller=S, product=P, reason=reason),
        ),
        (WATCH, WatchRefused(seller=S, product=P, buyer=B, reason=reason)),
    ]
    for asked, refused in told:
        assert when(seller, asked) == Decision(None, (refused,))


def test_a_stranger_lists_nothing() -> None:
    refused = ListingRefused(seller=S, product=P, reason="unknown seller")
    assert when(Unregistered(), LIST) == Decision(None, (refused,))


def test_a_product_is_listed_once() -> None:
    refused = ListingRefused(seller=S, product=P, reason="already listed")
    assert when(OFFERING, LIST) == Decision(None, (refused,))


def test_a_catalogue_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "PRODUCTS_PER_SELLER_MAX", 1)
    refused = ListingRefused(seller=S, product=Q, reason="too many products")
    assert when(OFFERING, LIST.model_copy(update={"product": Q})) == Decision(None, (refused,))


def test_a_product_of_another_seller_is_withdrawn_and_its_watchers_are_told() -> None:
    decision = when(given(decide, OFFERING, WATCH), ProductTaken(seller=S, product=P))
    reason = "sold by another seller"
    assert decision == Decision(
        replace(SELLER, updates=1),
        (
            ListingRefused(seller=S, product=P, reason=reason),
            WatchRefused(seller=S, product=P, buyer=B, reason=reason),
        ),
    )
    assert when(SELLER, ProductTaken(seller=S, product=P)) is NOTHING


# Watchers


def test_a_watch_is_answered_with_the_price_of_today() -> None:
    watched = when(OFFERING, WATCH)
    assert watched.publishes == (quote(),)
    repriced = given(decide, OFFERING, ChangePrice(seller=S, product=P, price_minor=80))
    assert when(repriced, WATCH).publishes == (quote(prices_minor=(80,), update=2),)


def test_every_watcher_hears_every_update_and_sees_no_other_watcher() -> None:
    watched = given(decide, OFFERING, WATCH, WATCH.model_copy(update={"buyer": C}))
    (said,) = when(watched, ChangePrice(seller=S, product=P, price_minor=80)).publishes
    assert set(said.concerns()) == {PRODUCTS(P), BUYERS(B), BUYERS(C)}
    alone = said.seen_by(BUYERS(C))
    assert isinstance(alone, PriceChanged)
    assert alone.watchers == (C,)
    assert said.seen_by(PRODUCTS(P)) == alone.model_copy(update={"watchers": ()})


def test_who_no_longer_watches_hears_no_more() -> None:
    unwatch = ProductUnwatched(seller=S, product=P, buyer=B)
    left = given(decide, OFFERING, WATCH, unwatch)
    assert left == OFFERING
    assert when(left, unwatch) is NOTHING
    assert when(Unregistered(), unwatch) is NOTHING


def test_watching_twice_is_watching_once() -> None:
    assert when(given(decide, OFFERING, WATCH), WATCH) == Decision(None, (quote(),))


def test_watchers_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "WATCHERS_PER_SELLER_MAX", 1)
    full = given(decide, OFFERING, WATCH)
    refused = WatchRefused(seller=S, product=P, buyer=C, reason="too many watchers")
    assert when(full, WATCH.model_copy(update={"buyer": C})) == Decision(None, (refused,))
    assert when(full, WATCH).publishes == (quote(),)


# Orders


def test_a_paid_order_is_shown_on_the_dashboard_without_touching_the_state() -> None:
    shares = (Share(S, 300), Share(R, 200))
    paid = PaymentSucceeded(transaction=T, buyer=B, total=gbp(500), products=(P, Q), shares=shares)
    decision = when(OFFERING, paid.seen_by(SELLERS(S)))
    assert decision == Decision(rows=(Put(OpenOrder(S, T, 300, "GBP", NOW)),))


def test_a_planned_parcel_is_dispatched_by_its_own_seller_alone() -> None:
    parcels = (Parcel(R, "R-1", NOW), Parcel(S, "S-1", NOW))
    planned = ShipmentPlanned(transaction=T, buyer=B, carrier="Swift", parcels=parcels)
    assert set(planned.concerns()) >= {SELLERS(S), SELLERS(R)}
    decision = when(OFFERING, planned.seen_by(SELLERS(S)))
    assert decision == Decision(None, (ParcelDispatched(transaction=T, seller=S),))


def test_a_settled_order_leaves_the_dashboard_and_becomes_a_sale() -> None:
    payouts = (Payout(R, 190, 10), Payout(S, 285, 15))
    settled = TransactionSettled(transaction=T, buyer=B, currency="GBP", payouts=payouts)
    decision = when(OFFERING, settled.seen_by(SELLERS(S)))
    assert decision == Decision(rows=(Remove(OpenOrder, (S, T)), Append(Sale(S, T, 285, 15, "GBP", NOW))))


@pytest.mark.parametrize("news", [parcel_refunded(300), refunded(500)])
def test_an_order_paid_back_leaves_the_dashboard_and_becomes_no_sale(news: Event) -> None:
    assert SELLERS(S) in set(news.concerns())
    assert when(OFFERING, news.seen_by(SELLERS(S))) == Decision(rows=(Remove(OpenOrder, (S, T)),))


# Properties

one_of_ours = {"seller": st.just(S), "product": st.sampled_from((P, Q))}
someone = st.sampled_from((B, C))
words = st.one_of(
    st.builds(ListProduct, **one_of_ours, prices_minor=st.just((100,)), stock=st.just(5)),
    st.builds(ChangePrice, **one_of_ours, price_minor=st.integers(-1, 9)),
    st.builds(ReplaceProduct, **one_of_ours, prices_minor=st.just((5,))),
    st.builds(ProductWatched, **one_of_ours, buyer=someone),
    st.builds(ProductUnwatched, **one_of_ours, buyer=someone),
    st.builds(ProductTaken, **one_of_ours),
)


@for_any(st.lists(words, max_size=40))
def test_updates_are_numbered_without_gaps_and_only_what_is_offered_is_watched(events: list[Event]) -> None:
    adapter = TypeAdapter[Seller](Seller)
    seller: Seller = SELLER
    numbers: list[int] = []
    for event in events:
        decision = when(seller, event)
        seller = decision.state or seller
        updates = (
            said for said in decision.publishes if isinstance(said, ProductListed | PriceChanged | ProductReplaced)
        )
        numbers.extend(said.update for said in updates)
        kept = registered(seller)
        assert kept.watchers.keys() <= kept.offers.keys()
        assert adapter.validate_json(adapter.dump_json(seller)) == seller
    assert numbers == list(range(1, len(numbers) + 1))
