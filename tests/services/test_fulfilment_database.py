"""What fulfilment's database refuses, shows, and proves."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, TypeAlias

import asyncpg
import pytest
from pydantic import TypeAdapter

from agora.discovery import folders
from agora.migrations import upgrade
from agora.ports import Commit, Move, Refused, StoredAgent
from agora.postgres import PostgresStore
from agora.provision import Access, provision
from market.ids import SellerId, TransactionId
from services.fulfilment.audit import CHECKS, FIGURES
from services.fulfilment.rows import ParcelRow
from services.fulfilment.state import Booking, Ended, Failed, Shipment, Shipping
from tests.services.words import NOW, B, R, S, T

NAME: Final = "fulfilment"
SOON: Final = NOW + timedelta(hours=1)
Reader: TypeAlias = "asyncpg.Connection[Any]"
U: Final = TransactionId("U")
BOOKED: Final = ParcelRow(T, S, "Post", "SP-1", SOON)
SENT: Final = replace(BOOKED, dispatched_at=NOW)


@pytest.fixture(scope="module")
async def database(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Access:
    home = tmp_path_factory.mktemp(NAME)
    folder = folders()[NAME]
    made = await provision(postgres, {NAME: folder}, home, f"f{home.stat().st_ino % 10**9}_")
    await upgrade(made[NAME].owner_url, folder / "migrations", made[NAME].role)
    return made[NAME]


@pytest.fixture
async def reader(database: Access) -> AsyncGenerator[Reader]:
    connection = await asyncpg.connect(database.url)
    await connection.execute("WITH gone AS (DELETE FROM parcels) DELETE FROM agents")
    yield connection
    await connection.close()


async def keep(access: Access, *rows: ParcelRow, **agents: Shipment) -> None:
    store = PostgresStore(access.url)
    states = TypeAdapter[Shipment](Shipment)
    row = await store.claim(0)
    commit = Commit(
        moves=[Move(row, row._replace(next_offset=row.next_offset + 1))],
        agents=[StoredAgent(subject, states.dump_json(state)) for subject, state in agents.items()],
        puts={ParcelRow: {(row.transaction, row.seller): row for row in rows}},
    )
    try:
        await store.commit(commit)
    finally:
        await store.close()


async def counted(reader: Reader) -> dict[str, int]:
    return {check.name: count for check in CHECKS if (count := await reader.fetchval(check.sql))}


@pytest.mark.parametrize(
    "row",
    [
        replace(SENT, delivered_at=SOON, lost_at=SOON),
        replace(SENT, delivered_at=SOON, recalled_at=SOON),
        replace(SENT, lost_at=SOON, recalled_at=SOON),
        replace(SENT, delivered_at=NOW - timedelta(seconds=1)),
        replace(SENT, lost_at=NOW - timedelta(seconds=1)),
        replace(BOOKED, delivered_at=SOON),
        replace(BOOKED, lost_at=SOON),
        replace(BOOKED, late=True),
    ],
    ids=[
        "delivered and lost", "delivered and recalled", "lost and recalled", "delivered before it was dispatched",
        "lost before it was dispatched", "delivered and not dispatched", "lost and not dispatched",
        "late and not dispatched",
    ],
)  # fmt: skip
async def test_a_parcel_cannot_be(database: Access, row: ParcelRow) -> None:
    with pytest.raises(Refused):
        await keep(database, row)


async def test_a_sound_market_counts_nothing(database: Access, reader: Reader) -> None:
    arrived, lost = replace(SENT, delivered_at=SOON), replace(SENT, seller=R, late=True, lost_at=SOON)
    recalled = replace(BOOKED, transaction=U, recalled_at=SOON)
    await keep(database, arrived, lost, recalled, T=Ended((S,), (R,)), V=Failed((S,), "no"))
    assert await counted(reader) == {}
    assert {figure.name: dict(await reader.fetch(figure.sql)) for figure in FIGURES} == {
        "parcels by transaction": {T: 2, U: 1},
        "lost parcels by transaction": {T: 1},
    }


async def test_what_has_not_ended_is_counted(database: Access, reader: Reader) -> None:
    await keep(database, SENT, T=Shipping.of(B, "Post", ()), U=Booking(B, (S,)))
    assert await counted(reader) == {"shipments without an end": 2, "parcels without an end": 1}


async def test_what_does_not_agree_is_counted(database: Access, reader: Reader) -> None:
    arrived = replace(SENT, delivered_at=SOON)
    await keep(database, arrived, replace(arrived, transaction=U), T=Ended((), (S,)), U=Failed((S,), "no"))
    assert await counted(reader) == {
        "shipments that remember other parcels than their rows": 1,
        "parcels of orders that could not be shipped": 1,
    }


async def test_people_see_each_shipment_with_its_parcels(database: Access, reader: Reader) -> None:
    late = replace(SENT, seller=R, late=True, promised_at=SOON + timedelta(hours=1))
    await keep(database, replace(SENT, delivered_at=SOON), late, T=Shipping.of(B, "Post", ()), U=Failed((S,), "no"))
    shipments = {row["transaction"]: dict(row) for row in await reader.fetch("SELECT * FROM shipments")}
    nothing = dict.fromkeys(("parcels", "dispatched", "late", "delivered", "lost"), 0)
    assert shipments[T] == {
        **nothing, "transaction": T, "status": "shipping", "reason": None, "carrier": "Post", "parcels": 2,
        "dispatched": 2, "late": 1, "delivered": 1, "promised_at": SOON + timedelta(hours=1),
    }  # fmt: skip
    assert shipments[U] == {
        **nothing, "transaction": U, "status": "failed", "reason": "no", "carrier": None, "promised_at": None,
    }  # fmt: skip
    undelivered = await reader.fetch("SELECT seller, late FROM undelivered")
    assert [tuple(row) for row in undelivered] == [(SellerId("R"), True)]
