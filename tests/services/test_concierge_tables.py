"""The concierge's tables hold what its decisions write, refuse what they never may, and its audit can tell."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from pydantic import TypeAdapter

from agora.discovery import folders
from agora.event import Event
from agora.migrations import upgrade
from agora.ports import Commit, Move, Refused, StoredAgent
from agora.postgres import PostgresStore
from agora.provision import Access, provision
from market.ids import BuyerId, TransactionId
from market.messages import ReviewLeft
from market.money import Money
from market.shipments import ParcelLate
from market.transactions import PaymentSucceeded
from services.concierge.audit import CHECKS, FIGURES
from services.concierge.decide import decide
from services.concierge.rows import Confirmation
from services.concierge.state import Buyer, Known, Stranger
from tests.services.words import NOW, B, C, S, T, written

STATES: TypeAdapter[Any] = TypeAdapter(Buyer)
SAID = Confirmation(T, B, "sorry", False, "SORRY-1", 5, 5, "GBP", NOW, NOW)  # noqa: FBT003 - a row, in its order
SOUND = {check.name: 0 for check in CHECKS}


def paid(transaction: str, buyer: BuyerId = B) -> PaymentSucceeded:
    total = Money(2_000, "GBP")
    return PaymentSucceeded(transaction=TransactionId(transaction), buyer=buyer, total=total, products=(), shares=())


def late(transaction: str) -> ParcelLate:
    return ParcelLate(transaction=TransactionId(transaction), buyer=B, seller=S, promised_at=NOW)


@dataclass(frozen=True, slots=True)
class Desk:
    """A concierge's database."""

    access: Access

    async def live(self, buyer: BuyerId, *events: Event) -> None:
        """Write what comes of a buyer's events."""
        state: Buyer = Stranger()
        for event in events:
            decision = decide(state, event, NOW)  # pyright: ignore[reportArgumentType] - a test may say anything
            state = decision.state or state
            await self.write(written(decision))
        await self.remember(buyer, state)

    async def remember(self, buyer: BuyerId, state: Buyer) -> None:
        await self.commit(Commit(agents=[StoredAgent(buyer, STATES.dump_json(state))]))

    async def write(self, rows: Iterable[Any]) -> None:
        await self.commit(Commit(appends={Confirmation: list(rows)}))

    async def commit(self, change: Commit) -> None:
        store = PostgresStore(self.access.url)
        row = await store.claim(0)
        try:
            await store.commit(replace(change, moves=[Move(row, row._replace(next_offset=row.next_offset + 1))]))
        finally:
            await store.close()

    async def audit(self) -> dict[str, int]:
        """Every check, and what it counts."""
        return {check.name: int((await self.read(check.sql))[0][0]) for check in CHECKS}

    async def read(self, query: str) -> list[Any]:
        connection = await asyncpg.connect(self.access.url)
        try:
            return await connection.fetch(query)
        finally:
            await connection.close()


@pytest.fixture
async def desk(postgres: str, tmp_path: Any, namespace: str) -> Desk:
    made = await provision(postgres, ["concierge"], tmp_path, namespace)
    access = made["concierge"]
    await upgrade(access.owner_url, folders()["concierge"] / "migrations", access.role)
    return Desk(access)


async def test_what_decisions_write_can_be_read_and_is_sound(desk: Desk) -> None:
    await desk.live(B, late("L"), paid("T-1"), ReviewLeft(buyer=B, transaction=T, rating=5, text="Tolle Tasse!"))
    await desk.live(C, paid("T-2", C), paid("T-3", C))
    assert await desk.audit() == SOUND
    assert [dict(await desk.read(figure.sql)) for figure in FIGURES] == [{B: 1, C: 2}]
    (voucher,) = await desk.read("SELECT * FROM vouchers")
    assert (voucher["buyer"], voucher["transaction"], voucher["voucher_minor"]) == (B, "T-1", 200)
    moods = await desk.read("SELECT buyer, paid, vouchers, goodwill_minor, waiting FROM moods ORDER BY buyer")
    assert [tuple(row) for row in moods] == [(B, 1, 1, 200, 0), (C, 2, 0, 0, 0)]
    moments = await desk.read("SELECT buyer, kind, at, points, rating, reading FROM moments ORDER BY kind")
    assert [tuple(row) for row in moments] == [
        (B, "late", NOW, -4_000, None, None),
        (B, "review", NOW, 4_000, 5, "language unknown"),
    ]


async def test_the_database_refuses_what_no_concierge_may_say(desk: Desk) -> None:
    for rows in (
        (SAID, SAID),
        (replace(SAID, voucher_minor=6),),
        (replace(SAID, voucher_minor=0),),
        (replace(SAID, voucher_code=None),),
        (replace(SAID, mandate_minor=None),),
        (replace(SAID, tone="furious"),),
    ):
        with pytest.raises(Refused):
            await desk.write(rows)
    await desk.write([SAID])


async def test_the_audit_finds_what_does_not_agree(desk: Desk) -> None:
    known = Known(NOW, paid=2, vouchers=1, goodwill_minor=5)
    twice = replace(SAID, transaction=TransactionId("U"), tone="warm", valid_until=NOW + timedelta(days=1))
    await desk.write([SAID, twice])
    await desk.remember(B, known)
    await desk.remember(C, Known(NOW, paid=1))
    assert await desk.audit() == {
        **SOUND,
        "buyers without exactly one confirmation for each payment": 1,
        "vouchers without an apology": 1,
        "voucher codes given twice": 1,
        "buyers whose vouchers are not what the concierge believes to have given": 1,
    }
