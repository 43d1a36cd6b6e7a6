"""A small town to tell stories in: one rich buyer, two sellers, three products, ten units of each at one pound."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

from agora.activity import Activity
from agora.discovery import service, services
from agora.envelope import Envelope, read_envelope
from agora.event import Event, Stream
from agora.service import Service
from agora.world import Faults, World
from market.buyers import AddToCart, CheckOut, Mandate, RegisterBuyer
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.lines import Line, Payment
from market.sellers import ListProduct, RegisterSeller
from services.risk.decide import Policy
from services.risk.decide import decide as decide_risk

SELLS: Final = {"P": "S", "Q": "S", "X": "R"}
PRICE: Final = 100
LOADED: Final = 10
RICH: Final = 10**9
GOOD: Final = Payment("credit", 1, "tok_1")
DECLINED: Final = Payment("credit", 1, "tok_declined_1")

E = TypeVar("E", bound=Event)


async def town(seed: int = 0, faults: Faults | None = None, *others: Service) -> World:
    """Found the town in calm; only what happens afterwards is subject to ``faults``.

    ``others`` take the places of the services of their names. Unless told otherwise, risk flags nothing.
    """
    taken = {other.name: other for other in (flagging(from_score=100), *others)}
    world = World([taken.get(one.name, one) for one in services()], seed)
    world.tell(*(RegisterSeller(seller=SellerId(seller), currency="GBP") for seller in ("S", "R")))
    world.tell(*(listing(product) for product in SELLS), buyer("B"))
    await world.run()
    world.faults = faults or Faults()
    return world


def flagging(from_score: int) -> Service:
    """Risk, with another threshold: from 0 on it flags every payment."""
    return replace(service("risk"), decide=partial(decide_risk, policy=Policy(from_score)))


def carried_by(*activities: Activity) -> Service:
    """Fulfilment, with another carrier."""
    return replace(service("fulfilment"), activities=activities)


async def ended(world: World) -> World:
    """Let the story come to its end, through whatever goes wrong."""
    await world.run()
    await world.calm()
    return world


async def until_idle(world: World) -> None:
    """Let everyone present work, but let no time pass."""
    await world.run(patience=timedelta(0))


def listing(product: str, stock: int = LOADED) -> ListProduct:
    """The seller's first word on a product."""
    return ListProduct(seller=SellerId(SELLS[product]), product=ProductId(product), prices_minor=(PRICE,), stock=stock)


def buyer(name: str, budget: int = RICH, mandate: Mandate | None = None) -> RegisterBuyer:
    """A buyer that may spend anything anywhere, unless told otherwise."""
    return RegisterBuyer(
        buyer=BuyerId(name), currency="GBP", budget_minor=budget, mandate=mandate or Mandate(RICH, RICH)
    )


def line(product: str, quantity: int = 1, price: int = PRICE, version: int = 1, seller: str | None = None) -> Line:
    """A line as the seller offers it, unless told otherwise."""
    return Line(ProductId(product), version, SellerId(seller or SELLS.get(product, "S")), quantity, price)


def order(name: str, *lines: Line, who: str = "B", payment: Payment = GOOD, currency: str = "GBP") -> CheckOut:
    """A checkout of these lines or, without any, of the cart."""
    return CheckOut(buyer=BuyerId(who), order=TransactionId(name), lines=lines, currency=currency, payment=payment)


def into_cart(product: str, quantity: int = 1, who: str = "B") -> AddToCart:
    """A buyer puts a product into its cart, at the price it remembers."""
    return AddToCart(buyer=BuyerId(who), line=line(product, quantity))


def envelopes(world: World, stream: Stream | str) -> list[Envelope]:
    """Everything that was said in a stream, each event once, in the order it first arrived."""
    name = stream if isinstance(stream, str) else stream.name
    records = [record for partition in world.log.stream(name) for record in partition]
    found: dict[tuple[str, str], Envelope] = {}
    for record in sorted(records, key=lambda record: record.timestamp):
        envelope = read_envelope(record.value or b"")
        found.setdefault((envelope.source, envelope.id), envelope)
    return list(found.values())


def heard(world: World, stream: Stream, kind: type[E]) -> list[E]:
    """Every event of a kind in a stream, each once, in the order it first arrived."""
    said = (envelope for envelope in envelopes(world, stream) if envelope.type == kind.wire_name)
    return [kind.model_validate_json(bytes(envelope.data)) for envelope in said]
