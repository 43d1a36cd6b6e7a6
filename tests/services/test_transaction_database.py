"""The transaction service's database: brought up from the release before, and what it shows of every end."""

import shutil
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from pydantic import TypeAdapter

from agora import discovery
from agora.event import Event
from agora.migrations import upgrade
from agora.provision import Access, provision
from agora.rows import values_of
from market.ids import TransactionId
from services.transaction.audit import CHECKS, FIGURES
from services.transaction.decide import decide
from services.transaction.rows import LedgerEntry
from services.transaction.state import Opened, Order, Transaction
from tests.services.deal import (
    CLEAR,
    DELIVERED,
    FAILED,
    FLAGGED,
    FUNDS_HELD,
    LOST,
    ORDER,
    P_RESERVED,
    Q_REFUSED,
    Q_RESERVED,
    REJECT,
    partly,
)
from tests.services.words import NOW, P, Q, R, written

NAME: Final = "transaction"
MIGRATIONS: Final = discovery.folders()[NAME] / "migrations"
PAID: Final = (P_RESERVED, Q_RESERVED, FUNDS_HELD)
STORIES: Final[dict[str, tuple[Event, ...]]] = {
    "settled": (*PAID, DELIVERED),
    "partly": (*PAID, partly(R)),
    "lost": (*PAID, FLAGGED, LOST, CLEAR),
    "failed": (*PAID, FAILED),
    "called-back": (*PAID, FLAGGED, REJECT),
    "rejected-late": (*PAID, FLAGGED, partly(R), REJECT),
    "cancelled": (Q_REFUSED,),
}
"""Every way an order can end: ``S`` has sold three of ``P`` for 280, ``R`` one ``Q`` for 333."""
OPEN: Final[dict[str, tuple[Event, ...]]] = {"paid": PAID, "held": (*PAID, FLAGGED, partly(R))}


@pytest.fixture
async def access(postgres: str, namespace: str, tmp_path: Path) -> AsyncGenerator[Access]:
    """The service's database as the release before left it."""
    made = (await provision(postgres, [NAME], tmp_path, namespace))[NAME]
    before = tmp_path / "migrations"
    before.mkdir()
    shutil.copy(MIGRATIONS / "0001_transactions.py", before)
    await upgrade(made.owner_url, before, made.role)
    yield made
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"DROP DATABASE {made.database} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def owner(access: Access) -> AsyncGenerator[Any]:
    connection = await asyncpg.connect(access.owner_url)
    yield connection
    await connection.close()


async def write(connection: Any, stories: dict[str, tuple[Event, ...]]) -> None:
    """Write down each of these orders as the service would, under the story's name."""
    for name, events in stories.items():
        order = replace(ORDER, transaction=TransactionId(name))
        state: Transaction = Opened(order, (P, Q))
        for event in events:
            decision = decide(state, event, NOW)  # pyright: ignore[reportArgumentType] - a story may hold anything
            state = decision.state or state
            rows = [values_of(LedgerEntry)(row) for row in written(decision)]
            await post(connection, rows)
        stored = TypeAdapter[Transaction](Transaction).dump_json(state).decode()
        await connection.execute("INSERT INTO agents VALUES ($1, $2)", name, stored)


async def post(connection: Any, rows: list[tuple[Any, ...]]) -> None:
    """In one statement, as a posting is written."""
    await connection.copy_records_to_table("ledger", records=rows)


async def counted(connection: Any) -> dict[str, int]:
    return {check.name: await connection.fetchval(check.sql) for check in CHECKS}


async def figures(connection: Any) -> dict[str, dict[str, int]]:
    return {figure.name: dict(await connection.fetch(figure.sql)) for figure in FIGURES}


async def test_a_database_of_the_release_before_keeps_its_orders_and_loses_its_parcels(
    access: Access, owner: Any
) -> None:
    order = TypeAdapter(Order).dump_json(ORDER).decode()
    rest = '"paid_at": "2030-01-01", "parcels": {"S": "2030-01-01"}, "status": "dispatched"'
    await owner.execute("INSERT INTO agents VALUES ('T', $1)", f'{{"order": {order}, {rest}}}')
    await owner.execute("INSERT INTO shipments VALUES ('T', 'S', now())")
    await owner.execute("INSERT INTO reminders VALUES ('T', 'delivery', 0, now(), 'DeliveryDue.v1', '{}', '', '', '')")
    assert await upgrade(access.owner_url, MIGRATIONS, access.role) == "0002"
    assert await owner.fetchval("SELECT to_regclass('shipments')") is None
    assert await owner.fetchval("SELECT count(*) FROM reminders") == 0
    shown = await owner.fetchrow("SELECT status, held, shipment, refunded_minor FROM orders")
    assert tuple(shown) == ("paid", False, None, 0)
    assert (await figures(owner))["unsettled amount by seller"] == {"S": 280, "R": 333}


async def test_every_end_of_an_order_is_sound_and_counted_as_it_was_told(access: Access, owner: Any) -> None:
    await upgrade(access.owner_url, MIGRATIONS, access.role)
    await write(owner, STORIES)
    assert not any((await counted(owner)).values())
    assert await figures(owner) == {
        "units paid by product": {P: 3 + 3 + 3, Q: 1 + 1 + 1 + 1},  # but what failed, was called back or rejected
        "captured by buyer": {"B": 613 + 280},
        "payout by seller": {"S": 266 + 266, "R": 317},
        "fees": {"fees": 30 + 14},
        "paid orders by buyer": {"B": 6},
        "settled orders by buyer": {"B": 2},
        "refunded orders by buyer": {"B": 4},
        "cancelled orders by buyer": {"B": 1},
        "unsettled amount by seller": {},
        "parcels by transaction": {"settled": 2, "partly": 2, "lost": 2, "rejected-late": 2},
        "lost parcels by transaction": {"partly": 1, "lost": 2, "rejected-late": 1},
    }
    shown = await owner.fetch("SELECT transaction, status, shipment, refunded_minor FROM orders ORDER BY transaction")
    assert [tuple(order) for order in shown] == [
        ("called-back", "refunded", None, 613),
        ("cancelled", "cancelled", None, 0),
        ("failed", "refunded", "unshipped", 613),
        ("lost", "refunded", "carried", 613),
        ("partly", "settled", "carried", 333),
        ("rejected-late", "refunded", "carried", 613),
        ("settled", "settled", "carried", 0),
    ]
    refunds = dict(await owner.fetch("SELECT transaction, amount_minor FROM refunds"))
    assert refunds == {"called-back": 613, "failed": 613, "lost": 613, "partly": 333, "rejected-late": 613}


async def test_what_is_paid_or_held_has_not_ended(access: Access, owner: Any) -> None:
    await upgrade(access.owner_url, MIGRATIONS, access.role)
    await write(owner, OPEN)
    found = await counted(owner)
    assert {check for check, count in found.items() if count == 2} == {
        "transactions without a final outcome", "transactions whose money is still in escrow"
    }  # fmt: skip
    assert (await figures(owner))["unsettled amount by seller"] == {"S": 2 * 280, "R": 2 * 333}
    held = await owner.fetchrow("SELECT transaction, held_at, score, shipment FROM orders WHERE held")
    assert tuple(held) == ("held", NOW, 80, "carried")


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        (
            "transactions refunded more than was paid",
            "UPDATE ledger SET amount_minor = 2 * amount_minor WHERE posting = 'refunded' AND transaction = 'lost'",
        ),
        (
            "refunded transactions not refunded in full",
            "DELETE FROM ledger WHERE posting = 'refunded' AND transaction = 'failed'",
        ),
        (
            "settled transactions refunded other than the shares of their lost parcels",
            "UPDATE ledger SET amount_minor = amount_minor / 2 WHERE posting = 'refunded' AND transaction = 'partly'",
        ),
        (
            "settled transactions refunded other than the shares of their lost parcels",
            "UPDATE agents SET state = jsonb_set(state, '{ended,lost}', '[\"S\"]') WHERE subject = 'partly'",
        ),
    ],
)
async def test_a_wrong_refund_is_found(access: Access, owner: Any, check: str, fault: str) -> None:
    await upgrade(access.owner_url, MIGRATIONS, access.role)
    await write(owner, STORIES)
    await owner.execute(fault)
    assert (await counted(owner))[check] == 1


async def test_the_ledger_takes_balanced_refunds_alone(access: Access, owner: Any) -> None:
    await upgrade(access.owner_url, MIGRATIONS, access.role)
    escrow, buyer = ("T", "refunded", 0, "escrow", -5, "GBP", NOW), ("T", "refunded", 1, "buyer:B", 5, "GBP", NOW)
    with pytest.raises(asyncpg.CheckViolationError, match="sum to zero"):
        await post(owner, [escrow])
    with pytest.raises(asyncpg.CheckViolationError, match="ledger_posting_check"):
        await post(owner, [("T", "given", 0, "escrow", 0, "GBP", NOW)])
    await post(owner, [escrow, buyer])
    assert await owner.fetchval("SELECT sum(amount_minor) FROM ledger") == 0
