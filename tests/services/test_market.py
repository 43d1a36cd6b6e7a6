"""Four services, no conductor: whatever the timing, the market adds up."""

from collections import Counter

from hypothesis import given as for_any
from hypothesis import settings
from hypothesis import strategies as st

from agora.event import Event
from market.buyers import AddToCart, CheckOut, Mandate, OrderRefused, RegisterBuyer
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.lines import Line
from market.sellers import ChangePrice, ListProduct, RegisterSeller, ReplaceProduct
from market.streams import BUYERS
from market.transactions import ConfirmDelivery, PaymentSucceeded, TransactionCancelled, TransactionSettled
from services.buyer.app import service as buyer
from services.product.app import service as product
from services.seller.app import service as seller
from services.seller.rows import OpenOrder, Sale
from services.transaction.app import service as transaction
from services.transaction.rows import LedgerEntry, Shipment
from tests.services.bazaar import Bazaar
from tests.services.words import ANYTHING, DECLINED, GOOD

BUDGET = 1_500
SELLS = {"P": "S", "Q": "S", "X": "R"}
PRICE = 100


def stocked() -> Bazaar:
    """Two buyers and two sellers with three products, five of each."""
    bazaar = Bazaar()
    for name in ("S", "R"):
        bazaar.tell(RegisterSeller(seller=SellerId(name), currency="GBP"))
    for name in ("B", "C"):
        mandate = ANYTHING if name == "B" else Mandate(500, 1_000)
        bazaar.tell(RegisterBuyer(buyer=BuyerId(name), currency="GBP", budget_minor=BUDGET, mandate=mandate))
    for name, owner in SELLS.items():
        bazaar.tell(ListProduct(seller=SellerId(owner), product=ProductId(name), prices_minor=(PRICE,), stock=5))
    bazaar.drain()
    return bazaar


def asked(name: str, quantity: int) -> Line:
    return Line(ProductId(name), 1, SellerId(SELLS[name]), quantity, PRICE)


def change(name: str, price: int | None) -> Event:
    """A new price or, without one, a new version."""
    owner, changed = SellerId(SELLS[name]), ProductId(name)
    if price is None:
        return ReplaceProduct(seller=owner, product=changed, prices_minor=(PRICE,))
    return ChangePrice(seller=owner, product=changed, price_minor=price)


names = st.sampled_from((BuyerId("B"), BuyerId("C")))
ids = st.sampled_from(tuple(TransactionId(f"T{number}") for number in range(1, 6)))
lines = st.builds(asked, st.sampled_from(sorted(SELLS)), st.integers(0, 4))
pays = {"currency": st.just("GBP"), "payment": st.sampled_from((GOOD, GOOD, GOOD, DECLINED))}
orders = st.builds(CheckOut, buyer=names, order=ids, lines=st.lists(lines, min_size=1, max_size=3).map(tuple), **pays)
others = st.one_of(
    st.builds(ConfirmDelivery, transaction=ids, seller=st.sampled_from((SellerId("S"), SellerId("R")))),
    st.builds(change, st.sampled_from(sorted(SELLS)), st.none() | st.integers(99, 101)),
    st.builds(AddToCart, buyer=names, line=lines),
    st.builds(CheckOut, buyer=names, order=ids, **pays),
)


@settings(max_examples=200, deadline=None)
@for_any(commands=st.lists(orders | others, max_size=14), patient=st.booleans(), data=st.data())
def test_whatever_the_timing_the_market_adds_up(*, commands: list[Event], patient: bool, data: st.DataObject) -> None:
    bazaar = stocked()
    for number, command in enumerate(commands):
        bazaar.tell(command, source=f"client {number % 3}")
    bazaar.drain(lambda ready: data.draw(st.integers(0, ready - 1)), patient=patient)
    every_order_ends_once(bazaar, commands)
    stock_adds_up(bazaar)
    money_adds_up(bazaar)
    carts_show_the_last_word(bazaar)


def every_order_ends_once(bazaar: Bazaar, commands: list[Event]) -> None:
    started = Counter((told.buyer, told.order) for told in commands if isinstance(told, CheckOut))
    ended = Counter(
        (told.buyer, told.order if isinstance(told, OrderRefused) else told.transaction)
        for told in bazaar.said
        if isinstance(told, OrderRefused | TransactionCancelled | TransactionSettled)
    )
    assert started == ended
    assert {state.status for state in bazaar.states(transaction)} <= {"settled", "cancelled", "unopened"}


def stock_adds_up(bazaar: Bazaar) -> None:
    sold = Counter[str]()
    for state in bazaar.states(transaction):
        if state.status == "settled":
            for entry in state.order.lines:
                sold[entry.product] += entry.quantity
    for state in bazaar.states(product):
        assert (state.reserved, state.reservations) == (0, {})
        assert state.stock + state.sold == 5
        assert state.sold == sold[state.product]


def money_adds_up(bazaar: Bazaar) -> None:
    ledger = [row for row in bazaar.appended if isinstance(row, LedgerEntry)]
    postings, accounts = Counter[str](), Counter[str]()
    for entry in ledger:
        postings[f"{entry.transaction} {entry.posting}"] += entry.amount_minor
        accounts[entry.account] += entry.amount_minor
    assert not any(postings.values())
    assert accounts["escrow"] == 0
    for state in bazaar.states(buyer):
        assert (state.placed, state.held) == ({}, {})
        assert state.spent_minor == -accounts[f"buyer:{state.buyer}"] <= BUDGET
        assert state.paid == state.settled
    sales = [row for row in bazaar.appended if isinstance(row, Sale)]
    for state in bazaar.states(seller):
        assert (
            sum(row.payout_minor for row in sales if row.seller == state.seller) == accounts[f"seller:{state.seller}"]
        )
    assert not any(table is OpenOrder for table, _ in bazaar.kept)
    assert all(row.delivered_at for row in bazaar.kept.values() if isinstance(row, Shipment))
    paid = sum(isinstance(told, PaymentSucceeded) for told in bazaar.said)
    assert paid == sum(entry.posting == "captured" for entry in ledger) / 2


def carts_show_the_last_word(bazaar: Bazaar) -> None:
    offers = {name: offer for state in bazaar.states(seller) for name, offer in state.offers.items()}
    watching = {
        (name, watcher) for state in bazaar.states(seller) for name, all_ in state.watchers.items() for watcher in all_
    }
    shown = {(entry.line.product, state.buyer) for state in bazaar.states(buyer) for entry in state.cart.values()}
    assert shown == watching
    for state in bazaar.states(buyer):
        for entry in state.cart.values():
            offer = offers[entry.line.product]
            assert (entry.update, entry.line.version) == (offer.update, offer.version)
            assert entry.line.price_minor in offer.prices_minor


def test_an_order_of_every_outcome_comes_about() -> None:
    """Without this the property above might hold of a market in which nothing happens."""
    bazaar = stocked()
    for number, (lines_, payment) in enumerate(
        [((asked("P", 2), asked("X", 1)), GOOD), ((asked("P", 4),), GOOD), ((asked("Q", 1),), DECLINED)]
    ):
        order = TransactionId(f"T{number}")
        bazaar.tell(CheckOut(buyer=BuyerId("B"), order=order, lines=lines_, currency="GBP", payment=payment))
        bazaar.drain()
    reasons = [told.reason for told in bazaar.said if isinstance(told, TransactionCancelled)]
    assert reasons == ["out of stock", "payment declined"]
    assert bazaar.state(BUYERS("B")).spent_minor == 300
