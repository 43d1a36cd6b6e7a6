"""What the log proves: nothing is found in a sound log, and every check finds the fault planted for it."""

from collections.abc import Callable

import pytest

from agora.event import Event
from agora.memory import MemoryRecord
from agora.wire import Cause, data_of, seal
from agora.world import Faults
from market.buyers import BuyerRegistered, CheckOut
from market.ids import BuyerId, SellerId, TransactionId
from market.messages import ConfirmationComposed
from market.money import Money
from market.products import PriceChanged, ProductQuoted, StockReserved
from market.risks import FraudScored, TransactionFlagged
from market.shipments import (
    ParcelDelivered,
    ParcelDispatched,
    ParcelLost,
    ShipmentDelivered,
    ShipmentFailed,
    ShipmentLost,
    ShipmentPartlyDelivered,
    ShipmentRecalled,
)
from market.transactions import (
    HoldRefused,
    OrderPlaced,
    ParcelRefunded,
    PaymentSucceeded,
    PayoutCleared,
    PayoutHeld,
    PayoutRejected,
    TransactionCancelled,
    TransactionRefunded,
    TransactionSettled,
)
from tests.console.busy_market import (
    Records,
    busy_market,
    checks,
    envelope_of,
    figures,
    given,
    places,
    records_of,
    said_again,
    swapped,
    without,
)
from tests.stories.town import ended, order

Spoil = Callable[[Records], Records]


def lost(stream: str, kind: type[Event], about: str = "", nth: int = 0) -> Spoil:
    return lambda records: without(records, places(records, stream, kind, about)[nth])


def doubled(stream: str, kind: type[Event], about: str = "") -> Spoil:
    return lambda records: said_again(records, places(records, stream, kind, about)[0])


def invented(stream: str, event: Event, like: str = "") -> Spoil:
    return lambda records: said_again(records, places(records, stream, type(event), like)[0], event)


def last_of_an_outbox(records: Records) -> Records:
    numbers = {
        (envelope_of(one).source, int(envelope_of(one).sequence)): place for place, (_, one) in enumerate(records)
    }
    source = next(source for source, _ in numbers if source.startswith("buyer"))
    return without(records, max((key, place) for key, place in numbers.items() if key[0] == source)[1])


def overtaken(records: Records) -> Records:
    first, second = places(records, "buyers", PriceChanged)[:2]
    return swapped(records, first, second)


def late_payment(records: Records) -> Records:
    paid = places(records, "transactions", PaymentSucceeded, "T-1")[0]
    return without(said_again(records, paid), paid)


ORPHAN = TransactionId("T-99")
CANCELLED = TransactionCancelled(transaction=TransactionId("T-1"), buyer=BuyerId("B"), reason="late", products=())
SETTLED = TransactionSettled(transaction=ORPHAN, buyer=BuyerId("B"), currency="GBP", payouts=())
DISPATCHED = ParcelDispatched(transaction=ORPHAN, seller=SellerId("S"))
LOSS = ParcelRefunded(
    transaction=TransactionId("T-1"), buyer=BuyerId("B"), seller=SellerId("R"), amount=Money(100, "GBP")
)
LOSING = TransactionId("L-1")


def ended_as(end: Event) -> Spoil:
    """A shipment ends otherwise than it did."""
    about = str(end.model_dump()["transaction"])

    def spoil(records: Records) -> Records:
        kinds = (ShipmentDelivered, ShipmentPartlyDelivered, ShipmentLost, ShipmentFailed)
        (place,) = (place for kind in kinds for place in places(records, "transactions", kind, about))
        return without(said_again(records, place, end), place)

    return spoil


FAULTS: list[tuple[str, Spoil]] = [
    ("gaps in the log", lost("buyers", BuyerRegistered)),
    ("events at the end of an outbox that are not in the log", last_of_an_outbox),
    ("events in the log that no outbox holds", doubled("buyers", BuyerRegistered)),
    ("events in the log overtaken by later ones of their source", overtaken),
    ("accepted checkouts without exactly one end", lost("buyers", TransactionSettled, "T-1")),
    ("accepted checkouts without exactly one end", doubled("buyers", TransactionCancelled, "T-4")),
    ("accepted checkouts without exactly one end", lost("buyers", TransactionRefunded, "H-2")),
    ("accepted checkouts without exactly one end", lost("transactions", OrderPlaced, "T-1")),
    (
        "checkouts with other than one order if accepted, none if refused",
        doubled("transactions", OrderPlaced, "T-1"),
    ),
    (
        "checkouts with other than one order if accepted, none if refused",
        lambda records: without(records, *places(records, "buyers", CheckOut, "T-1")),
    ),
    ("ends of orders nobody placed", invented("buyers", SETTLED)),
    ("illegal status transitions", invented("transactions", CANCELLED)),
    ("illegal status transitions", lost("transactions", PaymentSucceeded, "T-1")),
    ("illegal status transitions", late_payment),
    ("illegal status transitions", lost("transactions", PayoutHeld)),
    ("illegal status transitions", lost("transactions", PayoutCleared)),
    ("illegal status transitions", lost("transactions", PayoutRejected)),
    ("illegal status transitions", invented("transactions", LOSS)),
    ("illegal status transitions", doubled("transactions", TransactionRefunded)),
    ("questions to products without exactly one answer", lost("transactions", StockReserved)),
    ("questions to products without exactly one answer", doubled("transactions", StockReserved)),
    ("payments beyond one per order", doubled("transactions", PaymentSucceeded)),
    ("parcels dispatched more than once", doubled("shipments", ParcelDispatched)),
    ("parcels of paid orders that were never dispatched", lost("shipments", ParcelDispatched, "T-1")),
    ("parcels of orders nobody paid", invented("shipments", DISPATCHED)),
    ("dispatched parcels without exactly one end", lost("shipments", ParcelDelivered, "T-1")),
    ("dispatched parcels without exactly one end", doubled("shipments", ParcelDelivered, "T-1")),
    ("dispatched parcels without exactly one end", lost("shipments", ParcelLost)),
    ("dispatched parcels without exactly one end", lost("shipments", ParcelDispatched, "T-1")),
    ("paid orders without exactly one end of their shipment", lost("transactions", ShipmentDelivered)),
    ("paid orders without exactly one end of their shipment", lost("transactions", ShipmentPartlyDelivered)),
    ("paid orders without exactly one end of their shipment", lost("transactions", ShipmentLost)),
    ("paid orders without exactly one end of their shipment", lost("transactions", ShipmentFailed)),
    ("paid orders without exactly one end of their shipment", lost("shipments", ShipmentRecalled)),
    ("paid orders without exactly one end of their shipment", doubled("transactions", ShipmentDelivered)),
    ("shipments that ended other than their parcels", ended_as(ShipmentDelivered(transaction=LOSING))),
    ("shipments that ended other than their parcels", ended_as(ShipmentLost(transaction=LOSING))),
    (
        "shipments that ended other than their parcels",
        ended_as(ShipmentPartlyDelivered(transaction=LOSING, lost=(SellerId("S"),))),
    ),
    (
        "shipments that ended other than their parcels",
        ended_as(ShipmentPartlyDelivered(transaction=TransactionId("L-2"), lost=(SellerId("R"),))),
    ),
    ("shipments that ended other than their parcels", ended_as(ShipmentFailed(transaction=LOSING, reason="late"))),
    ("payments without exactly one fraud score", lost("transactions", FraudScored)),
    ("payments without exactly one fraud score", doubled("transactions", FraudScored)),
    ("payments without exactly one confirmation", lost("buyers", ConfirmationComposed)),
    ("payments without exactly one confirmation", doubled("buyers", ConfirmationComposed)),
    ("flagged payments neither held nor refused a hold exactly once", lost("transactions", PayoutHeld)),
    ("flagged payments neither held nor refused a hold exactly once", lost("transactions", TransactionFlagged)),
    ("flagged payments neither held nor refused a hold exactly once", lost("transactions", HoldRefused)),
    ("flagged payments neither held nor refused a hold exactly once", doubled("transactions", HoldRefused)),
    ("held payouts without exactly one verdict", lost("transactions", PayoutCleared)),
    ("held payouts without exactly one verdict", lost("transactions", PayoutRejected)),
    ("held payouts without exactly one verdict", doubled("transactions", PayoutCleared)),
    ("updates a cart heard after missing an earlier one", lost("buyers", PriceChanged, nth=1)),
    ("updates a cart heard out of their seller's order", overtaken),
    ("updates a cart heard before any quote", lost("buyers", ProductQuoted)),
]


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_found_in_a_sound_log(seed: int) -> None:
    world = await busy_market(seed)
    assert set(checks(records_of(world), given(world)).values()) == {0}


async def test_nothing_is_found_in_the_log_of_a_market_that_crashed_and_said_things_twice() -> None:
    world = await busy_market()
    world.faults = Faults(crash=0.02, lost_answer=0.05, redelivery=0.3)
    world.tell(*(order(f"U-{number}") for number in range(5)))
    await ended(world)
    assert set(checks(records_of(world), given(world)).values()) == {0}


@pytest.mark.parametrize(("check", "spoil"), FAULTS)
async def test_a_planted_fault_is_found(check: str, spoil: Spoil) -> None:
    world = await busy_market()
    assert checks(spoil(records_of(world)), given(world))[check] > 0


async def test_every_check_has_a_fault_planted_for_it() -> None:
    world = await busy_market()
    assert checks(records_of(world), given(world)).keys() == {check for check, _ in FAULTS}


async def test_what_was_published_twice_counts_once() -> None:
    world = await busy_market()
    records, numbers = records_of(world), given(world)
    assert checks(records * 2, numbers) == checks(records, numbers)
    assert figures(records * 2, numbers) == figures(records, numbers)


async def test_the_log_is_added_up() -> None:
    world = await busy_market()
    assert figures(records_of(world), given(world)) == {
        "checkouts by key": {"test": 8 + 4 + 3},
        "flagged by transaction": {"H-1": 1, "H-2": 1, "H-3": 1, "H-4": 1},
        "paid orders by buyer": {"B": 3 + 3, "D": 4},
        "settled orders by buyer": {"B": 3 + 1, "D": 2},
        "refunded orders by buyer": {"B": 2, "D": 2},
        "cancelled orders by buyer": {"B": 3},
        "refused orders by buyer": {"B": 2},
        "spent by buyer": {"B": 1_000 + 400, "D": 2 * 400},
        "open orders by seller": {},
    }


async def test_what_cannot_be_read_is_passed_over() -> None:
    world = await busy_market()
    records, numbers = records_of(world), given(world)
    stream, record = records[0]
    deep = b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":' + b"[" * 2_000 + b"]" * 2_000 + b"}"
    wrong_data = (record.value or b"").replace(b'"data":{', b'"data":{"buyer":1,')
    wrong_number = (record.value or b"").replace(b'"sequence":"', b'"sequence":"-')
    values = (None, b"", b"no json", b"{}", deep, wrong_data, wrong_number)
    junk = [(stream, record._replace(value=value)) for value in values]
    keyless: Records = [(stream, record._replace(key=None)), (stream, record._replace(key=b"another"))]
    assert checks([*junk, *keyless, *records], numbers) == checks(records, numbers)


async def test_an_event_without_a_number_counts_once_by_its_id() -> None:
    asked = order("T-1")
    value = seal(Cause("", "key", "", "0" * 32), "foreign", 7, asked.wire_name, "B", data_of(asked))
    unnumbered = value.replace(b',"sequence":"7"', b"")
    assert unnumbered != value
    records = [("buyers", MemoryRecord(0, offset, 0, b"B", unnumbered)) for offset in range(3)]
    assert figures(records, {})["checkouts by key"] == {"key": 1}
