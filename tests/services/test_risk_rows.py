"""The risk service's tables in a real database: what its audit finds, what its views show, what is refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import TypeAdapter

from agora.decision import Append
from agora.discovery import folders
from agora.migrations import upgrade
from agora.ports import Commit, Move, Refused, StoredAgent
from agora.postgres import PostgresStore
from agora.provision import Access, provision
from market.ids import BuyerId, TransactionId
from services.risk.audit import CHECKS, FIGURES
from services.risk.decide import Policy, decide
from services.risk.rows import ScoredPayment
from services.risk.state import Buyer, Registered
from tests.services.risk_words import asked, granted, ordered, paid
from tests.services.words import NOW, B

STATES = TypeAdapter[Buyer](Buyer)
SCORED = ScoredPayment(
    TransactionId("X"), BuyerId("X"), 1, "GBP", 50, 50, flagged=True, reasons="any 50", paid_at=NOW, scored_at=NOW
)


@pytest.fixture
async def access(postgres: str, tmp_path: Path, namespace: str) -> Access:
    """A database of the risk service's own."""
    home = folders()["risk"]
    made = await provision(postgres, {"risk": home}, tmp_path, namespace)
    await upgrade(made["risk"].owner_url, home / "migrations", made["risk"].role)
    return made["risk"]


async def commit(access: Access, change: Commit) -> None:
    store = PostgresStore(access.url)
    row = await store.claim(0)
    try:
        await store.commit(replace(change, moves=[Move(row, row._replace(next_offset=row.next_offset + 1))]))
    finally:
        await store.close()


def two_payments() -> Commit:
    """``B`` has paid twice; the second payment, at a seller it does not know, was flagged by a strict house."""
    state: Buyer = Registered(None)
    rows: list[Any] = []
    first = ordered("first", ago=timedelta(days=1)), paid("first", 4_000)
    for event in (asked(), granted(), *first, ordered(), paid(amount=10_000, seller="Z")):
        decision = decide(state, event, NOW, Policy(10))  # pyright: ignore[reportArgumentType] - one that it hears
        state = decision.state or state
        rows += [change.row for change in decision.rows if isinstance(change, Append)]
    return Commit(agents=[StoredAgent(B, STATES.dump_json(state))], appends={ScoredPayment: rows})


async def test_the_audit_finds_nothing_in_what_was_decided_and_people_can_read_it(access: Access) -> None:
    await commit(access, two_payments())
    connection = await asyncpg.connect(access.url)
    try:
        assert {check.name: await connection.fetchval(check.sql) for check in CHECKS} == {c.name: 0 for c in CHECKS}
        figures = {
            figure.name: {str(row[0]): int(row[1]) for row in await connection.fetch(figure.sql)} for figure in FIGURES
        }
        assert figures == {
            "scored payments by buyer": {"B": 2},
            "flagged by transaction": {"T": 1},
            "score by transaction": {"first": 0, "T": 10},
        }
        (flagged,) = await connection.fetch("SELECT * FROM flagged_payments")
        assert (flagged["transaction"], flagged["reasons"]) == ("T", "no seller known 10")
        (scores,) = await connection.fetch("SELECT * FROM buyer_scores")
        assert tuple(scores) == ("B", 2, 1, 10, NOW)
        (watched,) = await connection.fetch("SELECT * FROM watched_buyers")
        assert (watched["spent_minor"], watched["ordinary"], watched["mean_minor"]) == (14_000, 1, 4_000)
        assert (watched["under_review"], watched["rejected"]) == (1, 0)
    finally:
        await connection.close()


async def test_the_audit_notices_a_buyer_who_knows_of_a_payment_that_was_not_scored(access: Access) -> None:
    await commit(access, replace(two_payments(), appends={}))
    connection = await asyncpg.connect(access.url)
    try:
        violations = [check.name for check in CHECKS if await connection.fetchval(check.sql)]
        assert violations == ["buyers who know of more payments than were scored"]
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "rows",
    [
        [replace(SCORED, score=101)],
        [replace(SCORED, score=-1, flagged=False)],
        [replace(SCORED, flagged=False)],
        [replace(SCORED, score=49)],
        [SCORED, SCORED],
    ],
    ids=["too high", "below nothing", "not flagged", "flagged below the threshold", "twice"],
)
async def test_the_database_refuses_a_score_that_cannot_be(access: Access, rows: list[ScoredPayment]) -> None:
    with pytest.raises(Refused):
        await commit(access, Commit(appends={ScoredPayment: list(rows)}))
    await commit(access, Commit(appends={ScoredPayment: [SCORED]}))


async def test_a_payment_as_old_as_time_is_written_down(access: Access) -> None:
    oldest = decide(Registered(None), ordered(ago=NOW - datetime(1, 1, 1, tzinfo=UTC)), NOW).state
    assert oldest is not None
    decision = decide(oldest, paid(), NOW)
    rows = [change.row for change in decision.rows if isinstance(change, Append)]
    await commit(access, Commit(appends={ScoredPayment: rows}))
    assert [row.paid_at.year for row in rows if isinstance(row, ScoredPayment)] == [1970]
