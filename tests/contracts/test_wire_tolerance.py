"""What a record says beyond what we know is passed over and leaves no trace; a value we do not know is refused."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pytest

from agora.contracts.schema import contract_of
from agora.discovery import service, services
from agora.envelope import Undecodable
from agora.event import Event
from agora.memory import MemoryLog, MemoryRecord, MemoryStore, VirtualClock
from agora.service import Service
from agora.turns import Engine
from agora.wire import Codec, data_of
from agora.world import World
from market.ids import SellerId, TransactionId
from market.products import PriceChanged
from market.sellers import ChangePrice
from market.shipments import ConfirmDelivery
from market.transactions import OrderPlaced
from tests.fuzz.corpus import SPOKEN, golden
from tests.stories.town import DECLINED, ended, into_cart, line, order, town

MARK: Final = "a field of tomorrow"
EVERY_EVENT: Final = pytest.mark.parametrize("event", SPOKEN, ids=[event.wire_name for event in SPOKEN])


def knowing_more(value: Any) -> Any:
    """The same JSON, with fields nobody knows in every object at every depth."""
    if isinstance(value, list):
        return [knowing_more(item) for item in value]
    if isinstance(value, dict):
        return {**{name: knowing_more(item) for name, item in value.items()}, MARK: {MARK: [MARK, 1, None]}}
    return value


def decorated(record: MemoryRecord) -> MemoryRecord:
    """A record whose envelope and data say more than we know."""
    return record._replace(value=json.dumps(knowing_more(json.loads(record.value or b""))).encode())


@EVERY_EVENT
def test_fields_nobody_knows_are_passed_over_at_every_depth(event: type[Event]) -> None:
    codec = Codec((event,), ())
    for one in golden(event):
        heard, more = codec.open(one), codec.open(decorated(one))
        assert heard is not None
        assert more is not None
        assert more.event == heard.event
        assert data_of(more.event) == data_of(heard.event)


async def busy_town() -> World:
    """A town in which orders are settled, cancelled and refused, carts are filled, and prices change."""
    world = await town()
    world.tell(into_cart("P"), into_cart("X", 2))
    await world.run()
    world.tell(order("T-1", line("P"), line("X", 2)), order("T-2"), order("T-3", line("Q", 99)))
    world.tell(order("T-4", line("Q"), payment=DECLINED), order("T-5", line("Q"), currency="EUR"))
    await world.run()
    world.tell(ConfirmDelivery(transaction=TransactionId("T-1"), seller=SellerId("S")), into_cart("Q"))
    world.tell(ChangePrice(seller=SellerId("S"), product=line("Q").product, price_minor=90))
    return await ended(world)


async def heard_by(hearer: Service, partitions: Sequence[Sequence[MemoryRecord]]) -> MemoryStore:
    """What a service has stored and said once it has heard all of this."""
    store, clock = MemoryStore(), VirtualClock()
    engine = Engine(hearer, store, MemoryLog(clock), clock)
    await engine.own(range(len(partitions)))
    for records in partitions:
        await engine.take(records)
    return store


HEARERS: Final = [one.name for one in services() if not one.ingress]


@pytest.mark.parametrize("name", HEARERS)
async def test_fields_nobody_knows_are_neither_stored_nor_said(name: str) -> None:
    hearer = service(name)
    told = (await busy_town()).log.stream(hearer.stream.name)
    plain = await heard_by(hearer, told)
    more = await heard_by(hearer, [[decorated(record) for record in records] for records in told])
    assert len(plain.agents) > 0
    assert len(plain.outbox) > 0
    assert more == plain
    assert MARK not in repr(more)


async def test_the_town_says_events_with_lists_and_parts() -> None:
    world = await busy_town()
    said = {kind for stream in world.log.names() for kind, _ in world.told(stream)}
    assert {OrderPlaced.wire_name, PriceChanged.wire_name} <= said
    assert len(said) >= 25


def limited(event: type[Event]) -> list[tuple[str | int, ...]]:
    """Every place in an event that holds one of some values alone, or texts of one form alone."""
    schema = contract_of(event).read
    return list(_limited(schema, schema.get("$defs", {}), ()))


def _limited(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], way: tuple[str | int, ...]
) -> Iterator[tuple[str | int, ...]]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if schema.keys() & {"pattern", "enum", "const"}:
        yield way
    for option in schema.get("anyOf", ()):
        yield from _limited(option, definitions, way)
    if "items" in schema:
        yield from _limited(schema["items"], definitions, (*way, 0))
    for name, inner in schema.get("properties", {}).items():
        yield from _limited(inner, definitions, (*way, name))


LIMITED: Final = [(event, way) for event in SPOKEN for way in limited(event)]


def changed(record: MemoryRecord, way: Sequence[str | int], value: object) -> MemoryRecord:
    """The record with another value at one place of its data."""
    said: dict[str, Any] = json.loads(record.value or b"")
    inside: Any = said["data"]
    for step in way[:-1]:
        inside = inside[step]
    inside[way[-1]] = value
    return record._replace(value=json.dumps(said).encode())


def named(way: Sequence[str | int]) -> str:
    return ".".join(str(step) for step in way)


def test_there_are_limited_values_beside_and_within_lists() -> None:
    ways = {named(way) for _, way in LIMITED}
    assert {"currency", "total.currency", "lines.0.product", "budget.currency", "line.seller"} <= ways


@pytest.mark.parametrize(("event", "way"), LIMITED, ids=[f"{event.__name__}.{named(way)}" for event, way in LIMITED])
def test_a_value_nobody_knows_is_refused_by_the_name_of_its_field(
    event: type[Event], way: tuple[str | int, ...]
) -> None:
    with pytest.raises(Undecodable) as refused:
        Codec((event,), ()).open(changed(golden(event)[-1], way, "\u00a3\u00a3"))
    assert f"{event.wire_name}: data.{named(way)}: " in str(refused.value)


FAULTY: Final[list[tuple[str, tuple[str | int, ...], object, str]]] = [
    ("OrderPlaced", ("payment", "method"), "barter", "data.payment: Value error, unknown payment method"),
    ("OrderReserved", ("payment", "method"), "barter", "data.payment: Value error, unknown payment method"),
    ("OrderPlaced", ("payment", "instalments"), 11, "data.payment: Value error, instalments out of range"),
    ("OrderPlaced", ("lines", 0, "quantity"), 0, "data.lines: Value error, "),
    ("OrderPlaced", ("lines", 0, "quantity"), "1", "data.lines.0.quantity: "),
    ("PaymentSucceeded", ("shares", 0, "amount_minor"), -1, "data.shares.0.amount_minor: "),
    ("TransactionSettled", ("payouts", 0, "fee_minor"), 0.5, "data.payouts.0.fee_minor: "),
    ("ProductReplaced", ("stock",), -1, "data.stock: "),
    ("RegisterBuyer", ("mandate", "sellers", 0), None, "data.mandate.sellers.0: "),
]


@pytest.mark.parametrize(
    ("name", "way", "value", "reason"), FAULTY, ids=[f"{n}.{named(w)}-{v}" for n, w, v, _ in FAULTY]
)
def test_a_value_out_of_range_is_refused_by_the_name_of_its_field(
    name: str, way: tuple[str | int, ...], value: object, reason: str
) -> None:
    (event,) = (event for event in SPOKEN if event.__name__ == name)
    with pytest.raises(Undecodable) as refused:
        Codec((event,), ()).open(changed(golden(event)[-1], way, value))
    assert reason in str(refused.value)


async def test_an_unknown_value_becomes_a_dead_letter_and_the_next_record_is_heard() -> None:
    (one, *_) = golden(OrderPlaced)
    bad = changed(one, ("total", "currency"), "pounds")
    records = [bad, one._replace(offset=1)]
    store = await heard_by(service("transaction"), [records])
    (letter,) = store.dead_letters
    assert (letter.key, letter.value, letter.headers) == (bad.key, bad.value, bad.headers)
    assert letter.reason.startswith("OrderPlaced.v1: data.total.currency: String should match pattern")
    assert store.partitions[0].next_offset == 2
    assert store.partitions[0].counts["heard OrderPlaced.v1"] == 1


def test_a_command_may_name_a_payment_nobody_knows_for_the_decision_to_refuse() -> None:
    (event,) = (event for event in SPOKEN if event.__name__ == "CheckOut")
    heard = Codec((event,), ()).open(changed(golden(event)[-1], ("payment", "method"), "barter"))
    assert heard is not None
