"""An event that breaks its contract is never said: its turn fails before the commit, and its agent is parked."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from agora.decision import Decision, Remind, become
from agora.service import Service
from tests.runtime.counting import UNLUCKY, Add, Counter, Rang, Totalled, counting, decide
from tests.runtime.desk import Office

SOUND = Totalled(counter="a", total=1)
BROKEN = {
    "a number as text": SOUND.model_copy(update={"total": "many"}),
    "nothing where a number belongs": SOUND.model_copy(update={"total": None}),
    "a field left out": Totalled.model_construct(counter="a"),
    "half a surrogate pair": SOUND.model_copy(update={"note": "\ud800"}),
}


def saying(decision: Decision[Counter]) -> Service:
    """The counter, which decides this when it hears of thirteen."""

    def deciding(state: Counter, event: Any, now: datetime) -> Decision[Counter]:
        return decision if isinstance(event, Add) and event.amount == UNLUCKY else decide(state, event, now)

    return replace(counting(), decide=deciding)


async def hear(office: Office, service: Service) -> None:
    await office.tell(
        *(Add(counter=counter, amount=amount) for counter, amount in (("a", 1), ("a", UNLUCKY), ("b", 2)))
    )
    desk = office.desk(service)
    await desk.hear(await office.records())
    await desk.relay()


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
async def test_a_broken_event_fails_its_turn_with_nothing_said_or_kept(office: Office, broken: Totalled) -> None:
    await hear(office, saying(become(Counter(total=99), SOUND, broken)))
    assert await office.totals() == [("a", 1), ("b", 2)]
    assert await office.parked() == [("a", UNLUCKY)]
    assert (await office.state("a"), await office.state("b")) == (
        {"total": 1, "turns": 1, "rang": 0},
        {"total": 2, "turns": 1, "rang": 0},
    )
    (error,) = await office.errors()
    assert "ContractBroken: Totalled.v1 breaks its contract" in error


async def test_a_broken_reminder_fails_its_turn_before_it_is_due(office: Office) -> None:
    broken = Rang.model_construct(counter="a", note=13)  # pyright: ignore[reportArgumentType]
    far = datetime(2100, 1, 1, tzinfo=UTC)
    await hear(office, saying(become(Counter(), reminders=(Remind("ring", far, broken),))))
    assert await office.parked() == [("a", UNLUCKY)]
    assert await office.fetch("SELECT count(*) FROM reminders") == [(0,)]
