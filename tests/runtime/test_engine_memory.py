"""What a process keeps in memory may be lost at any time: reminders, agents and places are in the store."""

import asyncio

import pytest

from agora.partition import HistoryLost
from tests.runtime.counting import Add, Clear, RingAfter, Totalled
from tests.runtime.desk import Desk, Office

SOON = 0.3
SECONDS_MAX = 10


async def heard_until_it_rang(office: Office, desk: Desk, counter: str) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while (await office.state(counter) or {}).get("rang") != 1:
            await asyncio.sleep(min(await desk.engine.sweep(), 0.05))
            await desk.relay()
            await desk.hear(await office.records())


async def test_a_reminder_rings_although_the_process_that_set_it_is_gone(office: Office) -> None:
    await office.tell(RingAfter(counter="a", seconds=SOON, note="wake up"))
    await office.desk().hear(await office.records())
    heir = office.desk()
    await heir.hear([])
    await heir_is_early(office, heir)
    await heard_until_it_rang(office, heir, "a")
    await heir.relay()
    assert [event.note for event in await office.said(Totalled, "totals")] == ["wake up"]
    assert await office.fetch("SELECT count(*) FROM reminders") == [(0,)]
    assert len(await office.records()) == 2


async def heir_is_early(office: Office, heir: Desk) -> None:
    await heir.engine.sweep()
    assert await office.fetch("SELECT count(*) FROM reminders") == [(1,)]


async def test_a_reminder_that_was_fired_and_not_published_rings_once(office: Office) -> None:
    await office.tell(RingAfter(counter="a", seconds=0))
    first = office.desk()
    await first.hear(await office.records())
    await first.engine.sweep()
    assert await office.fetch("SELECT count(*) FROM reminders") == [(0,)]
    heir = office.desk()
    await heir.hear([])
    await heard_until_it_rang(office, heir, "a")
    assert await office.state("a") == {"total": 0, "turns": 2, "rang": 1}


async def test_a_reminder_belongs_to_the_story_of_the_event_that_set_it(office: Office) -> None:
    await office.tell(RingAfter(counter="a", seconds=0))
    desk = office.desk()
    await desk.hear(await office.records())
    await heard_until_it_rang(office, desk, "a")
    rang = (await office.records())[1]
    assert b'"correlationid":"story"' in (rang.value or b"")
    assert b'"causationid":"test-0/1"' in (rang.value or b"")


async def test_agents_that_leave_memory_lose_nothing(office: Office) -> None:
    desk = office.desk(agents_per_partition_max=4)
    counters = [f"c{number}" for number in range(40)]
    for _ in range(3):
        await office.tell(*(Add(counter=counter, amount=1) for counter in counters))
    records = await office.records()
    for start in range(0, len(records), 7):
        await desk.hear(records[start : start + 7])
    assert len(desk.engine._owned[0].agents) <= 4  # pyright: ignore[reportPrivateUsage]
    totals = await office.fetch("SELECT DISTINCT total FROM totals")
    assert (totals, await office.fetch("SELECT count(*) FROM totals")) == ([(3,)], [(40,)])


async def test_a_poll_of_many_agents_in_a_small_memory_is_taken_at_once(office: Office) -> None:
    desk = office.desk(agents_per_partition_max=4)
    await office.tell(*(Add(counter=f"c{number % 50}", amount=1) for number in range(150)))
    await desk.hear(await office.records())
    assert await office.fetch("SELECT DISTINCT total FROM totals") == [(3,)]


async def test_a_poll_larger_than_a_commit_is_taken_in_several(office: Office) -> None:
    desk = office.desk(turns_per_commit_max=7)
    await office.tell(*(Add(counter="a", amount=1) for _ in range(30)))
    await desk.hear(await office.records())
    assert await office.state("a") == {"total": 30, "turns": 30, "rang": 0}


async def test_a_log_that_begins_above_what_was_heard_stops_the_service_loudly(office: Office) -> None:
    await office.tell(*(Add(counter="a", amount=1) for _ in range(5)))
    records = await office.records()
    await office.desk().hear(records[:2])
    heir = office.desk()
    with pytest.raises(HistoryLost, match=r"counter: partition 0 of stream 'counters' goes on at offset 3, but 2 is"):
        await heir.hear(records[3:])
    assert await office.state("a") == {"total": 2, "turns": 2, "rang": 0}
    await heir.hear(records)
    assert await office.state("a") == {"total": 5, "turns": 5, "rang": 0}


async def test_rows_put_and_removed_in_one_commit_end_as_the_last_word_says(office: Office) -> None:
    desk = office.desk()
    await office.tell(Add(counter="a", amount=1), Clear(counter="a"), Add(counter="b", amount=1), Clear(counter="b"))
    await office.tell(Add(counter="b", amount=1))
    await desk.hear(await office.records())
    assert await office.fetch("SELECT counter, total FROM totals") == [("b", 2)]
