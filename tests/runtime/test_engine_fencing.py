"""Two processes believe to own one partition: only one of them ever changes anything."""

from random import Random

import pytest

from agora.ports import Fenced, Unavailable
from tests.runtime.counting import Add, RingAfter
from tests.runtime.desk import Office


async def test_of_two_owners_the_stale_one_is_fenced_and_nothing_is_doubled(office: Office) -> None:
    stale, current = office.desk(), office.desk()
    await stale.hear([])
    await office.tell(Add(counter="a", amount=1), Add(counter="b", amount=2))
    records = await office.records()
    await current.hear(records)
    with pytest.raises(Fenced):
        await stale.hear(records)
    for desk in (stale, current):
        await desk.relay()
    assert await office.totals() == [("a", 1), ("b", 2)]
    assert await office.fetch("SELECT counter, total FROM totals ORDER BY counter") == [("a", 1), ("b", 2)]


async def test_a_fenced_owner_that_takes_over_again_goes_on_from_what_was_committed(office: Office) -> None:
    first, second = office.desk(), office.desk()
    await second.hear([])
    for desk, other in ((first, second), (second, first), (first, second)):
        await office.tell(Add(counter="a", amount=1))
        await desk.hear(await office.records())
        with pytest.raises(Fenced):
            await other.hear(await office.records())
        assert other.engine.owned == frozenset()
        await office.tell(Add(counter="a", amount=10))
        await other.hear(await office.records())
    assert await office.state("a") == {"total": 33, "turns": 6, "rang": 0}
    await second.relay()
    assert [total for _, total in await office.totals()] == [1, 11, 12, 22, 23, 33]


async def test_a_stale_owner_fires_no_reminder(office: Office) -> None:
    stale, current = office.desk(), office.desk()
    await office.tell(RingAfter(counter="a", seconds=0))
    await stale.hear(await office.records())
    await office.tell(Add(counter="a", amount=1))
    await current.hear(await office.records())
    with pytest.raises(Fenced):
        await stale.engine.sweep()
    await current.relay()
    await current.relay()
    await current.hear(await office.records())
    assert (await office.state("a") or {})["rang"] == 1


@pytest.mark.parametrize("seed", range(3))
async def test_however_two_owners_interleave_every_event_counts_once(office: Office, seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - a seed is no secret
    desks = [office.desk(), office.desk()]
    heard = [0, 0]
    await office.tell(*(Add(counter=chance.choice("abc"), amount=1) for _ in range(120)))
    records = await office.records()
    while min(heard) < len(records):
        which = chance.randrange(2)
        batch = records[heard[which] : heard[which] + chance.randint(1, 10)]
        try:
            await desks[which].hear(batch)
            heard[which] += len(batch)
            if chance.random() < 0.5:
                await desks[which].engine.relay.step()
        except (Fenced, Unavailable):
            heard[which] = chance.randint(0, heard[which])
    for desk in desks:
        await desk.hear(records)
        await desk.relay()
    assert sum(total for (total,) in await office.fetch("SELECT total FROM totals")) == 120
    totals = await office.totals()
    assert len(totals) == 120
    for counter in "abc":
        mine = [total for name, total in totals if name == counter]
        assert mine == list(range(1, len(mine) + 1))
