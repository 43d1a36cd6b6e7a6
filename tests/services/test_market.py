"""Every service, no conductor: whatever the timing, the market adds up."""

from dataclasses import replace
from functools import partial
from random import Random

import pytest
from hypothesis import given as for_any
from hypothesis import settings
from hypothesis import strategies as st

from agora.activity import Call
from agora.event import Event
from market.buyers import AddToCart, CheckOut, Mandate, RegisterBuyer
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.lines import Line, Payment
from market.messages import ConfirmationComposed, ConfirmationWorded, LeaveReview, SendMessage
from market.risks import SCORE_MAX
from market.sellers import ChangePrice, ListProduct, RegisterSeller, ReplaceProduct
from market.shipments import ConfirmDelivery, ParcelLate, ShipmentDelivered, ShipmentPartlyDelivered, ShipmentRecalled
from market.transactions import (
    ClearPayout,
    ParcelRefunded,
    PayoutHeld,
    RejectPayout,
    TransactionCancelled,
    TransactionRefunded,
    TransactionSettled,
)
from services.concierge.decide import decide as write
from services.concierge.goodwill import POLICY
from services.concierge.model import wording
from services.concierge.tasks import WordConfirmation
from services.fulfilment.activities import activities
from services.fulfilment.simulator import SimulatedCarrier
from services.risk.decide import Policy
from services.risk.decide import decide as judge_risk
from tests.services.bazaar import Bazaar, Mishap, everyone
from tests.services.sums import BUDGET, STOCK, held, it_adds_up
from tests.services.words import ANYTHING, DECLINED, GOOD

SELLS = {"P": "S", "Q": "S", "X": "R"}
PRICE = 100
RELIABLE = SimulatedCarrier()
OFTEN, SELDOM = 0.1, 0.03


async def word(task: WordConfirmation, call: Call) -> ConfirmationWorded:
    """Stands for a language model."""
    del call
    return ConfirmationWorded(buyer=task.buyer, transaction=task.transaction, text="Hello, it is all paid for!")


def stocked(carrier: SimulatedCarrier = RELIABLE, flagged_from: int = SCORE_MAX, *, by_model: bool = False) -> Bazaar:
    """Two buyers and two sellers with three products, five of each."""
    changed = {
        "concierge": {
            "decide": partial(write, policy=replace(POLICY, by_model=by_model)),
            "activities": (replace(wording(None), perform=word),),
        },
        "fulfilment": {"activities": activities(carrier)},
        "risk": {"decide": partial(judge_risk, policy=Policy(flagged_from))},
    }
    bazaar = Bazaar([replace(service, **changed.get(service.name, {})) for service in everyone()])
    for name in ("S", "R"):
        bazaar.tell(RegisterSeller(seller=SellerId(name), currency="GBP"))
    for name in ("B", "C"):
        mandate = ANYTHING if name == "B" else Mandate(500, 1_000)
        bazaar.tell(RegisterBuyer(buyer=BuyerId(name), currency="GBP", budget_minor=BUDGET, mandate=mandate))
    for name, owner in SELLS.items():
        bazaar.tell(ListProduct(seller=SellerId(owner), product=ProductId(name), prices_minor=(PRICE,), stock=STOCK))
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


def verdict(transaction: TransactionId, *, cleared: bool) -> ClearPayout | RejectPayout:
    if cleared:
        return ClearPayout(transaction=transaction, reviewer="Ada")
    return RejectPayout(transaction=transaction, reviewer="Ada", reason="stolen card")


names = st.sampled_from((BuyerId("B"), BuyerId("C")))
ids = st.sampled_from(tuple(TransactionId(f"T{number}") for number in range(1, 7)))
lines = st.builds(asked, st.sampled_from(sorted(SELLS)), st.sampled_from((1, 1, 1, 2, 2, 3, 0)))
words = st.sampled_from(("", "Thank you.", "Where is it?!", "<b>\x00"))
pays = {"currency": st.just("GBP"), "payment": st.sampled_from((GOOD, GOOD, GOOD, DECLINED))}
orders = st.builds(CheckOut, buyer=names, order=ids, lines=st.lists(lines, min_size=1, max_size=3).map(tuple), **pays)
others = st.one_of(
    st.builds(ConfirmDelivery, transaction=ids, seller=st.sampled_from((SellerId("S"), SellerId("R")))),
    st.builds(verdict, ids, cleared=st.booleans()),
    st.builds(change, st.sampled_from(sorted(SELLS)), st.none() | st.integers(99, 101)),
    st.builds(AddToCart, buyer=names, line=lines),
    st.builds(CheckOut, buyer=names, order=ids, **pays),
    st.builds(LeaveReview, buyer=names, transaction=ids, rating=st.integers(0, 6), text=words),
    st.builds(SendMessage, buyer=names, text=words),
)
shares = st.sampled_from((0.0, 0.5))
carriers = st.builds(SimulatedCarrier, late_share=shares, lost_share=shares, seed=st.sampled_from("abc"))
CALM: tuple[Mishap, ...] = ("none",)
UNSURE: tuple[Mishap, ...] = ("none", "the answer is lost", "the call fails")
DOWN: tuple[Mishap, ...] = ("the call fails",)


@settings(max_examples=300, deadline=None)
@for_any(
    orders=st.lists(orders, max_size=7),
    others=st.lists(others, max_size=10),
    carrier=carriers,
    flagged_from=st.sampled_from((SCORE_MAX, 10, 0)),
    by_model=st.booleans(),
    patient=st.sampled_from((True, True, False)),
    chance=st.randoms(use_true_random=True),
)
def test_whatever_the_timing_the_market_adds_up(
    *,
    orders: list[Event],
    others: list[Event],
    carrier: SimulatedCarrier,
    flagged_from: int,
    by_model: bool,
    patient: bool,
    chance: Random,
) -> None:
    bazaar, untold = stocked(carrier, flagged_from, by_model=by_model), list(others)
    mishaps = chance.choice((CALM, CALM, UNSURE, DOWN))

    def tell(*commands: Event) -> None:
        for command in commands:
            bazaar.tell(command, source=f"client {chance.randrange(5)}")

    def verdicts() -> list[Event]:
        return [verdict(transaction, cleared=chance.choice((True, False))) for transaction in held(bazaar)]

    def pick(ready: int) -> int:
        if untold and chance.random() < OFTEN:
            tell(untold.pop(0))
        if chance.random() < SELDOM:
            tell(*verdicts())
        return chance.randrange(ready)

    def drain() -> None:
        bazaar.drain(pick, patient=patient, mishap=lambda: chance.choice(mishaps))

    tell(*orders)
    drain()
    while untold:
        tell(untold.pop(0))
    drain()
    tell(*verdicts())
    drain()
    it_adds_up(bazaar, [*orders, *others])


# Without these the property above might hold of a market in which nothing happens.

B = BuyerId("B")
BOTH = (asked("P", 2), asked("X", 1))


def reasons(bazaar: Bazaar, kind: type[TransactionCancelled | TransactionRefunded]) -> list[str]:
    return [event.reason for event in bazaar.said if isinstance(event, kind)]


def said(bazaar: Bazaar, kind: type[Event]) -> int:
    return sum(isinstance(event, kind) for event in bazaar.said)


def ordering(bazaar: Bazaar, *orders: tuple[tuple[Line, ...], Payment], mishap: Mishap = "none") -> None:
    """``B`` orders, one after another, and everything comes of it that can come of it without a verdict."""
    commands: list[Event] = [
        CheckOut(buyer=B, order=TransactionId(f"T{number}"), lines=lines, currency="GBP", payment=payment)
        for number, (lines, payment) in enumerate(orders)
    ]
    for command in commands:
        bazaar.tell(command)
        bazaar.drain(mishap=lambda: mishap)
    if not held(bazaar):
        it_adds_up(bazaar, commands)


def test_orders_are_settled_or_cancelled_for_want_of_stock_or_money() -> None:
    bazaar = stocked()
    ordering(bazaar, (BOTH, GOOD), ((asked("P", 4),), GOOD), ((asked("Q", 1),), DECLINED))
    assert reasons(bazaar, TransactionCancelled) == ["out of stock", "payment declined"]
    assert bazaar.state("buyer", B).spent_minor == 3 * PRICE
    assert said(bazaar, ShipmentDelivered) == 1


def test_parcels_come_late_or_not_at_all() -> None:
    late = stocked(SimulatedCarrier(late_share=1.0))
    ordering(late, (BOTH, GOOD))
    assert said(late, ParcelLate) == 2
    assert said(late, ShipmentDelivered) == 1
    lost = stocked(SimulatedCarrier(lost_share=1.0))
    ordering(lost, (BOTH, GOOD))
    assert reasons(lost, TransactionRefunded) == ["every parcel was lost"]
    assert (lost.state("buyer", B).spent_minor, lost.state("product", "P").stock) == (0, STOCK - 2)


def test_a_lost_parcel_alone_is_paid_back() -> None:
    """Which parcels are lost is the seed's to say; of eight, some lose one of two."""
    markets = [stocked(SimulatedCarrier(lost_share=0.5, seed=seed)) for seed in "abcdefgh"]
    for bazaar in markets:
        ordering(bazaar, (BOTH, GOOD))
    partly = [bazaar for bazaar in markets if said(bazaar, ShipmentPartlyDelivered)]
    assert partly
    for bazaar in partly:
        (back,) = (event.amount for event in bazaar.said if isinstance(event, ParcelRefunded))
        assert back.minor in (2 * PRICE, PRICE)
        assert bazaar.state("buyer", B).spent_minor == 3 * PRICE - back.minor


@pytest.mark.parametrize(("mishap", "worded"), [("none", True), ("the call fails", False)])
def test_a_payment_is_confirmed_whether_or_not_a_language_model_answers(mishap: Mishap, *, worded: bool) -> None:
    bazaar = stocked(by_model=True)
    ordering(bazaar, (BOTH, GOOD), mishap=mishap)
    (confirmed,) = (event for event in bazaar.said if isinstance(event, ConfirmationComposed))
    assert ("Hello" in confirmed.text) is worded


def test_an_order_that_no_carrier_takes_is_undone() -> None:
    bazaar = stocked()
    ordering(bazaar, (BOTH, GOOD), mishap="the call fails")
    assert reasons(bazaar, TransactionRefunded) == ["the call fails"]
    assert (bazaar.state("buyer", B).spent_minor, bazaar.state("product", "P").stock) == (0, STOCK)


def test_an_order_is_shipped_once_though_the_carriers_first_answers_are_lost() -> None:
    bazaar = stocked()
    order = CheckOut(buyer=B, order=TransactionId("T"), lines=BOTH, currency="GBP", payment=GOOD)
    mishaps: list[Mishap] = ["the answer is lost", "the answer is lost"]
    bazaar.tell(order)
    bazaar.drain(mishap=lambda: mishaps.pop() if mishaps else "none")
    assert not mishaps
    assert said(bazaar, ShipmentDelivered) == 1
    it_adds_up(bazaar, [order])


def test_what_was_lost_before_a_payout_is_rejected_does_not_come_back() -> None:
    bazaar = stocked(SimulatedCarrier(lost_share=1.0), flagged_from=0)
    ordering(bazaar, (BOTH, GOOD))
    (transaction,) = held(bazaar)
    bazaar.tell(verdict(transaction, cleared=False))
    bazaar.drain()
    assert (bazaar.state("buyer", B).spent_minor, bazaar.state("product", "P").stock) == (0, STOCK - 2)


@pytest.mark.parametrize("cleared", [True, False])
def test_a_flagged_payment_waits_for_a_verdict(*, cleared: bool) -> None:
    bazaar = stocked(flagged_from=0)
    ordering(bazaar, (BOTH, GOOD))
    (transaction,) = held(bazaar)
    assert not said(bazaar, TransactionSettled)
    bazaar.tell(verdict(transaction, cleared=cleared))
    bazaar.drain()
    it_adds_up(bazaar, [CheckOut(buyer=B, order=transaction, lines=BOTH, currency="GBP", payment=GOOD)])
    assert bazaar.state("buyer", B).spent_minor == (3 * PRICE if cleared else 0)
    assert bazaar.state("product", "P").sold == (2 if cleared else 0)


def test_a_verdict_may_come_while_the_parcels_are_under_way() -> None:
    bazaar = stocked(flagged_from=0)
    order = CheckOut(buyer=B, order=TransactionId("T"), lines=BOTH, currency="GBP", payment=GOOD)
    bazaar.tell(order)
    bazaar.drain(until=PayoutHeld)
    bazaar.tell(verdict(order.order, cleared=False))
    bazaar.drain()
    assert said(bazaar, ShipmentRecalled) == 1
    it_adds_up(bazaar, [order])
