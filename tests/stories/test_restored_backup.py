"""A service's database is lost in the middle of trading, and an older one is put back: a backup."""

from collections.abc import Awaitable, Callable
from copy import deepcopy
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from agora.discovery import service
from agora.envelope import read_envelope
from agora.ingress import Answer
from agora.memory import MemoryStore
from agora.promise import Promises
from agora.recover import Recovered, Recovery
from agora.requests import KEY_REUSED
from agora.said import TooMuchSaid
from agora.service import Service
from agora.world import Crash, World
from market.ids import ProductId, SellerId
from market.sellers import ChangePrice
from tests.stories.sums import add_up, business
from tests.stories.test_door import Door
from tests.stories.town import DECLINED, LOADED, ended, into_cart, line, order, town, until_idle

SERVICES = ["transaction", "product", "fulfilment", "buyer", "seller", "risk", "concierge"]
SEEDS = range(4)
FORGETFUL_SEEDS = range(8)

Restart = Callable[[World, str, MemoryStore], Awaitable[Recovered | None]]


async def restored(world: World, name: str, backup: MemoryStore) -> Recovered:
    """The service is down; its database is the backup again, and is brought up to the log before it starts."""
    put_back(world, name, backup)
    done = await recovered(world, world.houses[name].service, backup)
    world.houses[name].start()
    return done


async def restarted(world: World, name: str, backup: MemoryStore) -> None:
    """The same, but nobody thinks of bringing it up to the log."""
    put_back(world, name, backup)


def put_back(world: World, name: str, backup: MemoryStore) -> None:
    house, rows = world.houses[name], backup.partitions
    house.store = backup
    house.read = [rows[number].next_offset if number in rows else 0 for number in range(world.log.partitions)]
    house.start()


async def recovered(world: World, of: Service, store: MemoryStore) -> Recovered:
    """What ``agora recover`` does, on the ports in memory."""
    recovery = Recovery(of, store, world.log, world.clock, Promises())
    starts = await recovery.begin([0] if of.ingress else range(world.log.partitions))
    recall(world, recovery)
    if not of.ingress:
        for number, start in starts.items():
            await recovery.take(world.log.stream(of.stream.name)[number][start:])
    return await recovery.end()


def recall(world: World, recovery: Recovery) -> None:
    for stream in world.log.names():
        for records in world.log.stream(stream):
            for record in records:
                recovery.recall(stream, record)


def copy_of(store: MemoryStore) -> MemoryStore:
    """A consistent copy, as every way to back PostgreSQL up makes one."""
    return deepcopy(store, {id(store.step): store.step, id(store.refuse): store.refuse})


async def until_a_backup(seed: int) -> World:
    """Orders of every kind are on their way, and none of them has come far."""
    world = await town(seed)
    world.tell(*(order(f"A{number}", line("P"), line("X")) for number in range(3)))
    world.tell(into_cart("Q"), order("declined", line("P"), payment=DECLINED))
    for _ in range(seed % 4 + 1):
        await a_little(world)
    return world


async def a_little(world: World) -> None:
    """Everyone reads a little of what there is, in an order of chance."""
    houses = list(world.houses.values())
    world.chance.shuffle(houses)
    for house in houses:
        for number in house.pending():
            await house.deliver(number, world.chance.randint(1, 4))
        await house.engine.own(range(world.log.partitions))
        await house.engine.sweep()
        await house.perform()
        while house.engine.relay.rows:
            await house.engine.relay.step()


async def trade_on(world: World, seed: int) -> None:
    """With an odd seed until reminders have fallen due and carriers were called; else somewhere on the way."""
    world.tell(*(order(f"B{number}", line("P"), line("Q")) for number in range(2)))
    world.tell(order("too many", line("X", LOADED + 1)), order("cart"))
    world.tell(ChangePrice(seller=SellerId("S"), product=ProductId("Q"), price_minor=110))
    if seed % 2:
        await world.run(patience=timedelta(seconds=20))
    else:
        await a_little(world)
        await a_little(world)


async def market_of_one_day(name: str, seed: int, how: Restart | None) -> World:
    """With ``how``, a service loses its database on the way."""
    world = await until_a_backup(seed)
    backup = copy_of(world.houses[name].store)
    await trade_on(world, seed)
    if how:
        await how(world, name, backup)
    world.tell(*(order(f"C{number}", line("P"), line("X")) for number in range(2)))
    world.tell(order("declined too", line("P"), payment=DECLINED))
    return await ended(world)


@cache
def _endings() -> dict[int, dict[str, Any]]:
    return {}


async def never_lost(seed: int) -> dict[str, Any]:
    """How the same day ends where nothing is lost."""
    if seed not in _endings():
        _endings()[seed] = business(await market_of_one_day("product", seed, None))
    return _endings()[seed]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SERVICES)
async def test_a_restored_service_ends_as_if_it_had_never_been_lost(name: str, seed: int) -> None:
    world = await market_of_one_day(name, seed, restored)
    await add_up(world)
    assert business(world) == await never_lost(seed)


async def test_a_service_that_goes_on_from_a_backup_as_it_is_may_not_be_heard_or_be_heard_twice() -> None:
    """Why there is a recovery: reminders and outcomes come at other moments than before, so the numbers are others."""
    faults = 0
    for seed in FORGETFUL_SEEDS:
        world = await market_of_one_day("fulfilment", seed, restarted)
        try:
            await add_up(world)
        except AssertionError:
            faults += 1
    assert faults > 0


@pytest.mark.parametrize("name", SERVICES)
async def test_a_recovered_database_is_the_lost_one_and_nothing_is_said_twice(name: str) -> None:
    """Parcels were on their way; then time passed, reminders fell due, and carriers were called."""
    world = await town()
    world.tell(*(order(f"A{number}", line("P"), line("X")) for number in range(3)))
    await until_idle(world)
    lost = world.houses[name].store
    backup = copy_of(lost)
    world.tell(order("B", line("P"), line("Q")), order("declined", line("P"), payment=DECLINED))
    await world.run()
    said = count_of_records(world)
    done = await restored(world, name, backup)
    assert kept(backup) == kept(lost)
    assert (done.said_now, count_of_records(world)) == (0, said)
    assert done.in_the_log > 0
    if name == "fulfilment":
        assert done.reminders > 0
        assert done.activities > 0


def kept(store: MemoryStore) -> list[object]:
    """All that decides how a service goes on."""
    rows = {
        number: (row.next_offset, row.sequence, row.published, row.heard) for number, row in store.partitions.items()
    }
    appended = {table: sorted(map(repr, rows)) for table, rows in store.appended.items()}
    return [rows, store.agents, store.reminders, store.asking, store.waiting, store.tables, appended]


def count_of_records(world: World) -> int:
    return sum(len(records) for stream in world.log.names() for records in world.log.stream(stream))


async def test_what_was_committed_and_never_published_is_said_after_all() -> None:
    world = await until_a_backup(0)
    house = world.houses["product"]
    backup = copy_of(house.store)
    world.tell(order("B", line("P"), line("Q")))
    world.away.add("product")
    await until_idle(world)
    world.away.clear()
    for number in house.pending():
        await house.deliver(number, 100)
    assert house.engine.relay.rows  # they are lost with the database
    done = await restored(world, "product", backup)
    assert done.said_now > 0
    await add_up(await ended(world))


@pytest.mark.parametrize("name", ["transaction", "fulfilment"])
async def test_a_recovery_may_be_broken_off_anywhere_and_begun_again(name: str) -> None:
    seed, step, whole = 1, 0, False
    while not whole:
        step += 1
        world = await until_a_backup(seed)
        backup = copy_of(world.houses[name].store)
        await trade_on(world, seed)
        put_back(world, name, backup)
        left = iter(range(step))

        def breaks(at: str, left: Any = left) -> None:
            if next(left, None) is None:
                raise Crash(at)

        world.breaks = breaks
        try:
            await recovered(world, world.houses[name].service, backup)
            whole = True
        except Crash:
            world.breaks = None
            await restored(world, name, backup)
        world.breaks = None
        world.houses[name].start()
        world.tell(*(order(f"C{number}", line("P"), line("X")) for number in range(2)))
        world.tell(order("declined too", line("P"), payment=DECLINED))
        await add_up(await ended(world))
        assert business(world) == await never_lost(seed)
    assert step > 5


async def test_what_is_said_at_an_unrecovered_door_is_heard_by_nobody() -> None:
    """Why a door that was restored does not open: its next numbers have been heard already."""
    world, door, backup = await door_with_a_backup()
    door.store = backup
    door.open()
    assert await door.ingress.ask("new", order("N", line("Q"))) == Answer("new", None)
    await door.carry()
    await ended(world)
    assert "N" not in business(world)["orders"]


async def test_a_recovered_door_is_heard_and_knows_the_keys_of_what_is_in_the_log() -> None:
    world, door, backup = await door_with_a_backup()
    await door.ingress.ask("lost", order("L", line("Q")))  # accepted, and lost with the database
    door.store = backup
    done = await recovered(world, service("gateway"), backup)
    assert done.keys == 2
    door.open()
    assert await door.ingress.ask("after", order("A", line("P"))) == Answer("after", None)
    assert await door.ingress.ask("after", order("Z", line("P"))) == Answer("after", KEY_REUSED)
    assert await door.ingress.ask("lost", order("L", line("Q"))) == Answer("lost", None)
    assert await door.ingress.ask("new", order("N", line("Q"))) == Answer("new", None)
    await door.carry()
    await ended(world)
    await add_up(world)
    assert set(business(world)["orders"]) == {"B", "A", "A2", "L", "N"}
    causes = [envelope.causationid for envelope in commands(world)]
    assert len(causes) == len(set(causes))


async def door_with_a_backup() -> tuple[World, Door, MemoryStore]:
    """One request before the backup, two after it; all are in the log, and traded."""
    world = await town()
    door = Door(world)
    await door.ingress.ask("before", order("B", line("P")))
    await door.carry()
    backup = copy_of(door.store)
    await door.ingress.ask("after", order("A", line("P")))
    await door.ingress.ask("after too", order("A2", line("P")))
    await door.carry()
    await ended(world)
    return world, door, backup


def commands(world: World) -> list[Any]:
    records = [record for records in world.log.stream("buyers") for record in records]
    said = {(one.source, one.id): one for one in (read_envelope(record.value or b"") for record in records)}
    return [one for one in said.values() if one.source == "gateway-0"]


async def test_more_than_can_be_remembered_is_refused() -> None:
    world = await until_a_backup(1)
    backup = copy_of(world.houses["product"].store)
    await trade_on(world, 1)
    kind = world.houses["product"].service
    recovery = Recovery(kind, backup, world.log, world.clock, Promises(), said_events_max=3)
    await recovery.begin(range(world.log.partitions))
    with pytest.raises(TooMuchSaid):
        recall(world, recovery)
