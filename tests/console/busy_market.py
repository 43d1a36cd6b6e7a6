"""A market with something of everything in its log, and ways to spoil that log."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec

from agora.activity import Declined
from agora.audit import Fold
from agora.envelope import Envelope, read_envelope
from agora.event import Event
from agora.memory import MemoryRecord
from agora.wire import data_of
from agora.world import World
from console.audit_log import Hearing
from console.sequences import Sequences
from market.audit import folds
from market.buyers import RemoveFromCart
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.risks import SCORE_MAX
from market.sellers import ChangePrice, ReplaceProduct
from market.shipments import Parcel
from market.transactions import ClearPayout, RejectPayout
from services.fulfilment.activities import activities
from services.fulfilment.carrier import Booking, Whereabouts
from services.fulfilment.tasks import BookParcels
from services.risk.decide import Policy, decide
from tests.stories.town import DECLINED, buyer, into_cart, line, order, town, until_idle

SOON: Final = timedelta(minutes=1)

Records: TypeAlias = list[tuple[str, MemoryRecord]]


@dataclass
class Careless:
    """A carrier that loses the parcels of some sellers, or takes none at all."""

    loses: tuple[str, ...] = ()
    declines: bool = False

    async def book(self, request: BookParcels, key: str) -> Booking:
        if self.declines:
            raise Declined("too busy")
        parcels = (Parcel(seller, f"{key[:60]} {seller}", request.asked_at + SOON) for seller in request.sellers)
        return Booking("careless", tuple(parcels))

    async def track(self, numbers: tuple[str, ...], now: datetime) -> tuple[Whereabouts, ...]:  # noqa: ARG002 - a port
        lost = {number for number in numbers if number.rpartition(" ")[2] in self.loses}
        return tuple(Whereabouts(number, "lost" if number in lost else "delivered") for number in numbers)


async def busy_market(seed: int = 0) -> World:
    """A market in which everything has happened: see ``_trade``, ``_review`` and ``_lose``."""
    world = await _trade(seed)
    await _review(world)
    await _lose(world)
    return world


async def _trade(seed: int) -> World:
    """Orders that are settled (T-1, T-2, T-6), refused (T-3) and cancelled, and C's cart, whose prices change."""
    world = await town(seed)
    world.tell(buyer("C"), into_cart("P", who="C"), into_cart("Q", who="C"))
    await world.run()
    for price in (200, 300, 400):
        world.tell(ChangePrice(seller=SellerId("S"), product=ProductId("P"), price_minor=price))
        world.tell(ReplaceProduct(seller=SellerId("S"), product=ProductId("Q"), prices_minor=(price,)))
    await world.run()
    world.tell(RemoveFromCart(buyer=BuyerId("C"), product=ProductId("Q")))
    world.tell(order("T-1", line("X", 2), line("P", price=400)), order("T-2", line("X", 1)), order("T-3"))
    await world.run()
    world.tell(order("T-4", line("P", price=100), line("X")), order("T-5", line("X", 2), payment=DECLINED))
    world.tell(order("T-6", line("X", 3)), order("T-6", line("X", 3)), order("T-7", line("X", 99)))
    await world.run()
    return world


async def _review(world: World) -> None:
    """D's payouts are held: H-1 is cleared, H-2 rejected after it arrived, H-3 on its way; H-4 has ended too soon."""
    world.tell(buyer("D"))
    await world.run()
    change(world, "risk", decide=partial(decide, policy=Policy(threshold=0)))
    world.tell(order("H-1", line("P", price=400), who="D"), order("H-2", line("X"), who="D"))
    await world.run()
    world.tell(clearing("H-1"), rejection("H-2"), clearing("H-9"))
    await world.run()
    world.tell(order("H-3", line("X"), who="D"))
    await until_idle(world)
    world.tell(rejection("H-3"))
    await world.run()
    world.away.add("risk")
    world.tell(order("H-4", line("P", price=400), who="D"))
    await world.run()
    world.away.clear()
    await world.run()
    change(world, "risk", decide=partial(decide, policy=Policy(threshold=SCORE_MAX)))


async def _lose(world: World) -> None:
    """R's parcels are lost, so L-1 is settled in part and L-2 refunded; L-3 is never shipped. B is owed an apology."""
    careless = Careless(loses=("R",))
    change(world, "fulfilment", activities=activities(careless))
    for one in (order("L-1", line("X"), line("P", price=400)), order("L-2", line("X"))):
        world.tell(one)
        await world.run()
    careless.declines = True
    world.tell(order("L-3", line("P", price=400)))
    await world.run()


def change(world: World, service: str, **parts: Any) -> None:
    """Begin a service anew, with parts of it exchanged."""
    house = world.houses[service]
    house.service = replace(house.service, **parts)
    house.start()


def clearing(transaction: str) -> ClearPayout:
    return ClearPayout(transaction=TransactionId(transaction), reviewer="ada")


def rejection(transaction: str) -> RejectPayout:
    return RejectPayout(transaction=TransactionId(transaction), reviewer="ada", reason="stolen card")


def records_of(world: World) -> Records:
    """Everything in the log, stream by stream and partition by partition."""
    return [(stream, one) for stream in world.log.names() for part in world.log.stream(stream) for one in part]


def given(world: World) -> dict[str, int]:
    """The last number of every source."""
    return {
        f"{name}-{number}": row.sequence
        for name, house in world.houses.items()
        for number, row in house.store.partitions.items()
    }


def checks(records: Records, given: dict[str, int]) -> dict[str, int]:
    """Every check on the log, by name."""
    sequences = Sequences(given)
    listeners = _heard(records, sequences)
    return {**sequences.checks(), **{name: count for fold in listeners for name, count in fold.checks().items()}}


def figures(records: Records, given: dict[str, int]) -> dict[str, dict[str, int]]:
    """Every figure of the log, by name and key."""
    listeners = _heard(records, Sequences(given))
    return {name: dict(by_key) for fold in listeners for name, by_key in fold.figures().items()}


def _heard(records: Iterable[tuple[str, MemoryRecord]], sequences: Sequences) -> tuple[Fold, ...]:
    listeners = folds()
    hearing = Hearing(listeners, sequences)
    for stream, record in records:
        hearing.record(stream, record)
    return listeners


def envelope_of(record: MemoryRecord) -> Envelope:
    return read_envelope(record.value or b"")


def places(records: Records, stream: str, kind: type[Event], about: str = "") -> list[int]:
    """Where the events of a kind stand in the log; ``about`` is a word of their data."""
    return [
        place
        for place, (where, record) in enumerate(records)
        if where == stream
        and envelope_of(record).type == kind.wire_name
        and about.encode() in bytes(envelope_of(record).data)
    ]


def without(records: Records, *gone: int) -> Records:
    return [one for place, one in enumerate(records) if place not in gone]


def swapped(records: Records, one: int, other: int) -> Records:
    spoilt = list(records)
    spoilt[one], spoilt[other] = records[other], records[one]
    return spoilt


def said_again(records: Records, place: int, event: Event | None = None, number: int = 10**6) -> Records:
    """The log with one more event at its end, like that at a place or in its stead, under its own number."""
    stream, record = records[place]
    envelope = envelope_of(record)
    like = msgspec.structs.replace(envelope, id=str(number), sequence=str(number))
    if event is not None:
        like = msgspec.structs.replace(like, type=event.wire_name, data=msgspec.Raw(data_of(event)))
    return [*records, (stream, record._replace(value=msgspec.json.encode(like)))]
