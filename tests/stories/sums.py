"""What must hold at the end of every story, whatever happened in it."""

from collections import Counter
from typing import Any

from agora.audit import Said
from agora.envelope import read_envelope
from agora.memory import MemoryLog, MemoryStore, VirtualClock
from agora.turns import Engine
from agora.world import House, World
from market.audit import folds
from market.buyers import CheckOut, OrderRefused
from market.messages import ConfirmationComposed
from market.risks import FraudScored
from market.streams import BUYERS, TRANSACTIONS
from market.transactions import PaymentSucceeded, TransactionCancelled, TransactionRefunded, TransactionSettled
from services.buyer.rows import RefusedOrder
from services.fulfilment.rows import ParcelRow
from services.seller.rows import OpenOrder, Sale
from services.transaction.rows import LedgerEntry
from tests.stories.town import LOADED, envelopes, heard


async def add_up(world: World, loaded: int = LOADED) -> None:
    """Every line of the audit, on the world's stores and its log."""
    nothing_is_left_undone(world)
    nothing_is_lost_on_the_way(world)
    every_order_ends_once(world)
    stock_is_conserved(world, loaded)
    money_is_conserved(world)
    every_payment_was_looked_at_once(world)
    carts_show_the_sellers_last_word(world)
    the_log_proves_itself(world)
    for house in world.houses.values():
        await state_is_the_fold_of_the_log(world, house)


def business(world: World) -> dict[str, Any]:
    """How the story ended in the words of the business: no times, no places, no numbers of turns."""
    return {
        "orders": {name: (state.status, getattr(state, "reason", "")) for name, state in states(world, "transaction")},
        "buyers": {name: (state.spent_minor, state.paid, state.cancelled) for name, state in states(world, "buyer")},
        "products": {name: (state.stock, state.reserved, state.sold) for name, state in states(world, "product")},
        "ledger": sorted((row.transaction, row.posting, row.account, row.amount_minor) for row in ledger(world)),
        "sales": sorted((row.seller, row.transaction, row.payout_minor, row.fee_minor) for row in sales(world)),
        "refused": sorted((row.buyer, row.transaction, row.reason) for row in refused(world)),
        "parcels": sorted((row.transaction, row.seller, fate(row)) for row in parcels(world)),
    }


def states(world: World, service: str) -> list[tuple[str, Any]]:
    """The agents of a service that have a part in the story."""
    house = world.houses[service]
    known = ((subject, house.state(subject)) for subject in sorted(house.store.agents))
    return [(subject, state) for subject, state in known if state != house.service.initial]


def ledger(world: World) -> list[LedgerEntry]:
    rows = world.houses["transaction"].store.appended.get(LedgerEntry, [])
    return [row for row in rows if isinstance(row, LedgerEntry)]


def sales(world: World) -> list[Sale]:
    return [row for row in world.houses["seller"].store.appended.get(Sale, []) if isinstance(row, Sale)]


def refused(world: World) -> list[RefusedOrder]:
    rows = world.houses["buyer"].store.appended.get(RefusedOrder, [])
    return [row for row in rows if isinstance(row, RefusedOrder)]


def nothing_is_left_undone(world: World) -> None:
    assert world.told("errors") == []
    for house in world.houses.values():
        assert not house.pending()
        store = house.store
        assert (store.unsent(), store.reminders, store.asking) == (0, {}, {})
        assert (store.waiting, store.dead_letters) == ({}, [])


def nothing_is_lost_on_the_way(world: World) -> None:
    """Every number an outbox ever gave is in the log, and nowhere does a later one arrive before an earlier one."""
    arrived: dict[str, set[int]] = {}
    for stream in world.log.names():
        for records in world.log.stream(stream):
            highest = Counter[str]()
            for envelope in (read_envelope(record.value or b"") for record in records):
                number, seen = int(envelope.sequence), arrived.setdefault(envelope.source, set())
                assert number > highest[envelope.source] or number in seen
                highest[envelope.source] = max(highest[envelope.source], number)
                seen.add(number)
    for name, house in world.houses.items():
        for number, row in house.store.partitions.items():
            assert arrived.get(f"{name}-{number}", set()) == set(range(1, row.sequence + 1))


def every_order_ends_once(world: World) -> None:
    asked = Counter((event.buyer, event.order) for event in heard(world, BUYERS, CheckOut))
    ends = Counter((row.buyer, row.transaction) for row in refused(world))
    assert len(heard(world, BUYERS, OrderRefused)) == ends.total()
    for kind in (TransactionCancelled, TransactionSettled, TransactionRefunded):
        ends.update((event.buyer, event.transaction) for event in heard(world, BUYERS, kind))
    assert asked == ends
    assert {state.status for _, state in states(world, "transaction")} <= {"settled", "refunded", "cancelled"}


def stock_is_conserved(world: World, loaded: int) -> None:
    sold = Counter[str]()
    for _, state in states(world, "transaction"):
        if state.status in {"settled", "refunded"}:
            for entry in state.order.lines:
                sold[entry.product] += entry.quantity
    for refunded in heard(world, TRANSACTIONS, TransactionRefunded):
        for returned in refunded.returned:
            sold[returned.product] -= returned.quantity
    for name, state in states(world, "product"):
        assert (state.reserved, state.reservations) == (0, {})
        assert state.stock + state.sold == loaded
        assert state.sold == sold[name]


def money_is_conserved(world: World) -> None:
    postings, accounts = Counter[str](), Counter[str]()
    for entry in ledger(world):
        postings[f"{entry.transaction} {entry.posting}"] += entry.amount_minor
        accounts[entry.account] += entry.amount_minor
    assert not any(postings.values())
    assert sum(accounts.values()) == accounts["escrow"] == 0
    for name, state in states(world, "buyer"):
        assert (state.placed, state.held) == ({}, {})
        assert state.spent_minor == -accounts[f"buyer:{name}"] <= state.budget_minor
        assert state.paid == state.settled + state.refunded
    for name, _ in states(world, "seller"):
        assert sum(row.payout_minor for row in sales(world) if row.seller == name) == accounts[f"seller:{name}"]
    assert sum(row.fee_minor for row in sales(world)) == accounts["fees"]
    assert not world.houses["seller"].store.tables.get(OpenOrder)
    assert all(fate(row) for row in parcels(world))
    assert len(heard(world, TRANSACTIONS, PaymentSucceeded)) == sum(key.endswith("captured") for key in postings)


def parcels(world: World) -> list[ParcelRow]:
    rows = world.houses["fulfilment"].store.tables.get(ParcelRow, {}).values()
    return [row for row in rows if isinstance(row, ParcelRow)]


def fate(parcel: ParcelRow) -> str:
    """How a parcel has ended; nothing if it has not, or more than once."""
    ends = {"delivered": parcel.delivered_at, "lost": parcel.lost_at, "recalled": parcel.recalled_at}
    return " and ".join(end for end, at in ends.items() if at)


def every_payment_was_looked_at_once(world: World) -> None:
    """By risk and by the concierge, each for itself."""
    paid = Counter(event.transaction for event in heard(world, TRANSACTIONS, PaymentSucceeded))
    assert Counter(event.transaction for event in heard(world, TRANSACTIONS, FraudScored)) == paid
    assert Counter(event.transaction for event in heard(world, BUYERS, ConfirmationComposed)) == paid
    assert set(paid.values()) <= {1}


def carts_show_the_sellers_last_word(world: World) -> None:
    offers = {name: offer for _, state in states(world, "seller") for name, offer in state.offers.items()}
    watching = {(product, who) for _, state in states(world, "seller") for product in state.watchers
                for who in state.watchers[product]}  # fmt: skip
    carts = {(product, name): entry for name, state in states(world, "buyer") for product, entry in state.cart.items()}
    assert carts.keys() == watching
    for (product, _), entry in carts.items():
        assert (entry.update, entry.line.version) == (offers[product].update, offers[product].version)
        assert entry.line.price_minor in offers[product].prices_minor


def the_log_proves_itself(world: World) -> None:
    """The audit's own account of the log: one end to every request, legal steps only, carts in the seller's order."""
    found: dict[str, int] = {}
    for fold in folds():
        kinds = {(stream.name, kind.wire_name): kind for stream, kinds in fold.hears.items() for kind in kinds}
        for stream in world.log.names():
            for envelope in envelopes(world, stream):
                if kind := kinds.get((stream, envelope.type)):
                    event = kind.model_validate_json(bytes(envelope.data))
                    number = int(envelope.sequence)
                    fold.hear(Said(stream, envelope.subject, event, number, envelope.correlationid))
        found.update(fold.checks())
    assert not any(found.values()), {check: count for check, count in found.items() if count}


async def state_is_the_fold_of_the_log(world: World, house: House) -> None:
    """Replay the stream from its beginning, with nothing else to go by."""
    clock = VirtualClock()
    store = MemoryStore()
    engine = Engine(house.service, store, MemoryLog(clock), clock)
    for records in world.log.stream(house.service.stream.name):
        await engine.take(records)
    assert store.agents == house.store.agents
    assert store.tables == house.store.tables
    assert {table: sorted(map(repr, rows)) for table, rows in store.appended.items()} == {
        table: sorted(map(repr, rows)) for table, rows in house.store.appended.items()
    }
