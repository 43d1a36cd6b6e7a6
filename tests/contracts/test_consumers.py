"""What services are said to read is what their decisions read while they trade, field by field."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from agora.activity import Activity, Call, Declined
from agora.contracts import frozen
from agora.contracts.usage.consumers import consumers, hearers, readers
from agora.discovery import service, services
from agora.event import Event
from agora.ingress import Ingress
from agora.memory import MemoryStore
from agora.requests import asking
from agora.service import Service
from agora.turns import Engine, members
from agora.world import World
from market.buyers import ChangeCartLine, Mandate, RemoveFromCart
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.messages import ConfirmationWorded, LeaveReview, SendMessage, WordingFailed
from market.products import Replenish
from market.sellers import ChangePrice, RegisterSeller, ReplaceProduct
from market.shipments import ConfirmDelivery
from market.transactions import ClearPayout, RejectPayout, RequestReturn
from services.concierge.decide import decide as decide_concierge
from services.concierge.goodwill import Policy
from services.concierge.tasks import WordConfirmation
from services.fulfilment.activities import activities
from tests.stories.carriers import FATES, Fated
from tests.stories.town import DECLINED, SELLS, buyer, carried_by, flagging, into_cart, line, listing, order, until_idle

ME = BuyerId("B")


class Witness:
    """Sees which fields each decision reads of the event it is taking."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, set[str]]] = {}
        self._fields: set[str] | None = None
        self._event: Event | None = None

    def watched(self, watched: Service) -> Service:
        """The same service, with its decision watched."""
        decide, seen = watched.decide, self.seen.setdefault(watched.name, {})

        def decide_watched(state: Any, event: Event, now: datetime) -> Any:
            self._fields, self._event = seen.setdefault(type(event).__name__, set()), event
            try:
                return decide(state, event, now)
            finally:
                self._fields = self._event = None

        return replace(watched, decide=decide_watched)

    @contextmanager
    def watching(self, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
        """Note every attribute that is read of an event while it is decided."""
        plain: Callable[[Any, str], Any] = Event.__getattribute__

        def noted(event: Event, name: str) -> Any:
            if self._fields is not None and event is self._event:
                self._fields.add(name)
            return plain(event, name)

        with monkeypatch.context() as patched:
            patched.setattr(Event, "__getattribute__", noted)
            yield
        self.seen = {
            service: {event: fields & FIELDS[event] for event, fields in events.items()}
            for service, events in self.seen.items()
        }


FIELDS = {event.__name__: set(event.model_fields) for one in services() for event in members(one.consumes)}


async def a_busy_month(world: World) -> None:
    """Everything that can be asked, answered and refused."""
    world.tell(*(RegisterSeller(seller=SellerId(seller), currency="GBP") for seller in ("S", "R", "S")))
    world.tell(*(listing(product) for product in SELLS), listing("P"), buyer("B"), buyer("B"), buyer("poor", budget=1))
    world.tell(buyer("bound", mandate=Mandate(1, 1, (SellerId("S"),))))
    await world.run()
    world.tell(into_cart("P", 2), into_cart("Q"), into_cart("X"), into_cart("nothing"), into_cart("P", who="nobody"))
    world.tell(*(ChangeCartLine(buyer=ME, product=ProductId(product), quantity=2) for product in ("X", "none")))
    world.tell(RemoveFromCart(buyer=ME, product=ProductId("Q")), RemoveFromCart(buyer=ME, product=ProductId("Q")))
    await world.run()
    world.tell(ChangePrice(seller=SellerId("S"), product=ProductId("P"), price_minor=120))
    world.tell(ReplaceProduct(seller=SellerId("R"), product=ProductId("X"), prices_minor=(90,), stock=5))
    world.tell(Replenish(product=ProductId("P"), quantity=3), Replenish(product=ProductId("none"), quantity=3))
    # A seller who lists what is another's hears so, and its watchers hear it.
    world.tell(listing("P").model_copy(update={"seller": SellerId("R")}))
    await world.run()
    world.tell(order("cart"), order("again", line("P", price=120)), order("again", line("P", price=120)))
    world.tell(order("theirs", line("P", price=120), who="poor"), order("theirs", line("Q", price=1), who="bound"))
    world.tell(order("declined", line("P", price=120), payment=DECLINED), order("too much", line("Q", 99)))
    world.tell(order("unknown", line("Q"), who="nobody"))
    world.tell(ConfirmDelivery(transaction=TransactionId("cart"), seller=SellerId("S")))
    await world.run()
    world.tell(order("again", line("Q")), buyer("other"))
    await world.run()
    world.tell(order("again", line("Q"), who="other"))
    await world.run()
    # The buyer holds its money for an order that has timed out in the meantime.
    world.away.add("transaction")
    world.tell(order("late", line("Q")))
    await until_idle(world)
    world.away = {"buyer"}
    await world.run()
    world.away.clear()
    await world.run()
    await after_payments(world)


async def after_payments(world: World) -> None:
    """Parcels of every fate, payouts held, cleared and rejected, and what buyers write."""
    world.tell(buyer("rich"), Replenish(product=ProductId("Q"), quantity=1_000))
    await world.run()
    fates = (*FATES, "unwordable")
    world.tell(*(order(fate, line("Q"), who="rich") for fate in fates))
    world.tell(order("partly lost", line("Q"), line("X", price=90, version=2), who="rich"))
    world.tell(LeaveReview(buyer=ME, transaction=TransactionId("cart"), rating=5, text="Lovely, thank you"))
    world.tell(SendMessage(buyer=ME, text="Where is it?"), SendMessage(buyer=BuyerId("nobody"), text="Hello"))
    world.tell(LeaveReview(buyer=ME, transaction=TransactionId("cart"), rating=9, text="Lovely"))
    world.tell(ClearPayout(transaction=TransactionId("nothing"), reviewer="ada"))
    await world.run(timedelta(seconds=1))
    world.tell(*(verdict(fate) for fate in ("recalled", "partly lost", "lost")))
    await world.run(timedelta(hours=1))
    world.tell(*(verdict(fate) for fate in (*fates, "cart", "again")))
    await world.run(timedelta(hours=1))
    world.tell(order("afterwards", line("Q"), who="rich"))
    await world.run()
    # What is given back before anybody has flagged it.
    world.away.add("risk")
    world.tell(order("unwanted", line("Q"), who="rich"))
    await world.run(timedelta(seconds=1))
    unwanted = RequestReturn(transaction=TransactionId("unwanted"), buyer=BuyerId("rich"), reason="too dear")
    world.tell(unwanted, unwanted)
    await world.run()
    world.away.clear()
    await world.run()


def verdict(order_id: str) -> ClearPayout | RejectPayout:
    if order_id == "recalled":
        return RejectPayout(transaction=TransactionId(order_id), reviewer="ada", reason="not the buyer")
    return ClearPayout(transaction=TransactionId(order_id), reviewer="ada")


def suspicious_market() -> list[Service]:
    """Every payment is flagged, parcels meet their fates, and a language model words what it can."""
    others = {
        "risk": flagging(from_score=0),
        "fulfilment": carried_by(*activities(Fated())),
        "concierge": replace(
            service("concierge"),
            decide=partial(decide_concierge, policy=Policy(by_model=True)),
            activities=(Activity(WordConfirmation, "model", _word, _wordless),),
        ),
    }
    return [others.get(one.name, one) for one in services()]


async def _word(task: WordConfirmation, call: Call) -> ConfirmationWorded:
    del call
    if task.transaction == "unwordable":
        raise Declined("no words")
    return ConfirmationWorded(buyer=task.buyer, transaction=task.transaction, text="Thank you.")


def _wordless(task: WordConfirmation, reason: str) -> WordingFailed:
    return WordingFailed(buyer=task.buyer, transaction=task.transaction, reason=reason)


async def through_the_door(witness: Witness, world: World) -> None:
    engine = Engine(witness.watched(service("gateway")), MemoryStore(), world.log, world.clock)
    door = Ingress(engine, world.clock, pytest.fail)
    asked = asking("key", into_cart("P"))
    await door.submit([asked, asked, asked.model_copy(update={"kind": "Unknown.v1"})])
    await door.submit([asking("other", into_cart("P")).model_copy(update={"key": "third", "kind": "Unknown.v1"})])


async def witnessed(monkeypatch: pytest.MonkeyPatch) -> Witness:
    witness = Witness()
    world = World([witness.watched(one) for one in suspicious_market()])
    with witness.watching(monkeypatch):
        await a_busy_month(world)
        await through_the_door(witness, world)
    return witness


def heads(paths: list[str]) -> set[str]:
    return {path.partition(".")[0] for path in paths}


async def test_whatever_a_decision_reads_was_found_in_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    witness, found = await witnessed(monkeypatch), consumers()
    for name, events in witness.seen.items():
        for event, fields in events.items():
            assert fields <= heads(found[name][event]), f"{name} reads more of {event}"


async def test_nothing_is_said_to_be_read_that_no_story_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field wrongly said to be read would name services that a change does not break."""
    witness, found = await witnessed(monkeypatch), consumers()
    unread = {
        (one.name, event, field)
        for one in services()
        for event, paths in found[one.name].items()
        for field in heads(paths) - witness.seen[one.name].get(event, set())
    }
    assert unread == set()


def test_what_is_kept_beside_the_contracts_is_what_the_code_reads() -> None:
    assert frozen.load_consumers(frozen.folder()) == consumers()


def test_every_service_is_there_with_every_event_it_hears_and_the_runtime_with_its_own() -> None:
    found = consumers()
    for one in services():
        assert list(found[one.name]) == sorted(event.__name__ for event in members(one.consumes))
    assert set(found) == {*(one.name for one in services()), "runtime"}
    assert set(found["runtime"]) == {"RedriveParked", "SkipParked"}


READS = {
    "total": ("deep", "whole"),
    "total.currency": ("deep", "whole"),
    "total.minor": ("whole",),
    "lines[].price_minor": ("deep", "whole"),
    "lines": ("deep", "whole"),
    "totals": (),
    "": ("deep", "whole"),
}


@pytest.mark.parametrize("field", READS, ids=lambda field: field or "the whole event")
def test_a_field_is_read_by_who_reads_it_or_anything_in_it_or_what_it_is_in(field: str) -> None:
    told = {
        "deep": {"OrderPlaced": ["lines", "total.currency"]},
        "none": {"OrderPlaced": []},
        "other": {"FundsHeld": ["total"]},
        "whole": {"OrderPlaced": ["lines", "total"]},
    }
    expected = READS[field] if field else ("deep", "none", "whole")
    assert readers(told, "OrderPlaced", field) == expected
    assert hearers(told, "OrderPlaced") == ("deep", "none", "whole")
