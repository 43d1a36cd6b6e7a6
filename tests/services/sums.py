"""What must hold of a market that has come to rest, whatever has happened in it."""

from collections import Counter
from collections.abc import Container
from typing import Final

from agora.event import Event
from market.buyers import CheckOut, OrderRefused
from market.ids import ProductId, SellerId, TransactionId
from market.messages import (
    ConfirmationComposed,
    LeaveReview,
    MessageRefused,
    MessageSent,
    ReviewLeft,
    ReviewRefused,
    SendMessage,
)
from market.risks import FraudScored
from market.shipments import (
    AboutShipment,
    ParcelLost,
    ShipmentDelivered,
    ShipmentFailed,
    ShipmentLost,
    ShipmentPartlyDelivered,
    ShipmentRecalled,
)
from market.transactions import (
    AboutTransaction,
    ParcelRefunded,
    PaymentSucceeded,
    PayoutCleared,
    PayoutHeld,
    PayoutRejected,
    TransactionCancelled,
    TransactionRefunded,
    TransactionSettled,
)
from services.fulfilment.rows import ParcelRow
from services.seller.rows import OpenOrder, Sale
from services.transaction.rows import LedgerEntry
from tests.services.bazaar import Bazaar

BUDGET: Final = 1_500
STOCK: Final = 5
SHIPPED: Final = (ShipmentDelivered, ShipmentPartlyDelivered, ShipmentLost, ShipmentFailed, ShipmentRecalled)
ANSWERS: Final = {LeaveReview: (ReviewLeft, ReviewRefused), SendMessage: (MessageSent, MessageRefused)}


def it_adds_up(bazaar: Bazaar, commands: list[Event]) -> None:
    assert not held(bazaar)
    assert not bazaar.asked
    every_order_ends_once(bazaar, commands)
    everyone_minds_a_payment_once(bazaar)
    everything_written_is_answered(bazaar, commands)
    stock_adds_up(bazaar)
    money_adds_up(bazaar)
    carts_show_the_last_word(bazaar)


def held(bazaar: Bazaar) -> list[TransactionId]:
    """The transactions that wait for a verdict: flagged, and never judged."""
    waiting = sorted(state.order.transaction for state in bazaar.states("transaction") if state.status == "held")
    assert Counter(waiting) == told(bazaar, PayoutHeld) - told(bazaar, PayoutCleared, PayoutRejected)
    return waiting


def told(
    bazaar: Bazaar, *kinds: type[AboutTransaction | AboutShipment | ConfirmationComposed]
) -> Counter[TransactionId]:
    """How often each transaction has come to this."""
    return Counter(event.transaction for event in bazaar.said if isinstance(event, kinds))


def every_order_ends_once(bazaar: Bazaar, commands: list[Event]) -> None:
    started = Counter((event.buyer, event.order) for event in commands if isinstance(event, CheckOut))
    ended = Counter(
        (event.buyer, event.order if isinstance(event, OrderRefused) else event.transaction)
        for event in bazaar.said
        if isinstance(event, OrderRefused | TransactionCancelled | TransactionSettled | TransactionRefunded)
    )
    assert started == ended
    assert {state.status for state in bazaar.states("transaction")} <= {"settled", "refunded", "cancelled", "unopened"}


def everyone_minds_a_payment_once(bazaar: Bazaar) -> None:
    paid = told(bazaar, PaymentSucceeded)
    assert set(paid.values()) <= {1}
    assert told(bazaar, FraudScored) == told(bazaar, ConfirmationComposed) == told(bazaar, *SHIPPED) == paid
    assert told(bazaar, TransactionSettled, TransactionRefunded) == paid
    assert not any(state.waiting for state in bazaar.states("concierge"))
    for row in bazaar.kept.values():
        if isinstance(row, ParcelRow):
            assert sum(at is not None for at in (row.delivered_at, row.lost_at, row.recalled_at)) == 1


def everything_written_is_answered(bazaar: Bazaar, commands: list[Event]) -> None:
    for asks, answers in ANSWERS.items():
        assert sum(isinstance(event, asks) for event in commands) == sum(
            isinstance(event, answers) for event in bazaar.said
        )
    left = Counter(event.buyer for event in bazaar.said if isinstance(event, ReviewLeft))
    assert all(left[state.buyer] == state.reviews <= state.paid for state in bazaar.states("buyer") if state.paid)


def stock_adds_up(bazaar: Bazaar) -> None:
    """What was paid for is gone, settled or lost, but for what was returned."""
    gone = Counter[ProductId]()
    for transaction in told(bazaar, PaymentSucceeded):
        gone += units(bazaar, transaction)
    for event in bazaar.said:
        if isinstance(event, TransactionRefunded):
            gone -= what_was_returned(bazaar, event)
    for state in bazaar.states("product"):
        assert (state.reserved, state.reservations) == (0, {})
        assert state.stock + state.sold == STOCK
        assert state.sold == gone[state.product]


def what_was_returned(bazaar: Bazaar, event: TransactionRefunded) -> Counter[ProductId]:
    """Everything but what was lost; a verdict may come just before word of a loss."""
    returned = Counter({one.product: one.quantity for one in event.returned})
    lost = {
        said.seller for said in bazaar.said if isinstance(said, ParcelLost) and said.transaction == event.transaction
    }
    sound = units(bazaar, event.transaction, without=lost)
    if event.transaction in told(bazaar, PayoutRejected):
        assert sound <= returned <= units(bazaar, event.transaction)
    else:
        assert returned == sound
    return returned


def units(bazaar: Bazaar, transaction: TransactionId, without: Container[SellerId] = ()) -> Counter[ProductId]:
    """How many of each product were ordered, but for those of some sellers."""
    ordered = Counter[ProductId]()
    for line in bazaar.state("transaction", transaction).order.lines:
        if line.seller not in without:
            ordered[line.product] += line.quantity
    return ordered


def money_adds_up(bazaar: Bazaar) -> None:
    ledger = [row for row in bazaar.appended if isinstance(row, LedgerEntry)]
    postings, accounts = Counter[str](), Counter[str]()
    for entry in ledger:
        postings[f"{entry.transaction} {entry.posting}"] += entry.amount_minor
        accounts[entry.account] += entry.amount_minor
    assert not any(postings.values())
    assert accounts["escrow"] == 0
    for state in bazaar.states("buyer"):
        assert (state.placed, state.held) == ({}, {})
        assert state.spent_minor == -accounts[f"buyer:{state.buyer}"] <= BUDGET
        assert state.paid == state.settled + state.refunded
    sales = [row for row in bazaar.appended if isinstance(row, Sale)]
    for state in bazaar.states("seller"):
        payouts = sum(row.payout_minor for row in sales if row.seller == state.seller)
        assert payouts == accounts[f"seller:{state.seller}"]
    assert sum(row.fee_minor for row in sales) == accounts["fees"]
    assert not any(table is OpenOrder for table, _ in bazaar.kept)
    every_penny_paid_is_paid_out_or_back(bazaar)


def every_penny_paid_is_paid_out_or_back(bazaar: Bazaar) -> None:
    left = Counter[TransactionId]()
    for event in bazaar.said:
        match event:
            case PaymentSucceeded():
                left[event.transaction] += event.total.minor
            case TransactionSettled():
                left[event.transaction] -= sum(payout.amount_minor + payout.fee_minor for payout in event.payouts)
            case ParcelRefunded() | TransactionRefunded():
                left[event.transaction] -= event.amount.minor
            case _:
                pass
    assert not any(left.values())


def carts_show_the_last_word(bazaar: Bazaar) -> None:
    offers = {name: offer for state in bazaar.states("seller") for name, offer in state.offers.items()}
    watching = {
        (name, watcher)
        for state in bazaar.states("seller")
        for name, all_ in state.watchers.items()
        for watcher in all_
    }
    shown = {(entry.line.product, state.buyer) for state in bazaar.states("buyer") for entry in state.cart.values()}
    assert shown == watching
    for state in bazaar.states("buyer"):
        for entry in state.cart.values():
            offer = offers[entry.line.product]
            assert (entry.update, entry.line.version) == (offer.update, offer.version)
            assert entry.line.price_minor in offer.prices_minor
