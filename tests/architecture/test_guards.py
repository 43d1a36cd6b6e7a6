"""What no decision may ever bring about, because the databases will not have it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from agora.ports import Commit, Move, Refused, StoredAgent
from agora.postgres import PostgresStore
from agora.provision import Access
from market.ids import ProductId, SellerId, TransactionId
from services.fulfilment.rows import ParcelRow
from services.product.state import Listed, Product
from services.seller.rows import OpenOrder, Sale
from services.transaction.rows import LedgerEntry

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SHELF = Listed(ProductId("P"), SellerId("S"), "GBP", (100,), 1, 1, stock=5, reserved=5)
T, S = TransactionId("T"), SellerId("S")
PARCEL = ParcelRow(T, S, "Post", "P-1", NOON, dispatched_at=NOON)


def entry(number: int, amount: int, currency: str = "GBP", transaction: TransactionId = T) -> LedgerEntry:
    return LedgerEntry(transaction, "captured", number, f"account {number}", amount, currency, NOON)


def shelf(product: Product) -> Commit:
    return Commit(agents=[StoredAgent("P", TypeAdapter[Product](Product).dump_json(product))])


def posting(*entries: LedgerEntry) -> Commit:
    return Commit(appends={LedgerEntry: list(entries)})


async def commit(access: Access, change: Commit) -> None:
    store = PostgresStore(access.url)
    row = await store.claim(0)
    try:
        await store.commit(replace(change, moves=[Move(row, row._replace(next_offset=row.next_offset + 1))]))
    finally:
        await store.close()


REFUSED: dict[str, tuple[str, Commit]] = {
    "stock below zero": ("product", shelf(replace(SHELF, stock=-1, reserved=0))),
    "more promised than there is": ("product", shelf(replace(SHELF, stock=4))),
    "less than nothing promised": ("product", shelf(replace(SHELF, reserved=-1))),
    "a shelf without stock": ("product", Commit(agents=[StoredAgent("P", b'{"status": "listed"}')])),
    "money out of nothing": ("transaction", posting(entry(0, 100))),
    "money lost on the way": ("transaction", posting(entry(0, -100), entry(1, 99))),
    "money changed on the way": ("transaction", posting(entry(0, -100), entry(1, 100, "EUR"))),
    "another order's money": ("transaction", posting(entry(0, -100), entry(1, 100, transaction=TransactionId("U")))),
    "an entry twice": ("transaction", posting(entry(0, 0), entry(0, 0))),
    "a parcel that arrived before it was sent": (
        "fulfilment",
        Commit(puts={ParcelRow: {(T, S): replace(PARCEL, delivered_at=NOON.replace(hour=11))}}),
    ),
    "a parcel that arrived and was lost": (
        "fulfilment",
        Commit(puts={ParcelRow: {(T, S): replace(PARCEL, delivered_at=NOON, lost_at=NOON)}}),
    ),
    "a negative payout": ("seller", Commit(appends={Sale: [Sale(S, T, -1, 0, "GBP", NOON)]})),
    "a sale twice": ("seller", Commit(appends={Sale: [Sale(S, T, 1, 0, "GBP", NOON)] * 2})),
    "a negative order": ("seller", Commit(puts={OpenOrder: {(S, T): OpenOrder(S, T, -1, "GBP", NOON)}})),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_the_database_refuses(databases: dict[str, Access], what: str) -> None:
    service, change = REFUSED[what]
    with pytest.raises(Refused):
        await commit(databases[service], change)


async def test_the_database_takes_what_is_sound(databases: dict[str, Access]) -> None:
    await commit(databases["product"], shelf(SHELF))
    await commit(databases["transaction"], posting(entry(0, -100), entry(1, 100), entry(2, 0, "EUR")))
    await commit(databases["seller"], Commit(appends={Sale: [Sale(S, T, 1, 0, "GBP", NOON)]}))
    await commit(databases["fulfilment"], Commit(puts={ParcelRow: {(T, S): replace(PARCEL, delivered_at=NOON)}}))
