"""A market with something of everything in its log, and ways to spoil that log."""

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

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
from market.ids import BuyerId, ProductId, SellerId
from market.sellers import ChangePrice, ReplaceProduct
from tests.stories.town import DECLINED, buyer, into_cart, line, order, town

Records: TypeAlias = list[tuple[str, MemoryRecord]]


async def busy_market(seed: int = 0) -> World:
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
    """The log with one more event at its end, like that at a place, or with other data, under a number of its own."""
    stream, record = records[place]
    envelope = envelope_of(record)
    data = envelope.data if event is None else msgspec.Raw(data_of(event))
    like = msgspec.structs.replace(envelope, id=str(number), sequence=str(number), data=data)
    return [*records, (stream, record._replace(value=msgspec.json.encode(like)))]
