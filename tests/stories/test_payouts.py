"""A flagged payment waits for a reviewer; what is rejected is undone everywhere."""

import pytest

from agora.world import World
from market.ids import TransactionId
from market.shipments import ShipmentRecalled
from market.streams import BUYERS, SHIPMENTS, TRANSACTIONS
from market.transactions import (
    ClearPayout,
    PaymentSucceeded,
    PayoutHeld,
    PayoutRejected,
    RejectPayout,
    TransactionRefunded,
    VerdictRefused,
)
from services.seller.rows import OpenOrder
from tests.stories.sums import add_up, business, sales
from tests.stories.test_faults import STORM
from tests.stories.town import LOADED, ended, flagging, heard, line, order, town, until_idle

T = TransactionId("T")
CLEAR = ClearPayout(transaction=T, reviewer="ada")
REJECT = RejectPayout(transaction=T, reviewer="ada", reason="not the buyer")
UNTOUCHED = dict.fromkeys("PQX", (LOADED, 0, 0))
SUSPICIOUS = flagging(from_score=0)


async def held(*, arrived: bool, seed: int = 0) -> World:
    """An order of 500 pence that is paid and flagged; its parcels have arrived or are still being packed."""
    world = await town(seed, None, SUSPICIOUS)
    if not arrived:
        world.away = {"seller"}
    world.tell(order("T", line("P", 2), line("X", 3)))
    await world.run()
    assert business(world)["orders"] == {"T": ("held", "")}
    assert [event.buyer for event in heard(world, TRANSACTIONS, PayoutHeld)] == ["B"]
    return world


def dashboards(world: World) -> list[tuple[str, str]]:
    rows = world.houses["seller"].store.tables.get(OpenOrder, {})
    return sorted((row.seller, row.transaction) for row in rows.values() if isinstance(row, OpenOrder))


async def test_a_held_payout_waits_however_long_and_stays_on_the_dashboards() -> None:
    world = await held(arrived=True)
    assert dashboards(world) == [("R", "T"), ("S", "T")]
    assert sales(world) == []
    world.tell(CLEAR)
    await ended(world)
    await add_up(world)
    assert business(world)["orders"] == {"T": ("settled", "")}
    assert business(world)["sales"] == [("R", "T", 285, 15), ("S", "T", 190, 10)]


@pytest.mark.parametrize("arrived", [False, True])
async def test_a_rejected_payment_is_refunded_restocked_and_off_every_dashboard(*, arrived: bool) -> None:
    world = await held(arrived=arrived)
    world.tell(REJECT)
    await world.run()
    world.away = set()
    await ended(world)
    await add_up(world)
    found = business(world)
    assert found["orders"] == {"T": ("refunded", "not the buyer")}
    assert found["buyers"] == {"B": (0, 1, 0)}
    assert found["products"] == UNTOUCHED
    assert (found["sales"], dashboards(world)) == ([], [])
    assert found["ledger"] == [
        ("T", "captured", "buyer:B", -500),
        ("T", "captured", "escrow", 500),
        ("T", "refunded", "buyer:B", 500),
        ("T", "refunded", "escrow", -500),
    ]
    assert len(heard(world, SHIPMENTS, ShipmentRecalled)) == (0 if arrived else 1)
    assert [event.reviewer for event in heard(world, BUYERS, PayoutRejected)] == ["ada"]


async def test_a_verdict_is_spoken_once() -> None:
    world = await held(arrived=True)
    world.tell(REJECT, CLEAR, REJECT)
    await ended(world)
    await add_up(world)
    reasons = [event.reason for event in heard(world, TRANSACTIONS, VerdictRefused)]
    assert reasons == ["already refunded", "already refunded"]
    assert len(heard(world, TRANSACTIONS, TransactionRefunded)) == 1


async def test_nobody_can_reject_what_is_not_held() -> None:
    world = await town()
    world.tell(REJECT)
    await world.run()
    world.tell(order("T", line("P")))
    await world.run()
    world.tell(REJECT)
    await ended(world)
    await add_up(world)
    reasons = [event.reason for event in heard(world, TRANSACTIONS, VerdictRefused)]
    assert reasons == ["unknown transaction", "already settled"]


async def test_what_was_rejected_can_be_sold_again_and_its_money_spent_again() -> None:
    world = await town(0, None, SUSPICIOUS)
    world.tell(order("T", line("P", LOADED)))
    await world.run()
    world.tell(REJECT)
    await world.run()
    world.tell(order("U", line("P", LOADED)))
    await world.run()
    world.tell(ClearPayout(transaction=TransactionId("U"), reviewer="ada"))
    await ended(world)
    await add_up(world)
    assert business(world)["orders"] == {"T": ("refunded", "not the buyer"), "U": ("settled", "")}
    assert business(world)["products"]["P"] == (0, 0, LOADED)


@pytest.mark.parametrize("seed", range(20))
async def test_verdicts_add_up_through_any_storm(seed: int) -> None:
    """Half of the payments are rejected, the others cleared, whenever their parcels arrive."""
    world = await town(seed, STORM, SUSPICIOUS)
    names = [TransactionId(f"T{number}") for number in range(6)]
    world.tell(*(order(name, line("P"), line("X")) for name in names))
    while len({event.transaction for event in heard(world, TRANSACTIONS, PaymentSucceeded)}) < len(names):
        await until_idle(world)
    for place, name in enumerate(names):
        verdict = RejectPayout if place % 2 else ClearPayout
        words = {"reason": "not the buyer"} if place % 2 else {}
        world.tell(verdict.model_validate({"transaction": name, "reviewer": "ada", **words}))
    await ended(world)
    await clear_the_rest(world)
    await add_up(world)
    outcomes = business(world)["orders"]
    assert {status for status, _ in outcomes.values()} <= {"settled", "refunded"}
    assert "refunded" in {status for status, _ in outcomes.values()}


async def clear_the_rest(world: World) -> None:
    """A verdict may come before the flag it is about, and is refused."""
    for name, (status, _) in business(world)["orders"].items():
        if status == "held":
            world.tell(ClearPayout(transaction=name, reviewer="ada"))
    await ended(world)
